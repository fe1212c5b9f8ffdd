//! IPv6 prefixes as people write them.

use std::{fmt, net::Ipv6Addr, str::FromStr};

/// An IPv6 prefix; the bits behind its length are zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ipv6Prefix {
    address: Ipv6Addr,
    length: u8,
}

/// The text is not an IPv6 prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePrefixError {
    /// Not of the form `address/length`.
    #[error("not an IPv6 prefix such as 2001:db8:1::/56")]
    Form,
    /// Bits are set behind the length.
    #[error("bits are set behind the prefix's length")]
    HostBits,
}

impl Ipv6Prefix {
    /// The first address.
    #[must_use]
    pub const fn address(self) -> Ipv6Addr {
        self.address
    }

    /// Length in bits, 0 to 128.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }
}

impl FromStr for Ipv6Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let (address, length) = text.split_once('/').ok_or(ParsePrefixError::Form)?;
        let address: Ipv6Addr = address.parse().map_err(|_| ParsePrefixError::Form)?;
        let length: u8 = length.parse().map_err(|_| ParsePrefixError::Form)?;
        if length > 128 {
            return Err(ParsePrefixError::Form);
        }
        let behind = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
        if address.to_bits() & behind != 0 {
            return Err(ParsePrefixError::HostBits);
        }
        Ok(Self { address, length })
    }
}

impl fmt::Display for Ipv6Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl fmt::Debug for Ipv6Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

base::text_value!(Ipv6Prefix);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_have_no_bits_behind_their_length() {
        let prefix: Ipv6Prefix = "2001:db8:1::/56".parse().unwrap();
        assert_eq!((prefix.to_string(), prefix.length()), ("2001:db8:1::/56".into(), 56));
        assert!("::/0".parse::<Ipv6Prefix>().is_ok());
        assert!("2001:db8::1/128".parse::<Ipv6Prefix>().is_ok());
        assert_eq!("2001:db8::1/64".parse::<Ipv6Prefix>(), Err(ParsePrefixError::HostBits));
        for text in ["2001:db8::", "2001:db8::/129", "10.0.0.0/8", "::/-1"] {
            assert_eq!(text.parse::<Ipv6Prefix>(), Err(ParsePrefixError::Form), "{text}");
        }
    }
}
