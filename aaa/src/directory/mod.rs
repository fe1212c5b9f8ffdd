//! The directory: what the hot path knows of tenants, routers, plans and subscribers, in memory.
//!
//! * [`Directory`] is shared by all readers: no look-up takes a lock, waits or fails.
//! * [`DirectoryWriter`] is the one writer: it applies changes, loads in bulk, and freezes the whole for a snapshot.
//! * [`snapshot`] keeps it on disk, sealed, for a start without the database.
//!
//! ```text
//!  database ── feeder ──► DirectoryWriter ──► copy-on-write shards ◄── Directory ◄── policy, many threads
//!                           │        ▲
//!                        freeze     load
//!                           ▼        │
//!                        sealed snapshot
//! ```
//!
//! Where things are: [`entry`] the entries as the feeder knows them · [`record`] and [`view`] a packed subscriber ·
//! `shard` subscribers by name · `ids` by id · `routers` by address · `cow` the other maps · [`writer`] changes ·
//! [`loader`] in bulk · [`snapshot`] on disk.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use base::{PlanId, RouterId, SubscriberId, TenantId, Timestamp};

mod cow;
pub mod entry;
mod ids;
mod keyed;
pub mod loader;
pub mod record;
mod routers;
mod shard;
pub mod snapshot;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod view;
pub mod writer;

pub use keyed::{HASH_KEY_OCTETS, HashKey};
pub use loader::Loader;
pub use record::{PackError, SubscriberHandle};
pub use routers::RoutersAt;
pub use view::{MacLockView, PasswordView, SubscriberView};
pub use writer::{Change, DirectoryWriter, Position};

use entry::{Plan, Router, Tenant};

/// What `as_of` holds while nothing is known.
const NEVER: i64 = i64::MIN;

/// Names that are [fetched](Directory::fetch) together: about what a processor has on its way from memory at a time, and as many
/// shards as a thread is lent without counting.
pub const TOGETHER: usize = 8;

/// How often a look-up by id follows a subscriber that is being renamed under its eyes.
const RENAMES_FOLLOWED: usize = 8;

/// What the hot path knows. See the [module](self).
pub struct Directory {
    key: HashKey,
    subscribers: shard::Shards,
    ids: ids::Ids,
    routers: routers::Routers,
    plans: cow::CowMap<PlanId, Arc<Plan>>,
    tenants: cow::CowMap<TenantId, Arc<Tenant>>,
    as_of: AtomicI64,
    generation: AtomicU64,
}

/// How many entries there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tenants.
    pub tenants: usize,
    /// Routers.
    pub routers: usize,
    /// Plans.
    pub plans: usize,
    /// Subscribers.
    pub subscribers: usize,
}

impl Directory {
    /// An empty directory that is not [ready](Self::ready), and its writer.
    #[must_use]
    pub fn create(key: HashKey) -> (Arc<Self>, DirectoryWriter) {
        let directory = Arc::new(Self {
            key,
            subscribers: shard::Shards::new(key),
            ids: ids::Ids::new(),
            routers: routers::Routers::new(key),
            plans: cow::CowMap::new(key),
            tenants: cow::CowMap::new(key),
            as_of: AtomicI64::new(NEVER),
            generation: AtomicU64::new(0),
        });
        (Arc::clone(&directory), DirectoryWriter::new(directory))
    }

    /// Whether it has ever been filled. Until then nothing may be rejected: what is not found is merely not known, and
    /// requests are discarded.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.as_of().is_some()
    }

    /// When it last held all that the database held; `None` while it is not ready.
    #[must_use]
    pub fn as_of(&self) -> Option<Timestamp> {
        Some(self.as_of.load(Ordering::Acquire)).filter(|at| *at != NEVER).map(Timestamp::from_millis)
    }

    /// Rises with every change of a tenant, a router or a plan: who keeps copies of them forgets those of another generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How old its knowledge is at `now`; `None` while it is not ready.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        self.as_of().map(|as_of| now.since(as_of))
    }

    /// The routers whose packets come from `address`; an IPv4-mapped IPv6 address is the IPv4 address.
    #[must_use]
    pub fn routers_at(&self, address: IpAddr) -> Option<RoutersAt> {
        self.routers.at(address)
    }

    /// Finds a router.
    #[must_use]
    pub fn router(&self, id: RouterId) -> Option<Arc<Router>> {
        self.routers.find(id)
    }

    /// Finds the subscriber that `tenant` knows as `username`, octet by octet.
    #[must_use]
    pub fn subscriber(&self, tenant: TenantId, username: &[u8]) -> Option<SubscriberHandle> {
        self.subscribers.find(tenant, username)
    }

    /// Whether there are so many subscribers that the processor's caches hold but a part of them: some sixty thousand and more.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.subscribers.is_large()
    }

    /// Brings the subscribers of these names into the processor's cache: their waits for memory overlap, which they do not when
    /// each is looked up. A hint: a subscriber that it gives may be another one.
    #[must_use]
    pub fn fetch(&self, names: [Option<(TenantId, &[u8])>; TOGETHER]) -> [Option<SubscriberId>; TOGETHER] {
        self.subscribers.fetch(names)
    }

    /// Finds a subscriber by its id. Costs more than by name: it is not for each packet.
    #[must_use]
    pub fn subscriber_by_id(&self, id: SubscriberId) -> Option<SubscriberHandle> {
        let id_hash = self.key.of_id(id);
        for _ in 0..RENAMES_FOLLOWED {
            let mut known = self.ids.find(id_hash).peekable();
            known.peek()?;
            // A rename adds the new name before it takes the old one away: a second look finds the new one.
            let found = known.find_map(|name_hash| self.subscribers.find_by_hash(name_hash, id));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Finds a plan.
    #[must_use]
    pub fn plan(&self, id: PlanId) -> Option<Arc<Plan>> {
        self.plans.find(&id)
    }

    /// Finds a tenant.
    #[must_use]
    pub fn tenant(&self, id: TenantId) -> Option<Arc<Tenant>> {
        self.tenants.find(&id)
    }

    /// Whether it holds this very router. Addresses are compared as they are kept.
    #[must_use]
    pub fn holds_router(&self, router: &Router) -> bool {
        self.routers.holds(router)
    }

    /// Hands the ids of every subscriber, with its tenant, to `take`, shard by shard: for reconciliation.
    pub fn subscriber_ids(&self, mut take: impl FnMut(TenantId, SubscriberId)) {
        for shard in self.subscribers.freeze() {
            for subscriber in shard.iter() {
                let view = subscriber.view();
                take(view.tenant(), view.id());
            }
        }
    }

    /// Every router.
    #[must_use]
    pub fn all_routers(&self) -> Vec<Arc<Router>> {
        self.routers.all()
    }

    /// Every plan.
    #[must_use]
    pub fn all_plans(&self) -> Vec<Arc<Plan>> {
        self.plans.values()
    }

    /// Every tenant.
    #[must_use]
    pub fn all_tenants(&self) -> Vec<Arc<Tenant>> {
        self.tenants.values()
    }

    /// Counts the entries, shard by shard: for metrics.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            tenants: self.tenants.len(),
            routers: self.routers.len(),
            plans: self.plans.len(),
            subscribers: self.subscribers.len(),
        }
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("as_of", &self.as_of()).field("counts", &self.counts()).finish()
    }
}
