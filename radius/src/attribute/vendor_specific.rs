//! What stands inside Vendor-Specific (RFC 2865 §5.26): a vendor number, and attributes of that vendor.
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+---------------+---------------+
//! |                        vendor number                          |
//! +---------------+---------------+---------------+---------------+
//! |  vendor type  | vendor length | value ...      (repeated)
//! +---------------+---------------+--------------
//! ```
//!
//! The layout behind the vendor number is only recommended. One that does not follow it, or that is broken, ends the
//! iteration where it stops making sense; the packet stays good.

use std::net::Ipv4Addr;

use super::value;
use crate::vendor::{Vendor, VendorType};

/// One attribute of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VendorAttribute<'a> {
    /// Whose, and which.
    pub kind: VendorType,
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> VendorAttribute<'a> {
    /// See [`value::u32`].
    pub fn u32(&self) -> Option<u32> {
        value::u32(self.value)
    }

    /// See [`value::ipv4`].
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        value::ipv4(self.value)
    }

    /// See [`value::text`].
    pub fn text(&self) -> Option<&'a str> {
        value::text(self.value)
    }
}

/// The attributes of one vendor in one Vendor-Specific attribute, in order.
#[derive(Clone, Debug)]
pub struct VendorAttributes<'a> {
    vendor: Vendor,
    rest: &'a [u8],
}

impl<'a> VendorAttributes<'a> {
    /// Reads the vendor number at the start of the value of a Vendor-Specific; `None` if it is too short.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (vendor, rest) = value.split_first_chunk()?;
        Some(Self { vendor: Vendor(u32::from_be_bytes(*vendor)), rest })
    }

    /// Whose attributes they are.
    pub const fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// The octets not yet read, without the vendor number.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for VendorAttributes<'a> {
    type Item = VendorAttribute<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let &[kind, length] = self.rest.first_chunk()?;
        let length = usize::from(length);
        let value = self.rest.get(2..length)?;
        self.rest = self.rest.get(length..)?;
        Some(VendorAttribute { kind: VendorType::new(self.vendor, kind), value })
    }
}
