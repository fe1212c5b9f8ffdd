//! Changing a tenant.

use base::{Platform, Scope, TenantId};
use foundation::{Tx, audit, db};

use super::{
    super::values::{Entry, Invalid, Stale, Version},
    IsolirProfile, Tenant, TenantSpec, store,
};

/// Why a tenant cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NotFound,
    /// It was changed since the caller read it.
    #[error("the tenant was changed meanwhile")]
    Stale(#[from] Stale),
    /// A value cannot be accepted.
    #[error("the change cannot be accepted")]
    Invalid(#[from] Invalid),
    /// Another tenant has the short name.
    #[error("the short name is taken")]
    SlugTaken,
    /// The database refused.
    #[error("the tenant cannot be stored")]
    Database(#[from] db::Error),
}

/// Changes what its people may change.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn update(
    tx: &mut Tx,
    scope: &Scope,
    seen: Option<Version>,
    spec: TenantSpec,
) -> Result<Tenant, UpdateError> {
    let spec = spec.validated()?;
    if store::tenant::slug_is_taken(tx, scope.tenant(), &spec.slug).await? {
        return Err(UpdateError::SlugTaken);
    }
    change(tx, scope, seen, "tenant.update", |tenant| tenant.spec = spec).await
}

/// Changes what its isolated subscribers get.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn set_isolir_profile(
    tx: &mut Tx,
    scope: &Scope,
    seen: Option<Version>,
    profile: IsolirProfile,
) -> Result<Tenant, UpdateError> {
    let profile = profile.validated()?;
    change(tx, scope, seen, "tenant.set_isolir_profile", |tenant| tenant.isolir_profile = profile).await
}

/// Stops the service of all its subscribers, or lets it go on; a matter of the super admin, for which the platform's act
/// should give its reason.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn set_service_stopped(
    tx: &mut Tx,
    platform: &Platform,
    id: TenantId,
    stopped: bool,
) -> Result<Tenant, UpdateError> {
    let act = if stopped { "tenant.stop_service" } else { "tenant.resume_service" };
    change(tx, &platform.within(id), None, act, |tenant| tenant.service_stopped = stopped).await
}

pub(super) async fn change(
    tx: &mut Tx,
    scope: &Scope,
    seen: Option<Version>,
    act: &'static str,
    apply: impl FnOnce(&mut Tenant),
) -> Result<Tenant, UpdateError> {
    let before = store::tenant::find(tx, scope.tenant()).await?.ok_or(UpdateError::NotFound)?;
    before.version.expect(seen)?;
    let mut after = before.clone();
    apply(&mut after);
    if after == before {
        return Ok(before);
    }
    after.version = before.version.next();
    after.updated_at = scope.now();
    if !store::tenant::update(tx, &after, before.version).await? {
        return Err(Stale { seen: before.version, current: after.version }.into());
    }
    tx.audit(scope, audit::Entry::new(act, "tenant", after.id).before(&before).after(&after));
    tx.changed(scope, Entry::Tenant(after.id).into());
    Ok(after)
}
