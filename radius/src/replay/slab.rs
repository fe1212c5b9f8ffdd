//! The entries themselves: a slab of fixed size with two age-ordered chains through it, one of requests in progress and
//! one of answered ones. In each chain all entries live equally long, so its order is that of their end.

use core::time::Duration;

use super::Slot;
use super::key::Key;
use super::replies::Span;

/// No entry: the end of a chain.
const NONE: u32 = u32::MAX;

/// Which chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chain {
    InProgress,
    Answered,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Free,
    InProgress,
    Answered(Span),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) hash: u64,
    pub(super) expires: Duration,
    pub(super) state: State,
    generation: u32,
    newer: u32,
    older: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    oldest: u32,
    newest: u32,
}

#[derive(Debug)]
pub(super) struct Slab {
    /// Grows up to the limit during warm-up, within the memory reserved at the start.
    entries: Vec<Entry>,
    limit: usize,
    /// Head of the free entries, linked by `newer`.
    free: u32,
    in_use: usize,
    in_progress: Ends,
    answered: Ends,
}

impl Slab {
    pub(super) fn with_slots(limit: usize) -> Self {
        let empty = Ends { oldest: NONE, newest: NONE };
        Self {
            entries: Vec::with_capacity(limit),
            limit,
            free: NONE,
            in_use: 0,
            in_progress: empty,
            answered: empty,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.in_use
    }

    pub(super) fn is_full(&self) -> bool {
        self.in_use >= self.limit
    }

    pub(super) fn entry(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }

    pub(super) fn entry_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }

    /// Whether the slot still names the request it was given for, unanswered.
    pub(super) fn is_in_progress(&self, slot: Slot) -> bool {
        self.entries
            .get(slot.index as usize)
            .is_some_and(|entry| entry.generation == slot.generation && entry.state == State::InProgress)
    }

    pub(super) fn oldest(&self, chain: Chain) -> Option<u32> {
        let oldest = match chain {
            Chain::InProgress => self.in_progress.oldest,
            Chain::Answered => self.answered.oldest,
        };
        (oldest != NONE).then_some(oldest)
    }

    /// Adds a request in progress; the caller has made room before.
    pub(super) fn insert(&mut self, key: Key, hash: u64, expires: Duration) -> Slot {
        let mut entry =
            Entry { key, hash, expires, state: State::InProgress, generation: 0, newer: NONE, older: NONE };
        let index = if self.free == NONE {
            let index = u32::try_from(self.entries.len()).unwrap_or(NONE);
            self.entries.push(entry);
            index
        } else {
            let index = self.free;
            let place = self.entry_mut(index);
            let next = place.newer;
            entry.generation = place.generation;
            *place = entry;
            self.free = next;
            index
        };
        self.in_use += 1;
        self.append(Chain::InProgress, index);
        Slot { index, generation: entry.generation }
    }

    pub(super) fn remove(&mut self, index: u32) {
        self.unlink(index);
        let free = self.free;
        let entry = self.entry_mut(index);
        entry.state = State::Free;
        entry.generation = entry.generation.wrapping_add(1);
        entry.newer = free;
        self.free = index;
        self.in_use -= 1;
    }

    /// Puts an unlinked entry at the young end of a chain.
    pub(super) fn append(&mut self, chain: Chain, index: u32) {
        let newest = self.ends(chain).newest;
        let entry = self.entry_mut(index);
        entry.older = newest;
        entry.newer = NONE;
        if newest == NONE {
            self.ends(chain).oldest = index;
        } else {
            self.entry_mut(newest).newer = index;
        }
        self.ends(chain).newest = index;
    }

    /// Takes an entry out of the chain that its state says it is in.
    pub(super) fn unlink(&mut self, index: u32) {
        let Entry { older, newer, state, .. } = *self.entry(index);
        let chain = match state {
            State::Answered(_) => Chain::Answered,
            State::InProgress | State::Free => Chain::InProgress,
        };
        if older == NONE {
            self.ends(chain).oldest = newer;
        } else {
            self.entry_mut(older).newer = newer;
        }
        if newer == NONE {
            self.ends(chain).newest = older;
        } else {
            self.entry_mut(newer).older = older;
        }
    }

    #[cfg(test)]
    pub(super) fn reserved(&self) -> usize {
        self.entries.capacity()
    }

    fn ends(&mut self, chain: Chain) -> &mut Ends {
        match chain {
            Chain::InProgress => &mut self.in_progress,
            Chain::Answered => &mut self.answered,
        }
    }
}
