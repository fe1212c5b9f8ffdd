//! The open group, which fills while the writer syncs the one before it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use base::Timestamp;
use parking_lot::{Condvar, Mutex};

use super::{
    frame,
    record::{MAX_PAYLOAD_LEN, Position, Record},
};

/// Why a record was not accepted. The request that it came with is left unanswered, so that the router retransmits
/// or goes to its second server (RFC 2866 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// As much as may wait for the disk is waiting.
    #[error("the open group is full")]
    Full,
    /// The payload is above [`MAX_PAYLOAD_LEN`].
    #[error("the payload is longer than {MAX_PAYLOAD_LEN} octets")]
    TooLong,
    /// The disk fails, or the journal has reached its size: see the journal's health.
    #[error("the journal cannot be written at present")]
    Failing,
    /// The journal was shut down.
    #[error("the journal is closed")]
    Closed,
}

impl AppendError {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Full, Self::TooLong, Self::Failing, Self::Closed];

    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::TooLong => "too_long",
            Self::Failing => "failing",
            Self::Closed => "closed",
        }
    }
}

/// Records that are written and synced together.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Their frames.
    pub(crate) octets: Vec<u8>,
    /// The position of the first.
    pub(crate) first: Position,
    /// How many there are.
    pub(crate) records: u64,
    /// When the first was received.
    pub(crate) received_at: Timestamp,
}

impl Group {
    pub(crate) fn with_capacity(octets: usize) -> Self {
        Self { octets: Vec::with_capacity(octets), ..Self::default() }
    }

    /// The position of the last record.
    pub(crate) fn last(&self) -> Position {
        Position::new(self.first.number() + self.records - 1)
    }

    pub(crate) fn clear(&mut self) {
        self.octets.clear();
        self.records = 0;
    }
}

/// The open group and what the writer waits for.
#[derive(Debug)]
pub(crate) struct Queue {
    open: Mutex<Open>,
    changed: Condvar,
    limit: usize,
}

#[derive(Debug)]
struct Open {
    group: Group,
    next: Position,
    refusing: Option<AppendError>,
    writer_waits: bool,
    /// Something has changed that may let a failed group succeed. Kept, because the writer may not wait for it yet.
    news: bool,
    closing: bool,
}

impl Queue {
    /// An empty one whose first record will be `next`; it takes `limit` octets of frames.
    pub(crate) fn new(next: Position, limit: usize) -> Self {
        let open = Open {
            group: Group::with_capacity(limit),
            next,
            refusing: None,
            writer_waits: false,
            news: false,
            closing: false,
        };
        Self { open: Mutex::new(open), changed: Condvar::new(), limit }
    }

    /// Copies the record into the open group. `last_of_caller` receives its position before the writer can see it.
    pub(crate) fn append(
        &self,
        record: &Record<'_>,
        last_of_caller: Option<&AtomicU64>,
    ) -> Result<Position, AppendError> {
        if record.payload.len() > MAX_PAYLOAD_LEN {
            return Err(AppendError::TooLong);
        }
        let mut open = self.open.lock();
        if let Some(refusal) = open.refusing {
            return Err(refusal);
        }
        if open.group.octets.len() + frame::frame_len(record.payload.len()) > self.limit {
            return Err(AppendError::Full);
        }
        let position = open.next;
        open.next = position.next();
        if open.group.records == 0 {
            open.group.first = position;
            open.group.received_at = record.received_at;
        }
        open.group.records += 1;
        frame::compose(&mut open.group.octets, position, record);
        if let Some(last) = last_of_caller {
            last.store(position.number(), Ordering::Relaxed);
        }
        let wake = std::mem::take(&mut open.writer_waits);
        drop(open);
        if wake {
            self.changed.notify_one();
        }
        Ok(position)
    }

    /// The position of the last accepted record.
    pub(crate) fn appended(&self) -> Position {
        self.open.lock().next.previous()
    }

    /// Exchanges the open group for the given empty one; false when there is nothing in it.
    pub(crate) fn take(&self, empty: &mut Group) -> bool {
        let mut open = self.open.lock();
        let filled = open.group.records > 0;
        if filled {
            std::mem::swap(&mut open.group, empty);
        }
        filled
    }

    /// Waits for a record; false when none will come any more.
    pub(crate) fn wait_filled(&self) -> bool {
        let mut open = self.open.lock();
        while open.group.records == 0 {
            if open.closing {
                return false;
            }
            open.writer_waits = true;
            self.changed.wait(&mut open);
        }
        open.writer_waits = false;
        true
    }

    /// Waits before another try, less when there is news; false when the journal is closing.
    pub(crate) fn wait_retry(&self, pause: Duration) -> bool {
        let mut open = self.open.lock();
        if open.closing {
            return false;
        }
        if !std::mem::take(&mut open.news) {
            let _ = self.changed.wait_for(&mut open, pause);
            open.news = false;
        }
        true
    }

    /// Ends a wait before another try, also one that is about to begin.
    pub(crate) fn retry_now(&self) {
        self.open.lock().news = true;
        self.changed.notify_one();
    }

    /// Refuses records while the disk fails; `false` accepts them again.
    pub(crate) fn refuse(&self, failing: bool) {
        let mut open = self.open.lock();
        if open.refusing != Some(AppendError::Closed) {
            open.refusing = failing.then_some(AppendError::Failing);
        }
    }

    /// Refuses records for good and lets the writer end when it has written what there is.
    pub(crate) fn close(&self) {
        let mut open = self.open.lock();
        open.refusing = Some(AppendError::Closed);
        open.closing = true;
        drop(open);
        self.changed.notify_one();
    }
}
