//! The attributes that name a session to its router, kept octet for octet: a CoA or Disconnect must repeat them exactly as
//! that router wrote them (RFC 5176 §3), or it does not know the session.

/// Attribute types that are kept, in the order in which they are stored. The numbers are those of the standard space.
pub const KEPT: [u8; 13] = [
    ACCT_SESSION_ID,
    USER_NAME,
    FRAMED_IP_ADDRESS,
    NAS_IP_ADDRESS,
    NAS_IPV6_ADDRESS,
    NAS_IDENTIFIER,
    CALLING_STATION_ID,
    NAS_PORT,
    NAS_PORT_ID,
    CALLED_STATION_ID,
    FRAMED_IPV6_PREFIX,
    DELEGATED_IPV6_PREFIX,
    FRAMED_IPV6_ADDRESS,
];

/// User-Name (RFC 2865 §5.1).
pub const USER_NAME: u8 = 1;
/// NAS-IP-Address (RFC 2865 §5.4).
pub const NAS_IP_ADDRESS: u8 = 4;
/// NAS-Port (RFC 2865 §5.5).
pub const NAS_PORT: u8 = 5;
/// Framed-IP-Address (RFC 2865 §5.8).
pub const FRAMED_IP_ADDRESS: u8 = 8;
/// Called-Station-Id (RFC 2865 §5.30).
pub const CALLED_STATION_ID: u8 = 30;
/// Calling-Station-Id (RFC 2865 §5.31).
pub const CALLING_STATION_ID: u8 = 31;
/// NAS-Identifier (RFC 2865 §5.32).
pub const NAS_IDENTIFIER: u8 = 32;
/// Acct-Session-Id (RFC 2866 §5.5).
pub const ACCT_SESSION_ID: u8 = 44;
/// NAS-Port-Id (RFC 2869 §5.17).
pub const NAS_PORT_ID: u8 = 87;
/// NAS-IPv6-Address (RFC 3162 §2.1).
pub const NAS_IPV6_ADDRESS: u8 = 95;
/// Framed-IPv6-Prefix (RFC 3162 §2.3).
pub const FRAMED_IPV6_PREFIX: u8 = 97;
/// Delegated-IPv6-Prefix (RFC 4818 §3).
pub const DELEGATED_IPV6_PREFIX: u8 = 123;
/// Framed-IPv6-Address (RFC 6911 §3.1).
pub const FRAMED_IPV6_ADDRESS: u8 = 168;

/// The kept attributes of one packet, borrowed from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identifiers<'a>([Option<&'a [u8]>; KEPT.len()]);

impl<'a> Identifiers<'a> {
    /// Collects what `find` knows of each kept type. An empty value counts as absent, one beyond 253 octets too.
    pub fn collect(mut find: impl FnMut(u8) -> Option<&'a [u8]>) -> Self {
        Self(KEPT.map(|kind| find(kind).filter(|value| (1..=MAX_VALUE).contains(&value.len()))))
    }

    /// The value of one type, if the packet had it and it is kept.
    #[must_use]
    pub fn find(&self, kind: u8) -> Option<&'a [u8]> {
        let place = KEPT.iter().position(|kept| *kept == kind)?;
        self.0.get(place).copied().flatten()
    }

    /// Type and value of each that is there, in the order of [`KEPT`].
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        KEPT.into_iter().zip(self.0).filter_map(|(kind, value)| Some((kind, value?)))
    }
}

/// The kept attributes of a session: type, length and value one after another, as in a packet. One allocation, 80 to 150
/// octets for a RouterOS session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredIdentifiers(Box<[u8]>);

impl StoredIdentifiers {
    /// Stores what a packet has.
    #[must_use]
    pub fn store(identifiers: &Identifiers<'_>) -> Self {
        let length = identifiers.iter().map(|(_, value)| HEADER + value.len()).sum();
        let mut octets = Vec::with_capacity(length);
        for (kind, value) in identifiers.iter() {
            // `collect` lets no longer value in.
            let Ok(length) = u8::try_from(HEADER + value.len()) else { continue };
            octets.extend_from_slice(&[kind, length]);
            octets.extend_from_slice(value);
        }
        Self(octets.into_boxed_slice())
    }

    /// Takes over what a later packet of the session has: its values replace stored ones, and what it lacks stays.
    /// Allocates only when something differs.
    pub fn update(&mut self, identifiers: &Identifiers<'_>) {
        if identifiers.iter().all(|(kind, value)| self.find(kind) == Some(value)) {
            return;
        }
        let merged = Identifiers(KEPT.map(|kind| identifiers.find(kind).or_else(|| self.find(kind))));
        *self = Self::store(&merged);
    }

    /// The value of one type.
    #[must_use]
    pub fn find(&self, kind: u8) -> Option<&[u8]> {
        self.iter().find(|(stored, _)| *stored == kind).map(|(_, value)| value)
    }

    /// Type and value of each, in the order of [`KEPT`].
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let &[kind, length] = rest.first_chunk()?;
            let value = rest.get(HEADER..usize::from(length))?;
            rest = rest.get(usize::from(length)..)?;
            Some((kind, value))
        })
    }

    /// The attributes as they stand in a packet.
    #[must_use]
    pub fn as_attributes(&self) -> &[u8] {
        &self.0
    }
}

/// Octets of type and length.
const HEADER: usize = 2;

/// The longest value of one attribute (RFC 2865 §5).
const MAX_VALUE: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(pairs: &'a [(u8, &'a [u8])]) -> Identifiers<'a> {
        Identifiers::collect(|kind| pairs.iter().find(|(k, _)| *k == kind).map(|(_, v)| *v))
    }

    /// RFC 5176 §3: identification attributes must match what the NAS itself uses, so they are kept unaltered.
    #[test]
    fn kept_octet_for_octet_and_merged() {
        let start = of(&[(USER_NAME, b"bu\xffdi"), (ACCT_SESSION_ID, b"8100000c"), (99, b"not kept")]);
        let mut stored = StoredIdentifiers::store(&start);
        assert_eq!(stored.find(USER_NAME), Some(&b"bu\xffdi"[..]));
        assert_eq!(stored.find(99), None);
        let before = stored.clone();
        stored.update(&start);
        assert_eq!(stored, before);
        stored.update(&of(&[(FRAMED_IP_ADDRESS, &[10, 0, 0, 2]), (ACCT_SESSION_ID, b"8100000c")]));
        assert_eq!(stored.find(FRAMED_IP_ADDRESS), Some(&[10, 0, 0, 2][..]));
        assert_eq!(stored.find(USER_NAME), Some(&b"bu\xffdi"[..]));
        assert_eq!(stored.iter().count(), 3);
        assert_eq!(stored.as_attributes().len(), 3 * HEADER + 5 + 8 + 4);
    }

    #[test]
    fn empty_and_overlong_values_count_as_absent() {
        let long = [b'x'; 254];
        let values: [(u8, &[u8]); 2] = [(USER_NAME, b""), (NAS_IDENTIFIER, &long)];
        assert_eq!(StoredIdentifiers::store(&of(&values)), StoredIdentifiers::default());
    }
}
