//! What other domains are told of subscribers.

use base::{PlanId, SubscriberId};
use foundation::event::Event;
use serde::{Deserialize, Serialize};

/// Declares events that hold a subscriber's id and perhaps more.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $kind:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct $name {
            /// Which.
            #[serde(rename = "subscriberId")]
            pub subscriber: SubscriberId,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Event for $name {
            const KIND: &'static str = $kind;
        }
    )*};
}

events! {
    /// A subscriber was made.
    SubscriberCreated = "subscriber_created" {}
    /// A subscriber may not log in for now.
    SubscriberSuspended = "subscriber_suspended" {}
    /// A subscriber may log in again.
    SubscriberResumed = "subscriber_resumed" {}
    /// A subscriber's service is over.
    SubscriberEnded = "subscriber_ended" {}
    /// A subscriber has another plan.
    SubscriberPlanChanged = "subscriber_plan_changed" {
        /// The plan before.
        #[serde(rename = "fromPlanId")]
        from: PlanId,
        /// The plan now.
        #[serde(rename = "toPlanId")]
        to: PlanId,
    }
    /// A subscriber was removed.
    SubscriberDeleted = "subscriber_deleted" {}
}
