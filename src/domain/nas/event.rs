//! What other domains are told of routers.

use base::RouterId;
use foundation::event::Event;
use serde::{Deserialize, Serialize};

/// A router was added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouterCreated {
    /// Which.
    #[serde(rename = "routerId")]
    pub router: RouterId,
}

impl Event for RouterCreated {
    const KIND: &'static str = "router_created";
}

/// A router was removed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouterDeleted {
    /// Which.
    #[serde(rename = "routerId")]
    pub router: RouterId,
}

impl Event for RouterDeleted {
    const KIND: &'static str = "router_deleted";
}
