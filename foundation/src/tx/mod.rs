//! The write transaction, and the single place of commit.
//!
//! Services publish events, leave audit entries and tell of changed rows in the transaction that makes the change; all
//! three only buffer. [`Tx::commit`] writes them last, so that the order of each tenant's streams is the order of
//! commits, and no reader behind a position misses anything.

mod origin;
mod outbox;

use std::{
    fmt,
    ops::{Deref, DerefMut},
    time::Duration,
};

pub use origin::Origin;
use outbox::Outbox;
use tokio::sync::OwnedSemaphorePermit;

use crate::{Conn, Db, audit::Entry, change::Change, db::Result, event::Event};

/// A write transaction; derefs to [`Conn`]. Dropped without [`Tx::commit`], it is rolled back.
#[must_use = "a transaction that is not committed is rolled back"]
pub struct Tx {
    /// `None` only once it is committed or rolled back.
    conn: Option<Conn>,
    outbox: Outbox,
    db: Db,
    began: Duration,
    /// It put jobs into the queue.
    has_jobs: bool,
    /// Given back when the transaction ended.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Tx {
    pub(crate) fn new(db: Db, conn: Conn, permit: Option<OwnedSemaphorePermit>) -> Self {
        let began = db.elapsed();
        Self { conn: Some(conn), outbox: Outbox::default(), db, began, has_jobs: false, _permit: permit }
    }

    /// Buffers an event for the stream of the scope's tenant, or of the platform.
    pub fn publish<E: Event>(&mut self, origin: &impl Origin, event: &E) {
        self.outbox.publish(origin, event);
    }

    /// Buffers an entry for the audit trail of the scope's tenant, or of the platform.
    pub fn audit(&mut self, origin: &impl Origin, entry: Entry) {
        self.outbox.audit(origin, entry);
    }

    /// Buffers word of a changed row for the change stream of the scope's tenant, or of the platform. The same row is
    /// told once a transaction.
    pub fn changed(&mut self, origin: &impl Origin, change: Change) {
        self.outbox.changed(origin, change);
    }

    /// The commit is to wake the workers of this node.
    pub(crate) const fn wake_workers(&mut self) {
        self.has_jobs = true;
    }

    /// Numbers and writes what is buffered, commits, and wakes the readers.
    ///
    /// # Errors
    /// Nothing is committed, with one exception: after [`Error::Unavailable`](crate::db::Error::Unavailable) it may be,
    /// because the connection can break between the database's commit and its answer.
    pub async fn commit(mut self) -> Result<()> {
        let outbox = std::mem::take(&mut self.outbox);
        let tenants = outbox.write(&mut self).await?;
        let Some(conn) = self.conn.take() else { return Ok(()) };
        let rows = conn.written();
        let committed = match self.db.fault_points().pass() {
            Ok(()) => conn.commit().await,
            Err(fault) => Err(fault),
        };
        self.db.held(self.db.elapsed().saturating_sub(self.began), rows);
        committed?;
        self.db.fault_points().pass()?;
        self.db.wake().committed(&tenants);
        if self.has_jobs {
            self.db.wake().jobs_came();
        }
        Ok(())
    }

    /// Undoes everything, and returns when it is undone; a drop does the same without waiting.
    ///
    /// # Errors
    /// When the connection broke, with which the transaction ended as well.
    pub async fn rollback(mut self) -> Result<()> {
        let Some(conn) = self.conn.take() else { return Ok(()) };
        let rows = conn.written();
        let undone = conn.rollback().await;
        self.db.held(self.db.elapsed().saturating_sub(self.began), rows);
        undone
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        self.conn
            .as_ref()
            .expect("only commit and rollback take the connection, and they take the transaction")
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn
            .as_mut()
            .expect("only commit and rollback take the connection, and they take the transaction")
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.db.held(self.db.elapsed().saturating_sub(self.began), conn.written());
        }
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("conn", &self.conn).finish_non_exhaustive()
    }
}
