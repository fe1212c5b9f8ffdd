//! What other domains are told of isolation.

use base::SubscriberId;
use foundation::event::Event;

use super::super::subscriber::OverlayReason;

/// A reason to isolate a subscriber came up.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct SubscriberIsolated {
    /// Whom.
    #[serde(rename = "subscriberId")]
    pub subscriber: SubscriberId,
    /// Why.
    pub reason: OverlayReason,
}

impl Event for SubscriberIsolated {
    const KIND: &'static str = "subscriber_isolated";
}

/// A reason to isolate a subscriber is gone.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct SubscriberLifted {
    /// Whom.
    #[serde(rename = "subscriberId")]
    pub subscriber: SubscriberId,
    /// Which reason.
    pub reason: OverlayReason,
    /// Whether it was the last one: the subscriber is free.
    pub free: bool,
}

impl Event for SubscriberLifted {
    const KIND: &'static str = "subscriber_lifted";
}
