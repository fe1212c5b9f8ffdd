//! Filling the directory in bulk: nothing is copied per entry, and every table is made in its final size.

use std::{collections::BTreeMap, iter};

use base::TenantId;

use super::{
    entry::{Plan, Router, Subscriber, Tenant},
    ids::Slot,
    keyed::HashKey,
    record::{PackError, SubscriberHandle},
    shard::{self, SHARDS, Shard, shard_of},
    writer::Position,
};

/// Collects entries for [`super::DirectoryWriter::replace`]. Of two entries with one id the later stays, and of two
/// subscribers with one name likewise: reading a database page by page while it changes may show both.
#[derive(Debug)]
pub struct Loader {
    key: HashKey,
    positions: BTreeMap<TenantId, u64>,
    tenants: Vec<Tenant>,
    plans: Vec<Plan>,
    routers: Vec<Router>,
    subscribers: Vec<(u64, SubscriberHandle)>,
    ids: Vec<(u64, u64)>,
}

/// What a loader has made of it, shard by shard.
pub(super) struct Loaded {
    pub(super) positions: BTreeMap<TenantId, u64>,
    pub(super) tenants: Vec<Tenant>,
    pub(super) plans: Vec<Plan>,
    pub(super) routers: Vec<Router>,
    pub(super) shards: Vec<Shard>,
    pub(super) ids: Vec<Vec<Slot>>,
}

impl Loader {
    pub(super) fn new(key: HashKey, subscribers: usize) -> Self {
        Self {
            key,
            positions: BTreeMap::new(),
            tenants: Vec::new(),
            plans: Vec::new(),
            routers: Vec::new(),
            subscribers: Vec::with_capacity(subscribers),
            ids: Vec::with_capacity(subscribers),
        }
    }

    /// Notes that everything up to `position` is among what is loaded.
    pub fn position(&mut self, position: Position) {
        self.positions.insert(position.tenant, position.sequence);
    }

    /// Takes a tenant.
    pub fn tenant(&mut self, tenant: Tenant) {
        self.tenants.push(tenant);
    }

    /// Takes a plan.
    pub fn plan(&mut self, plan: Plan) {
        self.plans.push(plan);
    }

    /// Takes a router.
    pub fn router(&mut self, router: Router) {
        self.routers.push(router);
    }

    /// Takes a subscriber.
    ///
    /// # Errors
    /// When it cannot be packed; it is then left out.
    pub fn subscriber(&mut self, subscriber: &Subscriber) -> Result<(), PackError> {
        self.record(SubscriberHandle::pack(subscriber)?);
        Ok(())
    }

    /// Takes a subscriber that is packed already.
    pub(super) fn record(&mut self, record: SubscriberHandle) {
        let name_hash = shard::name_hash(self.key, &record);
        self.ids.push((self.key.of_id(record.view().id()), name_hash));
        self.subscribers.push((name_hash, record));
    }

    /// The tables.
    pub(super) fn finish(mut self) -> Loaded {
        // Stable sorts: of what has the same key, the later stays the later.
        self.ids.sort_by_key(|&(id_hash, _)| (shard_of(id_hash), id_hash));
        let repeated = self.ids.windows(2).any(|pair| pair[0].0 == pair[1].0);
        if repeated {
            self.keep_last_of_each_id();
        }
        let taken = self.subscribers.len();
        let shards = self.shards();
        let mut ids = vec![Vec::new(); SHARDS];
        for of_shard in self.ids.chunk_by(|one, next| shard_of(one.0) == shard_of(next.0)) {
            let slots = of_shard.iter().map(|&(id_hash, name_hash)| Slot::new(id_hash, name_hash));
            ids[shard_of(of_shard[0].0)] = slots.collect();
        }
        if repeated || shards.iter().map(Shard::len).sum::<usize>() != taken {
            ids = self.ids_of(&shards);
        }
        Loaded {
            positions: self.positions,
            tenants: self.tenants,
            plans: self.plans,
            routers: self.routers,
            shards,
            ids,
        }
    }

    /// Drains the subscribers into shards; of two with one name the later stays.
    fn shards(&mut self) -> Vec<Shard> {
        // Stable, so that the later stays the later; and whole shards at a time stay in the cache.
        self.subscribers.sort_by_key(|&(name_hash, _)| shard_of(name_hash));
        let mut sizes = vec![0_usize; SHARDS];
        for (name_hash, _) in &self.subscribers {
            sizes[shard_of(*name_hash)] += 1;
        }
        let mut subscribers = self.subscribers.drain(..).peekable();
        (0..SHARDS)
            .map(|number| {
                let of_shard = iter::from_fn(|| subscribers.next_if(|(hash, _)| shard_of(*hash) == number));
                Shard::of(of_shard, sizes[number])
            })
            .collect()
    }

    /// Leaves out every subscriber that comes again later under another name.
    fn keep_last_of_each_id(&mut self) {
        let mut seen = std::collections::BTreeSet::new();
        let mut subscribers: Vec<_> = std::mem::take(&mut self.subscribers);
        subscribers.reverse();
        subscribers.retain(|(_, record)| seen.insert(record.view().id()));
        subscribers.reverse();
        self.subscribers = subscribers;
    }

    /// The slots of exactly what is in `shards`: when something that was taken is not.
    fn ids_of(&self, shards: &[Shard]) -> Vec<Vec<Slot>> {
        let mut ids = vec![Vec::new(); SHARDS];
        for record in shards.iter().flat_map(Shard::iter) {
            let id_hash = self.key.of_id(record.view().id());
            ids[shard_of(id_hash)].push(Slot::new(id_hash, shard::name_hash(self.key, record)));
        }
        ids
    }
}
