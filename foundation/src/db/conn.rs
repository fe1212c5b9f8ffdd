//! A connection, in or out of a transaction, to either database.

use std::fmt;

use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction, pool::PoolConnection};

use super::{
    FaultPoints, Sql,
    error::{Error, Result},
    query::{Connection, Progress, Query},
};

/// A connection for reading; a [`Tx`](crate::Tx) derefs to one as well.
pub struct Conn {
    inner: Inner,
    progress: Progress,
}

pub(super) enum Inner {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

/// The driver's own connection, for measured bulk paths and nothing else.
#[derive(Debug)]
pub enum Raw<'c> {
    /// SQLite's.
    Sqlite(&'c mut SqliteConnection),
    /// PostgreSQL's.
    Postgres(&'c mut PgConnection),
}

impl Conn {
    pub(super) fn new(inner: Inner, faults: FaultPoints) -> Self {
        let in_transaction = matches!(inner, Inner::SqliteTx(_) | Inner::PostgresTx(_));
        Self { inner, progress: Progress { in_transaction, faults, ..Progress::default() } }
    }

    /// Starts a statement.
    pub fn query(&mut self, sql: impl Into<Sql>) -> Query<'_> {
        let Self { inner, progress } = self;
        Query::new(inner.connection(), sql.into(), progress)
    }

    /// The driver's own connection. Say to [`Conn::count_written`] what is written through it; after an error, roll back.
    pub fn raw(&mut self) -> Raw<'_> {
        match self.inner.connection() {
            Connection::Sqlite(connection) => Raw::Sqlite(connection),
            Connection::Postgres(connection) => Raw::Postgres(connection),
        }
    }

    /// Counts rows that were written through [`Conn::raw`].
    pub const fn count_written(&mut self, rows: u64) {
        self.progress.written += rows;
    }

    /// Whether it leads to SQLite.
    pub(super) const fn is_sqlite(&self) -> bool {
        matches!(self.inner, Inner::Sqlite(_) | Inner::SqliteTx(_))
    }

    /// How many rows were written through this connection.
    pub(crate) const fn written(&self) -> u64 {
        self.progress.written
    }

    /// Ends the transaction for good; a connection outside of one has nothing to end.
    pub(crate) async fn commit(self) -> Result<()> {
        if self.progress.aborted {
            return Err(Error::Aborted);
        }
        match self.inner {
            Inner::SqliteTx(transaction) => transaction.commit().await?,
            Inner::PostgresTx(transaction) => transaction.commit().await?,
            Inner::Sqlite(_) | Inner::Postgres(_) => {}
        }
        Ok(())
    }

    /// Undoes the transaction and waits until it is undone.
    pub(crate) async fn rollback(self) -> Result<()> {
        match self.inner {
            Inner::SqliteTx(transaction) => transaction.rollback().await?,
            Inner::PostgresTx(transaction) => transaction.rollback().await?,
            Inner::Sqlite(_) | Inner::Postgres(_) => {}
        }
        Ok(())
    }
}

impl Inner {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
            Self::SqliteTx(transaction) => Connection::Sqlite(transaction),
            Self::Postgres(connection) => Connection::Postgres(connection),
            Self::PostgresTx(transaction) => Connection::Postgres(transaction),
        }
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.inner {
            Inner::Sqlite(_) => "Conn(sqlite)",
            Inner::SqliteTx(_) => "Conn(sqlite, in a transaction)",
            Inner::Postgres(_) => "Conn(postgres)",
            Inner::PostgresTx(_) => "Conn(postgres, in a transaction)",
        })
    }
}
