//! The keyed hash of every table here: user names and addresses are chosen by others, the key is not known to them.

use std::{
    fmt,
    hash::{BuildHasher, Hasher as _},
};

use base::{SubscriberId, TenantId};
use siphasher::sip::SipHasher13;

/// Octets of a [`HashKey`].
pub const HASH_KEY_OCTETS: usize = 16;

/// The key of the tables' hash: random for each start, never stored.
#[derive(Clone, Copy)]
pub struct HashKey([u8; HASH_KEY_OCTETS]);

impl HashKey {
    /// From random octets.
    #[must_use]
    pub const fn new(random: [u8; HASH_KEY_OCTETS]) -> Self {
        Self(random)
    }

    /// The hash under which `tenant` knows `username`.
    pub(super) fn of_name(self, tenant: TenantId, username: &[u8]) -> u64 {
        let mut hasher = self.build_hasher();
        hasher.write(tenant.as_bytes());
        hasher.write(username);
        hasher.finish()
    }

    /// The hash of a subscriber's id. The last bits of an id are random, but an import may make them up.
    pub(super) fn of_id(self, id: SubscriberId) -> u64 {
        let mut hasher = self.build_hasher();
        hasher.write(id.as_bytes());
        hasher.finish()
    }
}

impl BuildHasher for HashKey {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(***)")
    }
}
