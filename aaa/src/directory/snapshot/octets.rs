//! Numbers, texts and lists as octets of an item. What one function composes, its namesake parses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Appends to an item's body.
pub(super) struct Compose<'a>(pub(super) &'a mut Vec<u8>);

impl Compose<'_> {
    pub(super) fn array<const N: usize>(&mut self, octets: [u8; N]) {
        self.0.extend_from_slice(&octets);
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    /// A length, then as many octets.
    pub(super) fn octets(&mut self, octets: &[u8]) {
        self.length(octets.len());
        self.0.extend_from_slice(octets);
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, compose: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            compose(self, value);
        }
    }

    pub(super) fn text(&mut self, value: Option<&str>) {
        self.option(value, |out, text| out.octets(text.as_bytes()));
    }

    pub(super) fn list<T>(&mut self, values: &[T], mut compose: impl FnMut(&mut Self, &T)) {
        self.length(values.len());
        values.iter().for_each(|value| compose(self, value));
    }

    pub(super) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                self.0.push(4);
                self.array(address.octets());
            }
            IpAddr::V6(address) => {
                self.0.push(6);
                self.array(address.octets());
            }
        }
    }

    fn length(&mut self, length: usize) {
        // What is longer than that is longer than a chunk, and its item is refused.
        self.array(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
}

/// Takes from the front of an item's body. `None` is too short or malformed.
pub(super) struct Parse<'a>(pub(super) &'a [u8]);

impl<'a> Parse<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn octets(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (octets, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(octets)
    }

    pub(super) fn str(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.octets()?).ok()
    }

    pub(super) fn option<T>(&mut self, parse: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { parse(self).map(Some) } else { Some(None) }
    }

    pub(super) fn text(&mut self) -> Option<Option<Box<str>>> {
        self.option(|body| body.str().map(Box::from))
    }

    pub(super) fn list<T>(&mut self, parse: impl Fn(&mut Self) -> Option<T>) -> Option<Box<[T]>> {
        let length = self.length()?;
        // Each value takes at least one octet: a length beyond what is left is refused before it is looped over.
        (length <= self.0.len()).then_some(())?;
        (0..length).map(|_| parse(self)).collect()
    }

    pub(super) fn address(&mut self) -> Option<IpAddr> {
        match self.byte()? {
            4 => self.array::<4>().map(|octets| Ipv4Addr::from(octets).into()),
            6 => self.array::<16>().map(|octets| Ipv6Addr::from(octets).into()),
            _ => None,
        }
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }
}
