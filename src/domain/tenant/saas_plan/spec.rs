//! What people may say of a SaaS plan, and what of it is accepted.

use std::collections::{BTreeMap, BTreeSet};

use base::{Currency, Minor};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        super::values::{Invalid, invalid::ensure, text},
        feature::Feature,
        limit::Limit,
    },
    Cycle,
};

/// The most that a limit may say: beyond it, leave the limit out.
const MAX_MAXIMUM: i64 = 1_000_000_000;
/// The highest price, minor units: far above any, far below what overflows in a sum.
const MAX_PRICE: i64 = 1_000_000_000_000;

/// What people may change of a SaaS plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SaasPlanSpec {
    /// Its short name: 2 to 40 letters, digits, `-` and `_`. Unique on the platform.
    pub code: String,
    /// Its name.
    pub name: String,
    /// For one cycle, in the currency's minor unit.
    pub price: Minor,
    /// The currency of the price.
    pub currency: Currency,
    /// How often it is paid.
    pub cycle: Cycle,
    /// The features that it has.
    #[serde(default)]
    pub features: BTreeSet<Feature>,
    /// The base of each limit, by its name. A limit that is not named is unlimited.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, i64>)]
    pub limits: BTreeMap<Limit, i64>,
}

impl SaasPlanSpec {
    /// A plan that is paid each month in rupiah, with every feature and no limit.
    #[must_use]
    pub fn unlimited(code: impl Into<String>, name: impl Into<String>, price: Minor) -> Self {
        Self {
            code: code.into(),
            name: name.into(),
            price,
            currency: Currency::IDR,
            cycle: Cycle::Monthly,
            features: Feature::ALL.iter().copied().collect(),
            limits: BTreeMap::new(),
        }
    }

    /// Brings it into its stored form.
    ///
    /// # Errors
    /// The first value that cannot be accepted.
    pub fn validated(self) -> Result<Self, Invalid> {
        ensure(
            (0..=MAX_PRICE).contains(&self.price.units()),
            "price",
            "must be from 0 to 1000000000000 minor units",
        )?;
        ensure(
            self.limits.values().all(|maximum| (0..=MAX_MAXIMUM).contains(maximum)),
            "limits",
            "must be from 0 to 1000000000; a limit that is left out is unlimited",
        )?;
        Ok(Self {
            code: code(&self.code)?,
            name: text::required("name", &self.name, text::MAX_NAME)?,
            ..self
        })
    }
}

/// The short name of something in a catalogue.
///
/// # Errors
/// When it is too short, too long or has other signs.
pub fn code(text: &str) -> Result<String, Invalid> {
    let code = text.trim().to_owned();
    let inner = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    ensure(
        (2..=40).contains(&code.len()) && code.bytes().all(inner),
        "code",
        "must be 2 to 40 letters, digits, '-' and '_'",
    )?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sound_plans_are_accepted() {
        let good = SaasPlanSpec::unlimited("pro", " Pro ", Minor::new(500_000));
        assert_eq!(good.clone().validated().unwrap().name, "Pro");
        let refused = |spec: SaasPlanSpec| spec.validated().unwrap_err().field;
        assert_eq!(refused(SaasPlanSpec { price: Minor::new(-1), ..good.clone() }), "price");
        assert_eq!(refused(SaasPlanSpec { code: "a b".into(), ..good.clone() }), "code");
        assert_eq!(refused(SaasPlanSpec { name: " ".into(), ..good.clone() }), "name");
        let limits = BTreeMap::from([(Limit::Routers, -1)]);
        assert_eq!(refused(SaasPlanSpec { limits, ..good }), "limits");
    }

    #[test]
    fn a_name_that_is_not_known_is_refused() {
        let text = r#"{"code":"x1","name":"X","price":1,"currency":"IDR","cycle":"monthly","features":["maps"],
            "limits":{"network.max_router":3}}"#;
        let spec: SaasPlanSpec = serde_json::from_str(text).unwrap();
        assert_eq!(spec.limits, BTreeMap::from([(Limit::Routers, 3)]));
        let back: SaasPlanSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
        assert_eq!(back, spec);
        for (old, new) in [("maps", "rockets"), ("network.max_router", "network.max_rocket")] {
            let error = serde_json::from_str::<SaasPlanSpec>(&text.replace(old, new)).unwrap_err();
            assert!(error.to_string().contains(new), "{error}");
        }
    }
}
