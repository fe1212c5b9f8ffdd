//! Drains the journal into the database: the only place where accounting records become rows.
//!
//! With the database down the drainer waits; the journal keeps what comes.

use std::{
    convert::Infallible,
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
    time::Duration,
};

use aaa::{
    directory::Directory,
    journal::{Batch, Journal, Position, ReadError, Reader, StartError, Stored, Wake},
    policy::ClassKey,
};
use base::{Clock, JournalId};
use foundation::{Db, db};
use metrics::counter;
use tokio::io::{Interest, unix::AsyncFd};
use tokio_util::sync::CancellationToken;

use super::{
    applier::{Applier, ApplyError, FEW, WINDOW},
    store::journal,
};

/// How long a small batch waits for company. A transaction of one record costs as much as one of many.
const LINGER: Duration = Duration::from_millis(20);

/// How often the journal is looked at although nothing woke us.
const IDLE: Duration = Duration::from_secs(1);

/// First and longest wait after a failure of the database.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How often in a row the position may have been moved by somebody else before [`Drain::drain_now`] gives up.
const MOVES: u32 = 3;

/// What the drainer needs.
#[derive(Debug)]
pub struct Drain {
    /// Where to.
    pub db: Db,
    /// Where from.
    pub journal: Arc<Journal>,
    /// Tells the direction of a router's counters and whose a user name is.
    pub directory: Arc<Directory>,
    /// The key of our cookies.
    pub class_key: ClassKey,
    /// The time.
    pub clock: Clock,
}

/// The journal could not be applied.
#[derive(Debug, thiserror::Error)]
#[error("the journal could not be applied")]
pub struct DrainNowError(#[source] StepError);

#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error("the database's position cannot be read")]
    Position(#[source] db::Error),
    #[error("records were not applied")]
    Apply(#[from] ApplyError),
    #[error("the journal cannot be read from where the database stands")]
    Start(#[source] StartError),
    #[error("the journal cannot be read")]
    Read(#[source] ReadError),
    #[error("the journal cannot wake us")]
    Wake(#[source] std::io::Error),
    #[error("the journal is not open yet")]
    NotOpen,
}

/// Where a drainer stands.
struct Place {
    journal: JournalId,
    /// The position in the database.
    stored: Position,
    reader: Reader,
}

impl Drain {
    /// Drains until `shutdown`. What is left in the journal then is drained at the next start.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut backoff = BACKOFF.0;
        loop {
            let error = tokio::select! {
                () = shutdown.cancelled() => return,
                Err(error) = self.drain(&mut backoff) => error,
            };
            if matches!(error, StepError::Apply(ApplyError::PositionMoved)) {
                tracing::info!("the journal's position in the database was moved; it is read anew");
            } else {
                counter!("rrnetd_drain_failures_total").increment(1);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    retry_ms = u64::try_from(backoff.as_millis()).unwrap_or(u64::MAX),
                    "applying the journal failed; it keeps what comes"
                );
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    /// Applies everything that is in the journal now, and returns.
    ///
    /// # Errors
    /// When the database or the journal can't be read.
    pub async fn drain_now(&self) -> Result<(), DrainNowError> {
        let goal = self.journal.durable();
        let mut batch = Batch::new();
        let mut moves = 0;
        loop {
            let error = match self.drain_to(goal, &mut batch, &mut moves).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            moves += 1;
            if moves > MOVES || !matches!(error, StepError::Apply(ApplyError::PositionMoved)) {
                return Err(DrainNowError(error));
            }
        }
    }

    async fn drain_to(&self, goal: Position, batch: &mut Batch, moves: &mut u32) -> Result<(), StepError> {
        let mut place = self.place().await?;
        while place.reader.next_position() <= goal {
            if self.step(&mut place, batch).await? == 0 {
                break;
            }
            *moves = 0;
        }
        Ok(())
    }

    async fn drain(&self, backoff: &mut Duration) -> Result<Infallible, StepError> {
        let wake = Wake::new().map_err(StepError::Wake)?;
        let _subscription = self.journal.subscribe(wake.clone());
        let readable = watch(&wake).map_err(StepError::Wake)?;
        // Without the directory a router's direction and a user's name would be guessed. A journal whose disk is away is
        // awaited.
        while !self.directory.ready() || self.journal.id().is_none() {
            tokio::time::sleep(IDLE).await;
        }
        let mut place = self.place().await?;
        let mut batch = Batch::new();
        loop {
            wake.clear();
            let waiting = self.journal.durable().since(place.reader.next_position().previous());
            if waiting > 0 && waiting < FEW as u64 {
                tokio::time::sleep(LINGER).await;
            }
            if waiting > 0 && self.step(&mut place, &mut batch).await? > 0 {
                *backoff = BACKOFF.0;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(IDLE) => {}
                ready = readable.readable() => ready.map_err(StepError::Wake)?.clear_ready(),
            }
            // Segments that are old enough by now are deleted.
            self.journal.release(place.stored);
        }
    }

    /// Reads the database's position, and opens the journal behind it.
    async fn place(&self) -> Result<Place, StepError> {
        let id = self.journal.id().ok_or(StepError::NotOpen)?;
        let mut conn = self.db.conn().await.map_err(StepError::Position)?;
        let stored = journal::position(&mut conn, id).await.map_err(StepError::Position)?;
        drop(conn);
        let stored = Position::new(u64::try_from(stored).unwrap_or(0));
        let reader = match self.journal.reader(stored.next()) {
            Ok(reader) => {
                self.journal.release(stored);
                reader
            }
            // The database was restored from a backup that is older than what the journal keeps.
            Err(StartError::Gone { oldest }) => {
                let lost = oldest.previous().since(stored);
                counter!("rrnetd_drain_lost_records_total").increment(lost);
                tracing::error!(
                    records = lost,
                    "the database lacks records that the journal has deleted: see the backups of its folder"
                );
                self.journal.reader(oldest).map_err(StepError::Start)?
            }
            // The disk lost what it had confirmed, and positions are given out anew: what is here may be new. Applying
            // what the database has already changes nothing.
            Err(StartError::Beyond { last }) => {
                tracing::error!(
                    journal.last = last.number(),
                    database.position = stored.number(),
                    "the journal ends before the database's position: its disk lost data; all of it is applied again"
                );
                self.journal
                    .reader(Position::FIRST.max(self.journal.oldest().unwrap_or(Position::FIRST)))
                    .map_err(StepError::Start)?
            }
            Err(StartError::NotOpen) => return Err(StepError::NotOpen),
        };
        Ok(Place { journal: id, stored, reader })
    }

    /// Applies the next records; how many there were.
    async fn step(&self, place: &mut Place, batch: &mut Batch) -> Result<usize, StepError> {
        let read = place.reader.fill(batch, WINDOW);
        let Some(last) = batch.last() else { return read.map_err(StepError::Read) };
        // Records before a segment that cannot be read are applied; the next step meets it again.
        let records: Vec<Stored<'_>> = batch.iter().collect();
        self.applier(place.journal).apply(&records, place.stored).await?;
        place.stored = last;
        self.journal.release(last);
        Ok(records.len())
    }

    fn applier(&self, journal: JournalId) -> Applier<'_> {
        let Self { db, directory, class_key, clock, .. } = self;
        Applier { db, directory, class_key, clock, journal }
    }
}

/// The journal's wake-up as something to await.
fn watch(wake: &Wake) -> std::io::Result<AsyncFd<OwnedFd>> {
    let ours = wake.as_fd().try_clone_to_owned()?;
    #[expect(
        deprecated,
        reason = "its successor is unsafe; a descriptor that is owned stays open, which is all it asks for"
    )]
    AsyncFd::with_interest(ours, Interest::READABLE)
}
