//! What the hot path shows of itself: handles that are read, and never written through.

use std::{sync::Arc, time::Duration};

use aaa::{
    directory::{Counts, Directory},
    journal::{Health, Journal, Lag},
    live::{self, Cursor, Live, LiveSession},
    policy::{Attempt, Policy},
};
use base::{Now, RouterId, SessionId, SubscriberId, TenantId, Timestamp};

/// Read handles of the hot path.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What it knows of tenants, routers, plans and subscribers.
    pub directory: Arc<Directory>,
    /// Sessions that are online.
    pub live: Arc<Live>,
    /// The authentication log.
    pub policy: Arc<Policy>,
    /// The accounting journal.
    pub journal: Arc<Journal>,
}

impl Observed {
    /// How old the directory's knowledge is; `None` while it has none.
    pub(super) fn directory_age(&self, now: Timestamp) -> Option<Duration> {
        self.directory.age(now)
    }

    /// How many entries the directory has.
    pub(super) fn directory_counts(&self) -> Counts {
        self.directory.counts()
    }

    /// What is wrong with the journal.
    pub(super) fn journal_health(&self) -> Health {
        self.journal.health()
    }

    /// How far the database is behind the journal.
    pub(super) fn journal_lag(&self) -> Lag {
        self.journal.lag()
    }

    /// Brings the gauges up to date before they are rendered.
    pub(super) fn publish(&self) {
        self.journal.lag();
        self.live.publish();
    }

    /// What was seen of a tenant's router since the start of the daemon.
    pub(super) fn router(&self, tenant: TenantId, id: RouterId) -> Option<live::RouterView> {
        self.live.find_router(id).filter(|router| router.tenant() == tenant).map(|router| router.view())
    }

    /// A live session of the tenant.
    pub(super) fn session(&self, now: Now, tenant: TenantId, id: SessionId) -> Option<LiveSession> {
        self.live.find(now, tenant, id)
    }

    /// The live sessions of a subscriber of the tenant.
    pub(super) fn sessions_of(
        &self,
        now: Now,
        tenant: TenantId,
        subscriber: SubscriberId,
    ) -> Vec<LiveSession> {
        let mut sessions = self.live.of_subscriber(now, subscriber);
        sessions.retain(|session| session.tenant == tenant);
        sessions
    }

    /// A page of the tenant's live sessions.
    pub(super) fn sessions(
        &self,
        now: Now,
        filter: &live::Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> (Vec<LiveSession>, Option<Cursor>) {
        self.live.page(now, filter, after, limit)
    }

    /// The tenant's newest authentication attempts that `takes` picks, newest first.
    pub(super) fn attempts(
        &self,
        tenant: TenantId,
        limit: usize,
        takes: impl Fn(&Attempt) -> bool,
    ) -> Vec<Attempt> {
        self.policy.attempts().newest(tenant, limit, takes)
    }
}
