//! Closes what is over without a word: sessions behind a void mark, and sessions that have missed their interims.

use std::sync::atomic::Ordering;

use base::{Now, Timestamp};

use super::{
    limits::{MISSED_INTERIMS, PATIENCE_WITHOUT_INTERIMS, SHARDS, SILENCE_SLACK},
    rules::EndCause,
    session::{ClosedSession, LiveSession, Session},
    table::{Live, seconds},
};
use base::SubscriberId;

/// Goes round the shards, a few at a time. One thread owns it and calls [`Sweeper::step`] about ten times a second: a
/// round then takes six seconds, and no lock is held longer than one shard's sessions take (some 20 µs).
#[derive(Debug, Default)]
pub struct Sweeper {
    next: usize,
}

/// Shards of one step.
const STEP: usize = 16;

impl Sweeper {
    /// Sweeps the next few shards; all of them when a router's sessions have been marked void. What was closed goes to
    /// `closed`, outside of all locks.
    pub fn step(&mut self, live: &Live, now: Now, mut closed: impl FnMut(ClosedSession)) {
        let shards = if live.void_pending.swap(false, Ordering::AcqRel) { SHARDS } else { STEP };
        let mut found = Vec::new();
        for _ in 0..shards {
            live.sweep_shard(now, self.next, &mut found);
            self.next = (self.next + 1) % SHARDS;
            found.drain(..).for_each(&mut closed);
        }
    }
}

impl Session {
    /// Whether it is over although nobody said so, how, and since when; `heard` is the present in monotonic seconds.
    pub(super) fn over(&self, heard: u32) -> Option<(EndCause, Timestamp)> {
        if let Some(at) = self.router.is_void(self.series, self.progress.updated) {
            return Some((EndCause::RouterRestarted, at));
        }
        let silence = u64::from(heard.saturating_sub(self.heard));
        (silence > self.patience()).then_some((EndCause::Silent, self.progress.updated))
    }

    /// Seconds of silence that it is allowed.
    fn patience(&self) -> u64 {
        if self.interval == 0 || !self.router.sends_interims.load(Ordering::Relaxed) {
            return PATIENCE_WITHOUT_INTERIMS.as_secs();
        }
        u64::from(self.interval) * u64::from(MISSED_INTERIMS) + SILENCE_SLACK.as_secs()
    }
}

impl Live {
    /// Ends a session by inference because its router says that it knows it no more (RFC 5176 §3.5, Error-Cause 503). False when it
    /// is not in the table, or when something of it came since `known` was read: then it lives. A later packet of it opens it again.
    pub fn presume_gone(&self, now: Now, known: &LiveSession) -> bool {
        self.shards.iter().any(|shard| {
            let mut shard = shard.lock();
            let Some(slot) = shard.find(known.id) else { return false };
            let is_meant = shard.get(slot).is_some_and(|session| {
                session.router.id() == known.router && session.progress.updated <= known.updated
            });
            is_meant && self.take_out(&mut shard, slot, seconds(now), EndCause::Silent).is_some()
        })
    }

    /// Closes what is over in one shard.
    fn sweep_shard(&self, now: Now, place: usize, closed: &mut Vec<ClosedSession>) {
        let heard = seconds(now);
        {
            let mut shard = self.shards[place].lock();
            shard.expire_reservations(heard);
            for slot in 0..shard.slots() {
                let over = shard.get(slot).and_then(|session| session.over(heard));
                let Some((cause, at)) = over else { continue };
                if let Some(session) = shard.get_mut(slot) {
                    session.progress.presume_ended(at, cause);
                }
                let Some(session) = self.take_out(&mut shard, slot, heard, cause) else { continue };
                closed.push(ClosedSession {
                    id: session.id,
                    tenant: session.router.tenant(),
                    router: session.router.id(),
                    subscriber: session
                        .owner
                        .is_subscriber
                        .then(|| SubscriberId::from_bytes(session.owner.key)),
                    progress: session.progress,
                });
            }
        }
        self.names[place].lock().forget_expired(heard);
    }
}
