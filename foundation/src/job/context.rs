//! What a job works with while it runs. Its commits hold only while the lease does: a run that was given up on can read, and
//! write nothing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use base::{Clock, Platform, Scope, TenantId, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use super::{JobError, JobId, Level, lease::Lease, log::RunLog, time::database_time};
use crate::{Db, Tx, db};

/// A run of a job.
#[derive(Clone, Debug)]
pub struct JobContext {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) lease: Lease,
    pub(super) kind: &'static str,
    pub(super) tenant: TenantId,
    pub(super) attempt: i64,
    pub(super) max_attempts: i64,
    pub(super) progress: Option<Arc<serde_json::Value>>,
    pub(super) shared: Arc<Shared>,
}

/// What the run and its worker share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) log: RunLog,
    /// The run finished its job itself.
    pub(super) finished: AtomicBool,
}

impl JobContext {
    /// Which job.
    #[must_use]
    pub const fn id(&self) -> JobId {
        self.lease.job
    }

    /// Whose job; [`TenantId::PLATFORM`] for the platform's own.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub const fn attempt(&self) -> i64 {
        self.attempt
    }

    /// No attempt follows this one.
    #[must_use]
    pub const fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }

    /// The database, to read.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// The time.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The present wall time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// The job's own act on the platform as a whole.
    #[must_use]
    pub fn platform(&self) -> Platform {
        Platform::system(self.kind, self.now())
    }

    /// The job's own act on its tenant's data.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.platform().within(self.tenant)
    }

    /// Writes a text of one or more lines into the job's log.
    pub fn log(&self, text: impl AsRef<str>) {
        self.shared.log.add(self.now(), Level::Info, text.as_ref());
    }

    /// The same, for what is odd.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.shared.log.add(self.now(), Level::Warn, text.as_ref());
    }

    /// How far an earlier run has come, as its last [`commit_with`](Self::commit_with) said; `None` at the beginning.
    ///
    /// # Errors
    /// When it is of another form: fatal.
    pub fn progress<P: DeserializeOwned>(&self) -> Result<Option<P>, JobError> {
        let stored = self.progress.as_deref().cloned();
        stored.map(serde_json::from_value).transpose().map_err(JobError::fatal)
    }

    /// Begins a transaction. End it with [`commit`](Self::commit), [`commit_with`](Self::commit_with) or
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    /// As [`Db::begin`] says.
    pub async fn begin(&self) -> db::Result<Tx> {
        self.db.begin().await
    }

    /// Begins a transaction of one chunk of bulk work.
    ///
    /// # Errors
    /// As [`Db::begin_bulk`] says.
    pub async fn begin_bulk(&self) -> db::Result<Tx> {
        self.db.begin_bulk().await
    }

    /// Commits, if the lease still holds.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`] when it does not: nothing is committed. [`JobError::Retry`] when the database fails.
    pub async fn commit(&self, mut tx: Tx) -> Result<(), JobError> {
        let now = database_time(&mut tx).await?;
        if !self.lease.renew(&mut tx, now).await? {
            tx.rollback().await?;
            return Err(JobError::LeaseLost);
        }
        Ok(tx.commit().await?)
    }

    /// Commits a step of many together with how far the job has come: a later run goes on from there.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    pub async fn commit_with(&self, mut tx: Tx, progress: &impl Serialize) -> Result<(), JobError> {
        let progress = serde_json::to_value(progress).map_err(JobError::fatal)?;
        let now = database_time(&mut tx).await?;
        if !self.lease.renew_with(&mut tx, now, &progress).await? {
            tx.rollback().await?;
            return Err(JobError::LeaseLost);
        }
        Ok(tx.commit().await?)
    }

    /// Commits and finishes the job in one: its effect is there if and only if it is done. Nothing may follow.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    pub async fn finish(&self, mut tx: Tx) -> Result<(), JobError> {
        let now = database_time(&mut tx).await?;
        let lines = self.shared.log.last(self.now());
        lines.write(&mut tx, self.lease.job, self.lease.token).await?;
        if !super::settle::done(&mut tx, self.lease, now).await? {
            tx.rollback().await?;
            return Err(JobError::LeaseLost);
        }
        tx.commit().await?;
        self.shared.log.written(&lines);
        self.shared.finished.store(true, Ordering::Release);
        Ok(())
    }
}
