//! Making a tenant.

use std::collections::BTreeSet;

use base::{Platform, SaasPlanId, TenantId};
use foundation::{Tx, audit, db};

use super::{
    super::values::{Entry, Invalid, Version},
    IsolirProfile, Tenant, TenantCreated, TenantSpec, TenantStatus, saas_plan, store,
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
    /// There is no such plan, or nobody new gets it.
    #[error("there is no such plan to be had")]
    UnknownPlan,
    /// The database refused.
    #[error("the tenant cannot be stored")]
    Database(#[from] db::Error),
}

/// Makes a tenant, on trial, on the plan that every tenant starts with, with the default isolir profile.
///
/// # Errors
/// As [`CreateError`] says.
pub async fn create(tx: &mut Tx, platform: &Platform, spec: TenantSpec) -> Result<Tenant, CreateError> {
    create_on_plan(tx, platform, spec, saas_plan::TRIAL).await
}

/// Makes a tenant, on trial, on the plan that is named.
///
/// # Errors
/// As [`CreateError`] says.
pub async fn create_on_plan(
    tx: &mut Tx,
    platform: &Platform,
    spec: TenantSpec,
    plan: SaasPlanId,
) -> Result<Tenant, CreateError> {
    let plan = store::saas_plan::hold(tx, plan).await?;
    let plan = plan.filter(|plan| plan.archived_at.is_none()).ok_or(CreateError::UnknownPlan)?;
    let tenant = Tenant {
        id: TenantId::generate(platform.now()),
        spec: spec.validated()?,
        saas_plan: plan.id,
        status: TenantStatus::Trial,
        standing: TenantStatus::Trial,
        isolation: BTreeSet::new(),
        service_stopped: false,
        isolir_profile: IsolirProfile::default(),
        version: Version::FIRST,
        created_at: platform.now(),
        updated_at: platform.now(),
    };
    if !store::tenant::insert(tx, &tenant).await? {
        return Err(CreateError::SlugTaken);
    }
    let scope = platform.within(tenant.id);
    tx.publish(&scope, &TenantCreated { tenant: tenant.id });
    tx.audit(&scope, audit::Entry::new("tenant.create", "tenant", tenant.id).after(&tenant));
    tx.changed(&scope, Entry::Tenant(tenant.id).into());
    Ok(tenant)
}
