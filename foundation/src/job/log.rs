//! What a job writes down while it runs: lines of its run, kept with it for people.

use std::sync::{Mutex, PoisonError};

use base::Timestamp;

use super::JobId;
use crate::{
    Tx,
    db::{Result, bulk},
};

/// Lines that one run may keep; what comes later is counted.
const MAX_LINES: usize = 300;
/// Characters of a line; the rest is cut off.
const MAX_LINE: usize = 2_000;

base::text_enum! {
    /// How much a line matters.
    pub enum Level {
        /// What was done.
        Info = "info",
        /// Something is odd.
        Warn = "warn",
        /// Something failed.
        Error = "error",
    }
}

/// One line.
#[derive(Clone, Debug)]
struct Line {
    at: Timestamp,
    level: Level,
    text: String,
}

/// The lines of a run: those that wait to be written, and how many were.
#[derive(Debug, Default)]
pub(super) struct RunLog(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<Line>,
    /// How many stand in the database.
    written: usize,
    dropped: usize,
}

impl RunLog {
    /// Adds a text of one or more lines.
    pub(super) fn add(&self, at: Timestamp, level: Level, text: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines() {
            if lines.written + lines.waiting.len() >= MAX_LINES {
                lines.dropped += 1;
                continue;
            }
            // PostgreSQL has no text with NUL.
            let text = line.chars().map(|letter| if letter == '\0' { '\u{fffd}' } else { letter });
            lines.waiting.push(Line { at, level, text: text.take(MAX_LINE).collect() });
        }
    }

    /// What is waiting, to be written. After the commit, tell [`written`](Self::written).
    pub(super) fn waiting(&self) -> Waiting {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Waiting { first: lines.written, lines: lines.waiting.clone() }
    }

    /// What is waiting together with a last line, which says how many were dropped.
    pub(super) fn last(&self, at: Timestamp) -> Waiting {
        let mut waiting = self.waiting();
        let dropped = self.0.lock().unwrap_or_else(PoisonError::into_inner).dropped;
        if dropped > 0 {
            let text = format!("{dropped} more lines were not kept");
            waiting.lines.push(Line { at, level: Level::Warn, text });
        }
        waiting
    }

    /// Those lines are in the database.
    pub(super) fn written(&self, waiting: &Waiting) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.written == waiting.first {
            let count = waiting.lines.len().min(lines.waiting.len());
            lines.waiting.drain(..count);
            lines.written += count;
        }
    }
}

/// Lines on their way to the database.
#[derive(Debug)]
pub(super) struct Waiting {
    first: usize,
    lines: Vec<Line>,
}

impl Waiting {
    pub(super) const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Writes them. A line whose number is taken was written by a commit whose answer was lost.
    pub(super) async fn write(&self, tx: &mut Tx, job: JobId, run: i64) -> Result<()> {
        let numbered: Vec<(i64, &Line)> =
            (i64::try_from(self.first).unwrap_or(i64::MAX)..).zip(&self.lines).collect();
        bulk::insert(
            tx,
            "INSERT INTO job_log (job_id, run, line, at, level, text)",
            "ON CONFLICT DO NOTHING",
            &numbered,
            |values, (number, line)| {
                values.push(job);
                values.push(run);
                values.push(*number);
                values.push(line.at);
                values.push(line.level);
                values.push(&line.text);
            },
        )
        .await
        .map(drop)
    }
}

/// Adds one line to a run from outside of it: of a rescue, or of somebody's order.
pub(super) async fn note(
    tx: &mut Tx,
    job: JobId,
    run: i64,
    at: Timestamp,
    level: Level,
    text: &str,
) -> Result<()> {
    // Behind all lines that the run itself may still write.
    tx.query(
        "INSERT INTO job_log (job_id, run, line, at, level, text) \
         SELECT $1, $2, COALESCE(MAX(line), 0) + 1000, $3, $4, $5 FROM job_log WHERE job_id = $1 AND run = $2",
    )
    .bind(job)
    .bind(run)
    .bind(at)
    .bind(level)
    .bind(text)
    .execute_one()
    .await
}
