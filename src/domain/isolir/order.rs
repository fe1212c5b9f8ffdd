//! Orders of staff to end one session.

use base::{RouterId, Scope, SessionId};
use foundation::{Tx, audit, db};

use super::store;

/// Why an order cannot be put up.
#[derive(Debug, thiserror::Error)]
pub enum DisconnectError {
    /// The database refused.
    #[error("the order cannot be stored")]
    Database(#[from] db::Error),
}

/// Orders that a live session of the tenant be ended. The order is kept until the router has answered or the session is
/// gone; a session that dials in again is another one.
///
/// # Errors
/// As [`DisconnectError`] says.
pub async fn disconnect(
    tx: &mut Tx,
    scope: &Scope,
    session: SessionId,
    router: RouterId,
) -> Result<(), DisconnectError> {
    store::put_order(tx, scope, session, router).await?;
    tx.audit(scope, audit::Entry::new("session.disconnect", "session", session));
    Ok(())
}
