//! The door of a journal whose disk may not be there yet: until it opens, records are refused, and opening is tried again and
//! again, so that a daemon whose disk is full or away still answers logins.

use std::{
    io,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base::Clock;
use parking_lot::{Condvar, Mutex};

use super::{
    health::{Alarm, Failing, Health},
    metrics::Meters,
    queue::AppendError,
    recovery::OpenError,
    shared::{Shared, Sleeper},
    writer::{self, Writer},
};

/// A journal, open or about to be.
#[derive(Debug)]
pub(crate) struct Opening {
    shared: OnceLock<Arc<Shared>>,
    /// What stands in for the journal's own until it is open.
    before: Before,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct Before {
    failing: Mutex<Option<Failing>>,
    failures: AtomicU64,
    meters: Meters,
}

#[derive(Debug, Default)]
struct State {
    is_closing: bool,
    /// Who wants to be woken, and came before it was open.
    sleepers: Vec<Weak<Sleeper>>,
}

impl Opening {
    /// The door of an open journal.
    pub(crate) fn open(shared: Arc<Shared>) -> Self {
        Self { shared: OnceLock::from(shared), ..Self::closed() }
    }

    /// The door of one that is not open yet.
    pub(crate) fn closed() -> Self {
        let before = Before { failing: Mutex::new(None), failures: AtomicU64::new(0), meters: Meters::new() };
        Self { shared: OnceLock::new(), before, state: Mutex::default(), changed: Condvar::new() }
    }

    /// The journal, once it is open. Lock-free.
    pub(crate) fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.get()
    }

    /// The refusal of a record while it is not open.
    pub(crate) fn refuse(&self) -> AppendError {
        let refusal = if self.state.lock().is_closing { AppendError::Closed } else { AppendError::Failing };
        self.before.meters.refused(refusal);
        refusal
    }

    /// What is wrong.
    pub(crate) fn health(&self) -> Health {
        match self.shared() {
            Some(shared) => shared.health.lock().clone(),
            None => self.health_before(),
        }
    }

    /// Enters a sleeper; it leaves when it is dropped.
    pub(crate) fn enter(&self, sleeper: &Arc<Sleeper>) {
        let mut state = self.state.lock();
        match self.shared() {
            Some(shared) => shared.enter(sleeper),
            None => state.sleepers.push(Arc::downgrade(sleeper)),
        }
    }

    /// Ends the tries to open it. What is open already is not ended by this.
    pub(crate) fn close(&self) {
        self.state.lock().is_closing = true;
        self.changed.notify_all();
    }

    /// Tries `open` every `pause` until it succeeds, then writes until the journal is closed.
    pub(crate) fn run(
        &self,
        pause: Duration,
        clock: &Clock,
        mut open: impl FnMut() -> Result<(Arc<Shared>, Writer), OpenError>,
    ) {
        while self.wait(pause) {
            match open() {
                Ok((shared, writer)) => {
                    if self.settle(shared) {
                        writer.run();
                    }
                    return;
                }
                Err(error) => self.fail(&error, clock),
            }
        }
    }

    /// Takes note that it cannot be opened at present.
    pub(crate) fn fail(&self, error: &OpenError, clock: &Clock) {
        let alarm = error.alarm();
        self.before.failures.fetch_add(1, Ordering::Relaxed);
        self.before.meters.failures.increment(1);
        let mut failing = self.before.failing.lock();
        if failing.as_ref().is_none_or(|known| known.alarm != alarm) {
            tracing::error!(
                journal.alarm = alarm.as_str(),
                error = error as &dyn std::error::Error,
                "the journal cannot be opened: accounting is not answered, and opening it is tried again"
            );
        }
        let since = failing.as_ref().map_or_else(|| clock.wall(), |known| known.since);
        let source =
            std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
        let cause = io::Error::other(format!("{error}{source}"));
        *failing = Some(Failing { alarm, since, cause: Some(Arc::new(cause)) });
        drop(failing);
        self.before.meters.show(&self.health_before());
    }

    /// Lets everybody in; false when it is closing.
    fn settle(&self, shared: Arc<Shared>) -> bool {
        let mut state = self.state.lock();
        if state.is_closing {
            return false;
        }
        for sleeper in std::mem::take(&mut state.sleepers).iter().filter_map(Weak::upgrade) {
            shared.enter(&sleeper);
        }
        let known = self.shared.get_or_init(|| shared);
        tracing::info!("the journal is open, and accepts records");
        known.wake(|_| true);
        true
    }

    /// Waits before another try; false when it is closing.
    fn wait(&self, pause: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.is_closing {
            let _ = self.changed.wait_for(&mut state, pause);
        }
        !state.is_closing
    }

    fn health_before(&self) -> Health {
        Health {
            failing: self.before.failing.lock().clone(),
            failures: self.before.failures.load(Ordering::Relaxed),
            ..Health::default()
        }
    }
}

impl OpenError {
    /// Whether the disk is to blame, which may do better another time.
    pub(crate) const fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Folder(_) | Self::Read { .. } | Self::Sync { .. })
    }

    fn alarm(&self) -> Alarm {
        match self {
            Self::Folder(source) | Self::Read { source, .. } | Self::Sync { source, .. }
                if writer::is_full(source) =>
            {
                Alarm::DiskFull
            }
            Self::Sync { .. } => Alarm::SyncFailed,
            _ => Alarm::WriteFailed,
        }
    }
}
