//! Vendors and their attributes: the numbers behind Vendor-Specific (RFC 2865 §5.26).
//!
//! A vendor's attribute is named by vendor and number together ([`VendorType`]), so that a number of one vendor cannot
//! be looked up under another.

use crate::code_point::code_points;

pub mod adsl_forum;
pub mod ascend;
pub mod microsoft;
pub mod mikrotik;
pub mod redback;
pub mod wispr;

code_points! {
    /// A private enterprise number, as it stands in the first four octets of Vendor-Specific.
    Vendor(u32) {
        MICROSOFT = 311, "Microsoft", "RFC 2548";
        ASCEND = 529, "Ascend", "the enterprise numbers registry";
        REDBACK = 2352, "Redback", "the enterprise numbers registry";
        ADSL_FORUM = 3561, "ADSL-Forum", "RFC 4679";
        WISPR = 14122, "WISPr", "the enterprise numbers registry";
        MIKROTIK = 14988, "Mikrotik", "the enterprise numbers registry";
    }
}

/// One attribute of one vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VendorType {
    /// Whose attribute.
    pub vendor: Vendor,
    /// Its number in the vendor's own space.
    pub kind: u8,
}

impl VendorType {
    /// Attribute `kind` of `vendor`.
    pub const fn new(vendor: Vendor, kind: u8) -> Self {
        Self { vendor, kind }
    }
}
