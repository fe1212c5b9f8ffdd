//! Removing a router.

use base::{RouterId, Scope};
use foundation::{Tx, audit, db};

use super::{
    super::{
        tenant::limit::{self, Limit},
        values::Entry,
    },
    RouterDeleted, store,
};

/// Why a router cannot be removed.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// There is no such router.
    #[error("there is no such router")]
    NotFound,
    /// Subscribers may log in on it alone.
    #[error("{0} subscribers are bound to the router")]
    InUse(i64),
    /// The database refused.
    #[error("the router cannot be removed")]
    Database(#[from] db::Error),
}

/// Removes a router: its packets are unknown from now on. Its sessions keep its name.
///
/// # Errors
/// As [`DeleteError`] says.
pub async fn delete(tx: &mut Tx, scope: &Scope, id: RouterId) -> Result<(), DeleteError> {
    // Held alone, so that nobody binds a subscriber to it while they are counted.
    if !store::hold_alone(tx, scope, id).await? {
        return Err(DeleteError::NotFound);
    }
    let router = store::find(tx, scope, id).await?.ok_or(DeleteError::NotFound)?;
    let bound = store::bound_subscribers(tx, scope, id).await?;
    if bound > 0 {
        return Err(DeleteError::InUse(bound));
    }
    limit::give_back(tx, scope, Limit::Routers, 1).await?;
    store::delete(tx, scope, id).await?;
    tx.publish(scope, &RouterDeleted { router: id });
    tx.audit(scope, audit::Entry::new("router.delete", "router", id).before(&router));
    tx.changed(scope, Entry::Router(id).into());
    Ok(())
}
