//! Who does not pay the platform is locked out, and comes in again with the payment.
//!
//! Each invoice locks a panel once: it is marked as a cause then. The panel is open again in the very transaction that
//! settles the last cause. What the super admin has opened meanwhile stays open until another invoice gives cause.

use base::{Platform, Scope, TenantId};
use foundation::{Tx, db};

use super::store;
use crate::domain::{
    tenant::{self, IsolationReason, Tenant, UpdateError},
    values::Day,
};

/// Why a tenant cannot be isolated for what it owes.
#[derive(Debug, thiserror::Error)]
pub enum IsolateError {
    /// It owes nothing: no payment could lift the isolation.
    #[error("the tenant has no unpaid invoice")]
    NothingUnpaid,
    /// The tenant cannot be changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The database refused.
    #[error("the tenant cannot be isolated")]
    Database(#[from] db::Error),
}

/// Locks the panel of a tenant for what it has not paid; a matter of the super admin. Its causes are the invoices that are
/// overdue; where none is, all that are open.
///
/// # Errors
/// As [`IsolateError`] says.
pub async fn isolate(tx: &mut Tx, platform: &Platform, tenant: TenantId) -> Result<Tenant, IsolateError> {
    let scope = platform.within(tenant);
    tenant::lock(tx, &scope).await?;
    tenant::find(tx, platform, tenant).await?.ok_or(UpdateError::NotFound)?;
    let today = tenant::calendar(tx, &scope).await?.today(platform.now());
    if store::invoice::mark_causes(tx, &scope, Some(today)).await? == 0 {
        store::invoice::mark_causes(tx, &scope, None).await?;
    }
    if !store::invoice::has_causes(tx, &scope).await? {
        return Err(IsolateError::NothingUnpaid);
    }
    Ok(tenant::isolate(tx, &scope, IsolationReason::Unpaid).await?)
}

/// Locks the panel for invoices that were due before `day` and never locked one; `false` when there is none.
pub(super) async fn isolate_due(tx: &mut Tx, scope: &Scope, day: Day) -> Result<bool, UpdateError> {
    if store::invoice::mark_causes(tx, scope, Some(day)).await? == 0 {
        return Ok(false);
    }
    tenant::isolate(tx, scope, IsolationReason::Unpaid).await?;
    Ok(true)
}

/// Opens the panel when no cause is left. The tenant is locked: of two who settle the last two invoices together, the second
/// one sees what the first has done.
pub(super) async fn lift_settled(tx: &mut Tx, scope: &Scope) -> Result<(), UpdateError> {
    let tenant = tenant::load(tx, scope).await?;
    if tenant.isolation.contains(&IsolationReason::Unpaid) && !store::invoice::has_causes(tx, scope).await? {
        tenant::lift(tx, scope, IsolationReason::Unpaid).await?;
    }
    Ok(())
}
