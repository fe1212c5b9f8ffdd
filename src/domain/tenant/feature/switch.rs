//! The super admin's word on a feature of one tenant.

use base::{Platform, TenantId};
use foundation::{Tx, audit, event::Event};
use serde::{Deserialize, Serialize};

use super::{
    super::{UpdateError, store},
    Feature, FeatureState, decide,
};

/// The super admin switched a feature of the tenant on or off, or left it to plan and add-ons again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeatureSwitched {
    /// Which.
    pub feature: Feature,
    /// Whether the tenant may use it from now on.
    pub enabled: bool,
}

impl Event for FeatureSwitched {
    const KIND: &'static str = "tenant_feature_switched";
}

/// Switches a feature of a tenant on or off, whatever its plan and add-ons say; `None` leaves it to them again. In force at
/// the tenant's next request. The platform's act should give its reason.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn set_feature(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    feature: Feature,
    enabled: Option<bool>,
) -> Result<Vec<FeatureState>, UpdateError> {
    let scope = platform.within(tenant);
    store::tenant::find(tx, tenant).await?.ok_or(UpdateError::NotFound)?;
    let before = decide::feature_states(tx, &scope).await?;
    store::feature::set_override(tx, &scope, feature, enabled).await?;
    let after = decide::feature_states(tx, &scope).await?;
    let of = |states: &[FeatureState]| states.iter().copied().find(|state| state.feature == feature);
    if let (Some(before), Some(after)) = (of(&before), of(&after))
        && before != after
    {
        tx.publish(&scope, &FeatureSwitched { feature, enabled: after.enabled });
        let entry = audit::Entry::new("tenant.set_feature", "tenant", tenant);
        tx.audit(&scope, entry.before(&before).after(&after));
    }
    Ok(after)
}
