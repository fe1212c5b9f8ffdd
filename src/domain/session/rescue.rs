//! Applies a journal that was rescued from another machine: what `rrnetd journal apply DIR` does.

use aaa::{
    directory::Directory,
    journal::{Batch, Position, ReadError, Rescued, StartError},
    policy::ClassKey,
};
use base::{Clock, DatabaseId};
use foundation::{Db, db};

use super::{
    applier::{Applier, ApplyError, MOST_RECORDS},
    store::journal,
};

/// What a rescued journal is applied with.
#[derive(Clone, Copy, Debug)]
pub struct Rescue<'a> {
    /// Where to.
    pub db: &'a Db,
    /// Tells the direction of a router's counters and whose a user name is; it must be ready.
    pub directory: &'a Directory,
    /// The key of the cookies of the installation that the journal comes from.
    pub class_key: &'a ClassKey,
    /// The time.
    pub clock: &'a Clock,
}

/// What became of a rescued journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RescueReport {
    /// Records applied by this run.
    pub applied: u64,
    /// Records that the database had before.
    pub known: u64,
    /// Records that were refused for good, and are in the table `journal_refused`.
    pub refused: u64,
    /// Records that the database lacks and the folder does not hold any more.
    pub missing: u64,
    /// Places in the folder that cannot be read; the records there are lost.
    pub damaged: usize,
    /// The database's position in this journal now.
    pub position: u64,
}

/// Why a rescued journal was not applied, or in part only. It may be applied again: nothing is counted twice.
#[derive(Debug, thiserror::Error)]
pub enum RescueError {
    /// It belongs to another installation.
    #[error(
        "the journal belongs to the database {journal}, and this is {database}: applying it would mix two installations"
    )]
    ForeignDatabase {
        /// The journal's database.
        journal: DatabaseId,
        /// This one.
        database: DatabaseId,
    },
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] db::Error),
    /// Records were not applied.
    #[error("the records could not be applied")]
    Apply(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A segment cannot be read.
    #[error("the journal cannot be read")]
    Read(#[from] ReadError),
    /// The folder does not hold what it says.
    #[error("the journal does not begin where it says")]
    Start(#[from] StartError),
}

impl From<ApplyError> for RescueError {
    fn from(error: ApplyError) -> Self {
        Self::Apply(Box::new(error))
    }
}

/// Applies what the database does not have yet of a rescued journal. `progress` is told after each step.
///
/// # Errors
/// As [`RescueError`] says; what was applied before stays, and another run goes on from there.
pub async fn apply_rescued(
    rescue: &Rescue<'_>,
    rescued: &Rescued,
    mut progress: impl FnMut(&RescueReport) + Send,
) -> Result<RescueReport, RescueError> {
    let Rescue { db, directory, class_key, clock } = *rescue;
    let database = db.identity().await?;
    if database != rescued.database() {
        return Err(RescueError::ForeignDatabase { journal: rescued.database(), database });
    }
    let stored = journal::position(&mut db.conn().await?, rescued.id()).await?;
    let mut stored = Position::new(u64::try_from(stored).unwrap_or(0));
    let mut report = RescueReport {
        position: stored.number(),
        damaged: rescued.damage().len(),
        ..RescueReport::default()
    };
    let oldest = rescued.oldest().unwrap_or(Position::FIRST);
    report.known = stored.min(rescued.last()).since(oldest.previous());
    if stored >= rescued.last() {
        return Ok(report);
    }
    report.missing = oldest.previous().since(stored);
    let mut reader = rescued.reader(oldest.max(stored.next()))?;
    let applier = Applier { db, directory, class_key, clock, journal: rescued.id() };
    let mut batch = Batch::new();
    loop {
        let read = reader.fill(&mut batch, MOST_RECORDS);
        let Some(last) = batch.last() else {
            read?;
            report.damaged += reader.damage().len();
            return Ok(report);
        };
        let tally = applier.apply(applier.read(batch.iter()).await, stored).await?;
        stored = last;
        report.applied += tally.applied;
        report.refused += tally.refused;
        report.position = stored.number();
        progress(&report);
    }
}
