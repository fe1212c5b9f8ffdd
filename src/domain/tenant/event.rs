//! What other domains are told of tenants.

use base::TenantId;
use foundation::event::Event;

/// A tenant was made.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TenantCreated {
    /// Which.
    pub tenant: TenantId,
}

impl Event for TenantCreated {
    const KIND: &'static str = "tenant_created";
}
