//! What belongs to one worker alone: randomness, counters, what it knows by heart, and the record that it is about to append.

use std::{fmt, hash::Hasher as _};

use base::{Now, SessionId, Timestamp};
use metrics::{Counter, counter};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::{
    attempt::{Outcome, Sampler},
    first_use::{FIRST_USE_OCTETS, FirstUse},
    memo::Memo,
};

/// Octets of a seed.
pub const SEED_OCTETS: usize = 16;

/// A worker's own state. One for each worker, used for one request at a time.
pub struct Scratch {
    random: Random,
    pub(super) sampler: Sampler,
    outcomes: [u64; Outcome::COUNT],
    counters: [Counter; Outcome::COUNT],
    composed: [u8; FIRST_USE_OCTETS],
    /// The first use that the last answer waits for.
    pub(super) first_use: Option<FirstUse>,
    pub(super) memo: Memo,
    /// Whether the worker signs Accepts itself.
    pub(super) is_signing_later: bool,
}

impl Scratch {
    /// Seeded by the operating system.
    #[must_use]
    pub fn new() -> Self {
        let mut seed = [0; SEED_OCTETS];
        // Without randomness no session could be named: the daemon refuses to start long before this.
        getrandom::fill(&mut seed).expect("the operating system gives randomness");
        Self::with_seed(seed)
    }

    /// With a given seed: each worker needs another, or their session ids collide.
    #[must_use]
    pub fn with_seed(seed: [u8; SEED_OCTETS]) -> Self {
        let outcome = |index: usize| {
            let label = Outcome::ALL.get(index).map_or("", |outcome| outcome.as_str());
            counter!("rrnetd_radius_access_total", "outcome" => label)
        };
        Self {
            random: Random { seed, drawn: 0 },
            sampler: Sampler::new(),
            outcomes: [0; Outcome::COUNT],
            counters: std::array::from_fn(outcome),
            composed: [0; FIRST_USE_OCTETS],
            first_use: None,
            memo: Memo::new(),
            is_signing_later: false,
        }
    }

    /// For a worker that signs the Accepts of a batch together: they come as [`Action::Sign`](super::Action::Sign).
    #[must_use]
    pub const fn signing_later(mut self) -> Self {
        self.is_signing_later = true;
        self
    }

    /// The first octets of the composed record.
    #[must_use]
    pub fn composed(&self, length: usize) -> &[u8] {
        self.composed.get(..length).unwrap_or_default()
    }

    /// Hands what was counted to the metrics registry: once a wake-up, so that a packet never touches a shared cache line.
    pub fn publish(&mut self) {
        for (count, counter) in self.outcomes.iter_mut().zip(&self.counters) {
            if *count > 0 {
                counter.increment(std::mem::take(count));
            }
        }
    }

    pub(super) fn compose(&mut self, first: FirstUse) -> usize {
        self.composed = first.compose();
        self.first_use = Some(first);
        self.composed.len()
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        if let Some(count) = self.outcomes.get_mut(outcome.index()) {
            *count += 1;
        }
    }

    pub(super) fn random(&mut self) -> [u8; 16] {
        self.random.draw()
    }

    /// A fresh session id made at `now`.
    pub(super) fn session_id(&mut self, now: Now) -> SessionId {
        let [random @ .., _, _, _, _, _, _] = self.random.draw();
        let millis = u64::try_from(now.wall.max(Timestamp::EPOCH).as_millis()).unwrap_or(0);
        SessionId::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("first_use", &self.first_use).finish_non_exhaustive()
    }
}

/// A keyed function of a counter: as unpredictable as its seed, and without a system call for each session.
struct Random {
    seed: [u8; SEED_OCTETS],
    drawn: u64,
}

impl Random {
    fn draw(&mut self) -> [u8; 16] {
        self.drawn += 1;
        let mut hasher = SipHasher13::new_with_key(&self.seed);
        hasher.write_u64(self.drawn);
        hasher.finish128().as_bytes()
    }
}
