//! Removing a subscriber.

use base::{Scope, SubscriberId};
use foundation::{Tx, audit};

use super::{
    super::values::{Entry, Version},
    SubscriberDeleted, UpdateError, store,
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
    let subscriber = store::subscriber::find(tx, scope, id).await?.ok_or(UpdateError::NotFound)?;
    subscriber.version.expect(seen)?;
    store::subscriber::delete(tx, scope, id).await?;
    tx.publish(scope, &SubscriberDeleted { subscriber: id });
    tx.audit(scope, audit::Entry::new("subscriber.delete", "subscriber", id).before(&subscriber));
    tx.changed(scope, Entry::Subscriber(id).into());
    Ok(())
}
