//! By what caches know that a tenant's data changed: a number that rises with each commit this node hears of.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use base::TenantId;

use super::Woken;

/// Tenants that are counted one by one; beyond it all counts start anew, which makes everything stale once.
const MOST: usize = 65_536;

/// A moment of a tenant's streams and of the platform's, as far as this node has heard. Equal ones mean that nothing was
/// committed between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    epoch: u64,
    platform: u64,
    tenant: u64,
}

#[derive(Debug, Default)]
pub(super) struct Generations(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Rises when everything may have changed.
    epoch: u64,
    tenants: HashMap<TenantId, u64>,
}

impl Generations {
    pub(super) fn of(&self, tenant: TenantId) -> Generation {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |tenant| counts.tenants.get(&tenant).copied().unwrap_or(0);
        Generation { epoch: counts.epoch, platform: count(TenantId::PLATFORM), tenant: count(tenant) }
    }

    pub(super) fn raise(&self, woken: Woken) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match woken {
            Woken::Tenant(tenant) if counts.tenants.len() < MOST || counts.tenants.contains_key(&tenant) => {
                *counts.tenants.entry(tenant).or_default() += 1;
            }
            Woken::Tenant(_) | Woken::All => {
                counts.epoch += 1;
                counts.tenants.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(number: usize) -> TenantId {
        TenantId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1))
    }

    #[test]
    fn a_commit_makes_stale_what_belongs_to_its_tenant_alone() {
        let generations = Generations::default();
        let (one, two) = (generations.of(tenant(1)), generations.of(tenant(2)));
        generations.raise(Woken::Tenant(tenant(1)));
        assert_ne!(generations.of(tenant(1)), one);
        assert_eq!(generations.of(tenant(2)), two);
        // What the platform decides concerns everybody.
        generations.raise(Woken::Tenant(TenantId::PLATFORM));
        assert_ne!(generations.of(tenant(2)), two);
        let two = generations.of(tenant(2));
        generations.raise(Woken::All);
        assert_ne!(generations.of(tenant(2)), two);
    }

    #[test]
    fn more_tenants_than_are_counted_make_everything_stale() {
        let generations = Generations::default();
        for number in 0..MOST {
            generations.raise(Woken::Tenant(tenant(number)));
        }
        let known = generations.of(tenant(7));
        generations.raise(Woken::Tenant(tenant(MOST)));
        assert_ne!(generations.of(tenant(7)), known);
    }
}
