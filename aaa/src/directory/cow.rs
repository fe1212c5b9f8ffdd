//! A map for many readers and one writer: shards that are copied for a change and swapped, never locked.

use std::{
    hash::{BuildHasher as _, Hash},
    sync::Arc,
};

use arc_swap::ArcSwap;
use hashbrown::HashMap;

use super::keyed::HashKey;

/// Shards of a map. With 25,000 plans or router addresses a change copies about a hundred entries.
const SHARDS: usize = 256;

type Shard<K, V> = HashMap<K, V, HashKey>;

/// The map. `V` is cheap to clone: a shared pointer.
pub(super) struct CowMap<K, V> {
    key: HashKey,
    shards: Box<[ArcSwap<Shard<K, V>>]>,
}

impl<K: Copy + Eq + Hash, V: Clone> CowMap<K, V> {
    pub(super) fn new(key: HashKey) -> Self {
        let empty = Arc::new(Shard::with_hasher(key));
        Self { key, shards: (0..SHARDS).map(|_| ArcSwap::new(Arc::clone(&empty))).collect() }
    }

    /// The key of its hash.
    pub(super) const fn key(&self) -> HashKey {
        self.key
    }

    /// Finds the value of `key`.
    pub(super) fn find(&self, key: &K) -> Option<V> {
        self.shard(key).load().get(key).cloned()
    }

    /// Puts `value` at `key`; gives back the value that was there. Called by the one writer alone.
    pub(super) fn insert(&self, key: K, value: V) -> Option<V> {
        let shard = self.shard(&key);
        let mut copy = Shard::clone(&shard.load());
        let previous = copy.insert(key, value);
        shard.store(Arc::new(copy));
        previous
    }

    /// Takes the value at `key` out. Called by the one writer alone.
    pub(super) fn remove(&self, key: &K) -> Option<V> {
        let shard = self.shard(key);
        let mut copy = Shard::clone(&shard.load());
        let removed = copy.remove(key)?;
        shard.store(Arc::new(copy));
        Some(removed)
    }

    /// Puts `entries` in place of everything; an entry that stays is never missing. Called by the one writer alone.
    pub(super) fn replace(&self, entries: impl IntoIterator<Item = (K, V)>) {
        let mut fresh: Vec<_> = self.shards.iter().map(|_| Shard::with_hasher(self.key)).collect();
        for (key, value) in entries {
            fresh[self.index(&key)].insert(key, value);
        }
        for (shard, fresh) in self.shards.iter().zip(fresh) {
            shard.store(Arc::new(fresh));
        }
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.load().len()).sum()
    }

    /// All values, in no order.
    pub(super) fn values(&self) -> Vec<V> {
        self.shards.iter().flat_map(|shard| shard.load().values().cloned().collect::<Vec<_>>()).collect()
    }

    fn shard(&self, key: &K) -> &ArcSwap<Shard<K, V>> {
        &self.shards[self.index(key)]
    }

    fn index(&self, key: &K) -> usize {
        // The table inside takes the lowest and the seven highest bits.
        (self.key.hash_one(key) >> 32 & (SHARDS as u64 - 1)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_last() {
        let map = CowMap::new(HashKey::new([7; 16]));
        for number in 0..2_000_u32 {
            assert_eq!(map.insert(number, number), None);
        }
        assert_eq!(map.insert(5, 50), Some(5));
        assert_eq!(map.remove(&6), Some(6));
        assert_eq!(map.remove(&6), None);
        assert_eq!((map.find(&5), map.find(&6), map.len()), (Some(50), None, 1_999));
        map.replace((100..200).map(|number| (number, number + 1)));
        assert_eq!((map.find(&5), map.find(&150), map.len()), (None, Some(151), 100));
        let mut values = map.values();
        values.sort_unstable();
        assert_eq!(values, (101..201).collect::<Vec<_>>());
    }
}
