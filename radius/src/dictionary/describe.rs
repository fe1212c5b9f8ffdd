//! A packet as text: one `Name = value` a line, in the forms that [`Dictionary::parse_assignment`] reads.

use super::definition::{Attribute, DataType, Encryption};
use super::number::Number;
use super::quote::hexadecimal;
use super::tables::Dictionary;
use super::to_text;
use crate::attribute::{self, Tag};
use crate::hide;
use crate::packet::{Authenticator, Packet};
use crate::secret::SharedSecret;
use crate::vendor::Vendor;

/// What it takes to show hidden values.
#[derive(Clone, Copy, Debug)]
pub struct Reveal<'a> {
    /// The secret of the two that exchanged the packet.
    pub secret: &'a SharedSecret,
    /// The authenticator of the request, also for its reply.
    pub authenticator: &'a Authenticator,
}

impl Dictionary {
    /// Every attribute of a packet, with those inside vendor-specific, extended and nested ones each on its own line. Hidden
    /// values stay raw octets without `reveal`, or if it cannot reveal them.
    pub fn describe(&self, packet: &Packet<'_>, reveal: Option<&Reveal<'_>>) -> Vec<String> {
        let mut describer = Describer { dictionary: self, reveal, lines: Vec::new() };
        for attribute in packet.attributes() {
            describer.attribute(Number::from(attribute.kind), attribute.value);
        }
        describer.lines
    }

    /// One attribute of a packet; see [`describe`](Self::describe).
    pub fn describe_attribute(
        &self,
        attribute: attribute::Attribute<'_>,
        reveal: Option<&Reveal<'_>>,
    ) -> Vec<String> {
        let mut describer = Describer { dictionary: self, reveal, lines: Vec::new() };
        describer.attribute(Number::from(attribute.kind), attribute.value);
        describer.lines
    }
}

struct Describer<'a> {
    dictionary: &'a Dictionary,
    reveal: Option<&'a Reveal<'a>>,
    lines: Vec<String>,
}

impl Describer<'_> {
    fn attribute(&mut self, number: Number, value: &[u8]) {
        let Some(attribute) = self.dictionary.find_number(number) else {
            self.lines.push(format!("{number} = {}", hexadecimal(value)));
            return;
        };
        if attribute.kind.is_container() {
            if let Some(children) = self.children(attribute, value) {
                for (number, value) in children {
                    self.attribute(number, value);
                }
                return;
            }
        } else if let Some(line) = self.line(attribute, value) {
            self.lines.push(line);
            return;
        }
        self.lines.push(format!("raw.{} = {}", attribute.name, hexadecimal(value)));
    }

    /// The line of a value that is of its type.
    fn line(&self, attribute: &Attribute, value: &[u8]) -> Option<String> {
        let name = &attribute.name;
        if attribute.encryption != Encryption::None {
            return self.revealed(attribute, value);
        }
        if !attribute.has_tag {
            return to_text::compose(self.dictionary, attribute, value)
                .map(|text| format!("{name} = {text}"));
        }
        let (&first, rest) = value.split_first()?;
        let (tag, value) = match Tag::new(first) {
            Some(tag) => (Some(tag), rest),
            // The octet of an integer is always the tag's, so another number than a tag is nonsense there.
            None if attribute.kind == DataType::Integer => return None,
            None => (None, value),
        };
        let text = to_text::compose(self.dictionary, attribute, value)?;
        // An integer's tag of zero is no tag; a string has no tag if it has no octet for it.
        let tag = tag.filter(|&tag| tag != Tag::NONE || attribute.kind != DataType::Integer);
        Some(tag.map_or_else(|| format!("{name} = {text}"), |tag| format!("{name}:{} = {text}", tag.octet())))
    }

    fn revealed(&self, attribute: &Attribute, value: &[u8]) -> Option<String> {
        let Reveal { secret, authenticator } = self.reveal?;
        let name = &attribute.name;
        let (tag, hidden) = if attribute.has_tag {
            let (&first, rest) = value.split_first()?;
            (Tag::new(first)?, rest)
        } else {
            (Tag::NONE, value)
        };
        let plain = match attribute.encryption {
            Encryption::UserPassword => hide::reveal_password(hidden, authenticator, secret).ok()?,
            Encryption::TunnelPassword => hide::reveal_salted(hidden, authenticator, secret).ok()?,
            Encryption::None | Encryption::AscendSecret => return None,
        };
        let mut octets = plain.expose().to_vec();
        // Padding was cut off; where the length is fixed, zeros at the end belong to the value.
        if let (Encryption::UserPassword, DataType::Octets(Some(length))) =
            (attribute.encryption, attribute.kind)
            && octets.len() < usize::from(length)
        {
            octets.resize(usize::from(length), 0);
        }
        let text = to_text::compose(self.dictionary, attribute, &octets)?;
        Some(match tag {
            Tag::NONE => format!("{name} = {text}"),
            tag => format!("{name}:{} = {text}", tag.octet()),
        })
    }

    /// What stands within a container; `None` if it is not laid out as its type says, or goes on in the next attribute.
    fn children<'v>(&self, attribute: &Attribute, value: &'v [u8]) -> Option<Vec<(Number, &'v [u8])>> {
        let number = attribute.number;
        match attribute.kind {
            DataType::Tlv => type_length_values(value)?
                .into_iter()
                .map(|(kind, value)| Some((number.child(u32::from(kind))?, value)))
                .collect(),
            DataType::Extended => {
                let (&kind, value) = value.split_first()?;
                Some(vec![(number.child(u32::from(kind))?, value)])
            }
            DataType::LongExtended => {
                let (&[kind, flags], value) = value.split_first_chunk()?;
                if flags != 0 {
                    return None;
                }
                Some(vec![(number.child(u32::from(kind))?, value)])
            }
            DataType::ExtendedVsa => {
                let (vendor, rest) = value.split_first_chunk()?;
                let (&kind, value) = rest.split_first()?;
                let vendor = number.child(u32::from_be_bytes(*vendor))?;
                Some(vec![(vendor.child(u32::from(kind))?, value)])
            }
            DataType::Vsa => {
                let (vendor, rest) = value.split_first_chunk()?;
                let vendor = Vendor(u32::from_be_bytes(*vendor));
                self.vendor_children(vendor, number.child(vendor.0)?, rest)
            }
            _ => None,
        }
    }

    fn vendor_children<'v>(
        &self,
        vendor: Vendor,
        number: Number,
        mut rest: &'v [u8],
    ) -> Option<Vec<(Number, &'v [u8])>> {
        let format = self.dictionary.format(vendor);
        let (type_octets, length_octets) =
            (usize::from(format.type_octets), usize::from(format.length_octets));
        let mut children = Vec::new();
        while !rest.is_empty() {
            let header = rest.get(..format.header())?;
            let (kind, behind) = header.split_at_checked(type_octets)?;
            let (length, continuation) = behind.split_at_checked(length_octets)?;
            if continuation.iter().any(|&octet| octet != 0) {
                return None;
            }
            let length =
                if length.is_empty() { rest.len() } else { usize::try_from(number_of(length)).ok()? };
            children.push((number.child(number_of(kind))?, rest.get(header.len()..length)?));
            rest = rest.get(length..)?;
        }
        (!children.is_empty()).then_some(children)
    }
}

/// The attributes of a TLV, if there is at least one and they fill it (RFC 6929 §2.3).
fn type_length_values(mut rest: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut values = Vec::new();
    while !rest.is_empty() {
        let &[kind, length] = rest.first_chunk()?;
        let length = usize::from(length);
        values.push((kind, rest.get(2..length)?));
        rest = rest.get(length..)?;
    }
    (!values.is_empty()).then_some(values)
}

/// Up to four octets as a number.
fn number_of(octets: &[u8]) -> u32 {
    octets.iter().fold(0, |number, &octet| number << 8 | u32::from(octet))
}
