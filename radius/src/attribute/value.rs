//! Typed readings of an attribute's value. A value that is not of the asked type reads as `None`: the packet stays good
//! and the attribute is ignored (RFC 2865 §5, RFC 6929 §2.8).

use std::net::{Ipv4Addr, Ipv6Addr};

/// An integer of four octets (RFC 8044 §3.1). Shorter or longer values are not integers.
pub fn u32(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*whole(value)?))
}

/// An integer of eight octets (RFC 6929 §2.5).
pub fn u64(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*whole(value)?))
}

/// An IPv4 address (RFC 8044 §3.8).
pub fn ipv4(value: &[u8]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(*whole::<4>(value)?))
}

/// An IPv6 address (RFC 8044 §3.9).
pub fn ipv6(value: &[u8]) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(*whole::<16>(value)?))
}

/// An interface identifier (RFC 8044 §3.7).
pub fn interface_id(value: &[u8]) -> Option<[u8; 8]> {
    whole(value).copied()
}

/// Text in UTF-8 (RFC 8044 §3.4). Some NASes end it with a NUL; that is not part of the text.
pub fn text(value: &[u8]) -> Option<&str> {
    let value = value.strip_suffix(&[0]).unwrap_or(value);
    std::str::from_utf8(value).ok()
}

/// An IPv6 prefix of 2 to 18 octets (RFC 3162 §2.3, RFC 8044 §3.10).
///
/// ```text
///  0               1               2 ... 17
/// +---------------+---------------+----------------------
/// |   reserved    | prefix length | prefix (0-16 octets)
/// +---------------+---------------+----------------------
/// ```
pub fn ipv6_prefix(value: &[u8]) -> Option<Ipv6Prefix> {
    let (&[_reserved, length], prefix) = value.split_first_chunk()?;
    let mut octets = [0; 16];
    octets.get_mut(..prefix.len())?.copy_from_slice(prefix);
    // RFC 3162 §2.3: bits outside of the prefix length must be zero; a shorter field must still hold the whole prefix.
    if usize::from(length) > prefix.len() * 8 {
        return None;
    }
    Ipv6Prefix::new(Ipv6Addr::from(octets), length)
}

/// A tag and an integer of three octets (RFC 2868 §3.1).
///
/// ```text
///  0               1               2               3
/// +---------------+---------------+---------------+---------------+
/// |      tag      |                    value                      |
/// +---------------+---------------+---------------+---------------+
/// ```
pub fn tagged_u32(value: &[u8]) -> Option<Tagged<u32>> {
    let &[tag, high, middle, low] = whole(value)?;
    let tag = Tag::new(tag).unwrap_or(Tag::NONE);
    Some(Tagged { tag, value: u32::from_be_bytes([0, high, middle, low]) })
}

/// A tag, which may be missing, and octets (RFC 2868 §3.3, §3.6). A first octet above 0x1F is the string's own.
pub fn tagged_octets(value: &[u8]) -> Option<Tagged<&[u8]>> {
    let (&first, rest) = value.split_first()?;
    Some(match Tag::new(first) {
        Some(tag) => Tagged { tag, value: rest },
        None => Tagged { tag: Tag::NONE, value },
    })
}

/// Which attributes of a tunnel belong together (RFC 2868 §3): 0x01 to 0x1F, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u8);

impl Tag {
    /// No tag; zero on the wire.
    pub const NONE: Self = Self(0);

    /// A tag if `octet` is in 0x00..=0x1F.
    pub const fn new(octet: u8) -> Option<Self> {
        if octet <= 0x1f { Some(Self(octet)) } else { None }
    }

    /// The octet on the wire.
    pub const fn octet(self) -> u8 {
        self.0
    }
}

/// A value with its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged<T> {
    /// Its group, or [`Tag::NONE`].
    pub tag: Tag,
    /// The value behind the tag.
    pub value: T,
}

/// An IPv6 prefix whose host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv6Prefix {
    address: Ipv6Addr,
    length: u8,
}

impl Ipv6Prefix {
    /// The prefix of `length` bits (0 to 128) that `address` lies in; `None` if `length` is above 128.
    /// Host bits are cleared, because they are zero when sent (RFC 8044 §3.10).
    pub fn new(address: Ipv6Addr, length: u8) -> Option<Self> {
        let host_bits = 128u32.checked_sub(u32::from(length))?;
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        Some(Self { address: Ipv6Addr::from_bits(address.to_bits() & mask), length })
    }

    /// The first address of the prefix.
    pub const fn address(self) -> Ipv6Addr {
        self.address
    }

    /// How many bits belong to the network, 0 to 128.
    pub const fn length(self) -> u8 {
        self.length
    }
}

impl std::fmt::Display for Ipv6Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// The value as an array of exactly `N` octets.
fn whole<const N: usize>(value: &[u8]) -> Option<&[u8; N]> {
    value.try_into().ok()
}
