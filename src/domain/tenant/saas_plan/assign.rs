//! Giving a tenant another SaaS plan.

use base::{Platform, SaasPlanId, TenantId};
use foundation::{Tx, db, event::Event};
use serde::{Deserialize, Serialize};

use super::super::{Tenant, UpdateError, store, update::change};

/// A tenant has another plan: other features, limits and price.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TenantPlanChanged {
    /// The plan before.
    #[serde(rename = "fromPlanId")]
    pub from: SaasPlanId,
    /// The plan now.
    #[serde(rename = "toPlanId")]
    pub to: SaasPlanId,
}

impl Event for TenantPlanChanged {
    const KIND: &'static str = "tenant_plan_changed";
}

/// Why a tenant cannot get a plan.
#[derive(Debug, thiserror::Error)]
pub enum AssignError {
    /// There is no such plan.
    #[error("there is no such plan")]
    UnknownPlan,
    /// Nobody new gets it.
    #[error("the plan is archived")]
    Archived,
    /// The tenant cannot be changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The database refused.
    #[error("the tenant cannot be stored")]
    Database(#[from] db::Error),
}

/// Gives a tenant another plan; a matter of the super admin. In force at its next request. What it costs within a cycle is
/// for `billing::saas::change_plan`, which calls this. Where it uses more than the new plan allows, nothing is taken away.
///
/// # Errors
/// As [`AssignError`] says.
pub async fn assign(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    plan: SaasPlanId,
) -> Result<Tenant, AssignError> {
    let before = store::tenant::find(tx, tenant).await?.ok_or(UpdateError::NotFound)?;
    let to = store::saas_plan::hold(tx, plan).await?.ok_or(AssignError::UnknownPlan)?;
    if before.saas_plan == plan {
        return Ok(before);
    }
    if to.archived_at.is_some() {
        return Err(AssignError::Archived);
    }
    let scope = platform.within(tenant);
    let after = change(tx, &scope, None, "tenant.set_plan", |tenant| tenant.saas_plan = plan).await?;
    tx.publish(&scope, &TenantPlanChanged { from: before.saas_plan, to: plan });
    Ok(after)
}
