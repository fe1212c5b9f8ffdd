//! Features: which modules a tenant may use.
//!
//! The plan says which; add-ons add to it; the super admin has the last word. Nothing is kept between requests, so that
//! a change acts on the very next one, on every node.

pub(super) mod decide;
mod switch;

use std::fmt;

pub use decide::{FeatureState, feature_states, features};
pub use switch::{FeatureSwitched, set_feature};

base::text_enum! {
    /// A module that a plan, an add-on or the super admin switches on for a tenant. Routes name the one that they belong to.
    pub enum Feature {
        /// Routers, plans, subscribers and their sessions.
        Radius = "radius",
        /// Isolating subscribers and lifting it.
        Isolir = "isolir",
        /// Subscribers in bulk, from a table.
        Import = "import",
        /// Programs with tokens of their own.
        ApiTokens = "api_tokens",
        /// Roles of the tenant's own making.
        CustomRoles = "custom_roles",
        /// The live stream of events.
        LiveEvents = "live_events",
        /// Routers kept in their wanted state over the RouterOS API.
        RouterSync = "router_sync",
        /// Hotspot vouchers.
        HotspotVouchers = "hotspot_vouchers",
        /// Invoices to customers.
        BillingEnduser = "billing_enduser",
        /// Payments by way of a provider.
        PaymentGateways = "payment_gateways",
        /// The customers' own pages.
        CustomerPortal = "customer_portal",
        /// What the tenant pays for its uplinks.
        UpstreamBilling = "upstream_billing",
        /// Fibre cabinets, splitters and clients on the map.
        Maps = "maps",
        /// Outages and whom they reach.
        Outage = "outage",
        /// Employees and technicians' activities.
        Hr = "hr",
        /// Notices over WhatsApp.
        Whatsapp = "whatsapp",
        /// Events sent to programs elsewhere.
        Webhooks = "webhooks",
        /// Agents who sell on the tenant's behalf.
        Resellers = "resellers",
    }
}

/// A set of features. As JSON a list of names.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct FeatureSet(u64);

// One bit each.
const _: () = assert!(Feature::ALL.len() <= 64);

impl FeatureSet {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// The set of `features`.
    #[must_use]
    pub fn of(features: impl IntoIterator<Item = Feature>) -> Self {
        features.into_iter().fold(Self::NONE, Self::with)
    }

    /// Whether `feature` is in it.
    #[must_use]
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u64 != 0
    }

    /// This set and `feature`.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Self {
        Self(self.0 | 1 << feature as u64)
    }

    /// This set but `feature`.
    #[must_use]
    pub const fn without(self, feature: Feature) -> Self {
        Self(self.0 & !(1 << feature as u64))
    }

    /// Its features, in the order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.iter().copied().filter(move |feature| self.has(*feature))
    }
}

impl fmt::Debug for FeatureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Feature::as_str)).finish()
    }
}

impl serde::Serialize for FeatureSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Feature::as_str))
    }
}
