//! What is heard of routers, and from them.

use base::{MacAddress, RouterId, SubscriberId, Timestamp};
use foundation::event::Event;
use serde::{Deserialize, Serialize};

/// A router was compared with what is wanted of it, and something was changed or learnt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouterSyncComplete {
    /// Which.
    #[serde(rename = "routerId")]
    pub router: RouterId,
    /// Settings that were put right.
    pub changed: u32,
    /// Things that were seen for the first time.
    pub learnt: u32,
}

impl Event for RouterSyncComplete {
    const KIND: &'static str = "router_sync_complete";
}

/// Who tried to get online in the last second. It stays in memory: the live stream alone carries it, and whoever does not
/// listen misses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RadiusAuthAttempt {
    /// Attempts that were let in, as far as the log keeps them: of fast ones a sample.
    pub accepted: usize,
    /// Attempts that were turned away.
    pub rejected: usize,
    /// Some of them, the newest first.
    pub sample: Vec<AttemptSample>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptSample {
    /// When.
    pub at: Timestamp,
    /// Through which router.
    #[serde(rename = "routerId")]
    pub router: RouterId,
    /// The subscriber, when the name was found.
    #[serde(rename = "subscriberId")]
    pub subscriber: Option<SubscriberId>,
    /// The user name, its first 47 octets.
    pub username: String,
    /// The device.
    pub mac: Option<MacAddress>,
    /// What came of it.
    pub outcome: String,
}

impl Event for RadiusAuthAttempt {
    const KIND: &'static str = "radius_auth_attempt";
}
