//! The second index of the table: from router and Acct-Session-Id to where the session stands, and the memory of sessions
//! that ended. Both lie under one lock, so that a Start and a Stop of one session on two workers agree who was first.

use std::collections::VecDeque;

use base::{SessionId, Timestamp};
use hashbrown::HashTable;

use super::{
    event::AccountingEvent,
    identity::{self, Relation},
    limits::{ENDED_LIFETIME, ENDED_PER_SHARD, NAMESAKES},
};

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) shard: u16,
    pub(super) slot: u32,
}

/// One shard of the index.
#[derive(Debug, Default)]
pub(super) struct Names {
    open: HashTable<Name>,
    ended: HashTable<Ended>,
    /// Hash, session and time of the ended ones, oldest first.
    order: VecDeque<(u64, SessionId, u32)>,
    /// Ended sessions that were forgotten before their time.
    pub(super) evicted: u64,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    hash: u64,
    location: Location,
}

/// A session that ended a short while ago.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) hash: u64,
    pub(super) session: SessionId,
    pub(super) from_cookie: bool,
    /// The end came from the router, or the id has been taken over.
    pub(super) is_final: bool,
    /// A hash of user and port.
    pub(super) line: u32,
    pub(super) started: Timestamp,
    pub(super) at: Timestamp,
}

/// Up to [`NAMESAKES`] locations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Locations {
    places: [Location; NAMESAKES],
    count: usize,
}

impl Locations {
    pub(super) fn iter(&self) -> impl Iterator<Item = Location> {
        self.places.into_iter().take(self.count)
    }
}

impl Names {
    /// Where the sessions of this name stand. A hash may be another's: the caller compares.
    pub(super) fn find(&self, hash: u64) -> Locations {
        let mut found = Locations { places: [Location { shard: 0, slot: 0 }; NAMESAKES], count: 0 };
        for name in self.open.iter_hash(hash).filter(|name| name.hash == hash).take(NAMESAKES) {
            found.places[found.count] = name.location;
            found.count += 1;
        }
        found
    }

    pub(super) fn insert(&mut self, hash: u64, location: Location) {
        self.open.insert_unique(hash, Name { hash, location }, |name| name.hash);
    }

    pub(super) fn remove(&mut self, hash: u64, location: Location) {
        if let Ok(entry) = self.open.find_entry(hash, |name| name.hash == hash && name.location == location) {
            entry.remove();
        }
    }

    /// Remembers that a session ended. A known end becomes final when this one is.
    pub(super) fn remember(&mut self, now: u32, ended: Ended) {
        let is_it = |known: &Ended| known.hash == ended.hash && known.session == ended.session;
        if let Some(known) = self.ended.find_mut(ended.hash, is_it) {
            known.is_final |= ended.is_final;
            return;
        }
        self.forget_expired(now);
        if self.order.len() >= ENDED_PER_SHARD && self.forget_oldest() {
            self.evicted += 1;
        }
        self.ended.insert_unique(ended.hash, ended, |ended| ended.hash);
        self.order.push_back((ended.hash, ended.session, now));
    }

    /// The ended session that `event` belongs to. Ends that are out of time are not found.
    pub(super) fn find_ended(
        &mut self,
        now: u32,
        hash: u64,
        line: u32,
        event: &AccountingEvent<'_>,
    ) -> Option<Ended> {
        self.forget_expired(now);
        self.ended
            .iter_hash(hash)
            .filter(|ended| ended.hash == hash)
            .find(|ended| {
                // The line is compared by its hash; an event without a user name fits any.
                let known = identity::Known {
                    session: ended.session,
                    from_cookie: ended.from_cookie,
                    started: ended.started,
                    username: &[],
                    nas_port: None,
                };
                let is_cookie = event.cookie.is_some_and(|cookie| cookie.session == ended.session);
                (is_cookie || event.username.is_empty() || ended.line == line)
                    && identity::relate(&known, event) == Relation::Same
            })
            .copied()
    }

    /// Forgets an end that was inferred wrongly.
    pub(super) fn revive(&mut self, hash: u64, session: SessionId) {
        if let Ok(entry) = self.ended.find_entry(hash, |ended| ended.hash == hash && ended.session == session)
        {
            entry.remove();
        }
    }

    pub(super) fn forget_expired(&mut self, now: u32) {
        let lifetime = u32::try_from(ENDED_LIFETIME.as_secs()).unwrap_or(u32::MAX);
        while self.order.front().is_some_and(|(_, _, at)| now.saturating_sub(*at) >= lifetime) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) -> bool {
        let Some((hash, session, _)) = self.order.pop_front() else { return false };
        self.revive(hash, session);
        true
    }
}
