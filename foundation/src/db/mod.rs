//! One database behind one enum: SQLite or PostgreSQL, the SQL text once, the drivers' own types.
//!
//! * [`Db`] is the database; [`Db::conn`] reads, [`Db::begin`] writes.
//! * [`Conn::query`] takes a text for both databases, or [`dialect`] one for each.
//! * [`bulk`] writes many rows in one statement.
//! * [`Error`] says what the caller can do about a failure.

pub mod bulk;
mod config;
mod conn;
mod error;
mod fault;
mod hold;
mod migrate;
mod pool;
mod query;
mod sql;

pub use config::{Config, DatabaseUrl, ParseUrlError};
pub use conn::{Conn, Raw};
pub use error::{Error, Result};
pub(crate) use fault::FaultPoints;
pub use hold::{HOLD_LIMIT, HoldTimes, ROWS_LIMIT};
pub use migrate::{MigrateError, Migrated};
pub use pool::{Db, OpenError};
pub use query::{Param, Query, Row};
pub use sql::{Sql, dialect};
/// A document: TEXT on SQLite, JSONB on PostgreSQL.
pub use sqlx::types::Json;
