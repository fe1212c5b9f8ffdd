//! Subscribers by id: from the id to the hash of the name, twelve octets for each.
//!
//! It is asked off the packet path: for renames and removals, and by whoever acts on a session. A shard is a sorted
//! slice, because that wastes nothing; that the record found has the id is checked at the record, so that the id itself
//! need not be kept here.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::shard::{SHARDS, shard_of};

/// One subscriber: part of its id's hash, and the hash of its name in two halves, which keeps the slot at twelve octets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    id: u32,
    name: [u32; 2],
}

impl Slot {
    /// From the two hashes.
    pub(super) const fn new(id_hash: u64, name_hash: u64) -> Self {
        Self { id: low(id_hash), name: [low(name_hash >> 32), low(name_hash)] }
    }

    /// The hash of the name.
    pub(super) fn name_hash(self) -> u64 {
        u64::from(self.name[0]) << 32 | u64::from(self.name[1])
    }
}

/// All slots.
pub(super) struct Ids(Box<[ArcSwap<Box<[Slot]>>]>);

impl Ids {
    pub(super) fn new() -> Self {
        let empty = Arc::new(Box::default());
        Self((0..SHARDS).map(|_| ArcSwap::new(Arc::clone(&empty))).collect())
    }

    /// The hashes under which the name of the subscriber with this hash of its id may be found: usually one.
    pub(super) fn find(&self, id_hash: u64) -> Candidates {
        let slots = self.0[shard_of(id_hash)].load_full();
        let next = slots.partition_point(|slot| slot.id < low(id_hash));
        Candidates { id: low(id_hash), slots, next }
    }

    /// Notes a name. One writer alone.
    pub(super) fn insert(&self, id_hash: u64, name_hash: u64) {
        let slot = Slot::new(id_hash, name_hash);
        self.change(id_hash, |slots| {
            if let Err(place) = slots.binary_search(&slot) {
                slots.insert(place, slot);
            }
        });
    }

    /// Forgets a name. One writer alone.
    pub(super) fn remove(&self, id_hash: u64, name_hash: u64) {
        let slot = Slot::new(id_hash, name_hash);
        self.change(id_hash, |slots| {
            if let Ok(place) = slots.binary_search(&slot) {
                slots.remove(place);
            }
        });
    }

    /// Puts `fresh` in place of the shard with that number. One writer alone.
    pub(super) fn replace(&self, number: usize, mut fresh: Vec<Slot>) {
        fresh.sort_unstable();
        fresh.dedup();
        self.0[number].store(Arc::new(fresh.into_boxed_slice()));
    }

    /// The number of slots.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.load().len()).sum()
    }

    fn change(&self, id_hash: u64, change: impl FnOnce(&mut Vec<Slot>)) {
        let shard = &self.0[shard_of(id_hash)];
        let mut copy = Vec::with_capacity(shard.load().len() + 1);
        copy.extend_from_slice(&shard.load());
        change(&mut copy);
        shard.store(Arc::new(copy.into_boxed_slice()));
    }
}

/// What [`Ids::find`] found.
pub(super) struct Candidates {
    id: u32,
    slots: Arc<Box<[Slot]>>,
    next: usize,
}

impl Iterator for Candidates {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let slot = self.slots.get(self.next).filter(|slot| slot.id == self.id)?;
        self.next += 1;
        Some(slot.name_hash())
    }
}

/// The lower half.
const fn low(hash: u64) -> u32 {
    (hash & 0xffff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_whose_hashes_collide_are_both_found() {
        assert_eq!(size_of::<Slot>(), 12);
        let ids = Ids::new();
        // The same shard and the same lower half: all that is kept of an id.
        let (one, other) = (0x0000_0001_0000_0007, 0x8000_0001_0000_0007);
        ids.insert(one, 0x1111_2222_3333_4444);
        ids.insert(other, u64::MAX);
        ids.insert(other, u64::MAX);
        ids.insert(0x0000_0001_0000_0008, 3);
        assert_eq!(ids.find(one).collect::<Vec<_>>(), [0x1111_2222_3333_4444, u64::MAX]);
        ids.remove(one, 0x1111_2222_3333_4444);
        assert_eq!(ids.find(one).collect::<Vec<_>>(), [u64::MAX]);
        assert_eq!(ids.find(0x0000_0001_0000_0008).collect::<Vec<_>>(), [3]);
        assert_eq!(ids.find(9).count(), 0);
    }
}
