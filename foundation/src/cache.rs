//! Values made from a tenant's rows, kept until anything is committed for that tenant.
//!
//! On the node that commits, the very next request sees the change; on others as soon as they hear of it (see
//! [`wake`](crate::wake)).

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use base::TenantId;

use crate::{Db, wake::Generation};

/// Tenants that a cache holds; one more empties it. Values are small, and a reload is a query or two.
const MOST: usize = 10_000;

/// One value for each tenant. Commits of the platform's own stream make all of them stale: what it decides may concern
/// everybody.
pub struct TenantCache<T> {
    name: &'static str,
    kept: Mutex<HashMap<TenantId, (Generation, T)>>,
}

impl<T: Clone> TenantCache<T> {
    /// An empty one; metrics have its `name`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, kept: Mutex::new(HashMap::new()) }
    }

    /// The tenant's value: what is kept, if nothing was committed for the tenant since it was loaded, else what `load`
    /// gives. A `load` that is not needed is never polled.
    ///
    /// # Errors
    /// Those of `load`; nothing is kept then.
    pub async fn find_or_load<E>(
        &self,
        db: &Db,
        tenant: TenantId,
        load: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        // Before the rows are read: what is committed meanwhile makes the value stale at once.
        let generation = db.wake().generation(tenant);
        if let Some(value) = self.kept(tenant, generation) {
            metrics::counter!("rrnetd_cache_hits_total", "cache" => self.name).increment(1);
            return Ok(value);
        }
        metrics::counter!("rrnetd_cache_misses_total", "cache" => self.name).increment(1);
        let value = load.await?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST && !kept.contains_key(&tenant) {
            kept.clear();
        }
        kept.insert(tenant, (generation, value.clone()));
        Ok(value)
    }

    fn kept(&self, tenant: TenantId, generation: Generation) -> Option<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&tenant).filter(|(loaded, _)| *loaded == generation).map(|(_, value)| value.clone())
    }
}

impl<T> fmt::Debug for TenantCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantCache").field("name", &self.name).finish_non_exhaustive()
    }
}
