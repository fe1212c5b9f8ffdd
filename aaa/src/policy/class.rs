//! Our Class attribute: a signed cookie that names the session from its Accept to its Stop (RFC 2865 §5.25).
//!
//! ```text
//!  0      1      2         3            7            23           39
//! +------+------+---------+------------+------------+------------+-----------+
//! | 'r'  | 'n'  | version | overlay    | subscriber | session    | MAC       |
//! |      |      | (1)     | generation | (16)       | (16)       | (8)       |
//! +------+------+---------+------------+------------+------------+-----------+
//! ```
//!
//! The MAC is SipHash-2-4 over the tenant's id and the octets before it, so that a router can't make up sessions, and one
//! tenant's cookie means nothing at another's routers. Routers return it unchanged; others may add Classes of their own.

use std::{fmt, hash::Hasher as _};

use base::{SessionId, SubscriberId, TenantId};
use siphasher::sip::SipHasher24;

use crate::live::Cookie;

/// Octets of a cookie.
pub const COOKIE_OCTETS: usize = SIGNED + 8;

/// What every cookie of this version begins with.
const MAGIC: [u8; 3] = *b"rn\x01";

/// Octets that the MAC covers.
const SIGNED: usize = 3 + 4 + 16 + 16;

/// The key that signs cookies. It outlives the daemon: sessions stay online while it restarts.
#[derive(Clone)]
pub struct ClassKey([u8; 16]);

impl ClassKey {
    /// From 16 secret octets.
    #[must_use]
    pub const fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The octets, for other keyed hashes of the policy.
    pub(super) const fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    fn sign(&self, tenant: TenantId, signed: &[u8; SIGNED]) -> [u8; 8] {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(tenant.as_bytes());
        hasher.write(signed);
        hasher.finish().to_be_bytes()
    }
}

impl fmt::Debug for ClassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClassKey(***)")
    }
}

/// The value of Class for a session of `tenant`.
#[must_use]
pub fn compose(cookie: &Cookie, tenant: TenantId, key: &ClassKey) -> [u8; COOKIE_OCTETS] {
    let mut value = [0; COOKIE_OCTETS];
    let mut rest = value.as_mut_slice();
    for part in [
        &MAGIC[..],
        &cookie.overlay_generation.to_be_bytes(),
        cookie.subscriber.as_bytes(),
        cookie.session.as_bytes(),
    ] {
        let (place, following) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = following;
    }
    if let Some((signed, mac)) = value.split_first_chunk_mut::<SIGNED>() {
        mac.copy_from_slice(&key.sign(tenant, signed));
    }
    value
}

/// Parses one Class; `None` when it is another's, or was not signed for `tenant`.
#[must_use]
pub fn parse(value: &[u8], tenant: TenantId, key: &ClassKey) -> Option<Cookie> {
    let value: &[u8; COOKIE_OCTETS] = value.try_into().ok()?;
    let (signed, mac) = value.split_first_chunk::<SIGNED>()?;
    let rest = signed.strip_prefix(&MAGIC)?;
    let expected = key.sign(tenant, signed);
    // One comparison of two words: its time tells nothing.
    if u64::from_be_bytes(expected) != u64::from_be_bytes(mac.try_into().ok()?) {
        return None;
    }
    let (generation, rest) = rest.split_first_chunk()?;
    let (subscriber, session) = rest.split_first_chunk()?;
    Some(Cookie {
        subscriber: SubscriberId::from_bytes(*subscriber),
        session: SessionId::from_bytes(session.try_into().ok()?),
        overlay_generation: u32::from_be_bytes(*generation),
    })
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    /// RFC 2865 §5.25: Class comes back unmodified, and the client must not interpret it; so we may.
    #[test]
    fn only_what_we_signed_for_the_tenant_is_read() {
        let key = ClassKey::new([7; 16]);
        let tenant = TenantId::generate(Timestamp::EPOCH);
        let cookie = Cookie {
            subscriber: SubscriberId::generate(Timestamp::EPOCH),
            session: SessionId::generate(Timestamp::EPOCH),
            overlay_generation: 0x0102_0304,
        };
        let value = compose(&cookie, tenant, &key);
        assert_eq!(parse(&value, tenant, &key), Some(cookie));
        assert_eq!(parse(&value, TenantId::generate(Timestamp::EPOCH), &key), None);
        assert_eq!(parse(&value, tenant, &ClassKey::new([8; 16])), None);
        assert_eq!(parse(&value[..46], tenant, &key), None);
        for at in 0..value.len() {
            let mut altered = value;
            altered[at] ^= 1;
            assert_eq!(parse(&altered, tenant, &key), None, "octet {at}");
        }
    }
}
