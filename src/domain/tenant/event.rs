//! What other domains are told of tenants.

use base::TenantId;
use foundation::event::Event;

use super::IsolationReason;

/// A tenant was made.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TenantCreated {
    /// Which.
    #[serde(rename = "tenantId")]
    pub tenant: TenantId,
}

impl Event for TenantCreated {
    const KIND: &'static str = "tenant_created";
}

/// A reason to lock a tenant's panel came up.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TenantIsolated {
    /// Which reason.
    pub reason: IsolationReason,
}

impl Event for TenantIsolated {
    const KIND: &'static str = "tenant_isolated";
}

/// A reason to lock a tenant's panel is gone.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TenantLifted {
    /// Which reason.
    pub reason: IsolationReason,
    /// Whether it was the last one: nothing locks the panel.
    pub free: bool,
}

impl Event for TenantLifted {
    const KIND: &'static str = "tenant_lifted";
}
