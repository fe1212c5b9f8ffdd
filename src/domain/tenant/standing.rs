//! How a tenant stands with the platform. Isolation is an overlay of reasons over what the tenant is otherwise: a payment
//! takes `unpaid` away and nothing else, and what is left is what the tenant was before.

use base::{Platform, Scope, TenantId};
use foundation::{Tx, db};

use super::{
    IsolationReason, Tenant, TenantIsolated, TenantLifted, TenantStatus, UpdateError, store, update::change,
};

/// Nobody else changes the tenant until the commit. Who decides by its invoices how it stands begins with this.
///
/// # Errors
/// When the database cannot be used.
pub async fn lock(tx: &mut Tx, scope: &Scope) -> db::Result<()> {
    store::tenant::lock(tx, scope.tenant()).await
}

/// Changes how it stands with the platform; a matter of the super admin. Its subscribers are served on. `isolated` adds the
/// reason `manual` to those that there are; any other status takes all of them away.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn set_status(
    tx: &mut Tx,
    platform: &Platform,
    id: TenantId,
    status: TenantStatus,
) -> Result<Tenant, UpdateError> {
    stand(tx, &platform.within(id), "tenant.set_status", |tenant| {
        if status == TenantStatus::Isolated {
            add(tenant, IsolationReason::Manual);
        } else {
            tenant.isolation.clear();
            tenant.standing = status;
        }
    })
    .await
}

/// Locks the tenant's panel for a reason. Doing it twice does no harm.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn isolate(tx: &mut Tx, scope: &Scope, reason: IsolationReason) -> Result<Tenant, UpdateError> {
    stand(tx, scope, "tenant.isolate", |tenant| add(tenant, reason)).await
}

/// Takes one reason away: the panel is open at the next request when it was the last one.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn lift(tx: &mut Tx, scope: &Scope, reason: IsolationReason) -> Result<Tenant, UpdateError> {
    stand(tx, scope, "tenant.lift", |tenant| tenant.isolation.retain(|other| *other != reason)).await
}

/// Who had left is a customer again, or there would be nothing to lock.
fn add(tenant: &mut Tenant, reason: IsolationReason) {
    tenant.isolation.insert(reason);
    if tenant.standing == TenantStatus::Disabled {
        tenant.standing = TenantStatus::Active;
    }
}

async fn stand(
    tx: &mut Tx,
    scope: &Scope,
    act: &'static str,
    apply: impl FnOnce(&mut Tenant),
) -> Result<Tenant, UpdateError> {
    lock(tx, scope).await?;
    let before = store::tenant::find(tx, scope.tenant()).await?.ok_or(UpdateError::NotFound)?;
    let after = change(tx, scope, None, act, |tenant| {
        apply(tenant);
        tenant.status = if tenant.isolation.is_empty() { tenant.standing } else { TenantStatus::Isolated };
    })
    .await?;
    for reason in after.isolation.difference(&before.isolation) {
        tx.publish(scope, &TenantIsolated { reason: *reason });
    }
    for reason in before.isolation.difference(&after.isolation) {
        tx.publish(scope, &TenantLifted { reason: *reason, free: after.isolation.is_empty() });
    }
    Ok(after)
}
