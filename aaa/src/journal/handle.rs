//! The open journal, and the workers' way into it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use base::{Clock, JournalId};
use parking_lot::Mutex;

use super::{
    catalog::Lag,
    config::Config,
    health::Health,
    metrics::{Meters, float},
    opening::Opening,
    queue::{AppendError, Queue},
    reader::{Reader, Source, StartError, check_start},
    record::{Position, Record},
    recovery::{self, OpenError},
    segment::{self, Identity},
    shared::{Shared, Sleeper, Watermark},
    storage::Storage,
    wake::Wake,
    writer::Writer,
};

/// An open journal, or one that waits for its disk. It owns the writer's thread; [`Journal::shutdown`], or the drop, ends it.
#[derive(Debug)]
pub struct Journal {
    opening: Arc<Opening>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// One worker's way into the journal: it wakes that worker when the worker's own records have become durable.
#[derive(Debug)]
pub struct Appender {
    opening: Arc<Opening>,
    sleeper: Arc<Sleeper>,
}

/// Wakes whoever made it, until it is dropped.
#[derive(Debug)]
pub struct Subscription {
    _sleeper: Arc<Sleeper>,
}

/// Records were accepted that the disk refused to the end. None of them was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{records} records could not be written before the end")]
pub struct ShutdownError {
    /// How many.
    pub records: u64,
}

impl Journal {
    /// Opens the journal in its folder, or begins one. The metrics recorder must be installed before.
    ///
    /// What a crash left is put right: a torn tail is void, damage is skipped with an alarm. A full disk is no error
    /// here but an alarm.
    ///
    /// # Errors
    /// The settings, the folder or the segments in it are not fit to go on with: see [`OpenError`].
    pub fn open(config: Config, clock: Clock) -> Result<Self, OpenError> {
        let (shared, writer) = open(config, clock)?;
        Self::start(shared, writer)
    }

    /// The same, but where the disk is full, away or failing the journal refuses records, with an alarm, and is opened as
    /// soon as that is possible.
    ///
    /// # Errors
    /// What no waiting mends: the settings, or segments that are not ours.
    pub fn open_when_possible(config: Config, clock: Clock) -> Result<Self, OpenError> {
        match open(config.clone(), clock.clone()) {
            Ok((shared, writer)) => Self::start(shared, writer),
            Err(error) if error.is_of_the_disk() => {
                let opening = Arc::new(Opening::closed());
                opening.fail(&error, &clock);
                let door = Arc::clone(&opening);
                let (pause, time) = (config.retry_every, clock.clone());
                let again = move || open(config.clone(), clock.clone());
                let thread = spawn(move || door.run(pause, &time, again))?;
                Ok(Self { opening, thread: Mutex::new(Some(thread)) })
            }
            Err(error) => Err(error),
        }
    }

    /// One whose writer the test turns by hand.
    #[cfg(test)]
    pub(crate) fn without_thread(shared: Arc<Shared>) -> Self {
        Self { opening: Arc::new(Opening::open(shared)), thread: Mutex::new(None) }
    }

    pub(crate) fn start(shared: Arc<Shared>, writer: Writer) -> Result<Self, OpenError> {
        let thread = spawn(move || writer.run())?;
        Ok(Self { opening: Arc::new(Opening::open(shared)), thread: Mutex::new(Some(thread)) })
    }

    /// This journal's id, by which the database notes its position in each journal; `None` until it is open.
    #[must_use]
    pub fn id(&self) -> Option<JournalId> {
        self.shared().map(|shared| shared.identity.journal)
    }

    fn shared(&self) -> Option<&Arc<Shared>> {
        self.opening.shared()
    }

    /// Accepts a record into the open group; it is durable once [`Journal::durable`] has reached its position.
    ///
    /// Nobody is woken by that: workers append through their [`Appender`].
    ///
    /// # Errors
    /// The record is not accepted: the request that it came with must stay unanswered.
    pub fn append(&self, record: &Record<'_>) -> Result<Position, AppendError> {
        append(&self.opening, record, None)
    }

    /// A way in for one worker, which `wake` wakes.
    #[must_use]
    pub fn appender(&self, wake: Wake) -> Appender {
        let sleeper = Arc::new(Sleeper { wake, last: Some(AtomicU64::new(0)) });
        self.opening.enter(&sleeper);
        Appender { opening: Arc::clone(&self.opening), sleeper }
    }

    /// Has `wake` woken after every group and at every change of alarms, for the drainer and for watchers.
    #[must_use]
    pub fn subscribe(&self, wake: Wake) -> Subscription {
        let sleeper = Arc::new(Sleeper { wake, last: None });
        self.opening.enter(&sleeper);
        Subscription { _sleeper: sleeper }
    }

    /// The last durable position: it and all before it survive any crash. Lock-free.
    #[must_use]
    pub fn durable(&self) -> Position {
        self.shared().map_or(Position::NONE, |shared| shared.durable())
    }

    /// The last accepted position.
    #[must_use]
    pub fn appended(&self) -> Position {
        self.shared().map_or(Position::NONE, |shared| shared.queue.appended())
    }

    /// A reader whose first record is at `from` or, where nothing is there, behind it.
    ///
    /// # Errors
    /// The journal does not hold that position any more, or cannot have given it out, or is not open yet.
    pub fn reader(&self, from: Position) -> Result<Reader, StartError> {
        let shared = self.shared().ok_or(StartError::NotOpen)?;
        let from = from.max(Position::FIRST);
        let oldest = self.oldest();
        // Positions that a crash made unusable lie between the last durable and the first new one.
        let last = self.durable().max(shared.next.previous());
        check_start(from, oldest, last)?;
        Ok(Reader::new(Source::Live(Arc::clone(shared)), from))
    }

    /// The first position that is still there; none before the first segment.
    #[must_use]
    pub fn oldest(&self) -> Option<Position> {
        self.shared().and_then(|shared| shared.catalog.lock().oldest())
    }

    /// The octets that all segments take on the disk, what is reserved for the open one included.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared().map_or(0, |shared| shared.catalog.lock().size())
    }

    /// Takes note that the database durably has everything up to `applied`, and deletes the segments behind it that
    /// are kept no longer. Call it after each commit of the drainer, and now and then when there is none.
    pub fn release(&self, applied: Position) {
        let Some(shared) = self.shared() else { return };
        let now = shared.clock.wall();
        let mut catalog = shared.catalog.lock();
        catalog.apply(applied.min(shared.durable()));
        let expired = catalog.take_expired(now, shared.config.keep_for, shared.config.keep_octets);
        shared.meters.applied.set(float(catalog.applied().number()));
        drop(catalog);
        shared.delete(&expired);
        // The writer may be about to fail for want of room: it is told whether or not the alarm is on yet.
        shared.queue.retry_now();
        self.lag();
    }

    /// The position of the last record that the database is known to have.
    #[must_use]
    pub fn applied(&self) -> Position {
        self.shared().map_or(Position::NONE, |shared| shared.catalog.lock().applied())
    }

    /// How far the database is behind, also shown in the metrics: call it before they are read.
    pub fn lag(&self) -> Lag {
        let Some(shared) = self.shared() else { return Lag::default() };
        let now = shared.clock.wall();
        let lag = shared.catalog.lock().lag(now);
        shared.meters.lag_records.set(float(lag.records));
        shared.meters.lag_octets.set(float(lag.octets));
        shared.meters.lag_age.set(lag.age.as_secs_f64());
        lag
    }

    /// What is wrong at present.
    #[must_use]
    pub fn health(&self) -> Health {
        self.opening.health()
    }

    /// Ends the journal: accepts nothing more, makes durable what was accepted, joins the thread, unlocks the folder.
    /// Readers go on working. A second call does nothing.
    ///
    /// # Errors
    /// The disk refused what was left.
    pub fn shutdown(&self) -> Result<(), ShutdownError> {
        self.opening.close();
        if let Some(shared) = self.shared() {
            shared.queue.close();
        }
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's thread had panicked");
        }
        let Some(shared) = self.shared() else { return Ok(()) };
        *shared.lock.lock() = None;
        let appended = self.appended().max(self.durable());
        match appended.since(self.durable().max(shared.next.previous())) {
            0 => Ok(()),
            records => Err(ShutdownError { records }),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Err(error) = self.shutdown() {
            tracing::error!(%error, "journal dropped");
        }
    }
}

impl Appender {
    /// Accepts a record into the open group: a copy under a short lock, and no system call unless the writer sleeps.
    /// It is durable once [`Appender::durable`] has reached its position; the worker is woken then.
    ///
    /// # Errors
    /// The record is not accepted: the request that it came with must stay unanswered.
    pub fn append(&self, record: &Record<'_>) -> Result<Position, AppendError> {
        append(&self.opening, record, self.sleeper.last.as_ref())
    }

    /// The last durable position. Lock-free.
    #[must_use]
    pub fn durable(&self) -> Position {
        self.opening.shared().map_or(Position::NONE, |shared| shared.durable())
    }

    /// Whether nothing that was appended here still waits for the disk.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let last = self.sleeper.last.as_ref().map_or(0, |last| last.load(Ordering::Relaxed));
        last <= self.durable().number()
    }
}

fn append(opening: &Opening, record: &Record<'_>, last: Option<&AtomicU64>) -> Result<Position, AppendError> {
    let shared = opening.shared().ok_or_else(|| opening.refuse())?;
    shared.queue.append(record, last).inspect_err(|error| shared.meters.refused(*error))
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new().name("journal".to_owned()).spawn(run).map_err(OpenError::Thread)
}

fn open(config: Config, clock: Clock) -> Result<(Arc<Shared>, Writer), OpenError> {
    config.check()?;
    let storage = Storage::create_folder(&config.folder).map_err(OpenError::Folder)?;
    prepare(config, clock, storage)
}

/// Locks, surveys and repairs the folder, and makes the writer, which does not run yet.
pub(crate) fn prepare(
    config: Config,
    clock: Clock,
    storage: Storage,
) -> Result<(Arc<Shared>, Writer), OpenError> {
    let lock = storage.lock().map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => OpenError::InUse,
        _ => OpenError::Folder(error),
    })?;
    let mut survey = recovery::survey(&storage)?;
    let fresh = Identity { journal: JournalId::generate(clock.wall()), database: config.database };
    let identity = survey.identity.unwrap_or(fresh);
    if identity.database != config.database {
        return Err(OpenError::ForeignDatabase {
            name: survey.catalog.iter().next().map_or_else(String::new, |first| segment::name(first.number)),
            expected: config.database,
            found: identity.database,
        });
    }
    recovery::repair(&storage, &mut survey)?;
    let next = survey.next.max(config.floor.next());
    let health = Health {
        damage: survey.damage.iter().copied().collect(),
        set_aside: survey.set_aside + survey.unreadable.len(),
        ..Health::default()
    };
    let shared = Arc::new(Shared {
        queue: Queue::new(next, config.group_octets),
        next,
        durable: Watermark(AtomicU64::new(survey.last.number())),
        catalog: Mutex::new(survey.catalog.clone()),
        health: Mutex::new(health),
        meters: Meters::new(),
        lock: Mutex::new(Some(lock)),
        sleepers: Mutex::new(Vec::new()),
        config,
        clock,
        storage,
        identity,
    });
    shared.meters.show(&shared.health.lock());
    let is_new = survey.identity.is_none();
    let mut writer = Writer::new(Arc::clone(&shared), survey);
    if is_new {
        writer.prepare(next);
    }
    Ok((shared, writer))
}
