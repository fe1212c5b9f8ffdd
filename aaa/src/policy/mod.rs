//! Decides what a request gets: parsed datagram and directory in, reply out. Synchronous, no database, no socket.
//!
//! ```text
//!  datagram ── identify ──► which router, verified ──(duplicate cache, by net)──► answer ──► Action
//!                                                                                   │
//!          Record appended ──► recorded ──► live table, first uses                  └─ reply in the caller's buffer
//! ```
//!
//! Where things are: [`contract`] what a worker gives and gets · `identify` the router · `service` PPP, hotspot or a login
//! to the router · `authorize` the decision · `reply` the packets · [`accounting`] packets to events · [`class`] our
//! cookie · [`first_use`] learnt addresses · [`attempt`] the authentication log · `throttle` rejects · `hours` access
//! hours · [`scratch`] what belongs to one worker · `memo` what it knows by heart · `ahead` fetches a batch's subscribers.

use std::sync::Arc;

use base::{Now, SubscriberId};
use radius::{
    code::Code,
    index::Presence,
    service::{Ask, Service as Asked},
};

use crate::{
    directory::{Directory, MacLockView},
    journal::Kind,
    live::{Live, Origin},
};

pub mod accounting;
mod ahead;
pub mod attempt;
mod authorize;
pub mod class;
pub mod contract;
pub mod first_use;
pub mod hours;
mod identify;
mod memo;
mod reply;
pub mod scratch;
mod service;
#[cfg(test)]
mod tests;
mod throttle;

pub use accounting::Reading;
pub use attempt::{Attempt, AttemptLog, Method, Outcome};
pub use authorize::find_subscriber;
pub use class::ClassKey;
pub use contract::{Action, Datagram, DropReason, Payload, Port};
pub use first_use::{FIRST_USE_VERSION, FirstUse};
pub use identify::{Identified, Signer};
pub use scratch::Scratch;
pub use service::Service;

use attempt::ShownName;
use authorize::{Access, Refusal};
use first_use::FirstUses;
use throttle::Throttle;

/// The version of an accounting record's payload: the Accounting-Request as it came, trimmed to its packet.
pub const ACCOUNTING_VERSION: u16 = 1;

/// What the policy is told at the start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Signs the Class cookie.
    pub class_key: ClassKey,
    /// Whether a NAS that asks for Chargeable-User-Identity gets one (RFC 4372).
    pub chargeable_user_identity: bool,
    /// Keys the table of rejects; random for each start.
    pub throttle_key: [u8; 16],
}

/// The rules of the RADIUS path. Shared by all workers; takes no lock that two of them would often meet at.
#[derive(Debug)]
pub struct Policy {
    directory: Arc<Directory>,
    live: Arc<Live>,
    settings: Settings,
    first_uses: FirstUses,
    throttle: Throttle,
    attempts: AttemptLog,
}

impl Policy {
    /// Rules over a directory and a table of live sessions.
    #[must_use]
    pub fn new(directory: Arc<Directory>, live: Arc<Live>, settings: Settings) -> Self {
        let throttle = Throttle::new(settings.throttle_key);
        Self {
            directory,
            live,
            settings,
            first_uses: FirstUses::new(),
            throttle,
            attempts: AttemptLog::new(),
        }
    }

    /// The authentication log.
    #[must_use]
    pub const fn attempts(&self) -> &AttemptLog {
        &self.attempts
    }

    /// The key of our cookies, for who reads accounting records later.
    #[must_use]
    pub const fn class_key(&self) -> &ClassKey {
        &self.settings.class_key
    }

    /// Answers a request that is no duplicate. The reply is composed into `out`, which should hold 4096 octets.
    pub fn answer(
        &self,
        now: Now,
        request: &Identified<'_>,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Action {
        request.state().seen(now.wall, request.path);
        match request.ask {
            Ask::Access => self.access(now, request, scratch, out),
            Ask::Account => {
                let signed = request.index.message_authenticator() != Presence::Absent;
                match reply::acknowledge(out, Code::ACCOUNTING_RESPONSE, signed, request) {
                    Ok(length) => Action::Record {
                        length,
                        kind: Kind::ACCOUNTING,
                        version: ACCOUNTING_VERSION,
                        tenant: request.router().tenant,
                        router: request.router().id,
                        payload: Payload::Datagram,
                    },
                    Err(_) => Action::Drop(DropReason::ReplyTooLong),
                }
            }
            Ask::Status => {
                let asked = match request.port {
                    Port::Authentication => Asked::Authentication,
                    Port::Accounting => Asked::Accounting,
                };
                reply::acknowledge(out, asked.status_reply(), true, request)
                    .map_or(Action::Drop(DropReason::ReplyTooLong), |length| Action::Reply { length })
            }
        }
    }

    /// The record that the last answer to `request` asked for is in the journal: sessions and first uses take it at once,
    /// before it is durable. What was never acknowledged may be forgotten with the process; it is not shown as durable.
    pub fn recorded(&self, now: Now, request: &Identified<'_>, scratch: &mut Scratch) {
        if let Some(first) = scratch.first_use.take() {
            self.first_uses.recorded(&first);
            return;
        }
        if request.ask != Ask::Account {
            return;
        }
        let reading = Reading {
            tenant: request.router().tenant,
            octets: request.router().octets,
            class_key: &self.settings.class_key,
        };
        let event = reading.read(&request.index, now.wall);
        let profile = || self.profile(request.tenant(), event.username);
        self.live.apply(now, &Origin { router: request.state(), profile: &profile }, &event);
    }

    /// The record was refused, and so nothing is answered: gives back what the answer had taken.
    pub fn not_recorded(&self, _now: Now, _request: &Identified<'_>, scratch: &mut Scratch) {
        if let Some(first) = scratch.first_use.take() {
            // The address stays held for a short while: the router asks again at once.
            self.live.release(first.subscriber, first.session);
        }
    }

    /// A first use read back from the journal at the start: it holds until the directory knows it.
    pub fn restore_first_use(&self, first: &FirstUse) {
        self.first_uses.recorded(first);
    }

    /// To be called when a subscriber's entry in the directory has changed: once it no longer says "learn", the directory
    /// knows itself what its hardware is. While it still does, the change was about something else, and the first device
    /// goes on holding.
    pub fn settle_first_use(&self, subscriber: SubscriberId) {
        if !self.is_learning(subscriber) {
            self.first_uses.settle(subscriber);
        }
    }

    /// To be called when the whole directory has been loaded anew: as [`Policy::settle_first_use`], of all subscribers.
    pub fn settle_first_uses(&self) {
        self.first_uses.settle_all(|subscriber| self.is_learning(subscriber));
    }

    fn is_learning(&self, subscriber: SubscriberId) -> bool {
        let known = self.directory.subscriber_by_id(subscriber);
        known.is_some_and(|known| known.view().mac_lock() == MacLockView::Learn)
    }

    /// How many first uses wait for the directory.
    #[must_use]
    pub fn pending_first_uses(&self) -> usize {
        self.first_uses.len()
    }

    /// Hands what all workers share to the metrics registry; every few seconds is enough.
    pub fn publish(&self) {
        let pending = u32::try_from(self.first_uses.len()).unwrap_or(u32::MAX);
        metrics::gauge!("rrnetd_radius_first_uses_pending").set(f64::from(pending));
        metrics::counter!("rrnetd_radius_attempts_forgotten_total").absolute(self.attempts.forgotten());
    }

    fn access(&self, now: Now, request: &Identified<'_>, scratch: &mut Scratch, out: &mut [u8]) -> Action {
        let access = Access::read(&request.index);
        let device = || self.throttle.device(request.router().id, access.username, access.station);
        if self.throttle.blocks_anybody(now.monotonic) && self.throttle.is_blocked(now.monotonic, device()) {
            return Action::Drop(DropReason::Throttled);
        }
        scratch.first_use = None;
        match self.judge(now, request, &access, scratch) {
            Ok(grant) => {
                let action = self.accept(now, request, &access, &grant, scratch, out);
                scratch.memo.give_back(grant.plan);
                action
            }
            Err(Refusal::Discard(reason)) => Action::Drop(reason),
            Err(Refusal::Reject(outcome, subscriber)) => {
                scratch.count(outcome);
                if !self.throttle.charge(now.monotonic, request.router().id, device()) {
                    return Action::Drop(DropReason::Throttled);
                }
                self.log(now, request, &access, outcome, subscriber);
                let by = request.router().reject_delay;
                match reply::reject(out, request, &access, scratch) {
                    Ok(length) if by.is_zero() => Action::Reply { length },
                    Ok(length) => Action::Delay { length, by },
                    Err(_) => Action::Drop(DropReason::ReplyTooLong),
                }
            }
        }
    }

    fn accept(
        &self,
        now: Now,
        request: &Identified<'_>,
        access: &Access<'_>,
        grant: &authorize::Grant<'_>,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Action {
        let view = grant.subscriber.view();
        let Ok(length) = reply::accept(out, now, request, access, grant, &self.settings, scratch) else {
            if grant.is_reserved {
                self.live.release(view.id(), grant.session);
            }
            return Action::Drop(DropReason::ReplyTooLong);
        };
        let outcome = if view.overlay().isolated() { Outcome::AcceptedIsolated } else { Outcome::Accepted };
        scratch.count(outcome);
        if scratch.sampler.takes(view.tenant(), now.wall) {
            self.log(now, request, access, outcome, Some(view.id()));
        }
        let Some(mac) = grant.learnt else {
            return if scratch.is_signing_later { Action::Sign { length } } else { Action::Reply { length } };
        };
        let first = FirstUse { subscriber: view.id(), mac, session: grant.session };
        Action::Record {
            length,
            kind: Kind::FIRST_USE,
            version: FIRST_USE_VERSION,
            tenant: request.router().tenant,
            router: request.router().id,
            payload: Payload::Composed { length: scratch.compose(first) },
        }
    }

    fn log(
        &self,
        now: Now,
        request: &Identified<'_>,
        access: &Access<'_>,
        outcome: Outcome,
        subscriber: Option<SubscriberId>,
    ) {
        let attempt = Attempt {
            at: now.wall,
            router: request.router().id,
            username: ShownName::new(access.username),
            subscriber,
            mac: access.mac,
            service: access.service,
            method: access.method(),
            outcome,
        };
        self.attempts.push(request.router().tenant, attempt);
    }
}
