//! One attribute from text: `Name = value`, ready to be sent.
//!
//! | text | meaning |
//! |---|---|
//! | `Mikrotik-Rate-Limit = "2M/10M"` | by name, checked against its type; quotes may be left out |
//! | `Tunnel-Type:1 = L2TP` | with a tag (RFC 2868 §3) |
//! | `Attr-26.14988.99 = 0x0102` | by number, any octets: for what the dictionary lacks |
//! | `raw.Framed-IP-Address = 0x0102` | by name, any octets: for values that are not of their type |
//!
//! The text is read once, when an operator sets it; what is kept is the octets of the packet.

use zeroize::Zeroizing;

use super::definition::{Attribute, DataType, Encryption};
use super::from_text::{self, ValueError};
use super::layer::{Layer, LayerError, layers, wrap};
use super::number::Number;
use super::quote::parse_hexadecimal;
use super::tables::Dictionary;
use super::words::parse_number;
use crate::attribute::{MAX_VALUE_LENGTH, Tag};
use crate::compose::{ComposeError, Composer};
use crate::hide::{self, Salt};
use crate::secret::SharedSecret;

/// Why a line is no attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentError {
    /// No equals sign, or nothing before it.
    #[error("an attribute is written as Name = value")]
    NotAssignment,
    /// A name that no dictionary has.
    #[error("there is no attribute {0:?} in the dictionary")]
    UnknownName(Box<str>),
    /// Not numbers and dots behind `Attr-`, or nested too deep.
    #[error("{0:?} is not the number of an attribute")]
    BadNumber(Box<str>),
    /// A tag that is not 0 to 31.
    #[error("{0:?} is not a tag: 0 to 31")]
    BadTag(Box<str>),
    /// A tag on an attribute that has none.
    #[error("{0} takes no tag")]
    TagUnwanted(Box<str>),
    /// The value is not of its type.
    #[error("{name} is of type {kind}: {error}")]
    Value {
        /// The attribute.
        name: Box<str>,
        /// Its type.
        kind: DataType,
        /// What is wrong.
        error: ValueError,
    },
    /// Raw octets that are none.
    #[error("raw octets are written as 0x and pairs of hexadecimal digits, at least one")]
    NotHexadecimal,
    /// The attribute has no place in a packet, or the value is too long for it.
    #[error("{name} cannot be sent: {error}")]
    Layer {
        /// The attribute.
        name: Box<str>,
        /// What is wrong.
        error: LayerError,
    },
    /// Hiding that this program does not do.
    #[error("{0} is hidden in a way that is not supported")]
    Encryption(Box<str>),
}

/// An attribute that was set by text.
#[derive(Clone)]
pub struct Assignment {
    number: Number,
    content: Content,
}

#[derive(Clone)]
enum Content {
    /// Whole attributes, as they stand in a packet.
    Plain(Box<[u8]>),
    /// What must be hidden anew for each packet.
    Hidden { encryption: Encryption, tag: Option<Tag>, value: Zeroizing<Box<[u8]>>, layers: Box<[Layer]> },
}

impl Dictionary {
    /// Reads one attribute from text.
    pub fn parse_assignment(&self, text: &str) -> Result<Assignment, AssignmentError> {
        let (left, value) = text.split_once('=').ok_or(AssignmentError::NotAssignment)?;
        let (left, value) = (left.trim(), value.trim());
        if left.is_empty() {
            return Err(AssignmentError::NotAssignment);
        }
        if let Some(digits) = strip_prefix(left, "attr-") {
            let bad = || AssignmentError::BadNumber(left.into());
            let path: Option<Vec<u32>> = digits.split('.').map(parse_part).collect();
            return self.raw(left, Number::new(&path.ok_or_else(bad)?).ok_or_else(bad)?, value);
        }
        if let Some(name) = strip_prefix(left, "raw.") {
            return self.raw(left, self.named(name)?.number, value);
        }
        let (name, tag) = match left.split_once(':') {
            Some((name, tag)) => {
                let octet = parse_part(tag).and_then(|tag| u8::try_from(tag).ok());
                (name, Some(octet.and_then(Tag::new).ok_or_else(|| AssignmentError::BadTag(tag.into()))?))
            }
            None => (left, None),
        };
        self.typed(self.named(name)?, tag, value)
    }

    fn named(&self, name: &str) -> Result<&Attribute, AssignmentError> {
        self.find_name(name).ok_or_else(|| AssignmentError::UnknownName(name.into()))
    }

    fn raw(&self, name: &str, number: Number, value: &str) -> Result<Assignment, AssignmentError> {
        let octets = parse_hexadecimal(value).filter(|octets| !octets.is_empty());
        let octets = octets.ok_or(AssignmentError::NotHexadecimal)?;
        let wire = layers(self, number).and_then(|layers| wrap(&layers, &octets));
        let wire = wire.map_err(|error| AssignmentError::Layer { name: name.into(), error })?;
        Ok(Assignment { number, content: Content::Plain(wire.into()) })
    }

    fn typed(
        &self,
        attribute: &Attribute,
        tag: Option<Tag>,
        text: &str,
    ) -> Result<Assignment, AssignmentError> {
        let name = &attribute.name;
        if tag.is_some() && !attribute.has_tag {
            return Err(AssignmentError::TagUnwanted(name.clone()));
        }
        let unsendable = |error| AssignmentError::Layer { name: name.clone(), error };
        let value = from_text::parse(self, attribute, text).map_err(|error| AssignmentError::Value {
            name: name.clone(),
            kind: attribute.kind,
            error,
        })?;
        let layers = layers(self, attribute.number).map_err(unsendable)?;
        let number = attribute.number;
        match attribute.encryption {
            Encryption::None => {}
            Encryption::AscendSecret => return Err(AssignmentError::Encryption(name.clone())),
            encryption => {
                let longest = match encryption {
                    Encryption::UserPassword => hide::MAX_PASSWORD_LENGTH,
                    _ => hide::MAX_SALTED_LENGTH,
                };
                // Padded to whole blocks behind salt and tag, it must still fit into its attribute.
                let hidden_length = (value.len() + 1).next_multiple_of(16) + 3;
                if value.len() > longest || wrap(&layers, &vec![0; hidden_length]).is_err() {
                    return Err(unsendable(LayerError::Long));
                }
                let tag = attribute.has_tag.then(|| tag.unwrap_or(Tag::NONE));
                let value = Zeroizing::new(value.into_boxed_slice());
                let content = Content::Hidden { encryption, tag, value, layers: layers.into() };
                return Ok(Assignment { number, content });
            }
        }
        let value = if attribute.has_tag { tagged(attribute.kind, tag, value) } else { value };
        let wire = if attribute.concatenated && number.path().len() == 1 {
            let pieces = value.chunks(MAX_VALUE_LENGTH).map(|piece| wrap(&layers, piece));
            pieces.collect::<Result<Vec<_>, _>>().map_err(unsendable)?.concat()
        } else {
            wrap(&layers, &value).map_err(unsendable)?
        };
        Ok(Assignment { number, content: Content::Plain(wire.into()) })
    }
}

impl Assignment {
    /// Which attribute it is.
    pub const fn number(&self) -> Number {
        self.number
    }

    /// Its octets in a packet: one whole attribute, or several of a long concatenated value. `None` if they differ from
    /// packet to packet, because the value is hidden with the shared secret.
    pub fn wire(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Plain(wire) => Some(wire),
            Content::Hidden { .. } => None,
        }
    }

    /// Adds the attribute to a packet. A hidden one may take the salt, and leaves the next one in its place: no two in a
    /// packet may be equal (RFC 2868 §3.5).
    pub fn compose(
        &self,
        composer: &mut Composer<'_>,
        secret: &SharedSecret,
        salt: &mut Salt,
    ) -> Result<(), ComposeError> {
        let (encryption, tag, value, layers) = match &self.content {
            Content::Plain(wire) => return composer.raw(wire).map(|_| ()),
            Content::Hidden { encryption, tag, value, layers } => (*encryption, tag, value, layers),
        };
        let authenticator = composer.hiding_authenticator()?;
        let hidden = if encryption == Encryption::UserPassword {
            hide::hide_password(value, &authenticator, secret)
        } else {
            let taken = *salt;
            *salt = taken.next();
            hide::hide_salted(value, taken, &authenticator, secret)
        };
        let hidden = hidden.map_err(ComposeError::Hide)?;
        let mut octets = tag.map_or_else(Vec::new, |tag| vec![tag.octet()]);
        octets.extend_from_slice(hidden.expose());
        let wire = wrap(layers, &octets).map_err(|_| ComposeError::ValueLong)?;
        composer.raw(&wire).map(|_| ())
    }
}

/// Prints no value: it may be a password.
impl core::fmt::Debug for Assignment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Assignment").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Puts the tag before the value. An integer always has one; a string without a tag goes without the octet, unless its own
/// first octet would be taken for one (RFC 2868 §3.3).
fn tagged(kind: DataType, tag: Option<Tag>, mut value: Vec<u8>) -> Vec<u8> {
    let looks_tagged = value.first().is_some_and(|&first| Tag::new(first).is_some());
    if tag.is_some() || kind == DataType::Integer || looks_tagged {
        value.insert(0, tag.unwrap_or(Tag::NONE).octet());
    }
    value
}

/// A decimal or hexadecimal number of 32 bits.
fn parse_part(digits: &str) -> Option<u32> {
    parse_number(digits).ok().and_then(|number| u32::try_from(number).ok())
}

/// What follows a prefix that is written in any case.
fn strip_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
