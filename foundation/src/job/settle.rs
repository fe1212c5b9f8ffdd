//! What becomes of a job after a run: one fenced write, with the log of the run and, when it died, word of it.

use std::time::Duration;

use base::{TenantId, Timestamp};

use super::{
    Level,
    lease::Lease,
    log::Waiting,
    notice::{self, Death},
};
use crate::{Conn, Db, Tx, db::Result};

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its work is done.
    Done,
    /// Again after a wait, unless its attempts are used up: then it is dead.
    Retry { wait: Duration, error: String },
    /// Again after a wait, as if this run had not been.
    Snooze { wait: Duration, reason: String },
    /// Out of the queue.
    Discard { reason: String },
    /// Dead at once.
    Dead { error: String },
    /// Available again at once, as if this run had not been: the node is stopping.
    Release,
}

impl Outcome {
    /// Its name for metrics.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry { .. } => "retry",
            Self::Snooze { .. } => "snoozed",
            Self::Discard { .. } => "discarded",
            Self::Dead { .. } => "dead",
            Self::Release => "released",
        }
    }
}

/// The run that is to be settled.
#[derive(Clone, Debug)]
pub(super) struct Run<'a> {
    pub(super) lease: Lease,
    pub(super) kind: &'a str,
    pub(super) tenant: TenantId,
    pub(super) attempt: i64,
    pub(super) max_attempts: i64,
}

/// The job's last error as people see it in lists; the log has all of it.
const MAX_ERROR: usize = 1_000;

/// Writes the outcome. False when the lease was lost: then nothing was written.
pub(super) async fn settle(
    db: &Db,
    run: &Run<'_>,
    outcome: &Outcome,
    lines: &Waiting,
    wall: Timestamp,
) -> Result<bool> {
    let mut tx = db.begin().await?;
    let now = super::time::database_time(&mut tx).await?;
    if !write(&mut tx, run, outcome, now, wall).await? {
        tx.rollback().await?;
        return Ok(false);
    }
    lines.write(&mut tx, run.lease.job, run.lease.token).await?;
    tx.commit().await?;
    Ok(true)
}

/// The fenced write alone, within a transaction.
pub(super) async fn write(
    tx: &mut Tx,
    run: &Run<'_>,
    outcome: &Outcome,
    now: Timestamp,
    wall: Timestamp,
) -> Result<bool> {
    match outcome {
        Outcome::Done => done(tx, run.lease, now).await,
        Outcome::Retry { error, .. } if run.attempt >= run.max_attempts => {
            dead(tx, run, error, now, wall).await
        }
        Outcome::Retry { wait, error } => again(tx, run.lease, now.saturating_add(*wait), 0, error).await,
        Outcome::Snooze { wait, reason } => again(tx, run.lease, now.saturating_add(*wait), 1, reason).await,
        Outcome::Discard { reason } => end(tx, run.lease, "discarded", now, Some(reason)).await,
        Outcome::Dead { error } => dead(tx, run, error, now, wall).await,
        Outcome::Release => {
            tx.wake_workers();
            tx.query(
                "UPDATE job SET state = 'available', attempt = attempt - 1, lease_until = NULL \
                 WHERE id = $1 AND lease_token = $2 AND state = 'running'",
            )
            .bind(run.lease.job)
            .bind(run.lease.token)
            .execute_optional()
            .await
        }
    }
}

/// The job is done.
pub(super) async fn done(conn: &mut Conn, lease: Lease, now: Timestamp) -> Result<bool> {
    end(conn, lease, "done", now, None).await
}

async fn end(
    conn: &mut Conn,
    lease: Lease,
    state: &'static str,
    now: Timestamp,
    error: Option<&str>,
) -> Result<bool> {
    conn.query(
        "UPDATE job SET state = $3, finished_at = $4, lease_until = NULL, last_error = $5 \
         WHERE id = $1 AND lease_token = $2 AND state = 'running'",
    )
    .bind(lease.job)
    .bind(lease.token)
    .bind(state)
    .bind(now)
    .bind(error.map(short))
    .execute_optional()
    .await
}

async fn dead(tx: &mut Tx, run: &Run<'_>, error: &str, now: Timestamp, wall: Timestamp) -> Result<bool> {
    if !end(tx, run.lease, "dead", now, Some(error)).await? {
        return Ok(false);
    }
    let error = short(error);
    let death = Death {
        job: run.lease.job,
        kind: run.kind,
        tenant: run.tenant,
        attempts: run.attempt,
        error: &error,
    };
    notice::tell(tx, &death, now, wall).await?;
    Ok(true)
}

/// Back into the queue for later; `given_back` attempts do not count.
async fn again(conn: &mut Conn, lease: Lease, at: Timestamp, given_back: i64, error: &str) -> Result<bool> {
    conn.query(
        "UPDATE job SET state = 'scheduled', run_at = $3, attempt = attempt - $4, snoozes = snoozes + $4, \
         lease_until = NULL, last_error = $5 WHERE id = $1 AND lease_token = $2 AND state = 'running'",
    )
    .bind(lease.job)
    .bind(lease.token)
    .bind(at)
    .bind(given_back)
    .bind(short(error))
    .execute_optional()
    .await
}

/// Without NUL, which PostgreSQL has no text with, and cut.
fn short(error: &str) -> String {
    error.chars().map(|letter| if letter == '\0' { '\u{fffd}' } else { letter }).take(MAX_ERROR).collect()
}

/// The line that ends the log of a run.
pub(super) fn last_line(run: &Run<'_>, outcome: &Outcome) -> (Level, String) {
    let attempt = format!("attempt {} of {}", run.attempt, run.max_attempts);
    match outcome {
        Outcome::Done => (Level::Info, format!("{attempt}: done")),
        Outcome::Retry { error, .. } if run.attempt >= run.max_attempts => {
            (Level::Error, format!("{attempt} failed, and it was the last one: {error}"))
        }
        Outcome::Retry { wait, error } => {
            (Level::Error, format!("{attempt} failed; again in {wait:.1?}: {error}"))
        }
        Outcome::Snooze { wait, reason } => (Level::Info, format!("put off for {wait:.1?}: {reason}")),
        Outcome::Discard { reason } => (Level::Info, format!("taken out of the queue: {reason}")),
        Outcome::Dead { error } => (Level::Error, format!("{attempt} failed for good: {error}")),
        Outcome::Release => (Level::Info, "given back: the daemon stops".to_owned()),
    }
}
