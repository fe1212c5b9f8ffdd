//! Subscribers by tenant and user name: thousands of copy-on-write shards.
//!
//! ```text
//!  hash ─┬─ bits 32..44 ─► shard ─► slots: tag, record ─► record
//!        └─ bits 0..32, the tag ───────┘  (cold)         (cold)
//! ```
//!
//! At a million subscribers the shards' heads are a quarter of a MiB and stay in the cache; a slot and the record behind
//! it are the two places that a look-up finds cold. The tag stands in the slot so that no other record is touched on
//! the way.
//!
//! A change makes a new shard anyway, so that there is nothing to delete from one: it is laid out afresh each time.

use std::{hint::black_box, sync::Arc};

use arc_swap::ArcSwap;
use base::{SubscriberId, TenantId};

use super::{TOGETHER, keyed::HashKey, record::SubscriberHandle};

/// Shards: about 250 subscribers each at a million, which one change copies in about ten microseconds.
pub(super) const SHARDS: usize = 4_096;

/// The shard of `hash`; also that of an id's hash in [`super::ids`].
pub(super) const fn shard_of(hash: u64) -> usize {
    (hash >> 32 & (SHARDS as u64 - 1)) as usize
}

/// Subscribers of a shard from which on all of them are more than a cache holds: 128 octets each, some 8 MiB.
const LARGE: usize = 16;

/// One shard: open addressing, linear probing, two thirds full.
#[derive(Default)]
pub(super) struct Shard {
    slots: Box<[Option<Slot>]>,
    taken: usize,
}

#[derive(Clone)]
struct Slot {
    tag: u32,
    record: SubscriberHandle,
}

impl Shard {
    /// A shard of at most `expected` records under the hashes of their names; of two with one name the later stays.
    pub(super) fn of(records: impl Iterator<Item = (u64, SubscriberHandle)>, expected: usize) -> Self {
        let mut shard = Self { slots: vec![None; capacity(expected)].into(), taken: 0 };
        for (hash, record) in records {
            shard.put(Slot { tag: tag(hash), record });
        }
        shard
    }

    /// This shard with `record` under `hash`, the hash of its name, and the one that had the name.
    fn with(&self, hash: u64, record: SubscriberHandle) -> (Self, Option<SubscriberHandle>) {
        let mut copy = self.copy(self.taken + 1, |_| true);
        let displaced = copy.put(Slot { tag: tag(hash), record });
        (copy, displaced)
    }

    /// This shard without the record of `id`, and that record; `None` when it is not here.
    fn without(&self, hash: u64, id: SubscriberId) -> Option<(Self, SubscriberHandle)> {
        let removed = self.find(hash, |record| record.view().id() == id)?;
        let copy = self.copy(self.taken - 1, |slot| !Arc::ptr_eq(slot.record.shared(), removed.shared()));
        Some((copy, removed.clone()))
    }

    /// Finds the record under `hash` that `is_meant`.
    fn find(&self, hash: u64, is_meant: impl Fn(&SubscriberHandle) -> bool) -> Option<&SubscriberHandle> {
        let tag = tag(hash);
        let start = self.start(tag);
        let (before, from) = self.slots.split_at_checked(start)?;
        from.iter()
            .chain(before)
            .map_while(Option::as_ref)
            .find(|slot| slot.tag == tag && is_meant(&slot.record))
            .map(|slot| &slot.record)
    }

    /// The tag in the first slot that a look-up for `hash` reads.
    fn first_tag(&self, hash: u64) -> u32 {
        let slot = self.slots.get(self.start(tag(hash)));
        slot.and_then(Option::as_ref).map_or(0, |slot| slot.tag)
    }

    /// Its records, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &SubscriberHandle> {
        self.slots.iter().flatten().map(|slot| &slot.record)
    }

    /// The number of its records.
    pub(super) const fn len(&self) -> usize {
        self.taken
    }

    fn copy(&self, expected: usize, keeps: impl Fn(&Slot) -> bool) -> Self {
        let mut copy = Self { slots: vec![None; capacity(expected)].into(), taken: 0 };
        for slot in self.slots.iter().flatten().filter(|slot| keeps(slot)) {
            if let Some(free) = copy.free(slot.tag) {
                *free = Some(slot.clone());
                copy.taken += 1;
            }
        }
        copy
    }

    /// Puts `slot` in the place of the one with its name, which it gives back, or in a free one.
    fn put(&mut self, slot: Slot) -> Option<SubscriberHandle> {
        let (tenant, username) = (slot.record.view().tenant(), slot.record.view().username());
        let start = self.start(slot.tag);
        let places = (start..self.slots.len()).chain(0..start);
        for place in places {
            let Some(known) = &mut self.slots[place] else {
                self.slots[place] = Some(slot);
                self.taken += 1;
                return None;
            };
            if known.tag == slot.tag && known.record.is(tenant, username) {
                return Some(std::mem::replace(known, slot).record);
            }
        }
        None
    }

    /// The first free slot for `tag`. There always is one: the capacity is above what is put in.
    fn free(&mut self, tag: u32) -> Option<&mut Option<Slot>> {
        let start = self.start(tag);
        let (before, from) = self.slots.split_at_mut(start);
        from.iter_mut().chain(before).find(|slot| slot.is_none())
    }

    /// Where the slots of `tag` start: tags are spread evenly over the slots.
    fn start(&self, tag: u32) -> usize {
        usize::try_from((u64::from(tag) * self.slots.len() as u64) >> 32).unwrap_or(0)
    }
}

/// Slots for `records`: half as many again, and one that stays free to end every search.
const fn capacity(records: usize) -> usize {
    if records == 0 { 0 } else { records + records / 2 + 1 }
}

/// What a slot keeps of a hash.
const fn tag(hash: u64) -> u32 {
    (hash & 0xffff_ffff) as u32
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
        self.shards[shard_of(hash)].load().find(hash, |known| known.is(tenant, username)).cloned()
    }

    /// Brings what [`find`](Self::find) will read for these names into the processor's cache. First all the slots, then all the
    /// records that they name: reads of one kind do not depend on each other, so their waits overlap.
    pub(super) fn fetch(
        &self,
        names: [Option<(TenantId, &[u8])>; TOGETHER],
    ) -> [Option<SubscriberId>; TOGETHER] {
        let wanted = names.map(|name| {
            let (tenant, username) = name?;
            let hash = self.key.of_name(tenant, username);
            Some((hash, self.shards[shard_of(hash)].load()))
        });
        black_box(wanted.iter().flatten().fold(0, |seen, (hash, shard)| seen ^ shard.first_tag(*hash)));
        wanted.each_ref().map(|wanted| {
            let (hash, shard) = wanted.as_ref()?;
            Some(shard.find(*hash, |_| true)?.fetch())
        })
    }

    /// Whether all subscribers together are more than the processor's caches hold, by one shard: names are spread evenly.
    pub(super) fn is_large(&self) -> bool {
        self.shards.first().is_some_and(|shard| shard.load().len() >= LARGE)
    }

    /// Finds the subscriber `id` under the hash of its name.
    pub(super) fn find_by_hash(&self, hash: u64, id: SubscriberId) -> Option<SubscriberHandle> {
        self.shards[shard_of(hash)].load().find(hash, |known| known.view().id() == id).cloned()
    }

    /// Puts `record` under `hash`, the hash of its name; gives back the one that had the name. One writer alone.
    pub(super) fn insert(&self, hash: u64, record: SubscriberHandle) -> Option<SubscriberHandle> {
        let shard = &self.shards[shard_of(hash)];
        let (changed, displaced) = shard.load().with(hash, record);
        shard.store(Arc::new(changed));
        displaced
    }

    /// Takes the record of `id` under `hash` out. One writer alone.
    pub(super) fn remove(&self, hash: u64, id: SubscriberId) -> Option<SubscriberHandle> {
        let shard = &self.shards[shard_of(hash)];
        let (changed, removed) = shard.load().without(hash, id)?;
        shard.store(Arc::new(changed));
        Some(removed)
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
        self.shards.iter().map(|shard| shard.load().len()).sum()
    }

    /// How many slots there are.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.shards.iter().map(|shard| shard.load().slots.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::testing;

    fn record(number: u32) -> SubscriberHandle {
        SubscriberHandle::pack(&testing::subscriber(number, &format!("user{number}"))).unwrap()
    }

    fn found(shard: &Shard, hash: u64, number: u32) -> bool {
        let name = format!("user{number}");
        let tenant = TenantId::from_bytes(testing::octets(1));
        let found = shard.find(hash, |known| known.is(tenant, name.as_bytes()));
        assert!(found.is_none_or(|found| found.view().username() == name.as_bytes()));
        found.is_some()
    }

    /// All in one chain, which starts at the last slot and goes on at the first.
    #[test]
    fn names_whose_hashes_collide_are_all_found() {
        let hash = u64::from(u32::MAX);
        let mut shard = Shard::of((0..50).map(|number| (hash, record(number))), 50);
        for number in 50..100 {
            let (changed, displaced) = shard.with(hash, record(number));
            assert!(displaced.is_none());
            shard = changed;
        }
        assert!((0..100).all(|number| found(&shard, hash, number)) && !found(&shard, hash, 100));
        let (shard, displaced) = shard.with(hash, record(7));
        assert_eq!((displaced.is_some(), shard.len()), (true, 100));
        let (shard, removed) = shard.without(hash, record(8).view().id()).unwrap();
        assert_eq!(removed.view().username(), b"user8");
        assert!(shard.without(hash, record(8).view().id()).is_none());
        assert!((0..100).all(|number| found(&shard, hash, number) == (number != 8)));
        assert_eq!((shard.len(), shard.iter().count()), (99, 99));
    }

    #[test]
    fn an_empty_shard_holds_nothing() {
        let (shard, removed) =
            Shard::of([(3, record(1))].into_iter(), 1).without(3, record(1).view().id()).unwrap();
        assert_eq!((removed.view().username(), shard.len(), shard.slots.len()), (&b"user1"[..], 0, 0));
        for shard in [shard, Shard::default()] {
            assert!(!found(&shard, 3, 1));
            assert!(found(&shard.with(3, record(1)).0, 3, 1));
        }
    }

    #[test]
    fn what_is_fetched_is_what_is_found() {
        let key = HashKey::new([3; 16]);
        let shards = Shards::new(key);
        let tenant = TenantId::from_bytes(testing::octets(1));
        for number in 0..1_000 {
            shards.insert(name_hash(key, &record(number)), record(number));
        }
        let names =
            ["user0", "user7", "nobody", "user999", "user1000"].map(|name| Some((tenant, name.as_bytes())));
        let mut wanted = [None; TOGETHER];
        wanted[1..=names.len()].copy_from_slice(&names);
        let fetched = shards.fetch(wanted);
        let id = |number| Some(record(number).view().id());
        assert_eq!(fetched, [None, id(0), id(7), None, id(999), None, None, None]);
    }

    #[test]
    fn it_is_large_when_no_cache_holds_it() {
        let shards = Shards::new(HashKey::new([3; 16]));
        assert!(!shards.is_large());
        for (subscribers, is_large) in [(10, false), (250, true)] {
            for number in 0..SHARDS {
                let records = (0..subscribers).map(|at| (u64::from(at) << 20, record(at)));
                shards.replace(number, Shard::of(records, subscribers as usize));
            }
            assert_eq!(shards.is_large(), is_large, "{subscribers} in each");
        }
    }
}
