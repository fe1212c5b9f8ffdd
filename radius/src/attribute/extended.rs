//! Attributes of the extended space (RFC 6929): the standard types 241 to 246 hold a second type.
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+---------------+---------------+
//! |  241 ... 244  |    length     | extended type | value ...        (RFC 6929 §2.1)
//! +---------------+---------------+---------------+---------------+
//! |  245, 246     |    length     | extended type |M|  reserved   | value ...  (§2.2)
//! +---------------+---------------+---------------+---------------+
//! ```
//!
//! M says that the value goes on in the next attribute of the same types. We send none of these; they are read so that a
//! packet that has them can be shown.

use super::{Attribute, AttributeType};

/// What stands in an extended attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended<'a> {
    /// The standard type, 241 to 246.
    pub kind: AttributeType,
    /// The type within it.
    pub extended: u8,
    /// Whether the value goes on in the next attribute.
    pub more: bool,
    /// The value, or a part of it.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The extended attribute within; `None` if this is another type, or too short for one.
    pub fn extended(&self) -> Option<Extended<'a>> {
        let (&extended, value) = self.value.split_first()?;
        let (more, value) = match self.kind {
            AttributeType::EXTENDED_1
            | AttributeType::EXTENDED_2
            | AttributeType::EXTENDED_3
            | AttributeType::EXTENDED_4 => (false, value),
            AttributeType::LONG_EXTENDED_1 | AttributeType::LONG_EXTENDED_2 => {
                let (&flags, value) = value.split_first()?;
                (flags & MORE != 0, value)
            }
            _ => return None,
        };
        Some(Extended { kind: self.kind, extended, more, value })
    }
}

/// The flag that says: the value goes on.
const MORE: u8 = 0x80;
