//! The super admin's answer to what a tenant asked for.

use base::{Platform, Scope, TenantAddonId, TenantId, money::AmountOutOfRange};
use foundation::{Tx, audit, db};

use super::{AddonRejected, AddonStatus, TenantAddon, charge::ChargeError, order::start, store};

/// Why it cannot be decided.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// There is no such request.
    #[error("there is no such request")]
    NotFound,
    /// It was decided before.
    #[error("it was decided before: it is {0}")]
    Decided(AddonStatus),
    /// Nobody can pay that.
    #[error("the amount is out of range")]
    Amount(#[from] AmountOutOfRange),
    /// The database refused.
    #[error("the decision cannot be stored")]
    Database(#[from] db::Error),
}

impl From<ChargeError> for DecideError {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Amount(error) => Self::Amount(error),
            ChargeError::Database(error) => Self::Database(error),
        }
    }
}

/// Approves what a tenant asked for: it is active from now on. The platform's act holds the reason.
///
/// # Errors
/// As [`DecideError`] says.
pub async fn approve(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    id: TenantAddonId,
) -> Result<TenantAddon, DecideError> {
    let scope = platform.within(tenant);
    let before = pending(tx, &scope, id).await?;
    let addon = store::catalogue::find(tx, before.addon).await?.ok_or(DecideError::NotFound)?;
    let decided = decided(&scope, &before);
    Ok(start(tx, &scope, &addon, &decided, "addon.approve").await?)
}

/// Refuses what a tenant asked for. The platform's act holds the reason, which the tenant reads.
///
/// # Errors
/// As [`DecideError`] says.
pub async fn reject(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    id: TenantAddonId,
) -> Result<TenantAddon, DecideError> {
    let scope = platform.within(tenant);
    let before = pending(tx, &scope, id).await?;
    let after = decided(&scope, &before).changed(&scope, |row| row.status = AddonStatus::Rejected);
    store::tenant_addon::update(tx, &scope, &after, before.version).await?;
    let reason = platform.reason.clone().unwrap_or_default();
    tx.publish(&scope, &AddonRejected { tenant_addon: id, addon: after.addon, reason });
    let entry = audit::Entry::new("addon.reject", "tenant_addon", id);
    tx.audit(&scope, entry.before(&before).after(&after));
    Ok(after)
}

async fn pending(tx: &mut Tx, scope: &Scope, id: TenantAddonId) -> Result<TenantAddon, DecideError> {
    let row = store::tenant_addon::lock(tx, scope, id).await?.ok_or(DecideError::NotFound)?;
    if row.status == AddonStatus::Pending { Ok(row) } else { Err(DecideError::Decided(row.status)) }
}

/// With who decided and why, at the version that is stored.
fn decided(scope: &Scope, before: &TenantAddon) -> TenantAddon {
    TenantAddon {
        decided_by: Some(scope.act().actor.to_string()),
        decision: scope.act().reason.clone(),
        ..before.clone()
    }
}
