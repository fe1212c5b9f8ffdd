//! The table itself: takes accounting events and reservations, each under the lock of one shard.
//!
//! A session lives in the shard of its owner, so that the sessions and reservations of one subscriber are judged under one
//! lock. A second index finds it by router and Acct-Session-Id. Locks are taken shard first, index second, never two of
//! a kind at once.

use std::{
    fmt,
    hash::Hasher as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use base::{Now, RouterId, SessionId, SubscriberId, TenantId, Timestamp};
use parking_lot::Mutex;
use siphasher::{
    sip::SipHasher13,
    sip128::{Hasher128 as _, SipHasher13 as SipHasher128},
};

use super::{
    event::{AccountingEvent, Status},
    identifiers::StoredIdentifiers,
    identity::{self, Relation},
    limits::{ENDED_LIFETIME, MAX_SESSIONS, SHARDS},
    names::{Ended, Location, Locations, Names},
    router::{RouterState, Routers, Series},
    rules::{End, EndCause, Progress, Step},
    session::{Owner, Session},
    shard::{NONE, Shard},
};

/// The authoritative table of sessions that are online now.
#[derive(Debug)]
pub struct Live {
    pub(super) shards: Box<[Mutex<Shard>]>,
    pub(super) names: Box<[Mutex<Names>]>,
    pub(super) routers: Routers,
    pub(super) void_pending: AtomicBool,
    pub(super) open: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) refused_reservations: AtomicU64,
    key: (u64, u64),
    most: u64,
}

/// Where an event comes from.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// The router.
    pub router: &'a Arc<RouterState>,
    /// What the directory knows of the user; asked only when a session opens.
    pub profile: &'a dyn Fn() -> Profile,
}

/// What the directory knows of the user of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The subscriber of that user name; our cookie takes precedence.
    pub subscriber: Option<SubscriberId>,
    /// Seconds between interims that an Accept asks for; 0 when unknown.
    pub interval: u32,
}

impl fmt::Debug for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("router", &self.router.id()).finish_non_exhaustive()
    }
}

/// What an event did to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// A session came online.
    Opened,
    /// A session goes on.
    Updated,
    /// A session ended.
    Ended,
    /// The sessions of a router were marked void.
    RouterRestarted,
    /// The event belongs to a session that is over, or too late for the table to tell; history alone takes it.
    Late,
    /// The event tells of no session.
    Nothing,
    /// The table is full.
    Full,
}

impl Live {
    /// An empty table. The seed keys the hashes of names that come from outside.
    #[must_use]
    pub fn new(seed: [u8; 16]) -> Self {
        Self::with_capacity(seed, MAX_SESSIONS)
    }

    /// An empty table for at most `most` sessions.
    #[must_use]
    pub fn with_capacity(seed: [u8; 16], most: usize) -> Self {
        let (low, high) = seed.split_at(8);
        let word = |octets: &[u8]| u64::from_le_bytes(octets.try_into().unwrap_or_default());
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            names: (0..SHARDS).map(|_| Mutex::default()).collect(),
            routers: Routers::new(),
            void_pending: AtomicBool::new(false),
            open: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            refused_reservations: AtomicU64::new(0),
            key: (word(low), word(high)),
            most: most as u64,
        }
    }

    /// What is observed of a router, made if it is new.
    #[must_use]
    pub fn router(&self, id: RouterId, tenant: TenantId) -> Arc<RouterState> {
        self.routers.load(id, tenant)
    }

    /// What is observed of a router, if it ever was.
    #[must_use]
    pub fn find_router(&self, id: RouterId) -> Option<Arc<RouterState>> {
        self.routers.find(id)
    }

    /// Rises whenever a router's state is replaced or forgotten: who keeps one asks for it anew.
    #[must_use]
    pub fn routers_generation(&self) -> u64 {
        self.routers.generation()
    }

    /// Forgets a router that was deleted. Nobody will tell of its sessions any more: they are over, as if it had restarted
    /// at `at`, and their subscribers may log in elsewhere.
    pub fn forget_router(&self, id: RouterId, at: Timestamp) {
        if let Some(router) = self.find_router(id) {
            router.void_all(at);
            self.void_pending.store(true, Ordering::Release);
        }
        self.routers.forget(id);
    }

    /// Takes one accounting event, as soon as its record is in the journal.
    pub fn apply(&self, now: Now, origin: &Origin<'_>, event: &AccountingEvent<'_>) -> Applied {
        match event.status {
            Status::On | Status::Off => {
                origin.router.void_all(event.at);
                self.void_pending.store(true, Ordering::Release);
                return Applied::RouterRestarted;
            }
            Status::Other(_) => return Applied::Nothing,
            Status::Interim => {
                if !origin.router.sends_interims.load(Ordering::Relaxed) {
                    origin.router.sends_interims.store(true, Ordering::Relaxed);
                }
            }
            Status::Start | Status::Stop => {}
        }
        let cx = Context {
            heard: seconds(now),
            name: self.name(origin.router.id(), event.session_id),
            line: self.line(event.username),
            origin,
            event,
        };
        // A Stop that finds that a session was opened behind its back looks again. It can hardly happen twice.
        for _ in 0..ATTEMPTS {
            let seen = match self.update(&cx) {
                Sought::Applied(applied) => return applied,
                Sought::Unknown(seen) => seen,
            };
            if event.status != Status::Stop {
                return self.open(&cx);
            }
            if let Some(applied) = self.end_unseen(&cx, &seen) {
                return applied;
            }
        }
        Applied::Late
    }

    /// Brings a known session forward. Sessions that the event proves over are closed on the way.
    fn update(&self, cx: &Context<'_, '_>) -> Sought {
        if let Some(cookie) = &cx.event.cookie {
            let place = shard_of(Owner::subscriber(cookie.subscriber).hash());
            let mut shard = self.shards[place].lock();
            if let Some(slot) = shard.find(cookie.session) {
                return Sought::Applied(self.advance(&mut shard, slot, cx));
            }
        }
        let namesakes = self.names[shard_of(cx.name)].lock().find(cx.name);
        let mut is_earlier = false;
        for Location { shard: place, slot } in namesakes.iter() {
            let place = usize::from(place);
            let mut shard = self.shards[place].lock();
            let Some(session) = shard.get(slot) else { continue };
            if session.name != cx.name
                || session.router.id() != cx.origin.router.id()
                || session.session_id() != cx.event.session_id
            {
                continue;
            }
            match identity::relate(&session.known(), cx.event) {
                Relation::Same => return Sought::Applied(self.advance(&mut shard, slot, cx)),
                Relation::Later => drop(self.take_out(&mut shard, slot, cx.heard, EndCause::Superseded)),
                Relation::Earlier => is_earlier = true,
                Relation::Sibling => {}
            }
        }
        if is_earlier { Sought::Applied(Applied::Late) } else { Sought::Unknown(namesakes) }
    }

    /// Applies the event to the session in a slot.
    fn advance(&self, shard: &mut Shard, slot: u32, cx: &Context<'_, '_>) -> Applied {
        let Some(session) = shard.get_mut(slot) else { return Applied::Late };
        let change = session.progress.apply(cx.event);
        session.note(cx.heard, cx.event);
        if change.step == Step::Ended {
            self.take_out(shard, slot, cx.heard, EndCause::Stopped);
            return Applied::Ended;
        }
        Applied::Updated
    }

    /// Remembers the end of a session that the table never saw, so that a Start behind its Stop does not open it; `None`
    /// when a session of that name was opened since `seen`.
    fn end_unseen(&self, cx: &Context<'_, '_>, seen: &Locations) -> Option<Applied> {
        let mut names = self.names[shard_of(cx.name)].lock();
        if let Some(ended) = names.find_ended(cx.heard, cx.name, cx.line, cx.event) {
            names.remember(cx.heard, Ended { is_final: true, ..ended });
            return Some(Applied::Late);
        }
        if names.find(cx.name).iter().any(|location| !seen.iter().any(|known| known == location)) {
            return None;
        }
        let (progress, _) = Progress::open(cx.event);
        let ended = Ended {
            hash: cx.name,
            session: cx.session(),
            from_cookie: cx.event.cookie.is_some(),
            is_final: true,
            line: cx.line,
            started: progress.started,
            at: cx.event.at,
        };
        names.remember(cx.heard, ended);
        Some(Applied::Ended)
    }

    /// Opens the session of a Start or an Interim, unless it is known to have ended.
    fn open(&self, cx: &Context<'_, '_>) -> Applied {
        if u64::from(cx.event.delay) >= ENDED_LIFETIME.as_secs() {
            // Older than the memory of ends reaches: its session may be over.
            return Applied::Late;
        }
        let profile = (cx.origin.profile)();
        let owner = self.owner(cx, &profile);
        let place = shard_of(owner.hash());
        let mut shard = self.shards[place].lock();
        let mut id = cx.session();
        let known = shard.find(id).or_else(|| shard.find_named(owner, cx.name, cx.event));
        if let Some(slot) = known {
            return self.advance(&mut shard, slot, cx);
        }
        let (mut progress, _) = Progress::open(cx.event);
        let mut names = self.names[shard_of(cx.name)].lock();
        if let Some(ended) = names.find_ended(cx.heard, cx.name, cx.line, cx.event) {
            if ended.is_final || cx.event.at <= ended.at {
                return Applied::Late;
            }
            names.revive(cx.name, ended.session);
            (id, progress.started) = (ended.session, ended.started);
        }
        if self.open.load(Ordering::Relaxed) >= self.most {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Applied::Full;
        }
        let session = self.enter(cx.session_of(id, owner, profile.interval, progress));
        let device = session.device();
        if cx.event.status == Status::Start && session.router.boot(cx.event.session_id, progress.started) {
            self.void_pending.store(true, Ordering::Release);
        }
        let slot = shard.insert(session);
        names.insert(cx.name, location(place, slot));
        drop(names);
        let held = shard.release(owner, |held| held.session == id || held.device.is_same(&device));
        if held.is_some_and(|held| held.limit == 1) {
            self.replace(&mut shard, slot, cx.heard);
        }
        Applied::Opened
    }

    /// Closes what else this device had: it may have one session alone, and this is the new one.
    fn replace(&self, shard: &mut Shard, slot: u32, heard: u32) {
        let Some((owner, device)) = shard.get(slot).map(|session| (session.owner, session.device())) else {
            return;
        };
        loop {
            let is_replaced = |other: &u32| {
                *other != slot && shard.get(*other).is_some_and(|session| session.device().is_same(&device))
            };
            let Some(other) = shard.of_owner(owner).find(is_replaced) else { break };
            self.take_out(shard, other, heard, EndCause::Replaced);
        }
    }

    /// Counts a session in.
    pub(super) fn enter(&self, session: Session) -> Session {
        self.open.fetch_add(1, Ordering::Relaxed);
        session.router.enter(session.series);
        session
    }

    /// Takes a session out of the table and remembers its end.
    pub(super) fn take_out(
        &self,
        shard: &mut Shard,
        slot: u32,
        heard: u32,
        cause: EndCause,
    ) -> Option<Session> {
        let mut session = shard.remove(slot)?;
        session.progress.presume_ended(session.progress.updated, cause);
        self.open.fetch_sub(1, Ordering::Relaxed);
        session.router.leave(session.series);
        let End { at, cause, .. } = session.progress.end?;
        let ended = Ended {
            hash: session.name,
            session: session.id,
            from_cookie: session.from_cookie,
            is_final: cause.is_final(),
            line: self.line(session.known().username),
            started: session.progress.started,
            at,
        };
        let place = location(shard_of(session.owner.hash()), slot);
        let mut names = self.names[shard_of(session.name)].lock();
        names.remove(session.name, place);
        names.remember(heard, ended);
        drop(names);
        Some(session)
    }

    /// Whose session the event tells of.
    fn owner(&self, cx: &Context<'_, '_>, profile: &Profile) -> Owner {
        let known = cx.event.cookie.map(|cookie| cookie.subscriber).or(profile.subscriber);
        known.map_or_else(
            || self.unknown_owner(cx.origin.router.tenant(), cx.event.username),
            Owner::subscriber,
        )
    }

    /// The owner behind a user name that the directory does not know.
    pub(super) fn unknown_owner(&self, tenant: TenantId, username: &[u8]) -> Owner {
        let mut hasher = SipHasher128::new_with_keys(self.key.0, self.key.1);
        hasher.write(tenant.as_bytes());
        hasher.write(username);
        Owner { key: hasher.finish128().as_bytes(), is_subscriber: false }
    }

    /// The hash of router and Acct-Session-Id. The router's id makes it differ between tenants too.
    pub(super) fn name(&self, router: RouterId, session_id: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(router.as_bytes());
        hasher.write(session_id);
        hasher.finish()
    }

    /// The hash of a user name, to tell namesakes apart.
    fn line(&self, username: &[u8]) -> u32 {
        let mut hasher = SipHasher13::new_with_keys(self.key.1, self.key.0);
        hasher.write(username);
        u32::try_from(hasher.finish() >> 32).unwrap_or(0)
    }
}

/// How often a Stop looks for its session.
const ATTEMPTS: usize = 3;

/// What a search for the session of an event gave.
enum Sought {
    Applied(Applied),
    /// There is none; sessions of the same name stand at these places.
    Unknown(Locations),
}

/// What all steps of one event share.
struct Context<'c, 'a> {
    heard: u32,
    name: u64,
    line: u32,
    origin: &'c Origin<'c>,
    event: &'c AccountingEvent<'a>,
}

impl Context<'_, '_> {
    /// The id of the event's session.
    fn session(&self) -> SessionId {
        match &self.event.cookie {
            Some(cookie) => cookie.session,
            None => identity::derive(self.origin.router.id(), self.event),
        }
    }

    fn session_of(&self, id: SessionId, owner: Owner, interval: u32, progress: Progress) -> Session {
        Session {
            id,
            owner,
            router: Arc::clone(self.origin.router),
            progress,
            identifiers: StoredIdentifiers::store(&self.event.identifiers),
            name: self.name,
            heard: self.heard,
            interval,
            overlay_generation: self.event.cookie.map(|cookie| cookie.overlay_generation),
            framed_address: self.event.framed_address,
            nas_port: self.event.nas_port,
            mac: self.event.mac,
            series: Series::of(self.event.session_id),
            from_cookie: self.event.cookie.is_some(),
            older: NONE,
            newer: NONE,
        }
    }
}

/// The shard that a hash falls into, by bits from its middle: the tables within tell entries apart by the lowest bits and by
/// the seven highest. Were those the same for a whole shard, every look-up would compare with all that stand close by.
pub(super) fn shard_of(hash: u64) -> usize {
    usize::try_from(hash >> 32).unwrap_or(0) & (SHARDS - 1)
}

pub(super) fn location(shard: usize, slot: u32) -> Location {
    // There are 1,024 shards.
    Location { shard: u16::try_from(shard).unwrap_or(u16::MAX), slot }
}

/// The monotonic clock in whole seconds: 136 years of running.
pub(super) fn seconds(now: Now) -> u32 {
    u32::try_from(now.monotonic.as_secs()).unwrap_or(u32::MAX)
}
