//! Removing a plan.

use base::{PlanId, Scope};
use foundation::{Tx, audit, db};

use super::{super::values::Entry, store};

/// Why a plan cannot be removed.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// There is no such plan.
    #[error("there is no such plan")]
    NotFound,
    /// Subscribers have it.
    #[error("{0} subscribers have the plan")]
    InUse(i64),
    /// The database refused.
    #[error("the plan cannot be removed")]
    Database(#[from] db::Error),
}

/// Removes a plan that no subscriber has.
///
/// # Errors
/// As [`DeleteError`] says.
pub async fn delete(tx: &mut Tx, scope: &Scope, id: PlanId) -> Result<(), DeleteError> {
    // Held alone, so that nobody gives it to a subscriber while they are counted.
    if !store::hold_alone(tx, scope, id).await? {
        return Err(DeleteError::NotFound);
    }
    let plan = store::find(tx, scope, id).await?.ok_or(DeleteError::NotFound)?;
    let subscribers = store::subscribers(tx, scope, id).await?;
    if subscribers > 0 {
        return Err(DeleteError::InUse(subscribers));
    }
    store::delete(tx, scope, id).await?;
    tx.audit(scope, audit::Entry::new("plan.delete", "plan", id).before(&plan));
    tx.changed(scope, Entry::Plan(id).into());
    Ok(())
}
