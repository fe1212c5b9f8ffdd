//! Changing a plan: in force for each of its subscribers from the next login.

use base::{PlanId, Scope};
use foundation::{Tx, audit, db};
use radius::dictionary::Dictionary;

use super::{
    super::values::{Attributes, Entry, Invalid, Stale, Version},
    Plan, PlanSpec, store,
};

/// Why a plan cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// There is no such plan.
    #[error("there is no such plan")]
    NotFound,
    /// It was changed since the caller read it.
    #[error("the plan was changed meanwhile")]
    Stale(#[from] Stale),
    /// A value cannot be accepted.
    #[error("the change cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The tenant has a plan of this name.
    #[error("the name is taken")]
    NameTaken,
    /// The database refused.
    #[error("the plan cannot be stored")]
    Database(#[from] db::Error),
}

/// Changes a plan.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn update(
    tx: &mut Tx,
    scope: &Scope,
    dictionary: &Dictionary,
    id: PlanId,
    seen: Option<Version>,
    spec: PlanSpec,
) -> Result<Plan, UpdateError> {
    let before = store::find(tx, scope, id).await?.ok_or(UpdateError::NotFound)?;
    before.version.expect(seen)?;
    let spec = spec.validated()?;
    if spec == before.spec {
        return Ok(before);
    }
    let attributes = Attributes::compose(dictionary, spec.attributes.clone())?;
    if store::name_is_taken(tx, scope, id, &spec.name).await? {
        return Err(UpdateError::NameTaken);
    }
    let after = Plan { spec, version: before.version.next(), updated_at: scope.now(), ..before.clone() };
    store::update(tx, scope, &after, &attributes.composed, before.version).await?;
    tx.audit(scope, audit::Entry::new("plan.update", "plan", id).before(&before).after(&after));
    tx.changed(scope, Entry::Plan(id).into());
    Ok(after)
}
