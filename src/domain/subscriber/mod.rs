//! Customers, and their subscribers: services with a login of their own.
//!
//! A subscriber's *status* is what its operator wants of it. That it is isolated is an overlay on top, which nothing here
//! changes: `domain::isolir` does.

mod create;
mod customer;
mod delete;
mod directory;
mod event;

pub mod import;
mod learn;
mod list;
mod overlay;
mod password;
mod spec;
mod store;
mod update;
mod username;

#[cfg(test)]
mod tests;

use base::{CustomerId, Scope, SubscriberId, Timestamp};
pub use create::{CreateError, Created, CustomerChoice, Login, NewSubscriber, create};
pub use customer::{
    Customer, CustomerError, CustomerSpec, create_customer, list_customers, load_customer,
    reveal_identity_number, update_customer,
};
pub use delete::delete;
pub use directory::{ReadError, count, directory_entries, directory_entry};
pub use event::{
    SubscriberCreated, SubscriberDeleted, SubscriberEnded, SubscriberPlanChanged, SubscriberResumed,
    SubscriberSuspended,
};
use foundation::{
    Conn,
    db::{self, Error},
};
pub use learn::{LearnMacError, Learnt, learn_mac};
pub use list::{Filter, ListError, Listed, list, search};
pub use overlay::{OverlayReason, OverlayReasons, bump_overlay_generation};
pub use password::{PasswordError, reveal_password, set_login};
pub use spec::{MacLock, ServiceType, Status, SubscriberSpec};
pub use update::{UpdateError, change_plan, end, resume, suspend, update};
pub use username::canonical_username;

use super::values::Version;

/// A service with a login of its own.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscriber {
    /// Its id.
    pub id: SubscriberId,
    /// Who pays for it.
    #[serde(rename = "customerId")]
    pub customer: CustomerId,
    /// What people may change of it.
    #[serde(flatten)]
    pub spec: SubscriberSpec,
    /// The hardware address is the user name and all there is; there is no password.
    pub hardware_login: bool,
    /// May it log in?
    pub status: Status,
    /// Why it is isolated; empty when it is not.
    #[schema(value_type = Vec<OverlayReason>)]
    pub overlay: OverlayReasons,
    /// Rises with each change of the overlay.
    pub overlay_generation: i64,
    /// Rises with each change of the rest.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The subscriber with this id.
///
/// # Errors
/// [`Error::RowNotFound`] when there is none.
pub async fn load(conn: &mut Conn, scope: &Scope, id: SubscriberId) -> db::Result<Subscriber> {
    find(conn, scope, id).await?.ok_or(Error::RowNotFound)
}

/// The subscriber with this id, if there is one.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(conn: &mut Conn, scope: &Scope, id: SubscriberId) -> db::Result<Option<Subscriber>> {
    store::subscriber::find(conn, scope, id).await
}

/// The subscriber that logs in under this name, if there is one.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_by_username(
    conn: &mut Conn,
    scope: &Scope,
    username: &str,
) -> db::Result<Option<Subscriber>> {
    store::subscriber::find_by_username(conn, scope, username).await
}
