//! Routers: the network access servers that ask RADIUS, what is wanted of them, and what was last seen of them.

mod create;
mod delete;
mod directory;
mod event;
mod observation;
mod script;
mod secret;
mod sharing;
mod spec;
mod store;
mod update;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use base::{
    RouterId, Scope, Timestamp,
    page::{Page, PageRequest},
};
pub use create::{CreateError, Created, create};
pub use delete::{DeleteError, delete};
pub use directory::{ReadError, directory_entries, directory_entry};
pub use event::{RouterCreated, RouterDeleted};
use foundation::{Conn, Tx, db};
pub use observation::{Observation, observations, observe, observe_all};
pub use script::{Script, routeros_script};
pub use secret::{SecretError, reveal_secret, set_secret};
pub use sharing::SharingError;
pub use spec::{ChangeWay, MessageAuthenticator, OctetDirection, RouterSpec};
pub use update::{SecretChange, UpdateError, update};

use super::values::{Invalid, Version};

/// Routers of one tenant that an import knows by name; a tenant with more names them by id.
const MAX_NAMES: i64 = 10_000;

/// A router.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Router {
    /// Its id.
    pub id: RouterId,
    /// What is wanted of it.
    #[serde(flatten)]
    pub spec: RouterSpec,
    /// Rises with each change.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A router with what was last seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// What is wanted.
    pub router: Router,
    /// What was seen; `None` when it never sent a packet.
    pub observation: Option<Observation>,
}

/// Why a router cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is none with this id.
    #[error("there is no such router")]
    NotFound,
    /// The page's cursor does not come from an earlier page.
    #[error("the page cannot be found")]
    Invalid(#[from] Invalid),
    /// The database cannot be read.
    #[error("the router cannot be read")]
    Database(#[from] db::Error),
}

/// The router with this id.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn load(conn: &mut Conn, scope: &Scope, id: RouterId) -> Result<Observed, LoadError> {
    let router = store::find(conn, scope, id).await?.ok_or(LoadError::NotFound)?;
    let observation = store::observations(conn, scope, id, id).await?.remove(&id);
    Ok(Observed { router, observation })
}

/// The tenant's routers in the order of their making.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn list(
    conn: &mut Conn,
    scope: &Scope,
    request: &PageRequest,
) -> Result<Page<Observed>, LoadError> {
    let after =
        request.after().map(str::parse).transpose().map_err(|_| Invalid::new("after", "is no cursor"))?;
    let routers = store::list(conn, scope, after, i64::from(request.limit()) + 1).await?;
    let mut observations = match (routers.first(), routers.last()) {
        (Some(first), Some(last)) => store::observations(conn, scope, first.id, last.id).await?,
        _ => HashMap::new(),
    };
    let page = Page::cut(routers, request, |router| router.id.to_string());
    Ok(page.map(|router| Observed { observation: observations.remove(&router.id), router }))
}

/// Makes sure that the router is there, and keeps it from being removed until the commit.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn hold(tx: &mut Tx, scope: &Scope, id: RouterId) -> Result<(), LoadError> {
    if store::hold(tx, scope, id).await? { Ok(()) } else { Err(LoadError::NotFound) }
}

/// The tenant's routers by name.
///
/// # Errors
/// When the database cannot be read.
pub async fn names(conn: &mut Conn, scope: &Scope) -> db::Result<HashMap<String, RouterId>> {
    let routers = store::list(conn, scope, None, MAX_NAMES).await?;
    Ok(routers.into_iter().map(|router| (router.spec.name, router.id)).collect())
}
