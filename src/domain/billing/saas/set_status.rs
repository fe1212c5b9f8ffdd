//! How a tenant stands with the platform is changed, and what that costs.

use base::{Platform, TenantId, money::AmountOutOfRange};
use foundation::{Tx, db};

use super::{plan_charge, store};
use crate::domain::{
    addon::ChargeError,
    tenant::{self, Tenant, TenantStatus, UpdateError, saas_plan},
};

/// Why a tenant's status cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum SetStatusError {
    /// The tenant cannot be changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// Nobody can pay what the plan costs.
    #[error("the amount is out of range")]
    Amount(#[from] AmountOutOfRange),
    /// The database refused.
    #[error("the status cannot be stored")]
    Database(#[from] db::Error),
}

impl From<ChargeError> for SetStatusError {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Amount(error) => Self::Amount(error),
            ChargeError::Database(error) => Self::Database(error),
        }
    }
}

/// Changes how a tenant stands with the platform, as [`tenant::set_status`] does. The days before it becomes active are free,
/// that day is not: it is charged with the invoice of its month, or now when it is the month's last.
///
/// # Errors
/// As [`SetStatusError`] says.
pub async fn set_status(
    tx: &mut Tx,
    platform: &Platform,
    id: TenantId,
    status: TenantStatus,
) -> Result<Tenant, SetStatusError> {
    let scope = platform.within(id);
    tenant::lock(tx, &scope).await?;
    let before = tenant::find(tx, platform, id).await?.ok_or(UpdateError::NotFound)?;
    let after = tenant::set_status(tx, platform, id, status).await?;
    if before.standing == TenantStatus::Active || after.standing != TenantStatus::Active {
        return Ok(after);
    }
    let calendar = tenant::calendar(tx, &scope).await?;
    let today = calendar.today(platform.now());
    if plan_charge::is_last_day(&calendar, today) {
        let mut account = plan_charge::retract(tx, &scope, today).await?;
        account.settle(today);
        store::account::put(tx, &scope, &account).await?;
        let plan = saas_plan::find(tx, platform, after.saas_plan).await?.ok_or(db::Error::RowNotFound)?;
        plan_charge::charge_cycle(tx, &scope, &plan, &calendar, today).await?;
    }
    Ok(after)
}
