//! Identifiers: one octet for each pair of addresses tells its requests in flight apart (RFC 2865 §3).

use std::collections::HashMap;

use super::{Pair, Ticket};

/// Idle pairs that are kept to remember their next identifier. Beyond that they are forgotten and start anew at random; the
/// signature still keeps a late reply from answering another request.
const IDLE_PAIRS: usize = 16_384;

#[derive(Default)]
pub(super) struct Identifiers {
    in_flight: HashMap<(Pair, u8), Ticket>,
    pairs: HashMap<Pair, Counter>,
}

#[derive(Clone, Copy)]
struct Counter {
    /// Identifiers are used in turn, so that one comes back as late as possible.
    next: u8,
    in_flight: usize,
}

impl Identifiers {
    /// An identifier that no request of this pair has; `None` with `limit` in flight already.
    pub(super) fn find_free(
        &mut self,
        pair: Pair,
        limit: usize,
        random: &mut dyn FnMut() -> u32,
    ) -> Option<u8> {
        if !self.pairs.contains_key(&pair) && self.pairs.len() >= IDLE_PAIRS {
            self.pairs.retain(|_, counter| counter.in_flight > 0);
        }
        let [start, ..] = random().to_le_bytes();
        let counter = *self.pairs.entry(pair).or_insert(Counter { next: start, in_flight: 0 });
        if counter.in_flight >= limit {
            return None;
        }
        (0..=u8::MAX)
            .map(|step| counter.next.wrapping_add(step))
            .find(|&identifier| !self.in_flight.contains_key(&(pair, identifier)))
    }

    pub(super) fn take(&mut self, pair: Pair, identifier: u8, ticket: Ticket) {
        self.in_flight.insert((pair, identifier), ticket);
        if let Some(counter) = self.pairs.get_mut(&pair) {
            counter.in_flight += 1;
            counter.next = identifier.wrapping_add(1);
        }
    }

    pub(super) fn find(&self, pair: Pair, identifier: u8) -> Option<Ticket> {
        self.in_flight.get(&(pair, identifier)).copied()
    }

    pub(super) fn free(&mut self, pair: Pair, identifier: u8) {
        if self.in_flight.remove(&(pair, identifier)).is_some()
            && let Some(counter) = self.pairs.get_mut(&pair)
        {
            counter.in_flight -= 1;
        }
    }
}
