//! Requests in flight: a slab with a queue of deadlines.

use core::time::Duration;
use std::collections::BTreeSet;

use super::request::{Kind, Request};
use super::schedule::{MOST_COPIES, wait_after};
use super::{Pair, Ticket};
use crate::packet::Authenticator;
use crate::secret::SharedSecret;

/// One request until its outcome.
pub(super) struct Exchange {
    pub(super) kind: Kind,
    pub(super) pair: Pair,
    pub(super) identifier: u8,
    pub(super) secret: SharedSecret,
    pub(super) requires_message_authenticator: bool,
    /// Every copy is these octets.
    pub(super) datagram: Box<[u8]>,
    /// When the first copy was sent; `None` while it is queued.
    first_sent: Option<Duration>,
    copies: u8,
    /// How long after the first copy it ends.
    patience: Duration,
    wait: Duration,
    /// When something is due; `None` while a copy is queued.
    deadline: Option<Duration>,
}

impl Exchange {
    pub(super) fn new(
        request: &Request<'_>,
        identifier: u8,
        datagram: Box<[u8]>,
        patience: Duration,
    ) -> Self {
        Self {
            kind: request.kind,
            pair: request.pair,
            identifier,
            secret: request.secret.clone(),
            requires_message_authenticator: request.requires_message_authenticator,
            datagram,
            first_sent: None,
            copies: 0,
            patience,
            wait: Duration::ZERO,
            deadline: None,
        }
    }

    /// Which copy was sent last.
    pub(super) fn copy(&self) -> u8 {
        self.copies.saturating_sub(1)
    }

    pub(super) fn was_sent(&self) -> bool {
        self.first_sent.is_some()
    }

    /// The request's own authenticator, which its reply is signed over.
    pub(super) fn authenticator(&self) -> &Authenticator {
        const NONE: Authenticator = [0; 16];
        self.datagram.get(4..).and_then(|rest| rest.first_chunk()).unwrap_or(&NONE)
    }

    /// Whether there is nothing more to try.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.copy() >= MOST_COPIES || self.elapsed(now) >= self.patience
    }

    pub(super) fn elapsed(&self, now: Duration) -> Duration {
        self.first_sent.map_or(Duration::ZERO, |first| now.saturating_sub(first))
    }
}

#[derive(Default)]
pub(super) struct Exchanges {
    places: Vec<Place>,
    free: Vec<u32>,
    deadlines: BTreeSet<(Duration, u32)>,
}

#[derive(Default)]
struct Place {
    generation: u32,
    exchange: Option<Exchange>,
}

impl Exchanges {
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, exchange: Exchange) -> Ticket {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            // The client's limit keeps the number far below 32 bits.
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let mut generation = 0;
        if let Some(place) = self.places.get_mut(index as usize) {
            place.exchange = Some(exchange);
            generation = place.generation;
        }
        Ticket { index, generation }
    }

    pub(super) fn find(&self, ticket: Ticket) -> Option<&Exchange> {
        let place = self.places.get(ticket.index as usize)?;
        place.exchange.as_ref().filter(|_| place.generation == ticket.generation)
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Exchange> {
        let place = self.places.get_mut(ticket.index as usize)?;
        if place.generation != ticket.generation {
            return None;
        }
        let exchange = place.exchange.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(ticket.index);
        if let Some(deadline) = exchange.deadline {
            self.deadlines.remove(&(deadline, ticket.index));
        }
        Some(exchange)
    }

    /// Notes that a copy is sent now and sets its deadline.
    pub(super) fn sent(
        &mut self,
        ticket: Ticket,
        now: Duration,
        random: &mut dyn FnMut() -> u32,
    ) -> Option<&Exchange> {
        let exchange = self.places.get_mut(ticket.index as usize)?.exchange.as_mut()?;
        exchange.wait = wait_after(exchange.copies, exchange.wait, random());
        exchange.copies = exchange.copies.saturating_add(1);
        let first = *exchange.first_sent.get_or_insert(now);
        let deadline = now.saturating_add(exchange.wait).min(first.saturating_add(exchange.patience));
        exchange.deadline = Some(deadline);
        self.deadlines.insert((deadline, ticket.index));
        Some(exchange)
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Takes one exchange whose deadline has come.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<Ticket> {
        let &(deadline, index) = self.deadlines.first().filter(|&&(deadline, _)| deadline <= now)?;
        self.deadlines.remove(&(deadline, index));
        let place = self.places.get_mut(index as usize)?;
        place.exchange.as_mut()?.deadline = None;
        Some(Ticket { index, generation: place.generation })
    }
}
