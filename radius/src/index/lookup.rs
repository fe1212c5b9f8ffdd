//! The index itself: made in one pass, asked by type.

use super::slots::{self, NO_SLOT, Offsets};
use crate::attribute::{Attribute, AttributeType, HEADER_LENGTH as ATTRIBUTE_HEADER, VendorAttribute};
use crate::packet::{HEADER_LENGTH, Packet, ParseError};
use crate::vendor::VendorType;

/// A parsed packet with the places of its important attributes.
#[derive(Clone, Debug)]
pub struct Index<'a> {
    packet: Packet<'a>,
    /// Offset in the packet of the first attribute (or vendor attribute) of each slot; zero means absent.
    offsets: Offsets,
    message_authenticator: Presence,
}

/// How often an attribute that may stand only once is in the packet, and whether its value can be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is not in the packet.
    Absent,
    /// It is there once; its value begins at this offset of the packet.
    Once(usize),
    /// It is there once, and its length is wrong.
    Malformed,
    /// It is there more than once.
    Repeated,
}

impl<'a> Index<'a> {
    /// Parses and indexes in one pass.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let mut offsets = slots::NONE;
        let mut message_authenticator = Presence::Absent;
        let packet = Packet::scan(datagram, |offset, kind, value| match kind {
            AttributeType::MESSAGE_AUTHENTICATOR => {
                message_authenticator = match message_authenticator {
                    Presence::Absent if value.len() == MESSAGE_AUTHENTICATOR_LENGTH => {
                        Presence::Once(offset + ATTRIBUTE_HEADER)
                    }
                    Presence::Absent => Presence::Malformed,
                    _ => Presence::Repeated,
                }
            }
            AttributeType::VENDOR_SPECIFIC => slots::note_vendor_attributes(&mut offsets, offset, value),
            _ => slots::note(&mut offsets, slots::of(kind), offset),
        })?;
        Ok(Self { packet, offsets, message_authenticator })
    }

    /// The packet itself.
    pub const fn packet(&self) -> Packet<'a> {
        self.packet
    }

    /// Whether Message-Authenticator is there as it should be (RFC 3579 §3.2).
    pub const fn message_authenticator(&self) -> Presence {
        self.message_authenticator
    }

    /// Whether the packet has this attribute.
    pub fn has(&self, kind: AttributeType) -> bool {
        self.find(kind).is_some()
    }

    /// The first attribute of this type: one probe if it is indexed, else a pass over the packet.
    pub fn find(&self, kind: AttributeType) -> Option<Attribute<'a>> {
        match slots::of(kind) {
            NO_SLOT => self.packet.find(kind),
            slot => self.packet.attributes_from(self.offset(slot)?).next(),
        }
    }

    /// All attributes of this type, in order; free if it is indexed and absent.
    pub fn find_all(&self, kind: AttributeType) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let start = match slots::of(kind) {
            NO_SLOT => Some(HEADER_LENGTH),
            slot => self.offset(slot),
        };
        let packet = self.packet;
        start
            .into_iter()
            .flat_map(move |offset| packet.attributes_from(offset))
            .filter(move |attribute| attribute.kind == kind)
    }

    /// The first attribute of this vendor and number: one probe if it is indexed, else a pass over the packet.
    pub fn find_vendor(&self, kind: VendorType) -> Option<VendorAttribute<'a>> {
        match slots::of_vendor(kind) {
            NO_SLOT => self.packet.find_vendor(kind),
            slot => {
                // A vendor's attribute is laid out as a standard one: type, length, value.
                let attribute = self.packet.attributes_from(self.offset(slot)?).next()?;
                Some(VendorAttribute { kind, value: attribute.value })
            }
        }
    }

    fn offset(&self, slot: u8) -> Option<usize> {
        match self.offsets.get(usize::from(slot)) {
            None | Some(0) => None,
            Some(&offset) => Some(usize::from(offset)),
        }
    }
}

/// Octets of a Message-Authenticator's value (RFC 3579 §3.2).
const MESSAGE_AUTHENTICATOR_LENGTH: usize = 16;
