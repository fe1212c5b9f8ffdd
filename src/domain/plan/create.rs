//! Making a plan.

use base::{PlanId, Scope};
use foundation::{Tx, audit, db};
use radius::dictionary::Dictionary;

use super::{
    super::values::{Attributes, Entry, Invalid, Version},
    Plan, PlanSpec, store,
};

/// Why a plan cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A value cannot be accepted.
    #[error("the plan cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The tenant has a plan of this name.
    #[error("the name is taken")]
    NameTaken,
    /// The database refused.
    #[error("the plan cannot be stored")]
    Database(#[from] db::Error),
}

/// Makes a plan; its attributes are read by `dictionary`.
///
/// # Errors
/// As [`CreateError`] says.
pub async fn create(
    tx: &mut Tx,
    scope: &Scope,
    dictionary: &Dictionary,
    spec: PlanSpec,
) -> Result<Plan, CreateError> {
    let spec = spec.validated()?;
    let attributes = Attributes::compose(dictionary, spec.attributes.clone())?;
    let plan = Plan {
        id: PlanId::generate(scope.now()),
        spec,
        version: Version::FIRST,
        created_at: scope.now(),
        updated_at: scope.now(),
    };
    if !store::insert(tx, scope, &plan, &attributes.composed).await? {
        return Err(CreateError::NameTaken);
    }
    tx.audit(scope, audit::Entry::new("plan.create", "plan", plan.id).after(&plan));
    tx.changed(scope, Entry::Plan(plan.id).into());
    Ok(plan)
}
