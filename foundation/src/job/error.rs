//! How a run of a job ends when it does not end well.

use std::{error::Error, fmt, time::Duration};

/// What is to become of a job whose run did not end well. Any error turns into [`Retry`](Self::Retry) by `?`; a job that
/// knows better says so.
#[derive(Debug)]
pub enum JobError {
    /// It failed, and may work later: it is tried again until its attempts are used up.
    Retry(Box<dyn Error + Send + Sync>),
    /// It cannot work now through nobody's fault (a router is offline): again after this time, and the run does not count.
    Snooze {
        /// How long.
        wait: Duration,
        /// What it waits for.
        reason: String,
    },
    /// There is nothing left to do: what it was about is gone.
    Discard {
        /// Why.
        reason: String,
    },
    /// It will never work: dead at once, and somebody is told.
    Fatal(Box<dyn Error + Send + Sync>),
    /// Its lease is over, or it was taken out of the queue: another run has the word, and nothing of this one holds.
    LeaseLost,
}

impl JobError {
    /// [`Snooze`](Self::Snooze) for `wait`.
    #[must_use]
    pub fn snooze(wait: Duration, reason: impl Into<String>) -> Self {
        Self::Snooze { wait, reason: reason.into() }
    }

    /// [`Discard`](Self::Discard), because of `reason`.
    #[must_use]
    pub fn discard(reason: impl Into<String>) -> Self {
        Self::Discard { reason: reason.into() }
    }

    /// [`Fatal`](Self::Fatal), because of `cause`.
    #[must_use]
    pub fn fatal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Fatal(cause.into())
    }
}

// `JobError` is no error itself, so that every error turns into one.
impl<E: Error + Send + Sync + 'static> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::Retry(Box::new(error))
    }
}

/// An error with its causes, a line each.
pub(super) struct Chain<'e>(pub(super) &'e (dyn Error + Send + Sync));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, "\ncaused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
