//! The durable accounting log: what makes an Accounting-Response true (RFC 2866 §4.1).
//!
//! A server must not answer an Accounting-Request before it has recorded it. The record here is the raw datagram in a
//! checksummed segment file, synced; the database follows when it can.
//!
//! * [`Journal`] opens the folder and owns the writer's thread. Workers append through an [`Appender`], park the reply
//!   under the [`Position`] that they get, and send it once [`Journal::durable`] has reached it. An [`AppendError`]
//!   means: leave the request unanswered.
//! * While the writer writes and syncs one group, the next one fills: load makes groups larger, not latency longer.
//! * The drainer follows with a [`Reader`] and says with [`Journal::release`] what the database has; only then are
//!   segments deleted.
//! * [`Journal::open_when_possible`] makes one whose disk may be away at the start: it refuses records until it is back.
//! * [`inspect()`] reads a folder that no daemon uses.
//!
//! Two disks' habits are relied on: a sector is written whole or not at all, also when what it held before is written
//! again with more behind it; and a sync that succeeds on a file none of whose syncs has failed is the truth.

mod aside;
mod catalog;
mod config;
mod frame;
mod handle;
mod health;
mod inspect;
mod metrics;
mod opening;
mod queue;
mod reader;
mod record;
mod recovery;
mod scan;
mod segment;
mod shared;
mod storage;
#[cfg(test)]
mod tests;
mod wake;
mod writer;

pub use catalog::Lag;
pub use config::{Config, ConfigError, MAX_SEGMENT_OCTETS, MIN_GROUP_OCTETS};
pub use handle::{Appender, Journal, ShutdownError, Subscription};
pub use health::{Alarm, Damage, Failing, Health, MAX_DAMAGE_LISTED};
pub use inspect::{InspectError, Rescued, RescuedSegment, inspect};
pub use queue::AppendError;
pub use reader::{Batch, ReadError, Reader, StartError};
pub use record::{Kind, MAX_PAYLOAD_LEN, Position, Record, Stored};
pub use recovery::OpenError;
pub use wake::Wake;
