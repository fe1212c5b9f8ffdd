//! The value types all wings share: clock, ids, money, timestamps, scope, secrets.
//!
//! Nothing here knows a database, a socket or a domain. With the feature `sqlx` the types also encode
//! themselves for both databases, with `openapi` they describe themselves in the API's document.

pub mod clock;
pub mod id;
pub mod mac;
pub mod money;
mod openapi;
pub mod page;
pub mod scope;
pub mod seal;
pub mod secret;
pub mod text_enum;
pub mod timestamp;

pub use clock::{Clock, MockClock, Now};
pub use id::{
    AddonId, ApiTokenId, CustomerId, DatabaseId, EmployeeId, EnduserInvoiceId, JournalId, LoginSessionId,
    OutageId, PlanId, RoleId, RouterId, SaasChargeId, SaasInvoiceId, SaasPlanId, SessionId, SubscriberId,
    TechnicianActivityId, TenantAddonId, TenantId, UserId,
};
pub use mac::MacAddress;
pub use money::{Currency, Minor};
pub use scope::{Actor, Platform, Scope};
pub use secret::{SecretBytes, SecretString};
pub use timestamp::Timestamp;

/// What the macros of this crate expand to needs these names wherever it is used.
#[doc(hidden)]
pub mod reexport {
    pub use serde;
    #[cfg(feature = "sqlx")]
    pub use sqlx;
    #[cfg(feature = "openapi")]
    pub use utoipa;
}
