//! The super admin's word on a limit of one tenant.

use base::{Platform, TenantId};
use foundation::{Tx, audit, event::Event};
use serde::{Deserialize, Serialize};

use super::{
    super::{UpdateError, store},
    Limit, LimitState, state,
};
use crate::domain::values::invalid::ensure;

/// What the super admin says of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitOverride {
    /// Leaves it to plan and add-ons.
    None,
    /// There is no limit.
    Unlimited,
    /// So many.
    Maximum(i64),
}

/// The super admin set a limit of the tenant, or left it to plan and add-ons again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LimitSet {
    /// Which.
    pub limit: Limit,
    /// What holds from now on; `None` is unlimited.
    pub maximum: Option<i64>,
}

impl Event for LimitSet {
    const KIND: &'static str = "tenant_limit_set";
}

/// Sets a limit of a tenant, whatever its plan and add-ons say. In force at the next thing that is made. The platform's act
/// should give its reason.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn set(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    limit: Limit,
    to: LimitOverride,
) -> Result<LimitState, UpdateError> {
    if let LimitOverride::Maximum(maximum) = to {
        ensure((0..=1_000_000_000).contains(&maximum), "maximum", "must be from 0 to 1000000000")?;
    }
    let scope = platform.within(tenant);
    store::tenant::find(tx, tenant).await?.ok_or(UpdateError::NotFound)?;
    let before = state(tx, &scope, limit).await?;
    store::limit::set_override(tx, &scope, limit, to).await?;
    let after = state(tx, &scope, limit).await?;
    if before != after {
        tx.publish(&scope, &LimitSet { limit, maximum: after.maximum });
        let entry = audit::Entry::new("tenant.set_limit", "tenant", tenant);
        tx.audit(&scope, entry.before(&before).after(&after));
    }
    Ok(after)
}
