//! Adding a SaaS plan.

use base::{Platform, SaasPlanId};
use foundation::{Tx, audit, db};

use super::{
    super::{
        super::values::{Invalid, Version},
        store,
    },
    SaasPlan, SaasPlanSpec,
};

/// Why a plan cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A value cannot be accepted.
    #[error("the plan cannot be accepted")]
    Invalid(#[from] Invalid),
    /// Another plan has the short name.
    #[error("the short name is taken")]
    CodeTaken,
    /// The database refused.
    #[error("the plan cannot be stored")]
    Database(#[from] db::Error),
}

/// Adds a plan.
///
/// # Errors
/// As [`CreateError`] says.
pub async fn create(tx: &mut Tx, platform: &Platform, spec: SaasPlanSpec) -> Result<SaasPlan, CreateError> {
    let plan = SaasPlan {
        id: SaasPlanId::generate(platform.now()),
        spec: spec.validated()?,
        archived_at: None,
        version: Version::FIRST,
        created_at: platform.now(),
        updated_at: platform.now(),
    };
    if !store::saas_plan::insert(tx, &plan).await? {
        return Err(CreateError::CodeTaken);
    }
    store::saas_plan::set_contents(tx, plan.id, &plan.spec).await?;
    tx.audit(platform, audit::Entry::new("saas_plan.create", "saas_plan", plan.id).after(&plan));
    Ok(plan)
}
