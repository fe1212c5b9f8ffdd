//! A packet as it came: a borrowed view whose whole structure was checked once.
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+---------------+---------------+
//! |     code      |  identifier   |            length             |
//! +---------------+---------------+---------------+---------------+
//! |                 authenticator (16 octets)                     |
//! +---------------+---------------+---------------+---------------+
//! |  attributes ...
//! +---------------
//! ```
//!
//! Whoever holds a [`Packet`] need not check lengths again: its attributes fill it exactly. Nothing is copied.

use crate::attribute::{Attribute, AttributeType, HEADER_LENGTH as ATTRIBUTE_HEADER, VendorAttribute};
use crate::code::Code;
use crate::vendor::{Vendor, VendorType};

/// Octets before the first attribute; the shortest packet (RFC 2865 §3).
pub const HEADER_LENGTH: usize = 20;

/// The longest packet (RFC 2865 §3). A buffer of this size holds every packet.
pub const MAX_LENGTH: usize = 4096;

/// An authenticator: random octets or a signature, by code.
pub type Authenticator = [u8; 16];

/// Why a datagram is not a packet. It is to be discarded without an answer (RFC 2865 §3, §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ParseError {
    /// Fewer octets than a header.
    #[error("the datagram is shorter than a packet header")]
    DatagramShort,
    /// The length field is below 20.
    #[error("the length field is below 20")]
    LengthShort,
    /// The length field is above 4096.
    #[error("the length field is above 4096")]
    LengthLong,
    /// The length field promises more octets than came.
    #[error("the length field exceeds the datagram")]
    LengthBeyondDatagram,
    /// An attribute's length is 0 or 1, less than its own header.
    #[error("an attribute is shorter than its header")]
    AttributeShort,
    /// An attribute reaches beyond the packet.
    #[error("an attribute reaches beyond the packet")]
    AttributeBeyondPacket,
}

/// A well-formed packet, borrowed from the datagram it came in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The packet without what followed it in the datagram.
    bytes: &'a [u8],
    header: &'a [u8; HEADER_LENGTH],
    attributes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Checks the structure of `datagram`: header, length, and that its attributes fill it exactly. Octets after the
    /// length are not part of the packet (RFC 2865 §3).
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        Self::scan(datagram, |_, _, _| ())
    }

    /// As [`Packet::parse`], showing each attribute to `visit` on the way: its offset in the packet, type and value.
    /// What was shown is meaningful only if the packet turns out well.
    pub(crate) fn scan(
        datagram: &'a [u8],
        mut visit: impl FnMut(usize, AttributeType, &'a [u8]),
    ) -> Result<Self, ParseError> {
        let header: &[u8; HEADER_LENGTH] = datagram.first_chunk().ok_or(ParseError::DatagramShort)?;
        let &[_, _, high, low, ..] = header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < HEADER_LENGTH {
            return Err(ParseError::LengthShort);
        }
        if length > MAX_LENGTH {
            return Err(ParseError::LengthLong);
        }
        let bytes = datagram.get(..length).ok_or(ParseError::LengthBeyondDatagram)?;
        let attributes = bytes.get(HEADER_LENGTH..).ok_or(ParseError::LengthShort)?;

        let mut rest = attributes;
        while let Some((&kind, tail)) = rest.split_first() {
            let length = usize::from(*tail.first().ok_or(ParseError::AttributeBeyondPacket)?);
            if length < ATTRIBUTE_HEADER {
                return Err(ParseError::AttributeShort);
            }
            let (attribute, following) =
                rest.split_at_checked(length).ok_or(ParseError::AttributeBeyondPacket)?;
            let value = attribute.get(ATTRIBUTE_HEADER..).ok_or(ParseError::AttributeShort)?;
            visit(bytes.len() - rest.len(), AttributeType(kind), value);
            rest = following;
        }
        Ok(Self { bytes, header, attributes })
    }

    /// What kind of packet it is.
    pub const fn code(&self) -> Code {
        Code(self.header[0])
    }

    /// Matches replies to requests.
    pub const fn identifier(&self) -> u8 {
        self.header[1]
    }

    /// The Request or Response Authenticator.
    pub const fn authenticator(&self) -> &'a Authenticator {
        let [_, _, _, _, authenticator @ ..] = self.header;
        authenticator
    }

    /// The whole packet, trimmed to its length.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The octets of all attributes, one after another.
    pub const fn attribute_bytes(&self) -> &'a [u8] {
        self.attributes
    }

    /// Its attributes in order.
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.attributes }
    }

    /// The attributes from `offset` (of an attribute, within the packet) on.
    pub(crate) fn attributes_from(&self, offset: usize) -> Attributes<'a> {
        Attributes { rest: self.bytes.get(offset..).unwrap_or_default() }
    }

    /// The first attribute of this type. One pass over the packet; for many look-ups use an [`Index`].
    ///
    /// [`Index`]: crate::index::Index
    pub fn find(&self, kind: AttributeType) -> Option<Attribute<'a>> {
        self.attributes().find(|attribute| attribute.kind == kind)
    }

    /// All attributes of this type, in order.
    pub fn find_all(&self, kind: AttributeType) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.attributes().filter(move |attribute| attribute.kind == kind)
    }

    /// All attributes of this vendor, in order, also several within one Vendor-Specific (RFC 2865 §5.26).
    pub fn vendor_attributes(&self, vendor: Vendor) -> impl Iterator<Item = VendorAttribute<'a>> + use<'a> {
        self.attributes()
            .filter_map(|attribute| attribute.vendor_attributes())
            .filter(move |inner| inner.vendor() == vendor)
            .flatten()
    }

    /// The first attribute of this vendor and number.
    pub fn find_vendor(&self, kind: VendorType) -> Option<VendorAttribute<'a>> {
        self.vendor_attributes(kind.vendor).find(|attribute| attribute.kind == kind)
    }
}

impl std::fmt::Debug for Packet<'_> {
    /// Prints no values: they may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet")
            .field("code", &self.code())
            .field("identifier", &self.identifier())
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The attributes of a packet, in order.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let &[kind, length] = self.rest.first_chunk()?;
        let length = usize::from(length);
        let value = self.rest.get(ATTRIBUTE_HEADER..length)?;
        self.rest = self.rest.get(length..)?;
        Some(Attribute { kind: AttributeType(kind), value })
    }
}
