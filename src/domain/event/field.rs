//! What happens outside: cabinets, their outages, and the technicians' work on them.

use base::{EmployeeId, OutageId, TechnicianActivityId};
use foundation::event::Event;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

base::text_enum! {
    /// A kind of node on the map.
    pub enum NodeKind {
        /// A distribution cabinet.
        Odc = "odc",
        /// A distribution point at the pole.
        Odp = "odp",
        /// A customer's house.
        Client = "client",
    }
}

/// A node is out of order, and with it everything behind it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutageTrigger {
    /// The outage.
    #[serde(rename = "outageId")]
    pub outage: OutageId,
    /// What kind of node.
    pub node_kind: NodeKind,
    /// Which node.
    #[serde(rename = "nodeId")]
    pub node: Uuid,
}

impl Event for OutageTrigger {
    const KIND: &'static str = "outage_trigger";
}

/// An outage is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutageResolve {
    /// The outage.
    #[serde(rename = "outageId")]
    pub outage: OutageId,
}

impl Event for OutageResolve {
    const KIND: &'static str = "outage_resolve";
}

/// A technician noted work at a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TechnicianActivityCreated {
    /// Which note.
    #[serde(rename = "activityId")]
    pub activity: TechnicianActivityId,
    /// Whose.
    #[serde(rename = "employeeId")]
    pub employee: EmployeeId,
    /// What kind of node.
    pub node_kind: NodeKind,
    /// Which node.
    #[serde(rename = "nodeId")]
    pub node: Uuid,
}

impl Event for TechnicianActivityCreated {
    const KIND: &'static str = "technician_activity_created";
}
