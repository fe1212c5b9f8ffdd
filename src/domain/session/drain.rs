//! Applies the journal to the database: the only place where accounting records become rows.
//!
//! A batch and the journal's new position are one transaction, so that a crash at any moment neither loses a record nor
//! counts it twice. With the database down the drainer waits; the journal keeps what comes. A record that is refused for
//! good is found by halving its batch and set aside, and the rest goes on.

use std::{os::fd::AsFd as _, sync::Arc, time::Duration};

use aaa::{
    directory::{Directory, entry::OctetDirection},
    journal::{Batch, Journal, Kind, Position, Reader, Record, Stored, Wake},
    policy::{accounting::Reading, class::ClassKey, first_use::FirstUse},
};
use base::{Clock, Platform};
use foundation::{Db, db};
use metrics::counter;
use tokio::io::unix::AsyncFd;
use tokio_util::sync::CancellationToken;

use super::{
    apply::{self, Item},
    store,
};
use crate::domain::subscriber;

/// Records of one transaction: with a session and an hour of usage each they stay below the limit of a transaction's rows,
/// and 448 take about 10 ms on SQLite.
const BATCH: usize = 448;

/// How long a small batch waits for company. A transaction of one record costs as much as one of many.
const LINGER: Duration = Duration::from_millis(20);

/// How often the journal is looked at although nothing woke us.
const IDLE: Duration = Duration::from_secs(1);

/// First and longest wait after a failure of the database.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

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

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error("the database failed")]
    Database(#[from] db::Error),
    #[error("the record has an unknown kind or version")]
    Unknown,
    #[error("the record's payload cannot be read")]
    Payload,
    #[error("the subscriber of a first use cannot be changed")]
    FirstUse(#[source] subscriber::LearnMacError),
    /// Another node, or an earlier run of ours, has applied these records.
    #[error("the records were applied before")]
    AppliedBefore,
}

impl DrainError {
    /// Whether the record itself is to blame: trying again cannot help.
    const fn is_refusal(&self) -> bool {
        match self {
            Self::Database(error) => error.is_refusal(),
            Self::FirstUse(error) => !error.is_transient(),
            Self::Unknown | Self::Payload => true,
            Self::AppliedBefore => false,
        }
    }
}

impl Drain {
    /// Drains until `shutdown`. What is left in the journal then is drained at the next start.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut backoff = BACKOFF.0;
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => return,
                result = self.drain(&shutdown) => match result {
                    Ok(()) => return,
                    Err(error) => {
                        counter!("rrnetd_drain_failures_total").increment(1);
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            retry_ms = u64::try_from(backoff.as_millis()).unwrap_or(u64::MAX),
                            "applying the journal failed; it keeps what comes"
                        );
                    }
                },
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    /// Applies everything that is in the journal now, and returns: for tests, and for a rescued journal.
    ///
    /// # Errors
    /// When the database or the journal can't be read.
    pub async fn drain_now(&self) -> Result<(), DrainNowError> {
        let (mut reader, mut position) = self.reader().await.map_err(DrainNowError)?;
        let mut batch = Batch::new();
        while self.journal.durable() > position {
            if !self.step(&mut reader, &mut batch, &mut position).await.map_err(DrainNowError)? {
                break;
            }
        }
        Ok(())
    }

    async fn reader(&self) -> Result<(Reader, Position), StepError> {
        let stored = store::position(&mut self.db.conn().await?, self.journal.id()).await?;
        let position = Position::new(u64::try_from(stored).unwrap_or(0));
        self.journal.release(position);
        let reader = self.journal.reader(position.next()).map_err(StepError::Start)?;
        Ok((reader, position))
    }

    async fn drain(&self, shutdown: &CancellationToken) -> Result<(), StepError> {
        let wake = Wake::new().map_err(StepError::Wake)?;
        let _subscription = self.journal.subscribe(wake.clone());
        let readable = AsyncFd::register(wake.as_fd().try_clone_to_owned().map_err(StepError::Wake)?).map_err(StepError::Wake)?;
        let (mut reader, mut position) = self.reader().await?;
        let mut batch = Batch::new();
        while !shutdown.is_cancelled() {
            wake.clear();
            if self.journal.durable() <= position {
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    () = tokio::time::sleep(IDLE) => {}
                    ready = readable.readable() => ready.map_err(StepError::Wake)?.clear_ready(),
                }
                self.journal.release(position);
                continue;
            }
            if self.journal.durable().since(position) < BATCH as u64 {
                tokio::time::sleep(LINGER).await;
            }
            self.step(&mut reader, &mut batch, &mut position).await?;
        }
        Ok(())
    }

    /// Applies the next batch; false when there is none.
    async fn step(&self, reader: &mut Reader, batch: &mut Batch, position: &mut Position) -> Result<bool, StepError> {
        reader.fill(batch, BATCH).map_err(StepError::Read)?;
        let Some(last) = batch.last() else { return Ok(false) };
        let records: Vec<Stored<'_>> = batch.iter().collect();
        let applied = self.apply_or_halve(&records, *position, last).await;
        if applied.is_err() {
            // The reader has gone ahead of the database: the next try reads anew.
            return applied.map(|()| true);
        }
        *position = last;
        self.journal.release(last);
        counter!("rrnetd_drain_records_total").increment(records.len() as u64);
        Ok(true)
    }

    /// Applies records in one transaction; if they are refused, the halves of them, and so on down to the one to blame.
    async fn apply_or_halve(
        &self,
        records: &[Stored<'_>],
        from: Position,
        to: Position,
    ) -> Result<(), StepError> {
        match self.apply(records, from, to).await {
            Ok(()) => Ok(()),
            Err(DrainError::Database(error)) if !error.is_refusal() => Err(StepError::Database(error)),
            Err(error) if !error.is_refusal() => Err(StepError::Record(Box::new(error))),
            Err(error) => {
                if let [only] = records {
                    return self.set_aside(only, from, to, &error).await;
                }
                let (first, second) = records.split_at(records.len() / 2);
                let middle = first.last().map_or(from, |stored| stored.position);
                Box::pin(self.apply_or_halve(first, from, middle)).await?;
                Box::pin(self.apply_or_halve(second, middle, to)).await
            }
        }
    }

    async fn apply(&self, records: &[Stored<'_>], from: Position, to: Position) -> Result<(), DrainError> {
        let mut items = Vec::with_capacity(records.len());
        let mut first_uses = Vec::new();
        for Stored { record, .. } in records {
            match record.kind {
                Kind::ACCOUNTING => items.push(self.item(record)?),
                Kind::FIRST_USE => first_uses.push((record, FirstUse::parse(record.payload).ok_or(DrainError::Payload)?)),
                _ => return Err(DrainError::Unknown),
            }
        }
        let now = self.clock.wall();
        let mut tx = self.db.begin_bulk().await?;
        // First, so that two drainers of one journal meet here and not in the middle.
        if !store::advance(&mut tx, self.journal.id(), number(from), number(to), now).await? {
            return Err(DrainError::AppliedBefore);
        }
        apply::apply(&mut tx, &items).await?;
        let platform = Platform::system("session.drain", now);
        for (record, first_use) in first_uses {
            let scope = platform.within(record.tenant);
            subscriber::learn_mac(&mut tx, &scope, first_use.subscriber, first_use.mac)
                .await
                .map_err(DrainError::FirstUse)?;
        }
        tx.commit().await?;
        Ok(())
    }

    fn item<'a>(&self, record: &Record<'a>) -> Result<Item<'a>, DrainError> {
        let octets = self.directory.router(record.router).map_or(OctetDirection::InputIsUpload, |router| router.octets);
        let reading = Reading { tenant: record.tenant, octets, class_key: &self.class_key };
        let event = reading.parse(record.payload, record.received_at).map_err(|_| DrainError::Payload)?;
        let subscriber = match event.cookie {
            Some(cookie) => Some(cookie.subscriber),
            None => self
                .directory
                .subscriber(record.tenant, event.username)
                .map(|subscriber| subscriber.view().id()),
        };
        Ok(Item { tenant: record.tenant, router: record.router, subscriber, event })
    }

    async fn set_aside(
        &self,
        Stored { position, record }: &Stored<'_>,
        from: Position,
        to: Position,
        error: &DrainError,
    ) -> Result<(), StepError> {
        counter!("rrnetd_drain_refused_total").increment(1);
        let reason = chain(error);
        tracing::error!(
            journal.position = position.number(),
            journal.kind = record.kind.0,
            router.id = %record.router,
            %reason,
            "a journal record was refused for good and set aside; see the table journal_refused"
        );
        let now = self.clock.wall();
        let mut tx = self.db.begin_bulk().await?;
        if !store::advance(&mut tx, self.journal.id(), number(from), number(to), now).await? {
            return Err(StepError::Record(Box::new(DrainError::AppliedBefore)));
        }
        let refused = store::Refused {
            journal: self.journal.id(),
            position: number(*position),
            kind: i64::from(record.kind.0),
            version: i64::from(record.version),
            received_at: record.received_at,
            tenant: record.tenant,
            router: record.router,
            payload: record.payload,
            reason: &reason,
            refused_at: now,
        };
        store::refuse(&mut tx, &refused).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The journal could not be applied.
#[derive(Debug, thiserror::Error)]
#[error("the journal could not be applied")]
pub struct DrainNowError(#[source] StepError);

#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error("the database failed")]
    Database(#[from] db::Error),
    #[error("a record was not applied")]
    Record(#[source] Box<DrainError>),
    #[error("the journal does not reach back to where the database stands")]
    Start(#[source] aaa::journal::StartError),
    #[error("the journal cannot be read")]
    Read(#[source] aaa::journal::ReadError),
    #[error("the journal cannot wake us")]
    Wake(#[source] std::io::Error),
}

fn number(position: Position) -> i64 {
    i64::try_from(position.number()).unwrap_or(i64::MAX)
}

/// An error with its causes, for a stored reason.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
