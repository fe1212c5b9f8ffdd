//! Limits: how many of a thing a tenant may have.
//!
//! The plan gives the base, add-ons add to it, the super admin has the last word. Everything that makes one of the things
//! asks [`take`] in its own transaction, which locks the counter until the commit: two cannot take the last place. A limit
//! that falls below what is used keeps new ones out and takes nothing away.

mod counter;
mod drift;
pub(super) mod maximum;
mod overrule;

pub use counter::{LimitReached, TakeError, give_back, hold, take, take_available};
pub use drift::{Drift, drifts, mend};
pub use maximum::{LimitState, Maximum, state, states};
pub use overrule::{LimitOverride, LimitSet, set};

base::text_enum! {
    /// What is limited for a tenant.
    pub enum Limit {
        /// Routers.
        Routers = "network.max_router",
        /// Subscribers whose service has not ended.
        Subscribers = "radius.max_users",
        /// Fibre cabinets on the map.
        Odcs = "maps.max_ODC",
        /// Splitters on the map.
        Odps = "maps.max_ODP",
        /// Clients on the map.
        MapClients = "maps.max_client",
        /// Vouchers that are not used up.
        Vouchers = "voucher.max_voucher",
        /// Employees.
        Employees = "hr.max_employee",
        /// People who use the panel.
        PanelUsers = "panel.max_user",
        /// WhatsApp messages a minute: a rate, of which nothing is used up.
        WhatsappRate = "wa.rate_limit_override",
    }
}

impl Limit {
    /// The official add-on that raises it, by its short name.
    #[must_use]
    pub const fn addon(self) -> Option<&'static str> {
        match self {
            Self::Routers => Some("extra_router"),
            Self::Subscribers => Some("extra_user_pack"),
            Self::Odps => Some("extra_ODP_maps"),
            Self::MapClients => Some("extra_client_maps"),
            Self::WhatsappRate => Some("wa_premium"),
            Self::Odcs | Self::Vouchers | Self::Employees | Self::PanelUsers => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Feature, *};

    #[test]
    fn the_documentation_has_every_limit_and_feature() {
        let text = include_str!("../../../../docs/tenancy.md");
        for limit in Limit::ALL {
            let addon = limit.addon().map_or_else(String::new, |addon| format!("`{addon}` "));
            let row = text.lines().find(|line| line.starts_with(&format!("| `{limit}` |")));
            assert!(row.is_some_and(|row| row.ends_with(&format!("| {addon}|"))), "{limit}: {row:?}");
        }
        for feature in Feature::ALL {
            assert!(text.contains(&format!("\n| `{feature}` | ")), "{feature}");
        }
    }
}
