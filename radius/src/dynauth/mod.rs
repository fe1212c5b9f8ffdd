//! Dynamic authorisation, from our side (RFC 5176): CoA-Request changes a live session, Disconnect-Request ends it. One
//! [`Client`] keeps many requests to many routers in flight. It opens no socket and reads no clock.
//!
//! ```text
//!                  poll_transmit              handle: a reply that is its router's own
//!   submit --> queued --------> in flight ------------------------------------> Ack | Nak
//!                 ^                |  |
//!                 +----------------+  +---------------------------------------> TimedOut
//!                  handle_timeout         handle_timeout, 5 copies or 30 seconds later
//! ```
//!
//! **The caller's contract.** After every call of [`submit`](Client::submit), [`handle`](Client::handle) and
//! [`handle_timeout`](Client::handle_timeout): send what [`poll_transmit`](Client::poll_transmit) gives until it gives
//! nothing, take what [`poll_outcome`](Client::poll_outcome) gives likewise, then sleep until
//! [`next_timeout`](Client::next_timeout) or a datagram. Times are durations since an origin that never changes.
//!
//! A copy of a request has the same identifier, port and octets (RFC 5080 §2.2.1), so a router does the work once. A reply
//! counts only if it comes from the address and port that was asked to the socket that asked, with the identifier of a
//! request in flight, and is signed with that router's secret over that very request (RFC 5176 §2.3). All else is dropped
//! and counted.
//!
//! An acknowledgement says that the router took the request, not what its state is now: see to that elsewhere.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

mod action;
mod counters;
mod exchange;
mod identifier;
mod request;
mod schedule;
#[cfg(test)]
mod tests;

pub use action::Action;
pub use counters::Counters;
pub use request::{Kind, Request, Session, SubmitError};

use exchange::{Exchange, Exchanges};
use identifier::Identifiers;
use schedule::LONGEST_EXCHANGE;

use crate::attribute::{AttributeType, ErrorCause};
use crate::authenticator::{MessageAuthenticator, verify_reply};
use crate::index::Index;

/// Most requests in flight by default. At 30 seconds each until a silent router is given up, it is about what one second of
/// mass isolation asks for; the caller keeps the rest in its own queue.
const EXCHANGES: usize = 4_096;

/// Most requests in flight to one router by default: few enough that a small router's input queue holds them, and far from
/// using up its 256 identifiers.
const PER_PAIR: usize = 64;

/// Bounds of one client. Beyond them [`Client::submit`] refuses, and the caller tries again after an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most requests at once, with outcomes that were not taken yet.
    pub exchanges: usize,
    /// Most requests at once between one local and one remote address, at most 256.
    pub per_pair: usize,
    /// How long after its first copy a request to a silent router is given up: 30 s (RFC 5080 §2.2.1), or less.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { exchanges: EXCHANGES, per_pair: PER_PAIR, patience: LONGEST_EXCHANGE }
    }
}

/// The two ends of an exchange. Identifiers are counted for each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Our socket, by the address and port that the request leaves from.
    pub local: SocketAddr,
    /// The router, with the port on which it takes such requests (3799 by RFC 5176 §2; configurable).
    pub remote: SocketAddr,
}

/// A request's name until its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket {
    index: u32,
    generation: u32,
}

/// What is to be sent now.
#[derive(Clone, Copy, Debug)]
pub struct Transmit<'a> {
    /// From where to where.
    pub pair: Pair,
    /// The datagram.
    pub octets: &'a [u8],
    /// 0 for the first copy, then one more for each.
    pub copy: u8,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The router has acknowledged it.
    Ack,
    /// The router has refused it, with a reason or without; [`Action::of`] says what to do.
    Nak(Option<ErrorCause>),
    /// The router was silent: not reachable, not listening, or another secret.
    TimedOut,
}

/// A request that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Which one.
    pub ticket: Ticket,
    /// How.
    pub outcome: Outcome,
    /// How long after its first copy was sent.
    pub elapsed: Duration,
}

/// Why a datagram is no reply to any request in flight. It is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Dropped {
    /// It is not a well-formed packet.
    #[error("the datagram is not a packet")]
    Malformed,
    /// No request in flight has this source, socket and identifier; a late or repeated reply, or a forged one.
    #[error("nobody waits for this reply")]
    Unexpected,
    /// The code does not answer the request.
    #[error("the code does not answer the request")]
    WrongCode,
    /// An authenticator is wrong: forged, or the router has another secret.
    #[error("the reply is not signed by the router")]
    Forged,
    /// This router must send Message-Authenticator, and this reply has none.
    #[error("the reply lacks its Message-Authenticator")]
    Unsigned,
}

/// The client's half of RFC 5176, for all routers.
pub struct Client {
    limits: Limits,
    random: Random,
    exchanges: Exchanges,
    identifiers: Identifiers,
    /// Requests of which a copy is to be sent.
    queued: VecDeque<Ticket>,
    finished: VecDeque<Finished>,
    counters: Counters,
}

/// The caller's source of randomness: 32 random bits a call. It spreads retransmissions and starting identifiers.
pub type Random = Box<dyn FnMut() -> u32 + Send>;

impl Client {
    /// Makes a client without requests.
    pub fn new(limits: Limits, random: Random) -> Self {
        Self {
            limits,
            random,
            exchanges: Exchanges::default(),
            identifiers: Identifiers::default(),
            queued: VecDeque::new(),
            finished: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Composes and queues a request.
    pub fn submit(&mut self, request: &Request<'_>) -> Result<Ticket, SubmitError> {
        if self.exchanges.len() + self.finished.len() >= self.limits.exchanges {
            return Err(SubmitError::Full);
        }
        if self.queued.len() >= self.limits.exchanges {
            // Cancelled requests leave their copies in the queue until it is polled.
            self.queued.retain(|&ticket| self.exchanges.find(ticket).is_some());
        }
        let pair = request.pair;
        let per_pair = self.limits.per_pair;
        let identifier =
            self.identifiers.find_free(pair, per_pair, &mut self.random).ok_or(SubmitError::Busy)?;
        let datagram = request.compose(identifier)?;
        let ticket =
            self.exchanges.insert(Exchange::new(request, identifier, datagram, self.limits.patience));
        self.identifiers.take(pair, identifier, ticket);
        self.queued.push_back(ticket);
        self.counters.submitted += 1;
        Ok(ticket)
    }

    /// Gives up a request, because something newer has replaced it. There will be no outcome, and a reply is dropped. False
    /// if it has ended already.
    pub fn cancel(&mut self, ticket: Ticket) -> bool {
        let there = self.remove(ticket).is_some();
        if there {
            self.counters.cancelled += 1;
        }
        there
    }

    /// The next datagram to send. Its clock starts now, so send it at once.
    pub fn poll_transmit(&mut self, now: Duration) -> Option<Transmit<'_>> {
        loop {
            let ticket = self.queued.pop_front()?;
            // Its place may be gone: answered or cancelled while a copy was queued.
            if self.exchanges.find(ticket).is_some() {
                let exchange = self.exchanges.sent(ticket, now, &mut self.random)?;
                self.counters.sent += 1;
                self.counters.retransmitted += u64::from(exchange.copy() > 0);
                return Some(Transmit {
                    pair: exchange.pair,
                    octets: &exchange.datagram,
                    copy: exchange.copy(),
                });
            }
        }
    }

    /// Takes a datagram that `from` has sent to our socket `local`.
    pub fn handle(
        &mut self,
        now: Duration,
        local: SocketAddr,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<Ticket, Dropped> {
        let result = self.match_reply(now, Pair { local, remote: from }, datagram);
        if let Err(dropped) = result {
            self.counters.drop(dropped);
        }
        result
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if nothing happens before.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.exchanges.next_deadline()
    }

    /// Queues the copies that are due, and ends what has waited long enough.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some(ticket) = self.exchanges.take_due(now) {
            let is_over = self.exchanges.find(ticket).is_none_or(|exchange| exchange.is_over(now));
            if is_over {
                self.counters.timed_out += 1;
                self.finish(now, ticket, Outcome::TimedOut);
            } else {
                self.queued.push_back(ticket);
            }
        }
    }

    /// The next request that has ended.
    pub fn poll_outcome(&mut self) -> Option<Finished> {
        self.finished.pop_front()
    }

    /// How many requests have no outcome yet.
    pub fn in_flight(&self) -> usize {
        self.exchanges.len()
    }

    /// What happened since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn match_reply(&mut self, now: Duration, pair: Pair, datagram: &[u8]) -> Result<Ticket, Dropped> {
        let reply = Index::parse(datagram).map_err(|_| Dropped::Malformed)?;
        let packet = reply.packet();
        let ticket = self.identifiers.find(pair, packet.identifier()).ok_or(Dropped::Unexpected)?;
        // A request that was never sent cannot have been answered.
        let exchange = self.exchanges.find(ticket).filter(|exchange| exchange.was_sent());
        let exchange = exchange.ok_or(Dropped::Unexpected)?;
        let is_ack = match packet.code() {
            code if code == exchange.kind.ack() => true,
            code if code == exchange.kind.nak() => false,
            _ => return Err(Dropped::WrongCode),
        };
        let signed = verify_reply(&reply, exchange.authenticator(), &exchange.secret);
        let signed = signed.map_err(|_| Dropped::Forged)?;
        if signed == MessageAuthenticator::Absent && exchange.requires_message_authenticator {
            return Err(Dropped::Unsigned);
        }
        let outcome = if is_ack {
            self.counters.acknowledged += 1;
            Outcome::Ack
        } else {
            self.counters.refused += 1;
            let cause = reply.find(AttributeType::ERROR_CAUSE).and_then(|cause| cause.u32());
            Outcome::Nak(cause.map(ErrorCause))
        };
        self.finish(now, ticket, outcome);
        Ok(ticket)
    }

    fn finish(&mut self, now: Duration, ticket: Ticket, outcome: Outcome) {
        if let Some(exchange) = self.remove(ticket) {
            self.finished.push_back(Finished { ticket, outcome, elapsed: exchange.elapsed(now) });
        }
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Exchange> {
        let exchange = self.exchanges.remove(ticket)?;
        self.identifiers.free(exchange.pair, exchange.identifier);
        Some(exchange)
    }
}

impl core::fmt::Debug for Client {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Client")
            .field("limits", &self.limits)
            .field("in_flight", &self.exchanges.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
