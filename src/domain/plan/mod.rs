//! Plans: the service profiles that subscribers buy. What a subscriber gets, when, for how long, and for how much.

mod create;
mod delete;
mod directory;
mod hours;
mod metered;
mod service;
mod spec;
mod store;
mod update;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use base::{
    PlanId, Scope, Timestamp,
    page::{Page, PageRequest},
};
pub use create::{CreateError, create};
pub use delete::{DeleteError, delete};
pub use directory::{ReadError, directory_entries, directory_entry};
use foundation::{Conn, Tx, db};
pub use hours::{Hours, ParseTimeError, TimeOfDay, Weekday, minutes_of_week};
pub use metered::{Metered, metered, metered_one};
pub use service::{Quota, QuotaPeriod, Service};
pub use spec::{Billing, PlanSpec, Validity};
pub use update::{UpdateError, update};

use super::values::{Invalid, Version};

/// Plans of one tenant that an import knows by name; a tenant with more names them by id.
const MAX_NAMES: i64 = 10_000;

/// A service profile.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// What people may change of it.
    #[serde(flatten)]
    pub spec: PlanSpec,
    /// Rises with each change.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Why a plan cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is none with this id.
    #[error("there is no such plan")]
    NotFound,
    /// The page's cursor does not come from an earlier page.
    #[error("the page cannot be found")]
    Invalid(#[from] Invalid),
    /// The database cannot be read.
    #[error("the plan cannot be read")]
    Database(#[from] db::Error),
}

/// The plan with this id.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn load(conn: &mut Conn, scope: &Scope, id: PlanId) -> Result<Plan, LoadError> {
    store::find(conn, scope, id).await?.ok_or(LoadError::NotFound)
}

/// The tenant's plans in the order of their making.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn list(conn: &mut Conn, scope: &Scope, request: &PageRequest) -> Result<Page<Plan>, LoadError> {
    let after =
        request.after().map(str::parse).transpose().map_err(|_| Invalid::new("after", "is no cursor"))?;
    let plans = store::list(conn, scope, after, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(plans, request, |plan| plan.id.to_string()))
}

/// The tenant's plans by name.
///
/// # Errors
/// When the database cannot be read.
pub async fn names(conn: &mut Conn, scope: &Scope) -> db::Result<HashMap<String, PlanId>> {
    Ok(store::names(conn, scope, MAX_NAMES).await?.into_iter().collect())
}

/// Makes sure that the plan is there, and keeps it from being removed until the commit.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn hold(tx: &mut Tx, scope: &Scope, id: PlanId) -> Result<(), LoadError> {
    if store::hold(tx, scope, id).await? { Ok(()) } else { Err(LoadError::NotFound) }
}
