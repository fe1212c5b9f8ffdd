//! Isolation (*isolir*): still online, but slow and walled to a payment page.
//!
//! It is an overlay, never an edit of the subscriber: a set of reasons, of which a payment removes `unpaid` alone. While
//! there is any reason, the subscriber is isolated. Each turn from free to isolated or back raises the subscriber's overlay
//! generation by one, so that an odd one means isolated; it travels in Class, and tells of each session with which state
//! it was accepted.
//!
//! What is wanted of the network is a row of its own ([`Intent`]), written with the reason in one transaction; what was
//! seen is kept apart from it. The [`Executor`] closes the difference, and tries for ever.

mod change;
mod event;
mod executor;
pub mod jobs;
mod order;
mod quota;
mod react;
mod store;
#[cfg(test)]
mod tests;

use base::{Scope, SubscriberId, Timestamp};
pub use event::{SubscriberIsolated, SubscriberLifted};
pub use executor::Executor;
use foundation::{Conn, Tx, audit, db};
pub use order::{DisconnectError, disconnect};
pub use quota::{Judged, QuotaPatrol, QuotaState, judge_quota, quota_state};
pub use react::DisconnectBarred;
pub use store::{Intent, Overlay};

use super::{
    subscriber::{self, OverlayReason},
    values::Entry,
};

base::text_enum! {
    /// Where the network stands with an intent.
    pub enum IntentState {
        /// Nothing was sent yet.
        Pending = "pending",
        /// The router took the change, which is no observation.
        Acknowledged = "acknowledged",
        /// The router ended the session; the re-dial is awaited.
        Disconnected = "disconnected",
        /// The router is silent; it gets the last wanted state when it is back.
        Unreachable = "unreachable",
        /// The router refuses; it is tried again, and an operator should look.
        Refused = "refused",
        /// Nobody is online; the next login brings it.
        Offline = "offline",
        /// A session with the wanted generation was seen.
        Verified = "verified",
    }
}

/// A subscriber's isolation: what is wanted, why, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The reasons, by precedence; none when it is not isolated.
    pub reasons: Vec<Overlay>,
    /// What the network was asked for; `None` when it never was.
    pub intent: Option<Intent>,
}

/// Why an overlay cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// There is no such subscriber.
    #[error("there is no such subscriber")]
    NotFound,
    /// The note is too long.
    #[error("the note is longer than {MAX_NOTE} characters")]
    NoteTooLong,
    /// The database refused.
    #[error("the overlay cannot be stored")]
    Database(#[from] db::Error),
}

/// The longest note, characters: a sentence or two.
pub const MAX_NOTE: usize = 500;

/// Isolates a subscriber for a reason; one that holds already stays as it is, with its time and note.
///
/// # Errors
/// As [`OverlayError`] says.
pub async fn isolate(
    tx: &mut Tx,
    scope: &Scope,
    subscriber: SubscriberId,
    reason: OverlayReason,
    note: &str,
) -> Result<State, OverlayError> {
    if note.chars().count() > MAX_NOTE {
        return Err(OverlayError::NoteTooLong);
    }
    hold(tx, scope, subscriber).await?;
    let before = store::overlays(tx, scope, subscriber).await?;
    if !before.iter().any(|overlay| overlay.reason == reason) {
        store::add(tx, scope, subscriber, reason, note).await?;
        if before.is_empty() {
            turn(tx, scope, subscriber).await?;
        }
        tx.audit(scope, audit::Entry::new("isolir.isolate", "subscriber", subscriber).after(&(reason, note)));
        tx.publish(scope, &SubscriberIsolated { subscriber, reason });
        tx.changed(scope, Entry::Subscriber(subscriber).into());
    }
    Ok(state(tx, scope, subscriber).await?)
}

/// Takes one reason away; the others stay. Lifting what does not hold changes nothing.
///
/// # Errors
/// As [`OverlayError`] says.
pub async fn lift(
    tx: &mut Tx,
    scope: &Scope,
    subscriber: SubscriberId,
    reason: OverlayReason,
) -> Result<State, OverlayError> {
    hold(tx, scope, subscriber).await?;
    if store::remove(tx, scope, subscriber, reason).await? {
        let left = store::overlays(tx, scope, subscriber).await?;
        if left.is_empty() {
            turn(tx, scope, subscriber).await?;
        }
        tx.audit(scope, audit::Entry::new("isolir.lift", "subscriber", subscriber).before(&reason));
        tx.publish(scope, &SubscriberLifted { subscriber, reason, free: left.is_empty() });
        tx.changed(scope, Entry::Subscriber(subscriber).into());
    }
    Ok(state(tx, scope, subscriber).await?)
}

/// What is wanted, why, and what was seen.
///
/// # Errors
/// When the database cannot be read.
pub async fn state(conn: &mut Conn, scope: &Scope, subscriber: SubscriberId) -> db::Result<State> {
    Ok(State {
        reasons: store::overlays(conn, scope, subscriber).await?,
        intent: store::intent(conn, scope, subscriber).await?,
    })
}

/// How many intents of all tenants stand in each state, and since when the oldest open one is wanted.
///
/// # Errors
/// When the database cannot be read.
pub async fn counts(conn: &mut Conn) -> db::Result<Vec<(IntentState, i64, Timestamp)>> {
    store::counts(conn).await
}

/// Keeps others from changing the subscriber's overlay until the commit.
async fn hold(tx: &mut Tx, scope: &Scope, subscriber: SubscriberId) -> Result<(), OverlayError> {
    if store::lock(tx, scope, subscriber).await? { Ok(()) } else { Err(OverlayError::NotFound) }
}

/// From free to isolated or back: the next generation, and the intent that the network follow.
async fn turn(tx: &mut Tx, scope: &Scope, subscriber: SubscriberId) -> db::Result<()> {
    let generation = subscriber::bump_overlay_generation(tx, scope, subscriber).await?;
    store::want(tx, scope, subscriber, generation).await
}
