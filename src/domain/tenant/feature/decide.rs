//! Which features a tenant has: plan, then add-ons, then the super admin's word.

use base::Scope;
use foundation::{Conn, db};
use serde::Serialize;

use super::{super::store, Feature, FeatureSet};

/// Who says something about a feature. A later one overrules those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Source {
    /// The tenant's plan.
    Plan,
    /// An add-on of the tenant.
    Addon,
    /// The super admin.
    Override,
}

/// What one source says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Word {
    pub(in super::super) source: Source,
    pub(in super::super) feature: Feature,
    pub(in super::super) enabled: bool,
}

/// One feature of a tenant, and why it is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureState {
    /// Which.
    pub feature: Feature,
    /// Whether the tenant may use it.
    pub enabled: bool,
    /// The plan has it.
    pub by_plan: bool,
    /// An add-on has it.
    pub by_addon: bool,
    /// What the super admin says; null leaves it to plan and add-ons.
    pub overridden: Option<bool>,
}

/// The features that the tenant has now.
///
/// # Errors
/// When the database cannot be read.
pub async fn features(conn: &mut Conn, scope: &Scope) -> db::Result<FeatureSet> {
    let words = store::feature::words(conn, scope).await?;
    Ok(FeatureSet::of(states(&words).filter(|state| state.enabled).map(|state| state.feature)))
}

/// Every feature with the reasons why the tenant has it or not.
///
/// # Errors
/// When the database cannot be read.
pub async fn feature_states(conn: &mut Conn, scope: &Scope) -> db::Result<Vec<FeatureState>> {
    Ok(states(&store::feature::words(conn, scope).await?).collect())
}

fn states(words: &[Word]) -> impl Iterator<Item = FeatureState> {
    let said = |feature: Feature, source: Source| {
        words.iter().find(|word| word.feature == feature && word.source == source).map(|word| word.enabled)
    };
    Feature::ALL.iter().copied().map(move |feature| {
        let by_plan = said(feature, Source::Plan) == Some(true);
        let by_addon = said(feature, Source::Addon) == Some(true);
        let overridden = said(feature, Source::Override);
        let enabled = overridden.unwrap_or(by_plan || by_addon);
        FeatureState { feature, enabled, by_plan, by_addon, overridden }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_super_admin_overrules_add_ons_and_these_the_plan() {
        let word = |source, enabled| Word { source, feature: Feature::Maps, enabled };
        let enabled = |words: &[Word]| {
            states(words).find(|state| state.feature == Feature::Maps).is_some_and(|state| state.enabled)
        };
        let (plan, addon) = (word(Source::Plan, true), word(Source::Addon, true));
        assert!(!enabled(&[]));
        assert!(enabled(&[plan]) && enabled(&[addon]) && enabled(&[plan, addon]));
        assert!(!enabled(&[plan, addon, word(Source::Override, false)]));
        assert!(enabled(&[word(Source::Override, true)]));
        let hr = Word { source: Source::Plan, feature: Feature::Hr, enabled: true };
        assert!(!enabled(&[hr]), "one feature says nothing about another");
    }

    #[test]
    fn a_set_is_its_members() {
        let set = FeatureSet::of([Feature::Hr, Feature::Radius]);
        assert!(set.has(Feature::Hr) && !set.without(Feature::Hr).has(Feature::Hr));
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["radius","hr"]"#);
        assert_eq!(FeatureSet::of(Feature::ALL.iter().copied()).iter().count(), Feature::ALL.len());
    }
}
