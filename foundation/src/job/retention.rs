//! Forgets jobs that came to their end long ago, with their logs, in small steps.

use std::time::Duration;

use base::Timestamp;

use super::{JobId, State, keeper::Retention, time::database_time};
use crate::{
    Db,
    db::{Result, dialect},
};

/// Jobs of one step.
const JOBS: i64 = 200;
/// Lines of their logs that one transaction takes away.
const LINES: i64 = 900;

/// Forgets what is older than `retention` says, and how many jobs that were. Steps at most `steps` times.
pub(super) async fn sweep(db: &Db, retention: &Retention, steps: u32) -> Result<u64> {
    let ages =
        [(State::Done, retention.done), (State::Discarded, retention.dead), (State::Dead, retention.dead)];
    let mut gone = 0;
    for (state, age) in ages {
        for _ in 0..steps {
            let forgotten = step(db, state, age).await?;
            gone += forgotten;
            if forgotten == 0 {
                break;
            }
        }
    }
    Ok(gone)
}

async fn step(db: &Db, state: State, age: Duration) -> Result<u64> {
    let mut conn = db.conn().await?;
    let until = database_time(&mut conn).await?.saturating_sub(age);
    let old: Vec<(JobId,)> = conn
        .query("SELECT id FROM job WHERE state = $1 AND finished_at < $2 ORDER BY finished_at, id LIMIT $3")
        .bind(state)
        .bind(until)
        .bind(JOBS)
        .fetch_all()
        .await?;
    drop(conn);
    let ids: Vec<JobId> = old.into_iter().map(|(id,)| id).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    while delete_lines(db, &ids).await? > 0 {}
    let mut tx = db.begin_bulk().await?;
    // A dead one may have been replayed meanwhile.
    let gone = tx
        .query("DELETE FROM job WHERE state = $1 AND finished_at < $2 AND id IN ")
        .bind(state)
        .bind(until)
        .push_list(&ids)
        .push(" AND NOT EXISTS (SELECT 1 FROM job_log WHERE job_id = job.id)")
        .execute()
        .await?;
    tx.commit().await?;
    Ok(gone)
}

async fn delete_lines(db: &Db, ids: &[JobId]) -> Result<u64> {
    let mut tx = db.begin_bulk().await?;
    let gone = tx
        .query("DELETE FROM job_log WHERE ")
        .push_sql(dialect("(job_id, run, line) IN (", "ctid = ANY (ARRAY("))
        .push_sql(dialect(
            "SELECT job_id, run, line FROM job_log WHERE job_id IN ",
            "SELECT ctid FROM job_log WHERE job_id IN ",
        ))
        .push_list(ids)
        .push(" LIMIT ")
        .push_bind(LINES)
        .push_sql(dialect(")", "))"))
        .execute()
        .await?;
    tx.commit().await?;
    Ok(gone)
}

/// The age from which on notices of failures are of no more use: nobody is kept waiting by them.
const NOTICES: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Forgets when failures were told that did not happen again for long.
pub(super) async fn sweep_notices(db: &Db) -> Result<u64> {
    let mut tx = db.begin_bulk().await?;
    let until: Timestamp = database_time(&mut tx).await?.saturating_sub(NOTICES);
    let gone = tx.query("DELETE FROM job_notice WHERE told_at < $1").bind(until).execute().await?;
    tx.commit().await?;
    Ok(gone)
}
