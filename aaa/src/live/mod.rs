//! Sessions that are online now: the authoritative table, and the rules by which packets make up a session.
//!
//! * [`event`]: what an accounting packet tells, free of its wire form.
//! * [`rules`]: one session's life as a pure state machine, and [`identity`]: which session a packet belongs to. The
//!   database side uses the same two.
//! * [`Live`]: the table in 1,024 shards. [`Live::apply`] takes each event as soon as its record is in the journal,
//!   [`Live::reserve`] holds places for simultaneous use, [`Sweeper`] closes what fell silent.
//! * [`RouterState`]: what is observed of a router, such as the way to it.
//!
//! Nothing here knows a database or a packet. What the table forgets (it starts empty, and is bounded) history knows.

pub mod event;
pub mod identifiers;
pub mod identity;
pub mod limits;
pub mod rules;

mod names;
mod observed;
mod query;
mod reservation;
mod router;
mod session;
mod shard;
mod sweep;
mod table;
#[cfg(test)]
mod tests;

pub use event::{AccountingEvent, Cookie, Counters, Status};
pub use identifiers::{Identifiers, StoredIdentifiers};
pub use observed::Signatures;
pub use query::{Cursor, Filter, Restored, Stats};
pub use reservation::{Admission, Admitted};
pub use router::{Path, RouterState, RouterView, TenantState};
pub use rules::{Change, End, EndCause, Progress, Step, Usage};
pub use session::{ClosedSession, LiveSession};
pub use sweep::Sweeper;
pub use table::{Applied, Live, Origin, Profile};
