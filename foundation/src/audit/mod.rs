//! The audit trail: who did what to what, from where, when and why, with the state before and after.
//!
//! Append-only, numbered without gaps in each tenant's stream, and chained by hashes: a row that was altered, removed or
//! slipped in is found by [`verify`]. Entries are written by [`Tx::audit`](crate::Tx::audit) alone.

mod chain;
mod entry;
mod list;

pub use chain::{Hash, Head, ParseHeadError, Verified, VerifyError, heads, trails, verify};
pub(crate) use chain::{Link, START, link};
pub use entry::{Entry, Masked};
pub use list::{Filter, Recorded, list};
