//! What people may say of an add-on, and what of it is accepted.

use std::collections::{BTreeMap, BTreeSet};

use base::{Currency, Minor};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        tenant::{
            Feature, Limit,
            saas_plan::{self, Cycle},
        },
        values::{Invalid, invalid::ensure, text},
    },
    AddonKind,
};

/// The highest price of a unit, minor units; with the most units below what overflows in a sum.
const MAX_PRICE: i64 = 1_000_000_000_000;
/// The most units of anything.
const MAX_UNITS: i64 = 100_000;
/// The most that a unit may add to a limit.
const MAX_AMOUNT: i64 = 1_000_000;

/// What people may change of an add-on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddonSpec {
    /// Its short name: 2 to 40 letters, digits, `-` and `_`. Unique on the platform.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is good for.
    #[serde(default)]
    pub description: String,
    /// How a tenant gets it.
    pub kind: AddonKind,
    /// Of one unit for one cycle, in the currency's minor unit.
    pub unit_price: Minor,
    /// The currency of the price.
    pub currency: Currency,
    /// How often it is paid.
    pub cycle: Cycle,
    /// The most units that a tenant may have.
    pub max_units: i64,
    /// What one unit adds to each limit, by its name.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, i64>)]
    pub limits: BTreeMap<Limit, i64>,
    /// The features that it switches on.
    #[serde(default)]
    pub features: BTreeSet<Feature>,
}

impl AddonSpec {
    /// Brings it into its stored form.
    ///
    /// # Errors
    /// The first value that cannot be accepted.
    pub fn validated(self) -> Result<Self, Invalid> {
        ensure(
            (0..=MAX_PRICE).contains(&self.unit_price.units()),
            "unitPrice",
            "must be from 0 to 1000000000000 minor units",
        )?;
        ensure((1..=MAX_UNITS).contains(&self.max_units), "maxUnits", "must be from 1 to 100000")?;
        ensure(
            self.limits.values().all(|amount| (1..=MAX_AMOUNT).contains(amount)),
            "limits",
            "must be from 1 to 1000000",
        )?;
        ensure(
            !self.limits.is_empty() || !self.features.is_empty(),
            "limits",
            "an add-on raises a limit or switches a feature on",
        )?;
        Ok(Self {
            code: saas_plan::code(&self.code)?,
            name: text::required("name", &self.name, text::MAX_NAME)?,
            description: text::note("description", &self.description)?,
            ..self
        })
    }
}
