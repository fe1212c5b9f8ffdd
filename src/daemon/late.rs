//! Takes up what the database and the journal hold: at the start, or when one is back that was away then.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aaa::{
    journal::{Journal, Kind, Position},
    live::Live,
    policy::{FirstUse, Policy},
};
use base::DatabaseId;
use foundation::db;
use metrics::counter;
use tokio_util::sync::CancellationToken;

use crate::domain::session::{self, housekeeping};

/// How often what was away at the start is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Drains the journal, once it is open.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) policy: Arc<Policy>,
    pub(super) live: Arc<Live>,
    pub(super) drain: session::Drain,
    /// The journal was not open when the rest was taken up.
    pub(super) is_journal_late: bool,
    /// The database's sessions are not in the live table, or only some: it could not be reached then, or not be read.
    pub(super) is_database_late: bool,
    /// Set once the live table has what the database and the journal hold.
    pub(super) restored: Arc<AtomicBool>,
    /// The one that is awaited.
    pub(super) database: DatabaseId,
}

impl Late {
    /// Drains until `shutdown`.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = self.catch_up() => self.restored.store(true, Ordering::Release),
        }
        self.drain.run(shutdown).await;
    }

    async fn catch_up(&self) {
        if self.is_journal_late {
            while self.drain.journal.id().is_none() {
                tokio::time::sleep(LOOK).await;
            }
            restore_first_uses(&self.drain.journal, &self.policy);
        }
        if self.is_database_late {
            // Without the directory a router's direction and a user's name would be guessed.
            let mut told = false;
            while !self.drain.directory.ready() || !self.is_restored(&mut told).await {
                tokio::time::sleep(LOOK).await;
            }
        } else if self.is_journal_late {
            match self.drain.replay(&self.live).await {
                Ok(records) => tracing::info!(records, "the journal's records were taken up"),
                Err(error) => tracing::error!(
                    error = &error as &dyn Error,
                    "live sessions lack what the journal held: they are put right by their next packets"
                ),
            }
        }
    }

    /// Tries to take up the database's sessions; false when it cannot be reached yet, or is another one.
    async fn is_restored(&self, told: &mut bool) -> bool {
        match self.drain.db.migrate(self.drain.clock.wall()).await {
            Ok(migrated) if migrated.database == self.database => {}
            Ok(migrated) => {
                if !std::mem::replace(told, true) {
                    tracing::error!(
                        database.expected = %self.database,
                        database.found = %migrated.database,
                        "the database is another one: the journal is not drained into it; correct database.url"
                    );
                }
                return false;
            }
            Err(error) => {
                counter!("rrnetd_drain_failures_total").increment(1);
                tracing::debug!(error = &error as &dyn Error, "the database is still away");
                return false;
            }
        }
        let Err(error) = restore_sessions(&self.drain, &self.live).await else { return true };
        counter!("rrnetd_drain_failures_total").increment(1);
        tracing::warn!(error = &error as &dyn Error, "open sessions are not restored yet");
        false
    }
}

/// Why open sessions are not in the live table.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestoreError {
    /// None is.
    #[error("the journal cannot be applied")]
    Journal(#[from] session::DrainNowError),
    /// Some may be.
    #[error("open sessions are restored in part only")]
    Partial(#[from] db::Error),
}

/// Puts the open sessions back into the live table, after the journal's records are applied that belong to them.
///
/// # Errors
/// As [`RestoreError`] says; another call restores the rest.
pub(super) async fn restore_sessions(drain: &session::Drain, live: &Live) -> Result<(), RestoreError> {
    // The records of a journal whose disk is away are taken up when it opens.
    if drain.journal.id().is_some() {
        drain.drain_now().await?;
    }
    let sessions = housekeeping::restore_live(&drain.db, live, &drain.directory, &drain.clock).await?;
    if sessions > 0 {
        tracing::info!(sessions, "open sessions were restored");
    }
    Ok(())
}

/// First uses hold from their record on, whether or not the database has them.
pub(super) fn restore_first_uses(journal: &Journal, policy: &Policy) {
    let Some(oldest) = journal.oldest() else { return };
    let from = oldest.max(journal.applied().next()).max(Position::FIRST);
    let Ok(mut reader) = journal.reader(from) else { return };
    while let Ok(Some(stored)) = reader.next_record() {
        if stored.record.kind == Kind::FIRST_USE
            && let Some(first) = FirstUse::parse(stored.record.payload)
        {
            policy.restore_first_use(&first);
        }
    }
}
