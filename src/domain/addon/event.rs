//! What other domains are told of add-ons.

use base::{AddonId, SaasChargeId, TenantAddonId};
use foundation::event::Event;
use serde::{Deserialize, Serialize};

/// Declares events that hold a tenant's add-on and perhaps more.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $kind:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// Which of the tenant's.
            #[serde(rename = "tenantAddonId")]
            pub tenant_addon: TenantAddonId,
            /// What of the catalogue.
            #[serde(rename = "addonId")]
            pub addon: AddonId,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Event for $name {
            const KIND: &'static str = $kind;
        }
    )*};
}

events! {
    /// A tenant has an add-on: its limits and features are others from now on.
    AddonActivated = "addon_activated" {
        /// How many.
        units: i64,
    }
    /// A tenant asks for a custom add-on: the super admin decides.
    AddonPendingApproval = "addon_pending_approval" {
        /// How many.
        units: i64,
    }
    /// The super admin refused an add-on.
    AddonRejected = "addon_rejected" {
        /// Why.
        reason: String,
    }
    /// A tenant has more or fewer units of an add-on.
    AddonUnitsChanged = "addon_units_changed" {
        /// How many before.
        from: i64,
        /// How many now.
        to: i64,
    }
    /// What holds from the next cycle on was said, or taken back.
    AddonChangeScheduled = "addon_change_scheduled" {
        /// How many units from the next cycle on; 0 ends it.
        next_units: i64,
    }
    /// A tenant has an add-on no more.
    AddonDeactivated = "addon_deactivated" {}
    /// A tenant owes something for an add-on.
    SaasChargeRecorded = "saas_charge_recorded" {
        /// Which charge.
        #[serde(rename = "chargeId")]
        charge: SaasChargeId,
    }
}
