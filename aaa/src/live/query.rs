//! What others ask of the table: the sessions of a subscriber, of a router, of a tenant; counts; and how it is filled
//! again after a restart.

use std::{
    net::Ipv4Addr,
    sync::{Arc, atomic::Ordering},
};

use base::{Now, RouterId, SessionId, SubscriberId, TenantId};

use super::{
    identifiers::{Identifiers, StoredIdentifiers},
    limits::{MAX_PAGE, SHARDS},
    router::{RouterState, Series},
    rules::Progress,
    session::{LiveSession, Owner, Session},
    shard::NONE,
    table::{Live, seconds, shard_of},
};

/// Which sessions a list is to hold.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Those of this tenant,
    pub tenant: TenantId,
    /// of this router alone,
    pub router: Option<RouterId>,
    /// with this address alone.
    pub address: Option<Ipv4Addr>,
}

/// A place in a list: where the next page begins. Sessions come and go while one pages; none is shown twice unless it was
/// opened anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    shard: u16,
    slot: u32,
}

impl Cursor {
    /// As one number, for an opaque text.
    #[must_use]
    pub fn number(self) -> u64 {
        u64::from(self.shard) << 32 | u64::from(self.slot)
    }

    /// From its number; one that no list gave begins somewhere.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self {
            shard: u16::try_from(number >> 32).unwrap_or(u16::MAX),
            slot: u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0),
        }
    }
}

/// Counts of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions in the table; those behind a void mark count until a sweep closes them, within seconds.
    pub open: u64,
    /// Sessions not taken because the table was full.
    pub refused: u64,
    /// Accepts not given because there was no room for their reservation.
    pub refused_reservations: u64,
    /// Ended sessions forgotten before their time.
    pub forgotten_ends: u64,
}

/// A session that was online when the daemon stopped, as the database knows it.
#[derive(Clone, Copy, Debug)]
pub struct Restored<'a> {
    /// Its id.
    pub id: SessionId,
    /// Whether the id came from our cookie.
    pub from_cookie: bool,
    /// The subscriber, if known.
    pub subscriber: Option<SubscriberId>,
    /// Its progress, without an end.
    pub progress: Progress,
    /// What names it to its router, and its Acct-Session-Id among it.
    pub identifiers: Identifiers<'a>,
    /// Framed-IP-Address.
    pub framed_address: Option<Ipv4Addr>,
    /// NAS-Port.
    pub nas_port: Option<u32>,
    /// Calling-Station-Id as a hardware address.
    pub mac: Option<base::MacAddress>,
    /// The overlay generation of its Class.
    pub overlay_generation: Option<u32>,
    /// Seconds between interims.
    pub interval: u32,
}

impl Live {
    /// The sessions of a subscriber, at most [`MAX_PAGE`].
    #[must_use]
    pub fn of_subscriber(&self, now: Now, subscriber: SubscriberId) -> Vec<LiveSession> {
        let owner = Owner::subscriber(subscriber);
        let shard = self.shards[shard_of(owner.hash())].lock();
        shard
            .of_owner(owner)
            .filter_map(|slot| shard.get(slot))
            .filter(|session| session.over(seconds(now)).is_none())
            .take(MAX_PAGE)
            .map(Session::view)
            .collect()
    }

    /// One session of a tenant. Looks through all shards (about 100 µs): for people, not for packets.
    #[must_use]
    pub fn find(&self, now: Now, tenant: TenantId, id: SessionId) -> Option<LiveSession> {
        self.shards.iter().find_map(|shard| {
            let shard = shard.lock();
            shard
                .get(shard.find(id)?)
                .filter(|session| session.router.tenant() == tenant && session.over(seconds(now)).is_none())
                .map(Session::view)
        })
    }

    /// A page of a list, at most `limit` (and [`MAX_PAGE`]) sessions behind the cursor, and where the next page begins.
    #[must_use]
    pub fn page(
        &self,
        now: Now,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> (Vec<LiveSession>, Option<Cursor>) {
        let limit = limit.clamp(1, MAX_PAGE);
        let heard = seconds(now);
        let mut rows = Vec::new();
        let Cursor { shard: first, slot: mut from } = after.unwrap_or(Cursor { shard: 0, slot: 0 });
        for number in first..u16::try_from(SHARDS).unwrap_or(u16::MAX) {
            let Some(shard) = self.shards.get(usize::from(number)) else { break };
            let shard = shard.lock();
            for slot in from..shard.slots() {
                let Some(session) = shard.get(slot).filter(|session| filter.takes(session)) else { continue };
                if session.over(heard).is_some() {
                    continue;
                }
                if rows.len() == limit {
                    return (rows, Some(Cursor { shard: number, slot }));
                }
                rows.push(session.view());
            }
            from = 0;
        }
        (rows, None)
    }

    /// How many sessions a tenant has in the table.
    #[must_use]
    pub fn tenant_sessions(&self, tenant: TenantId) -> u64 {
        self.routers.tenant_sessions(tenant)
    }

    /// Counts of the whole table.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            open: self.open.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            refused_reservations: self.refused_reservations.load(Ordering::Relaxed),
            forgotten_ends: self.names.iter().map(|names| names.lock().evicted).sum(),
        }
    }

    /// Hands the counts to the metrics registry.
    pub fn publish(&self) {
        let Stats { open, refused, refused_reservations, forgotten_ends } = self.stats();
        // A gauge is a double: exact up to 2^53.
        #[expect(clippy::cast_precision_loss, reason = "the table holds a few millions")]
        metrics::gauge!("rrnetd_live_sessions").set(open as f64);
        metrics::counter!("rrnetd_live_sessions_refused_total").absolute(refused);
        metrics::counter!("rrnetd_live_reservations_refused_total").absolute(refused_reservations);
        metrics::counter!("rrnetd_live_ends_forgotten_total").absolute(forgotten_ends);
    }

    /// Puts a session back after a restart of the daemon, before the journal's records behind the database are applied.
    /// It is given the whole patience anew: the silence was ours. False when it is there already, or has an end.
    pub fn restore(&self, now: Now, router: &Arc<RouterState>, restored: &Restored<'_>) -> bool {
        let identifiers = StoredIdentifiers::store(&restored.identifiers);
        let session_id = restored.identifiers.find(super::identifiers::ACCT_SESSION_ID).unwrap_or_default();
        let username = restored.identifiers.find(super::identifiers::USER_NAME).unwrap_or_default();
        let owner = restored
            .subscriber
            .map_or_else(|| self.unknown_owner(router.tenant(), username), Owner::subscriber);
        let name = self.name(router.id(), session_id);
        let place = shard_of(owner.hash());
        let mut shard = self.shards[place].lock();
        if restored.progress.end.is_some() || shard.find(restored.id).is_some() {
            return false;
        }
        router.restore_boot(session_id, restored.progress.started);
        let session = self.enter(Session {
            id: restored.id,
            owner,
            router: Arc::clone(router),
            progress: restored.progress,
            identifiers,
            name,
            heard: seconds(now),
            interval: restored.interval,
            overlay_generation: restored.overlay_generation,
            framed_address: restored.framed_address,
            nas_port: restored.nas_port,
            mac: restored.mac,
            series: Series::of(session_id),
            from_cookie: restored.from_cookie,
            older: NONE,
            newer: NONE,
        });
        let slot = shard.insert(session);
        self.names[shard_of(name)].lock().insert(name, super::table::location(place, slot));
        true
    }
}

impl Filter {
    fn takes(&self, session: &Session) -> bool {
        session.router.tenant() == self.tenant
            && self.router.is_none_or(|router| session.router.id() == router)
            && self.address.is_none_or(|address| session.framed_address == Some(address))
    }
}
