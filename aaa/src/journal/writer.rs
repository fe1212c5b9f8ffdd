//! The writer: takes the open group, writes it, syncs it, makes it known; a thread of its own.
//!
//! A group that could not be written or synced stays pending and is written again, to a new segment: after a failed
//! sync the system may have dropped what it could not write and confirm the next sync of that file all the same.

use std::{io, sync::Arc, time::Duration};

use super::{
    catalog::Segment,
    frame,
    health::Alarm,
    queue::Group,
    record::Position,
    recovery,
    segment::{self, Header},
    shared::Shared,
    storage::File,
};

/// Writes groups.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    active: Option<Active>,
    /// The group at hand. While the disk fails it stays here.
    pending: Group,
    next_number: u64,
    /// The position of the last record in the segments before the next one.
    after: Position,
    /// What recovery left to be done once a new segment is there.
    leftover: Option<recovery::Survey>,
}

/// What the writer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There was nothing to write.
    Idle,
    /// A group became durable.
    Committed,
    /// The group at hand could not be made durable.
    Failed,
}

/// The segment that is written.
#[derive(Debug)]
struct Active {
    file: File,
    number: u64,
    seed: u32,
    end: u64,
}

/// Why a group is not durable.
#[derive(Debug)]
enum Failure {
    /// No segment could be made.
    Create(io::Error),
    /// The journal may not grow, and nothing may be deleted.
    SizeLimit,
    Write(io::Error),
    Sync(io::Error),
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, survey: recovery::Survey) -> Self {
        let pending = Group::with_capacity(shared.config.group_octets);
        let (next_number, after) = (survey.last_number + 1, survey.last);
        Self { shared, active: None, pending, next_number, after, leftover: Some(survey) }
    }

    /// Writes until the journal is closed and nothing is left, or the disk refuses what is left.
    pub(crate) fn run(mut self) {
        let watch = Watch(Arc::clone(&self.shared));
        loop {
            let goes_on = match self.turn() {
                Turn::Committed => true,
                Turn::Idle => self.shared.queue.wait_filled(),
                Turn::Failed => self.wait_retry(self.shared.config.retry_every),
            };
            if !goes_on {
                break;
            }
        }
        self.retire();
        drop(watch);
    }

    /// Waits before another try; false when the journal is closing.
    pub(crate) fn wait_retry(&self, pause: Duration) -> bool {
        self.shared.queue.wait_retry(pause)
    }

    /// Makes one group durable, the pending one first.
    pub(crate) fn turn(&mut self) -> Turn {
        if self.pending.records == 0 && !self.shared.queue.take(&mut self.pending) {
            return Turn::Idle;
        }
        let first_try = self.attempt();
        let result = match first_try {
            // The file is spoilt, but the next may do: nobody need notice.
            Err(failure) if failure.spoils_file() => {
                self.shared.stumble(failure.alarm(), failure.cause());
                self.attempt()
            }
            result => result,
        };
        match result {
            Ok(()) => {
                self.after = self.pending.last();
                self.pending.clear();
                self.shared.succeed();
                Turn::Committed
            }
            Err(failure) => {
                self.shared.fail(failure.alarm(), failure.into_cause());
                Turn::Failed
            }
        }
    }

    /// Makes a segment while nobody waits, so that a new folder shows at once whether it can be written.
    pub(crate) fn prepare(&mut self, first: Position) {
        match self.create(first) {
            Ok(active) => self.active = Some(active),
            Err(failure) => self.shared.fail(failure.alarm(), failure.into_cause()),
        }
        // The first group tries again, and decides.
        self.shared.queue.refuse(false);
    }

    /// Cuts the active segment to its records: it will not be written again.
    pub(crate) fn retire(&mut self) {
        let Some(active) = self.active.take() else { return };
        let end = self.shared.catalog.lock().bounds(active.number).map_or(active.end, |bounds| bounds.end);
        if end == segment::HEADER_LEN as u64 {
            // Nothing in it is durable, and the next one starts at the same position.
            self.shared.catalog.lock().remove(active.number);
            self.shared.delete(&[active.number]);
            return;
        }
        match active.file.truncate(end) {
            Ok(()) => self.shared.catalog.lock().cut(active.number),
            Err(error) => tracing::warn!(%error, segment.number = active.number, "journal segment not cut"),
        }
    }

    fn attempt(&mut self) -> Result<(), Failure> {
        let len = self.pending.octets.len() as u64;
        if self.active.as_ref().is_none_or(|active| active.end + len > self.shared.config.segment_octets) {
            self.retire();
            self.active = Some(self.create(self.pending.first)?);
        }
        let Some(active) = &mut self.active else { return Ok(()) };
        let started = self.shared.clock.now().monotonic;
        frame::seal(&mut self.pending.octets, self.pending.first, active.seed);
        let written = active.file.write_all_at(&self.pending.octets, active.end).map_err(Failure::Write);
        if let Err(failure) = written.and_then(|()| active.file.sync_data().map_err(Failure::Sync)) {
            self.retire();
            return Err(failure);
        }
        active.end += len;
        let took = self.shared.clock.now().monotonic.saturating_sub(started);
        self.shared.meters.committed(self.pending.records, len, took);
        self.shared.publish(&self.pending, active.end);
        Ok(())
    }

    /// Makes the next segment: whole, synced and under its name before its first record.
    fn create(&mut self, first: Position) -> Result<Active, Failure> {
        self.make_room()?;
        let number = self.next_number;
        self.next_number += 1;
        let config = &self.shared.config;
        let header = Header {
            identity: self.shared.identity,
            number,
            after: self.after,
            first,
            created_at: self.shared.clock.wall(),
        };
        let file = self.create_file(&header).map_err(|error| {
            // Whatever of it is there holds no record.
            let _ = self.shared.storage.remove(&segment::temporary_name(number));
            let _ = self.shared.storage.remove(&segment::name(number));
            Failure::Create(error)
        })?;
        let end = segment::HEADER_LEN as u64;
        self.shared.catalog.lock().push(Segment {
            number,
            after: header.after,
            first,
            created_at: header.created_at,
            end,
            size: config.segment_octets,
        });
        self.clear_up();
        Ok(Active { file, number, seed: segment::seed(self.shared.identity.journal, number), end })
    }

    fn create_file(&self, header: &Header) -> io::Result<File> {
        let storage = &self.shared.storage;
        let temporary = segment::temporary_name(header.number);
        let file = storage.create(&temporary, self.shared.config.segment_octets)?;
        file.write_all_at(&header.compose(), 0)?;
        file.sync_data()?;
        storage.rename(&temporary, &segment::name(header.number))?;
        storage.sync_folder()?;
        Ok(file)
    }

    /// Deletes applied segments early when the journal would grow beyond its limit.
    fn make_room(&self) -> Result<(), Failure> {
        let config = &self.shared.config;
        let limit = config.total_octets - config.segment_octets;
        let (taken, fits) = self.shared.catalog.lock().take_to_fit(limit);
        self.shared.delete(&taken);
        if fits { Ok(()) } else { Err(Failure::SizeLimit) }
    }

    /// Does what recovery left: the new segment's header now says what the old files' remains are worth.
    fn clear_up(&mut self) {
        let Some(survey) = self.leftover.take() else { return };
        recovery::set_unreadable_aside(&self.shared.storage, &survey);
        let Some(last) = survey.catalog.iter().last() else { return };
        let cut = self
            .shared
            .storage
            .open_writable(&segment::name(last.number))
            .and_then(|file| file.truncate(last.end));
        match cut {
            Ok(()) => self.shared.catalog.lock().cut(last.number),
            Err(error) => tracing::warn!(%error, segment.number = last.number, "journal segment not cut"),
        }
    }
}

impl Failure {
    /// Whether another file may do better.
    fn spoils_file(&self) -> bool {
        matches!(self, Self::Write(_) | Self::Sync(_)) && self.alarm() != Alarm::DiskFull
    }

    fn alarm(&self) -> Alarm {
        match self {
            Self::SizeLimit => Alarm::SizeLimit,
            Self::Create(error) | Self::Write(error) | Self::Sync(error) if is_full(error) => Alarm::DiskFull,
            Self::Create(_) | Self::Write(_) => Alarm::WriteFailed,
            Self::Sync(_) => Alarm::SyncFailed,
        }
    }

    fn cause(&self) -> Option<&io::Error> {
        match self {
            Self::SizeLimit => None,
            Self::Create(error) | Self::Write(error) | Self::Sync(error) => Some(error),
        }
    }

    fn into_cause(self) -> Option<io::Error> {
        match self {
            Self::SizeLimit => None,
            Self::Create(error) | Self::Write(error) | Self::Sync(error) => Some(error),
        }
    }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Raises the alarm when the writer's thread dies.
struct Watch(Arc<Shared>);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(Alarm::Stopped, None);
            self.0.queue.close();
        }
    }
}
