//! Hardware addresses, in every notation that routers and people use.

use std::{fmt, str::FromStr};

/// A 48-bit hardware address. Prints as RouterOS does: `AA:BB:CC:DD:EE:FF`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress([u8; 6]);

/// The text is not a hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a MAC address such as AA:BB:CC:DD:EE:FF")]
pub struct ParseMacError;

impl MacAddress {
    /// From its six octets.
    #[must_use]
    pub const fn from_octets(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six octets.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Parses the forms of `Calling-Station-Id`: twelve hexadecimal digits of either case with any of `:`, `-`, `.`
    /// between them (RouterOS `radius-mac-format` has seven forms). `None` when it is anything else.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut octets = [0_u8; 6];
        let mut digits = 0;
        for &byte in text {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                b':' | b'-' | b'.' if digits > 0 && digits < 12 => continue,
                _ => return None,
            };
            let octet = octets.get_mut(digits / 2)?;
            *octet = *octet << 4 | digit;
            digits += 1;
        }
        (digits == 12).then_some(Self(octets))
    }
}

impl FromStr for MacAddress {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        Self::parse(text.as_bytes()).ok_or(ParseMacError)
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02X}:{b:02X}:{c:02X}:{d:02X}:{e:02X}:{g:02X}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

crate::text_enum::text_value!(MacAddress);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_notation_of_routers() {
        let expected = MacAddress::from_octets([0xaa, 0xbb, 0xcc, 0x0d, 0x0e, 0x0f]);
        for text in [
            "AA:BB:CC:0D:0E:0F",
            "aa-bb-cc-0d-0e-0f",
            "aabb.cc0d.0e0f",
            "AABBCC0D0E0F",
            "aabbcc-0d0e0f",
            "aabbcc:0d0e0f",
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "AA:BB:CC:0D:0E",
            "AA:BB:CC:0D:0E:0F:10",
            "AA:BB:CC:0D:0E:0G",
            ":AABBCC0D0E0F",
            "AABBCC0D0E0F:",
        ] {
            assert_eq!(text.parse::<MacAddress>(), Err(ParseMacError), "{text}");
        }
        assert_eq!(expected.to_string(), "AA:BB:CC:0D:0E:0F");
    }
}
