//! What people may say of a plan, and what of it is accepted.

use base::{Currency, Minor};
use serde::{Deserialize, Serialize};

use super::{
    super::values::{AttributeText, Invalid, invalid::ensure, text},
    Service,
};

/// Longest validity: ten years.
const MAX_MONTHS: u16 = 120;
const MAX_DAYS: u16 = 3_650;

base::text_enum! {
    /// When the money is due.
    pub enum Billing {
        /// Before: the subscriber's time runs out.
        Prepaid = "prepaid",
        /// After, by invoice.
        Postpaid = "postpaid",
        /// Never.
        Free = "free",
    }
}

/// How long a plan lasts once it is bought: calendar months, then days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Validity {
    /// Calendar months.
    #[serde(default)]
    pub months: u16,
    /// Days on top.
    #[serde(default)]
    pub days: u16,
}

/// What people may change of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanSpec {
    /// Its name, unique in the tenant.
    pub name: String,
    /// What the router is told.
    #[serde(default)]
    pub service: Service,
    /// Further attributes of the reply.
    #[serde(default)]
    pub attributes: Vec<AttributeText>,
    /// Its price, in the currency's minor unit.
    pub price: Minor,
    /// The currency of the price.
    pub currency: Currency,
    /// When the money is due.
    pub billing: Billing,
    /// How long it lasts.
    pub validity: Validity,
}

impl PlanSpec {
    /// A plan billed by the month, with the usual service.
    #[must_use]
    pub fn monthly(name: impl Into<String>, price: Minor) -> Self {
        Self {
            name: name.into(),
            service: Service::default(),
            attributes: Vec::new(),
            price,
            currency: Currency::IDR,
            billing: Billing::Postpaid,
            validity: Validity { months: 1, days: 0 },
        }
    }

    /// Brings it into its stored form.
    ///
    /// # Errors
    /// The first value that cannot be accepted.
    pub fn validated(self) -> Result<Self, Invalid> {
        ensure(self.price >= Minor::ZERO, "price", "must not be negative")?;
        ensure(
            self.validity.months <= MAX_MONTHS && self.validity.days <= MAX_DAYS,
            "validity",
            "must be at most 120 months and 3650 days",
        )?;
        ensure(
            self.billing == Billing::Free || self.validity != Validity::default(),
            "validity",
            "must not be nothing when the plan is billed",
        )?;
        Ok(Self {
            name: text::required("name", &self.name, text::MAX_NAME)?,
            service: self.service.validated().map_err(|invalid| invalid.within("service"))?,
            ..self
        })
    }
}
