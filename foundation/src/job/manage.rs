//! What people do with single jobs: look at them and their logs, try them again, bring dead ones back, take them out.

use base::{
    Platform, TenantId, Timestamp,
    page::{Page, PageRequest},
};

use super::{JobId, Level, State, log, time::database_time};
use crate::{
    Conn, Tx, audit,
    db::{self, Json, Result, dialect},
};

/// A job, as people see it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Found {
    /// Its number.
    pub id: JobId,
    /// Whose; [`TenantId::PLATFORM`] for the platform's own.
    #[sqlx(rename = "tenant_id")]
    pub tenant: TenantId,
    /// Its kind.
    pub kind: String,
    /// What is to be done.
    pub args: Json<serde_json::Value>,
    /// Its lane.
    pub lane: String,
    /// Its priority.
    pub priority: super::Priority,
    /// Where it stands.
    pub state: State,
    /// When it may run.
    pub run_at: Timestamp,
    /// Runs that counted.
    pub attempt: i64,
    /// How many may.
    pub max_attempts: i64,
    /// How often it was put off.
    pub snoozes: i64,
    /// Runs in all.
    #[sqlx(rename = "lease_token")]
    pub runs: i64,
    /// The node that runs it, or ran it last.
    pub node: Option<String>,
    /// How far it has come.
    pub progress: Option<Json<serde_json::Value>>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When its last run began.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

const FOUND: &str = "SELECT id, tenant_id, kind, args, lane, priority, state, run_at, attempt, max_attempts, snoozes, \
                     lease_token, node, progress, last_error, created_at, started_at, finished_at FROM job WHERE ";

/// A line of a job's log.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LogLine {
    /// Of which run, from 1.
    pub run: i64,
    /// Its place in that run's log.
    pub line: i64,
    /// When.
    pub at: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: String,
}

/// Which jobs a list is to hold; the newest come first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant alone.
    pub tenant: Option<TenantId>,
    /// Of this kind alone.
    pub kind: Option<String>,
    /// In lanes of this name alone.
    pub lane: Option<String>,
    /// In this state alone.
    pub state: Option<State>,
}

/// Why a list cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The cursor does not come from an earlier page.
    #[error("the page's cursor does not come from an earlier page")]
    Cursor,
    /// The database cannot be read.
    #[error("the jobs cannot be read")]
    Database(#[from] db::Error),
}

/// Why a job cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such job.
    #[error("there is no such job")]
    NotFound,
    /// It stands where this does not apply.
    #[error("the job is {0}")]
    State(State),
    /// Another job of its kind and key is live.
    #[error("another job of the same kind and key waits or runs already")]
    Live,
    /// The database cannot be used.
    #[error("the job cannot be changed")]
    Database(#[from] db::Error),
}

/// Jobs, the newest first.
///
/// # Errors
/// As [`ListError`] says.
pub async fn list(conn: &mut Conn, filter: &Filter, request: &PageRequest) -> Result<Page<Found>, ListError> {
    let before = request.after().map(str::parse::<i64>).transpose().map_err(|_| ListError::Cursor)?;
    let mut query = conn.query(FOUND).push("id < ").push_bind(before.unwrap_or(i64::MAX));
    if let Some(tenant) = filter.tenant {
        query = query.push(" AND tenant_id = ").push_bind(tenant);
    }
    if let Some(kind) = &filter.kind {
        query = query.push(" AND kind = ").push_bind(kind.clone());
    }
    if let Some(lane) = &filter.lane {
        query = query.push(" AND lane = ").push_bind(lane.clone());
    }
    if let Some(state) = filter.state {
        query = query.push(" AND state = ").push_bind(state);
    }
    let rows =
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(request.limit()) + 1).fetch_all().await?;
    Ok(Page::cut(rows, request, |job: &Found| job.id.to_string()))
}

/// One job.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(conn: &mut Conn, id: JobId) -> Result<Option<Found>> {
    conn.query(FOUND).push("id = $1").bind(id).fetch_optional().await
}

/// Lines of a log that are shown at most: several runs' worth.
const MAX_LINES: i64 = 2_000;

/// What the job wrote down, the newest run first, each from its beginning.
///
/// # Errors
/// When the database cannot be read.
pub async fn log_of(conn: &mut Conn, id: JobId) -> Result<Vec<LogLine>> {
    conn.query(
        "SELECT run, line, at, level, text FROM job_log WHERE job_id = $1 ORDER BY run DESC, line LIMIT $2",
    )
    .bind(id)
    .bind(MAX_LINES)
    .fetch_all()
    .await
}

/// Lets a job that waits for its time run at once.
///
/// # Errors
/// As [`ChangeError`] says.
pub async fn retry(tx: &mut Tx, platform: &Platform, id: JobId) -> Result<Found, ChangeError> {
    let job = lock(tx, id).await?;
    if job.state != State::Scheduled {
        return Err(ChangeError::State(job.state));
    }
    let now = database_time(tx).await?;
    tx.query("UPDATE job SET state = 'available', run_at = $2 WHERE id = $1")
        .bind(id)
        .bind(now)
        .execute_one()
        .await?;
    told(tx, platform, &job, "job.retry", "asked to run at once").await
}

/// Brings a dead or discarded job back, with all its attempts before it. Where it had come to, it goes on.
///
/// # Errors
/// As [`ChangeError`] says.
pub async fn replay(tx: &mut Tx, platform: &Platform, id: JobId) -> Result<Found, ChangeError> {
    let job = lock(tx, id).await?;
    if !matches!(job.state, State::Dead | State::Discarded) {
        return Err(ChangeError::State(job.state));
    }
    let now = database_time(tx).await?;
    let back = tx
        .query(
            "UPDATE job SET state = 'available', run_at = $2, attempt = 0, finished_at = NULL WHERE id = $1 \
             AND NOT EXISTS (SELECT 1 FROM job other WHERE other.tenant_id = job.tenant_id AND other.kind = job.kind \
             AND other.unique_key = job.unique_key AND other.state IN ('scheduled', 'available', 'running'))",
        )
        .bind(id)
        .bind(now)
        .execute_optional()
        .await;
    match back {
        Ok(true) => told(tx, platform, &job, "job.replay", "brought back").await,
        // Two at once: the other one won.
        Err(error) if error.is_unique_violation() => Err(ChangeError::Live),
        Ok(false) => Err(ChangeError::Live),
        Err(error) => Err(error.into()),
    }
}

/// Takes a job out of the queue. One that runs is ended: what it has not committed by now does not happen.
///
/// # Errors
/// As [`ChangeError`] says.
pub async fn discard(tx: &mut Tx, platform: &Platform, id: JobId) -> Result<Found, ChangeError> {
    let job = lock(tx, id).await?;
    if !job.state.is_live() && job.state != State::Dead {
        return Err(ChangeError::State(job.state));
    }
    let now = database_time(tx).await?;
    tx.query("UPDATE job SET state = 'discarded', finished_at = $2, lease_until = NULL WHERE id = $1")
        .bind(id)
        .bind(now)
        .execute_one()
        .await?;
    told(tx, platform, &job, "job.discard", "taken out of the queue").await
}

async fn lock(tx: &mut Tx, id: JobId) -> Result<Found, ChangeError> {
    let job = tx
        .query(FOUND)
        .push("id = $1")
        .push_sql(dialect("", " FOR UPDATE"))
        .bind(id)
        .fetch_optional()
        .await?;
    job.ok_or(ChangeError::NotFound)
}

/// Notes in the audit trail and in the job's log who did it, and gives the job as it is now.
async fn told(
    tx: &mut Tx,
    platform: &Platform,
    job: &Found,
    act: &'static str,
    words: &str,
) -> Result<Found, ChangeError> {
    tx.wake_workers();
    tx.audit(platform, audit::Entry::new(act, "job", job.id).before(&(&job.kind, job.tenant, job.state)));
    let text = format!("{words} by {}", platform.actor);
    log::note(tx, job.id, job.runs, platform.now, Level::Info, &text).await?;
    find(tx, job.id).await?.ok_or(ChangeError::NotFound)
}
