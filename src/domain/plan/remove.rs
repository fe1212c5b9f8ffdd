//! Removing a plan: it stays in the database while anything of the past refers to it.

use base::{PlanId, Scope};
use foundation::{Tx, audit, db};

use super::store;
use crate::domain::values::{Entry, Stale, Version};

/// Why a plan cannot be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is no such plan.
    #[error("there is no such plan")]
    NotFound,
    /// It was changed since the caller read it.
    #[error("the plan was changed meanwhile")]
    Stale(#[from] Stale),
    /// Subscribers have it: they must get another one first.
    #[error("{subscribers} subscribers have this plan")]
    InUse {
        /// How many.
        subscribers: i64,
    },
    /// The database refused.
    #[error("the plan cannot be removed")]
    Database(#[from] db::Error),
}

/// Removes a plan that no subscriber has.
///
/// # Errors
/// As [`RemoveError`] says.
pub async fn remove(
    tx: &mut Tx,
    scope: &Scope,
    id: PlanId,
    seen: Option<Version>,
) -> Result<(), RemoveError> {
    let plan = store::find(tx, scope.tenant(), id).await?.ok_or(RemoveError::NotFound)?.plan;
    plan.version.expect(seen)?;
    let subscribers = store::count_subscribers(tx, scope.tenant(), id).await?;
    if subscribers > 0 {
        return Err(RemoveError::InUse { subscribers });
    }
    store::remove(tx, scope.tenant(), id, scope.now()).await?;
    tx.audit(scope, audit::Entry::new("plan.remove", "plan", id).before(&plan));
    tx.changed(scope, Entry::Plan(id).into());
    Ok(())
}
