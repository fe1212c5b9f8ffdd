//! Changing a SaaS plan, for all who have it.

use base::{Platform, SaasPlanId};
use foundation::{Tx, audit, db, event::Event};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        super::values::{Invalid, Stale, Version},
        store,
    },
    SaasPlan, SaasPlanSpec,
};

/// A plan was changed: price, features or limits of all who have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SaasPlanChanged {
    /// Which.
    #[serde(rename = "planId")]
    pub plan: SaasPlanId,
}

impl Event for SaasPlanChanged {
    const KIND: &'static str = "saas_plan_changed";
}

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
    /// Another plan has the short name.
    #[error("the short name is taken")]
    CodeTaken,
    /// It is in use, and an invoice has one currency.
    #[error("the currency cannot be changed while tenants have the plan")]
    CurrencyInUse,
    /// The database refused.
    #[error("the plan cannot be stored")]
    Database(#[from] db::Error),
}

/// Changes a plan. In force at the next request of all who have it; the price at their next invoice. A limit that falls
/// below what is used takes nothing away.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn update(
    tx: &mut Tx,
    platform: &Platform,
    id: SaasPlanId,
    seen: Option<Version>,
    spec: SaasPlanSpec,
) -> Result<SaasPlan, UpdateError> {
    let before = store::saas_plan::find(tx, id).await?.ok_or(UpdateError::NotFound)?;
    before.version.expect(seen)?;
    let spec = spec.validated()?;
    if spec == before.spec {
        return Ok(before);
    }
    if store::saas_plan::code_is_taken(tx, id, &spec.code).await? {
        return Err(UpdateError::CodeTaken);
    }
    if spec.currency != before.spec.currency && store::saas_plan::is_used(tx, id).await? {
        return Err(UpdateError::CurrencyInUse);
    }
    let after =
        SaasPlan { spec, version: before.version.next(), updated_at: platform.now(), ..before.clone() };
    if !store::saas_plan::update(tx, &after, before.version).await? {
        return Err(Stale { seen: before.version, current: after.version }.into());
    }
    store::saas_plan::set_contents(tx, id, &after.spec).await?;
    tx.publish(platform, &SaasPlanChanged { plan: id });
    tx.audit(platform, audit::Entry::new("saas_plan.update", "saas_plan", id).before(&before).after(&after));
    Ok(after)
}
