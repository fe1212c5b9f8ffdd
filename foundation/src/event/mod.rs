//! Events: what happened, told to whoever reacts, in the order of commits of each tenant.
//!
//! A service publishes in the transaction of its change ([`Tx::publish`](crate::Tx::publish)). Each [`Subscriber`] gets every
//! event that it wants, in order for each tenant, at least once; what it writes and its place in the stream are
//! committed together, so that the effect in the database is once.
//!
//! `stream` reads a tenant's events · `subscriber` is who reacts · `cursor` how far each has come · `dispatch` hands events
//! out, `turn` one tenant's · `operate` what an operator sees and does · `retention` trims.

mod cursor;
mod dispatch;
mod operate;
mod retention;
mod stream;
mod subscriber;
mod turn;

use serde::{Serialize, de::DeserializeOwned};

pub use cursor::Backlog;
pub use dispatch::{Dispatcher, Settings};
pub use operate::{
    OperateError, Standing, StandingFilter, find as find_standing, is_cursor as is_standing_cursor,
    list as list_standings, parked, replay, retry, skip,
};
pub use retention::{Lost, Retention, Swept, Trimmed, sweep, trim};
pub use stream::{Envelope, EventFilter, Reach, events_after, list_events, reach, reaches};
pub use subscriber::{Failure, Kind, Start, Subscriber, Subscribers};

/// Something that happened. Its body holds ids and what cannot be looked up later, never secrets: whoever may see
/// events reads it.
pub trait Event: Serialize {
    /// Its name for ever, such as `enduser_invoice_paid`.
    const KIND: &'static str;
    /// The form of its body; a reader must know each that was ever published.
    const VERSION: i64 = 1;
}

/// A body is not what its kind and version promise.
#[derive(Debug, thiserror::Error)]
pub enum ReadEventError {
    /// A newer rrnetd published it.
    #[error("{kind} of version {found} is newer than version {known}, the last that is known here")]
    Newer {
        /// Which kind.
        kind: &'static str,
        /// Its version.
        found: i64,
        /// The last one known.
        known: i64,
    },
    /// The body cannot be read.
    #[error("the body of the event cannot be read")]
    Body(#[from] serde_json::Error),
}

impl Envelope {
    /// The event, if it is an `E`.
    ///
    /// # Errors
    /// As [`ReadEventError`] says.
    pub fn read<E: Event + DeserializeOwned>(&self) -> Result<Option<E>, ReadEventError> {
        if self.kind != E::KIND {
            return Ok(None);
        }
        if self.version > E::VERSION {
            return Err(ReadEventError::Newer { kind: E::KIND, found: self.version, known: E::VERSION });
        }
        Ok(Some(E::deserialize(&self.body)?))
    }
}
