//! The directory's one writer.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use base::{DatabaseId, PlanId, RouterId, SubscriberId, TenantId, Timestamp, seal::Sealer};

use super::{
    Directory,
    entry::{Plan, Router, Subscriber, Tenant},
    loader::Loader,
    record::{PackError, SubscriberHandle},
    shard,
    snapshot::{self, Frozen, LoadError},
};

/// What has changed: an entry as it is now, or the id of one that is gone.
///
/// An entry stands alone: with a tenant its routers, plans and subscribers do not go, but by changes of their own.
#[derive(Clone, Debug)]
pub enum Change {
    /// A tenant is new or changed.
    Tenant(Tenant),
    /// A tenant is gone.
    TenantGone(TenantId),
    /// A router is new or changed.
    Router(Router),
    /// A router is gone.
    RouterGone(RouterId),
    /// A plan is new or changed.
    Plan(Plan),
    /// A plan is gone.
    PlanGone(PlanId),
    /// A subscriber is new, changed or renamed.
    Subscriber(Subscriber),
    /// A subscriber is gone.
    SubscriberGone(SubscriberId),
}

/// A place in a tenant's change stream: everything up to and with `sequence` is in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The stream's tenant.
    pub tenant: TenantId,
    /// Number of the entry, gapless within the stream.
    pub sequence: u64,
}

/// The only one who changes a [`Directory`]. There is one for each, and it cannot be cloned.
#[derive(Debug)]
pub struct DirectoryWriter {
    directory: Arc<Directory>,
    positions: BTreeMap<TenantId, u64>,
}

impl DirectoryWriter {
    pub(super) const fn new(directory: Arc<Directory>) -> Self {
        Self { directory, positions: BTreeMap::new() }
    }

    /// The directory that it writes.
    #[must_use]
    pub const fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Applies `change`: in force for every look-up that starts after this returns. To apply one again, or an older
    /// reading of the same row in its order, does no harm.
    ///
    /// # Errors
    /// When a subscriber cannot be packed; the directory then keeps what it knew of it.
    pub fn apply(&mut self, change: Change) -> Result<(), PackError> {
        let directory = &*self.directory;
        let is_shared = !matches!(change, Change::Subscriber(_) | Change::SubscriberGone(_));
        match change {
            Change::Tenant(tenant) => drop(directory.tenants.insert(tenant.id, Arc::new(tenant))),
            Change::TenantGone(id) => drop(directory.tenants.remove(&id)),
            Change::Router(router) => directory.routers.insert(router),
            Change::RouterGone(id) => directory.routers.remove(id),
            Change::Plan(plan) => drop(directory.plans.insert(plan.id, Arc::new(plan))),
            Change::PlanGone(id) => drop(directory.plans.remove(&id)),
            Change::Subscriber(subscriber) => self.put(SubscriberHandle::pack(&subscriber)?),
            Change::SubscriberGone(id) => self.remove(id),
        }
        if is_shared {
            directory.generation.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// Notes that everything up to `position` is applied, or does not concern the directory.
    pub fn advance(&mut self, position: Position) {
        let known = self.positions.entry(position.tenant).or_default();
        *known = position.sequence.max(*known);
    }

    /// How far the stream of `tenant` is applied; zero when nothing of it is.
    #[must_use]
    pub fn position(&self, tenant: TenantId) -> u64 {
        self.positions.get(&tenant).copied().unwrap_or(0)
    }

    /// How far each stream is applied.
    pub fn positions(&self) -> impl Iterator<Item = Position> {
        self.positions.iter().map(|(&tenant, &sequence)| Position { tenant, sequence })
    }

    /// Notes that the directory held all that the database held `at` that time. The first call makes it ready.
    pub fn caught_up(&mut self, at: Timestamp) {
        self.directory.as_of.store(at.as_millis().max(super::NEVER + 1), Ordering::Release);
    }

    /// A loader for this directory; it takes about `subscribers` of them.
    #[must_use]
    pub fn loader(&self, subscribers: usize) -> Loader {
        Loader::new(self.directory.key, subscribers)
    }

    /// Puts what `loader` took in place of everything, positions included, as the database stood `as_of` that time.
    /// Readers go on meanwhile: an entry that stays is never missing. (By id alone, one that was renamed is not found
    /// until this returns.)
    pub fn replace(&mut self, loader: Loader, as_of: Timestamp) {
        let directory = &*self.directory;
        let loaded = loader.finish();
        // What others refer to comes first.
        directory.tenants.replace(loaded.tenants.into_iter().map(|tenant| (tenant.id, Arc::new(tenant))));
        directory.plans.replace(loaded.plans.into_iter().map(|plan| (plan.id, Arc::new(plan))));
        for (number, fresh) in loaded.shards.into_iter().enumerate() {
            directory.subscribers.replace(number, fresh);
        }
        for (number, fresh) in loaded.ids.into_iter().enumerate() {
            directory.ids.replace(number, fresh);
        }
        directory.routers.replace(loaded.routers);
        directory.generation.fetch_add(1, Ordering::Release);
        self.positions = loaded.positions;
        self.caught_up(as_of);
    }

    /// Holds everything as it is now, for a snapshot; `None` while the directory is not ready, because an empty snapshot
    /// must not take the place of a good one. Costs little: the shards are shared until they change.
    #[must_use]
    pub fn freeze(&self) -> Option<Frozen> {
        let directory = &*self.directory;
        Some(Frozen {
            as_of: directory.as_of()?,
            positions: self.positions().collect(),
            tenants: directory.tenants.values(),
            plans: directory.plans.values(),
            routers: directory.routers.all(),
            shards: directory.subscribers.freeze(),
        })
    }

    /// Puts the snapshot at `path` in place of everything, and makes the directory ready with the snapshot's age.
    ///
    /// # Errors
    /// When there is none, or it is of another database, or not whole and unaltered; the directory is then unchanged.
    pub fn load_snapshot(
        &mut self,
        path: &Path,
        database: DatabaseId,
        sealer: &Sealer,
    ) -> Result<snapshot::About, LoadError> {
        let mut loader = self.loader(0);
        let about = snapshot::load(path, database, sealer, &mut loader)?;
        self.replace(loader, about.as_of);
        Ok(about)
    }

    fn put(&self, record: SubscriberHandle) {
        let directory = &*self.directory;
        let id = record.view().id();
        let (id_hash, name) = (directory.key.of_id(id), shard::name_hash(directory.key, &record));
        let known: Vec<_> = directory.ids.find(id_hash).collect();
        // The new name comes before the old one goes, so that nobody looks in vain.
        let displaced = directory.subscribers.insert(name, record);
        let other = displaced.map(|displaced| displaced.view().id()).filter(|other| *other != id);
        if let Some(other) = other {
            directory.ids.remove(directory.key.of_id(other), name);
        }
        if other.is_some() || !known.contains(&name) {
            directory.ids.insert(id_hash, name);
        }
        for old in known.into_iter().filter(|old| *old != name) {
            // Another id's slot may look alike; the record tells.
            if directory.subscribers.remove(old, id).is_some() {
                directory.ids.remove(id_hash, old);
            }
        }
    }

    fn remove(&self, id: SubscriberId) {
        let directory = &*self.directory;
        let id_hash = directory.key.of_id(id);
        for name in directory.ids.find(id_hash) {
            if directory.subscribers.remove(name, id).is_some() {
                directory.ids.remove(id_hash, name);
            }
        }
    }
}
