//! A tenant gets another plan, and what that costs within a cycle.

use base::{Platform, SaasPlanId, TenantId, money::AmountOutOfRange};
use foundation::{Tx, db};

use super::{plan_charge, store};
use crate::domain::{
    addon::{self, ChargeError},
    tenant::{
        self, Tenant, TenantStatus, UpdateError,
        saas_plan::{self, AssignError},
    },
};

/// Why a tenant cannot get a plan.
#[derive(Debug, thiserror::Error)]
pub enum ChangePlanError {
    /// The plan cannot be given.
    #[error(transparent)]
    Assign(#[from] AssignError),
    /// An invoice has one currency.
    #[error("the plan is sold in another currency than what the tenant has and owes")]
    Currency,
    /// Nobody can pay that.
    #[error("the amount is out of range")]
    Amount(#[from] AmountOutOfRange),
    /// The database refused.
    #[error("the change cannot be stored")]
    Database(#[from] db::Error),
}

impl From<ChargeError> for ChangePlanError {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Amount(error) => Self::Amount(error),
            ChargeError::Database(error) => Self::Database(error),
        }
    }
}

/// Gives a tenant another plan; a matter of the super admin. In force at its next request. The day of the change belongs to
/// the new plan: what was charged ahead for the old one is given back from this day on, and the rest of the cycle is
/// charged for the new one; both stand on the next invoice. Back and forth on one day costs nothing.
///
/// # Errors
/// As [`ChangePlanError`] says.
pub async fn change_plan(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    plan: SaasPlanId,
) -> Result<Tenant, ChangePlanError> {
    let scope = platform.within(tenant);
    tenant::lock(tx, &scope).await?;
    let before = tenant::find(tx, platform, tenant).await?;
    let before = before.ok_or(AssignError::Update(UpdateError::NotFound))?;
    let after = saas_plan::assign(tx, platform, tenant, plan).await?;
    if after.saas_plan == before.saas_plan {
        return Ok(after);
    }
    let from = saas_plan::find(tx, platform, before.saas_plan).await?.ok_or(AssignError::UnknownPlan)?;
    let to = saas_plan::find(tx, platform, plan).await?.ok_or(AssignError::UnknownPlan)?;
    let calendar = tenant::calendar(tx, &scope).await?;
    let today = calendar.today(platform.now());
    if from.spec.currency != to.spec.currency {
        // What is charged ahead, or is open by now, could never stand on an invoice of the new plan.
        plan_charge::even_out(tx, &scope, (&from, &from), &calendar, today).await?;
        let account = store::account::find(tx, &scope).await?;
        let is_paid = match account.ahead(today) {
            Some(paid) => paid.rest(today)?.units() > 0,
            None => false,
        };
        if is_paid || addon::owes_other_than(tx, &scope, to.spec.currency).await? {
            return Err(ChangePlanError::Currency);
        }
    }
    plan_charge::even_out(tx, &scope, (&from, &to), &calendar, today).await?;
    if after.standing == TenantStatus::Active && plan_charge::is_last_day(&calendar, today) {
        plan_charge::charge_cycle(tx, &scope, &to, &calendar, today).await?;
    }
    Ok(after)
}
