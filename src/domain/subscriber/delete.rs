//! Removing a subscriber.

use base::{Scope, SubscriberId};
use foundation::{Tx, audit};

use super::{
    super::{
        tenant::limit::{self, Limit},
        values::{Entry, Version},
    },
    Status, SubscriberDeleted, UpdateError, store,
};

/// Removes a subscriber: it never logs in again, and its name and address are free. Its sessions and invoices stay.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn delete(
    tx: &mut Tx,
    scope: &Scope,
    id: SubscriberId,
    seen: Option<Version>,
) -> Result<(), UpdateError> {
    // First of all: who ends its service at the same time gives the same place back.
    limit::hold(tx, scope, Limit::Subscribers).await?;
    let subscriber = store::subscriber::find(tx, scope, id).await?.ok_or(UpdateError::NotFound)?;
    subscriber.version.expect(seen)?;
    // One whose service has ended gave its place back then.
    if subscriber.status != Status::Ended {
        limit::give_back(tx, scope, Limit::Subscribers, 1).await?;
    }
    store::subscriber::delete(tx, scope, id).await?;
    tx.publish(scope, &SubscriberDeleted { subscriber: id });
    tx.audit(scope, audit::Entry::new("subscriber.delete", "subscriber", id).before(&subscriber));
    tx.changed(scope, Entry::Subscriber(id).into());
    Ok(())
}
