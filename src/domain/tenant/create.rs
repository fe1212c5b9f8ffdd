//! Making a tenant.

use base::{Platform, TenantId};
use foundation::{Tx, audit, db};

use super::{
    super::values::{Entry, Invalid, Version},
    IsolirProfile, Tenant, TenantCreated, TenantSpec, TenantStatus, store,
};

/// Why a tenant cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A value cannot be accepted.
    #[error("the tenant cannot be accepted")]
    Invalid(#[from] Invalid),
    /// Another tenant has the short name.
    #[error("the short name is taken")]
    SlugTaken,
    /// The database refused.
    #[error("the tenant cannot be stored")]
    Database(#[from] db::Error),
}

/// Makes a tenant, on trial, with the default isolir profile.
///
/// # Errors
/// As [`CreateError`] says.
pub async fn create(tx: &mut Tx, platform: &Platform, spec: TenantSpec) -> Result<Tenant, CreateError> {
    let tenant = Tenant {
        id: TenantId::generate(platform.now()),
        spec: spec.validated()?,
        status: TenantStatus::Trial,
        service_stopped: false,
        isolir_profile: IsolirProfile::default(),
        version: Version::FIRST,
        created_at: platform.now(),
        updated_at: platform.now(),
    };
    if !store::insert(tx, &tenant).await? {
        return Err(CreateError::SlugTaken);
    }
    let scope = platform.within(tenant.id);
    tx.publish(&scope, &TenantCreated { tenant: tenant.id });
    tx.audit(&scope, audit::Entry::new("tenant.create", "tenant", tenant.id).after(&tenant));
    tx.changed(&scope, Entry::Tenant(tenant.id).into());
    Ok(tenant)
}
