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
    journal::{Batch, Journal, Position, ReadError, Reader, StartError, Wake},
    policy::ClassKey,
};
use base::{Clock, JournalId};
use foundation::{Db, db};
use metrics::counter;
use tokio::io::{Interest, unix::AsyncFd};
use tokio_util::sync::CancellationToken;

use super::{
    applier::{Applier, ApplyError, FEW, MOST_RECORDS, Window},
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

/// Memory for the records that are written, and for those that are read meanwhile.
#[derive(Default)]
struct Batches(Batch, Batch);

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
        let mut batches = Batches::default();
        let mut moves = 0;
        loop {
            let mut applied = 0;
            let poured = match self.place().await {
                Ok(mut place) => self.pour(&mut place, goal, &mut batches, &mut applied).await,
                Err(error) => Err(error),
            };
            let Err(error) = poured else { return Ok(()) };
            moves = if applied > 0 { 1 } else { moves + 1 };
            if moves > MOVES || !matches!(error, StepError::Apply(ApplyError::PositionMoved)) {
                return Err(DrainNowError(error));
            }
        }
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
        let mut batches = Batches::default();
        loop {
            wake.clear();
            let waiting = self.journal.durable().since(place.reader.next_position().previous());
            if waiting > 0 && waiting < FEW as u64 {
                tokio::time::sleep(LINGER).await;
            }
            if waiting > 0 {
                let mut applied = 0;
                let poured = self.pour(&mut place, Position::new(u64::MAX), &mut batches, &mut applied).await;
                if applied > 0 {
                    *backoff = BACKOFF.0;
                }
                poured?;
                if applied > 0 {
                    continue;
                }
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

    /// Applies the next records, and goes on while many wait, to `goal` at most. The next are read while the database
    /// writes. `applied` grows by what is applied.
    async fn pour(
        &self,
        place: &mut Place,
        goal: Position,
        Batches(one, other): &mut Batches,
        applied: &mut usize,
    ) -> Result<(), StepError> {
        let Place { journal, stored, reader } = place;
        let mut pour = Pour { drain: self, applier: self.applier(*journal), stored, reader, goal, applied };
        let mut current = pour.read(1, one).await?;
        while let Some(window) = current {
            let Some(window) = pour.write_and_read(window, other).await? else { break };
            current = pour.write_and_read(window, one).await?;
        }
        Ok(())
    }

    fn applier(&self, journal: JournalId) -> Applier<'_> {
        let Self { db, directory, class_key, clock, .. } = self;
        Applier { db, directory, class_key, clock, journal }
    }
}

/// Applies window after window.
struct Pour<'a> {
    drain: &'a Drain,
    applier: Applier<'a>,
    stored: &'a mut Position,
    reader: &'a mut Reader,
    goal: Position,
    applied: &'a mut usize,
}

impl Pour<'_> {
    /// Applies a window, and reads the next one into `batch` meanwhile where there is enough for a full one: else it is read
    /// when this one is written, and more packets of a session fold into one write.
    async fn write_and_read<'b>(
        &mut self,
        window: Window<'_>,
        batch: &'b mut Batch,
    ) -> Result<Option<Window<'b>>, StepError> {
        let (applier, stored) = (self.applier, *self.stored);
        let (count, last) = (window.len(), window.last().unwrap_or(stored));
        let (written, read) = tokio::join!(applier.apply(window, stored), self.read(MOST_RECORDS, batch));
        written?;
        *self.stored = last;
        *self.applied += count;
        self.drain.journal.release(last);
        read
    }

    /// Reads the next records, if at least `least` wait.
    async fn read<'b>(
        &mut self,
        least: usize,
        batch: &'b mut Batch,
    ) -> Result<Option<Window<'b>>, StepError> {
        let durable = self.drain.journal.durable().min(self.goal);
        if durable.since(self.reader.next_position().previous()) < least as u64 {
            return Ok(None);
        }
        let read = self.reader.fill(batch, MOST_RECORDS);
        if batch.is_empty() {
            return read.map(|_| None).map_err(StepError::Read);
        }
        // Records before a segment that cannot be read are applied; the next look meets it again.
        Ok(Some(self.applier.read(batch.iter()).await))
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
