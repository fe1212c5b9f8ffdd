//! Attributes: their types, their values, and the vendor attributes within them.
//!
//! ```text
//!  0               1               2 ...
//! +---------------+---------------+----------------
//! |     type      |    length     | value (0-253)
//! +---------------+---------------+----------------
//! ```

mod extended;
mod kinds;
mod number;
mod vendor_specific;
mod view;

pub mod value;

pub use extended::Extended;
pub use kinds::{
    AcctAuthentic, AcctStatusType, ErrorCause, FramedProtocol, NasPortType, ServiceType, TerminateCause,
};
pub use number::AttributeType;
pub use value::{Ipv6Prefix, Tag, Tagged};
pub use vendor_specific::{VendorAttribute, VendorAttributes};
pub use view::Attribute;

/// Octets of type and length before every value.
pub const HEADER_LENGTH: usize = 2;

/// The longest value of one attribute: the length octet counts type and length too (RFC 2865 §5).
pub const MAX_VALUE_LENGTH: usize = 253;
