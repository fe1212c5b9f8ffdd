//! Subscribers by tenant and user name: thousands of copy-on-write shards.
//!
//! ```text
//!  hash ─┬─ bits 32..44 ──► shard ──► table: control octets, slots ──► record
//!        └─ lowest and seven highest bits ───┘       (cold)            (cold)
//! ```
//!
//! At a million subscribers the shards' heads and control octets are about 2 MiB and stay in the cache; a slot and the
//! record behind it are the two places that a look-up finds cold.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base::{SubscriberId, TenantId};
use hashbrown::{HashTable, hash_table::Entry};

use super::{keyed::HashKey, record::SubscriberHandle};

/// Shards: about 250 subscribers each at a million, which one change copies in tens of microseconds.
pub(super) const SHARDS: usize = 4_096;

/// The shard of `hash`; also that of an id's hash in [`super::ids`].
pub(super) const fn shard_of(hash: u64) -> usize {
    (hash >> 32 & (SHARDS as u64 - 1)) as usize
}

/// One shard.
#[derive(Clone, Default)]
pub(super) struct Shard(HashTable<SubscriberHandle>);

impl Shard {
    /// A shard that takes `entries` without growing.
    pub(super) fn with_capacity(entries: usize) -> Self {
        Self(HashTable::with_capacity(entries))
    }

    /// Puts `record` under `hash`, the hash of its name; gives back the one that had the name.
    pub(super) fn insert(
        &mut self,
        key: HashKey,
        hash: u64,
        record: SubscriberHandle,
    ) -> Option<SubscriberHandle> {
        let (tenant, username) = (record.view().tenant(), record.view().username());
        match self.0.entry(hash, |known| known.is(tenant, username), |known| name_hash(key, known)) {
            Entry::Occupied(mut entry) => Some(std::mem::replace(entry.get_mut(), record)),
            Entry::Vacant(entry) => {
                entry.insert(record);
                None
            }
        }
    }

    /// Takes the record of `id` under `hash` out.
    pub(super) fn remove(&mut self, key: HashKey, hash: u64, id: SubscriberId) -> Option<SubscriberHandle> {
        let (removed, _) = self.0.find_entry(hash, |known| known.view().id() == id).ok()?.remove();
        // After a mass removal the shard would stay large for ever.
        if self.0.len() <= self.0.capacity() / 4 {
            self.0.shrink_to_fit(|known| name_hash(key, known));
        }
        Some(removed)
    }

    /// Its records, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &SubscriberHandle> {
        self.0.iter()
    }
}

/// The hash of the name of `record`.
pub(super) fn name_hash(key: HashKey, record: &SubscriberHandle) -> u64 {
    key.of_name(record.view().tenant(), record.view().username())
}

/// All shards.
pub(super) struct Shards {
    key: HashKey,
    shards: Box<[ArcSwap<Shard>]>,
}

impl Shards {
    pub(super) fn new(key: HashKey) -> Self {
        let empty = Arc::new(Shard::default());
        Self { key, shards: (0..SHARDS).map(|_| ArcSwap::new(Arc::clone(&empty))).collect() }
    }

    /// Finds a subscriber by name.
    pub(super) fn find(&self, tenant: TenantId, username: &[u8]) -> Option<SubscriberHandle> {
        let hash = self.key.of_name(tenant, username);
        self.shards[shard_of(hash)].load().0.find(hash, |known| known.is(tenant, username)).cloned()
    }

    /// Finds the subscriber `id` under the hash of its name.
    pub(super) fn find_by_hash(&self, hash: u64, id: SubscriberId) -> Option<SubscriberHandle> {
        self.shards[shard_of(hash)].load().0.find(hash, |known| known.view().id() == id).cloned()
    }

    /// Puts `record` under `hash`, the hash of its name; gives back the one that had the name. One writer alone.
    pub(super) fn insert(&self, hash: u64, record: SubscriberHandle) -> Option<SubscriberHandle> {
        self.change(hash, |shard| shard.insert(self.key, hash, record))
    }

    /// Takes the record of `id` under `hash` out. One writer alone.
    pub(super) fn remove(&self, hash: u64, id: SubscriberId) -> Option<SubscriberHandle> {
        self.change(hash, |shard| shard.remove(self.key, hash, id))
    }

    /// Puts `fresh` in place of the shard with that number. One writer alone.
    pub(super) fn replace(&self, number: usize, fresh: Shard) {
        self.shards[number].store(Arc::new(fresh));
    }

    /// All shards as they are.
    pub(super) fn freeze(&self) -> Vec<Arc<Shard>> {
        self.shards.iter().map(ArcSwap::load_full).collect()
    }

    /// The number of subscribers.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.load().0.len()).sum()
    }

    /// How many subscribers the tables have room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.shards.iter().map(|shard| shard.load().0.capacity()).sum()
    }

    fn change<R>(&self, hash: u64, change: impl FnOnce(&mut Shard) -> R) -> R {
        let shard = &self.shards[shard_of(hash)];
        let mut copy = Shard::clone(&shard.load());
        let result = change(&mut copy);
        shard.store(Arc::new(copy));
        result
    }
}
