//! Typed attributes.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{ComposeError, Composer};
use crate::attribute::{AttributeType, Ipv6Prefix, MAX_VALUE_LENGTH, Tag};
use crate::vendor::VendorType;

impl Composer<'_> {
    /// Adds text of up to 253 octets of UTF-8, without a terminating NUL (RFC 8044 §3.4).
    pub fn text(&mut self, kind: AttributeType, value: &str) -> Result<&mut Self, ComposeError> {
        self.octets(kind, value.as_bytes())
    }

    /// Adds an integer of four octets.
    pub fn u32(&mut self, kind: AttributeType, value: u32) -> Result<&mut Self, ComposeError> {
        self.octets(kind, &value.to_be_bytes())
    }

    /// Adds an integer of eight octets (RFC 6929 §2.5).
    pub fn u64(&mut self, kind: AttributeType, value: u64) -> Result<&mut Self, ComposeError> {
        self.octets(kind, &value.to_be_bytes())
    }

    /// Adds an IPv4 address.
    pub fn ipv4(&mut self, kind: AttributeType, value: Ipv4Addr) -> Result<&mut Self, ComposeError> {
        self.octets(kind, &value.octets())
    }

    /// Adds an IPv6 address.
    pub fn ipv6(&mut self, kind: AttributeType, value: Ipv6Addr) -> Result<&mut Self, ComposeError> {
        self.octets(kind, &value.octets())
    }

    /// Adds an IPv6 prefix with all of its 18 octets: RFC 3162 §2.3 allows fewer, but not every NAS reads them.
    pub fn ipv6_prefix(&mut self, kind: AttributeType, value: Ipv6Prefix) -> Result<&mut Self, ComposeError> {
        self.pieces(kind, &[&[0, value.length()], &value.address().octets()])
    }

    /// Adds an interface identifier (RFC 3162 §2.2).
    pub fn interface_id(&mut self, kind: AttributeType, value: [u8; 8]) -> Result<&mut Self, ComposeError> {
        self.octets(kind, &value)
    }

    /// Adds a tag and an integer of three octets; higher bits do not fit (RFC 2868 §3.1).
    pub fn tagged_u32(
        &mut self,
        kind: AttributeType,
        tag: Tag,
        value: u32,
    ) -> Result<&mut Self, ComposeError> {
        let [0, high, middle, low] = value.to_be_bytes() else { return Err(ComposeError::ValueLong) };
        self.octets(kind, &[tag.octet(), high, middle, low])
    }

    /// Adds a tag and octets (RFC 2868 §3.3). Without a tag the tag's octet is left out, unless the value's first octet
    /// would then be taken for one.
    pub fn tagged_octets(
        &mut self,
        kind: AttributeType,
        tag: Tag,
        value: &[u8],
    ) -> Result<&mut Self, ComposeError> {
        let first = *value.first().ok_or(ComposeError::ValueEmpty)?;
        if tag == Tag::NONE && Tag::new(first).is_none() {
            return self.octets(kind, value);
        }
        self.pieces(kind, &[&[tag.octet()], value])
    }

    /// Adds an EAP packet, split over as many EAP-Message attributes as it needs (RFC 3579 §3.1). The packet also needs a
    /// Message-Authenticator.
    pub fn eap_message(&mut self, packet: &[u8]) -> Result<&mut Self, ComposeError> {
        if packet.is_empty() {
            return Err(ComposeError::ValueEmpty);
        }
        // All or nothing: half an EAP packet is worse than none.
        let length = self.length();
        for part in packet.chunks(MAX_VALUE_LENGTH) {
            if let Err(error) = self.octets(AttributeType::EAP_MESSAGE, part) {
                self.truncate(length);
                return Err(error);
            }
        }
        Ok(self)
    }

    /// Adds a vendor's text.
    pub fn vendor_text(&mut self, kind: VendorType, value: &str) -> Result<&mut Self, ComposeError> {
        self.vendor(kind, value.as_bytes())
    }

    /// Adds a vendor's integer of four octets.
    pub fn vendor_u32(&mut self, kind: VendorType, value: u32) -> Result<&mut Self, ComposeError> {
        self.vendor(kind, &value.to_be_bytes())
    }

    /// Adds a vendor's IPv4 address.
    pub fn vendor_ipv4(&mut self, kind: VendorType, value: Ipv4Addr) -> Result<&mut Self, ComposeError> {
        self.vendor(kind, &value.octets())
    }
}
