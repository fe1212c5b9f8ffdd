//! What every domain stands on: the database, the audit trail, events and who reacts to them, jobs.
//!
//! Reads take a [`Conn`], writes a [`Tx`], which derefs to one: "this needs a transaction" is a type. `Tx::commit` is the
//! single place where streams are numbered.

pub mod audit;
pub mod cache;
pub mod change;
pub mod db;
pub mod event;
pub mod idempotency;
pub mod job;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tx;
pub mod wake;

pub use db::{Conn, Db};
pub use tx::{Origin, Tx};
