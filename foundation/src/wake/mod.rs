//! Wakes those who follow the streams when a transaction committed. A hint, never the truth: whoever sleeps on it reads
//! the streams from a position of its own, and polls as well.
//!
//! [`relay()`] carries wake-ups between nodes; [`watch()`] finds those that were lost. Both, and each commit of this node, raise
//! the tenant's [`Generation`], by which caches know what is stale.

mod generation;
mod relay;
mod watch;

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use base::TenantId;
pub use generation::Generation;
use generation::Generations;
pub use relay::relay;
use tokio::sync::{Notify, broadcast};
pub use watch::watch;

/// Wake-ups that a slow follower may fall behind before it is told to look at every stream.
const BACKLOG: usize = 1_024;
/// Tenants that wait to be announced to other nodes before all of them are. Reached only while the announcer cannot
/// reach the database; after an outage everybody looks at everything anyway.
const MAX_PENDING: usize = 4_096;

/// Where followers sign up.
#[derive(Debug)]
pub struct Wake {
    followers: broadcast::Sender<Woken>,
    /// What other nodes have not been told yet.
    pending: Mutex<Pending>,
    grown: Notify,
    /// Jobs were put into the queue by this node.
    jobs: Notify,
    generations: Generations,
}

/// Which streams grew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// This tenant's.
    Tenant(TenantId),
    /// Perhaps all of them: the follower fell behind, or another node was out of touch.
    All,
}

/// One follower's queue of wake-ups.
#[derive(Debug)]
pub struct Follower(broadcast::Receiver<Woken>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Pending {
    tenants: HashSet<TenantId>,
    all: bool,
}

impl Wake {
    pub(crate) fn new() -> Self {
        Self {
            followers: broadcast::Sender::new(BACKLOG),
            pending: Mutex::new(Pending::default()),
            grown: Notify::new(),
            jobs: Notify::new(),
            generations: Generations::default(),
        }
    }

    /// Follows from now on. Sign up first, then read the streams, so that nothing falls between.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower(self.followers.subscribe())
    }

    /// What this node knows of the tenant's streams at this moment. Take it before reading what is to be cached.
    #[must_use]
    pub fn generation(&self, tenant: TenantId) -> Generation {
        self.generations.of(tenant)
    }

    /// A transaction of this node committed. When this returns, no cache of this node gives what was before it.
    pub(crate) fn committed(&self, tenants: &[TenantId]) {
        if tenants.is_empty() {
            return;
        }
        for tenant in tenants {
            self.deliver(Woken::Tenant(*tenant));
        }
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).add(tenants);
        self.grown.notify_one();
    }

    /// A transaction of this node put jobs into the queue. Other nodes poll: this one is awake to run them.
    pub(crate) fn jobs_came(&self) {
        self.jobs.notify_one();
    }

    /// Waits until jobs were put into the queue by this node; one that came before the call counts. For one waiter.
    pub(crate) async fn jobs(&self) {
        self.jobs.notified().await;
    }

    /// Wakes the followers of this node.
    fn deliver(&self, woken: Woken) {
        self.generations.raise(woken);
        // Nobody follows: nobody is to be woken.
        let _ = self.followers.send(woken);
    }

    /// Waits until there is something to announce, and takes it.
    async fn announcements(&self) -> Pending {
        loop {
            let pending = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
            if pending.all || !pending.tenants.is_empty() {
                return pending;
            }
            self.grown.notified().await;
        }
    }

    /// An announcement did not get through: what it held is announced as "all".
    fn announce_all(&self) {
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) =
            Pending { all: true, tenants: HashSet::new() };
        self.grown.notify_one();
    }
}

impl Pending {
    fn add(&mut self, tenants: &[TenantId]) {
        if !self.all {
            self.tenants.extend(tenants);
            if self.tenants.len() > MAX_PENDING {
                *self = Self { all: true, tenants: HashSet::new() };
            }
        }
    }
}

impl Follower {
    /// Waits until a stream grew. Safe to cancel.
    pub async fn woken(&mut self) -> Woken {
        match self.0.recv().await {
            Ok(woken) => woken,
            Err(broadcast::error::RecvError::Lagged(_)) => Woken::All,
            // The database handle is gone; the follower's own token ends it.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(number: usize) -> TenantId {
        TenantId::from_uuid(uuid::Uuid::from_u128(number as u128))
    }

    #[tokio::test]
    async fn a_follower_that_fell_behind_is_told_to_look_everywhere() {
        let wake = Wake::new();
        let mut follower = wake.follow();
        wake.committed(&[tenant(1)]);
        assert_eq!(follower.woken().await, Woken::Tenant(tenant(1)));
        for number in 0..=BACKLOG {
            wake.committed(&[tenant(number)]);
        }
        assert_eq!(follower.woken().await, Woken::All);
        assert_eq!(follower.woken().await, Woken::Tenant(tenant(1)));
    }

    #[tokio::test]
    async fn announcements_are_coalesced_and_bounded() {
        let wake = Wake::new();
        wake.committed(&[tenant(1), tenant(2)]);
        wake.committed(&[tenant(2)]);
        let both = Pending { tenants: [tenant(1), tenant(2)].into(), all: false };
        assert_eq!(wake.announcements().await, both);
        for number in 0..=MAX_PENDING {
            wake.committed(&[tenant(number)]);
        }
        let all = Pending { tenants: HashSet::new(), all: true };
        assert_eq!(wake.announcements().await, all);
        wake.announce_all();
        wake.committed(&[tenant(1)]);
        assert_eq!(wake.announcements().await, all);
    }
}
