//! Vendors and their attributes: the numbers behind Vendor-Specific (RFC 2865 §5.26).
//!
//! A vendor's attribute is named by vendor and number together ([`VendorType`]), so that a number of one vendor cannot
//! be looked up under another.

pub mod adsl_forum;
pub mod ascend;
pub mod microsoft;
pub mod mikrotik;
pub mod redback;
pub mod wispr;

mod number;

pub use number::{Vendor, VendorType};
