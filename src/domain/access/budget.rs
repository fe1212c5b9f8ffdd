//! How much a tenant may ask of the API: what everybody may, unless the super admin gives it another number.

use std::ops::RangeInclusive;

use base::{Platform, TenantId};
use foundation::{Conn, Tx, audit, db};
use serde::Serialize;

use super::{
    super::{tenant, values::Invalid},
    store,
};

/// Fewer would lock a tenant out that the super admin means to slow down; more is more than one machine answers.
const RANGE: RangeInclusive<u32> = 10..=1_000_000;

/// A tenant's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiBudget {
    /// Requests a minute; null for what everybody has.
    pub requests_per_minute: Option<u32>,
}

/// Why a budget cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NotFound,
    /// The number cannot be accepted.
    #[error("the budget cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The database refused.
    #[error("the budget cannot be stored")]
    Database(#[from] db::Error),
}

/// The tenant's budget.
///
/// # Errors
/// As [`BudgetError`] says.
pub async fn load_budget(
    conn: &mut Conn,
    platform: &Platform,
    id: TenantId,
) -> Result<ApiBudget, BudgetError> {
    tenant::find(conn, platform, id).await?.ok_or(BudgetError::NotFound)?;
    Ok(ApiBudget { requests_per_minute: store::budget::find(conn, id).await? })
}

/// Gives the tenant another budget, or takes that away again. In force at its next request.
///
/// # Errors
/// As [`BudgetError`] says.
pub async fn set_budget(
    tx: &mut Tx,
    platform: &Platform,
    id: TenantId,
    budget: ApiBudget,
) -> Result<ApiBudget, BudgetError> {
    let before = load_budget(tx, platform, id).await?;
    if budget.requests_per_minute.is_some_and(|rate| !RANGE.contains(&rate)) {
        let problem = format!("must be {} to {}, or null", RANGE.start(), RANGE.end());
        return Err(Invalid::new("requestsPerMinute", problem).into());
    }
    if budget != before {
        store::budget::set(tx, id, budget.requests_per_minute).await?;
        let entry = audit::Entry::new("tenant.set_api_budget", "tenant", id).before(&before).after(&budget);
        tx.audit(&platform.within(id), entry);
    }
    Ok(budget)
}
