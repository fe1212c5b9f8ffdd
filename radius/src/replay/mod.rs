//! Duplicate cache (RFC 5080 §2.2.2): a retransmission gets the very same reply, or silence while the first request is
//! still being worked on. It keeps no clock and no socket: the caller gives the time.
//!
//! One cache belongs to one worker thread, so there is no lock; the kernel hands every datagram of one 4-tuple to the
//! same worker, hence a retransmission meets the cache that saw the original.
//!
//! ```text
//!             New(slot)                     answer(slot, reply)
//!   unseen ---------------> in progress ------------------------> answered
//!     ^                      |       |                              |
//!     |   forget, or         |       | same flow, new authenticator |
//!     +-- lifetime over -----+       +-----> superseded: New(slot)  |
//!     +-- lifetime over, or evicted as the oldest ------------------+
//! ```
//!
//! **The caller's contract.** Verify the packet first: a packet with a bad Message-Authenticator must not touch the cache
//! (RFC 5080 §2.2.2). Then [`check`](ReplayCache::check) it. On [`Verdict::New`] the slot is to be given back by
//! [`answer`](ReplayCache::answer) or [`forget`](ReplayCache::forget), also when handling fails; a slot that is lost
//! frees itself after [`Limits::in_progress`]. A slot may outlive its entry: then both calls do nothing, and the caller
//! still sends its reply, so a request whose identifier was reused loses nothing.
//!
//! Memory is bounded by [`Limits`] and reserved at the start; a packet costs no allocation. Keys are hashed with a secret
//! from the caller, so nobody can choose packets that fall into one chain.

use core::time::Duration;

mod counters;
mod key;
mod limits;
mod replies;
mod slab;
mod table;
#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use key::{HashSecret, Key};
pub use limits::Limits;

use replies::Replies;
use slab::{Chain, Slab, State};
use table::Table;

/// How many expired entries of each state one call may remove: at most one is added per call, so two keep up, and no call
/// pays for a whole idle period.
const EXPIRED_PER_CALL: usize = 2;

/// What to do with a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Never seen, or long ago: handle it, then give the slot back.
    New(Slot),
    /// A retransmission of a request that is being handled: discard it silently.
    InProgress,
    /// A retransmission of an answered request: send these octets again.
    Reply(&'a [u8]),
}

/// A claim on one entry. It names the entry by place and generation, so a stale one is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    index: u32,
    generation: u32,
}

/// The duplicate cache of one worker.
#[derive(Debug)]
pub struct ReplayCache {
    limits: Limits,
    secret: HashSecret,
    table: Table,
    slab: Slab,
    replies: Replies,
    counters: Counters,
}

impl ReplayCache {
    /// Makes an empty cache within `limits`. The secret should be random, and another one for every worker.
    pub fn new(limits: Limits, secret: HashSecret) -> Self {
        let limits = limits.clamped();
        Self {
            limits,
            secret,
            table: Table::with_slots(limits.slots),
            slab: Slab::with_slots(limits.slots),
            replies: Replies::with_octets(limits.octets),
            counters: Counters::default(),
        }
    }

    /// Judges one verified request. `now` is the time since an origin that never changes, and never goes back; if it does,
    /// entries merely live longer.
    pub fn check(&mut self, now: Duration, key: &Key) -> Verdict<'_> {
        self.expire(now);
        let hash = key.hash(&self.secret);
        let Self { table, slab, .. } = self;
        if let Some(index) = table.find(hash, |index| slab.entry(index).key.same_flow(key)) {
            let entry = self.slab.entry(index);
            let live = entry.expires > now;
            if live && entry.key.authenticator() == key.authenticator() {
                let state = entry.state;
                return match state {
                    State::Answered(span) => {
                        self.counters.replayed += 1;
                        Verdict::Reply(self.replies.read(span))
                    }
                    State::InProgress | State::Free => {
                        self.counters.in_progress += 1;
                        Verdict::InProgress
                    }
                };
            }
            if live {
                self.counters.superseded += 1;
            } else {
                self.counters.expired += 1;
            }
            self.remove(index);
        }
        Verdict::New(self.insert(now, hash, key))
    }

    /// Keeps the reply of a request and starts its lifetime. False when the entry is gone (superseded, evicted or out of
    /// time) or the reply is longer than the whole cache; the reply is to be sent all the same.
    pub fn answer(&mut self, now: Duration, slot: Slot, reply: &[u8]) -> bool {
        if !self.slab.is_in_progress(slot) {
            return false;
        }
        if !self.replies.can_hold(reply) {
            self.counters.oversized += 1;
            self.remove(slot.index);
            return false;
        }
        while self.replies.must_evict(reply, self.oldest_span()) {
            let Some(oldest) = self.slab.oldest(Chain::Answered) else { break };
            self.counters.evicted_for_octets += 1;
            self.remove(oldest);
        }
        let span = self.replies.write(reply);
        self.slab.unlink(slot.index);
        let entry = self.slab.entry_mut(slot.index);
        entry.state = State::Answered(span);
        entry.expires = now.saturating_add(self.limits.lifetime);
        self.slab.append(Chain::Answered, slot.index);
        true
    }

    /// Gives up a request without a reply (discarded, or its handling failed): its next copy is new again. False when
    /// the entry was gone already.
    pub fn forget(&mut self, slot: Slot) -> bool {
        let ours = self.slab.is_in_progress(slot);
        if ours {
            self.counters.forgotten += 1;
            self.remove(slot.index);
        }
        ours
    }

    /// Removes what is out of time, a few entries at once. Every [`check`](Self::check) does it too; an idle worker may
    /// call this on a timer, but nothing depends on it.
    pub fn expire(&mut self, now: Duration) {
        for chain in [Chain::Answered, Chain::InProgress] {
            for _ in 0..EXPIRED_PER_CALL {
                let Some(oldest) = self.slab.oldest(chain) else { break };
                if self.slab.entry(oldest).expires > now {
                    break;
                }
                self.counters.expired += 1;
                self.remove(oldest);
            }
        }
    }

    /// Number of requests it remembers now.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether it remembers nothing.
    pub fn is_empty(&self) -> bool {
        self.slab.len() == 0
    }

    /// What happened since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes a place for a new request; a full cache gives up its oldest answered entry, and only without one of those the
    /// oldest request in progress.
    fn insert(&mut self, now: Duration, hash: u64, key: &Key) -> Slot {
        if self.slab.is_full() {
            if let Some(oldest) = self.slab.oldest(Chain::Answered) {
                self.counters.evicted += 1;
                self.remove(oldest);
            } else if let Some(oldest) = self.slab.oldest(Chain::InProgress) {
                self.counters.evicted_in_progress += 1;
                self.remove(oldest);
            }
        }
        self.counters.new += 1;
        let slot = self.slab.insert(*key, hash, now.saturating_add(self.limits.in_progress));
        self.table.insert(hash, slot.index);
        slot
    }

    fn remove(&mut self, index: u32) {
        self.table.remove(self.slab.entry(index).hash, index);
        self.slab.remove(index);
    }

    fn oldest_span(&self) -> Option<replies::Span> {
        match self.slab.entry(self.slab.oldest(Chain::Answered)?).state {
            State::Answered(span) => Some(span),
            State::InProgress | State::Free => None,
        }
    }
}
