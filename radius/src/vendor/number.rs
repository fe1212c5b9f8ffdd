//! Enterprise numbers, and attributes named with them.

use crate::code_point::code_points;

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
