//! One attribute, borrowed from its packet.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::value::{self, Ipv6Prefix, Tagged};
use super::{AttributeType, VendorAttributes};

/// One attribute of a parsed packet. The readers answer `None` when the value is not of that type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type.
    pub kind: AttributeType,
    /// Its value, 0 to 253 octets.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// See [`value::u32`].
    pub fn u32(&self) -> Option<u32> {
        value::u32(self.value)
    }

    /// See [`value::u64`].
    pub fn u64(&self) -> Option<u64> {
        value::u64(self.value)
    }

    /// See [`value::ipv4`].
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        value::ipv4(self.value)
    }

    /// See [`value::ipv6`].
    pub fn ipv6(&self) -> Option<Ipv6Addr> {
        value::ipv6(self.value)
    }

    /// See [`value::ipv6_prefix`].
    pub fn ipv6_prefix(&self) -> Option<Ipv6Prefix> {
        value::ipv6_prefix(self.value)
    }

    /// See [`value::interface_id`].
    pub fn interface_id(&self) -> Option<[u8; 8]> {
        value::interface_id(self.value)
    }

    /// See [`value::text`].
    pub fn text(&self) -> Option<&'a str> {
        value::text(self.value)
    }

    /// See [`value::tagged_u32`].
    pub fn tagged_u32(&self) -> Option<Tagged<u32>> {
        value::tagged_u32(self.value)
    }

    /// See [`value::tagged_octets`].
    pub fn tagged_octets(&self) -> Option<Tagged<&'a [u8]>> {
        value::tagged_octets(self.value)
    }

    /// The vendor's attributes within, if this is a Vendor-Specific with a vendor number (RFC 2865 §5.26).
    pub fn vendor_attributes(&self) -> Option<VendorAttributes<'a>> {
        (self.kind == AttributeType::VENDOR_SPECIFIC).then(|| VendorAttributes::parse(self.value)).flatten()
    }
}
