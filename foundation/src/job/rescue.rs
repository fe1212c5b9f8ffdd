//! Jobs whose lease is over, because their node died or stands still; and those that a node finds under its own name when it
//! starts, because its process before died. The run counts; a job that has used up its attempts this way is dead, so that
//! one which kills its node does not do so for ever.

use base::{TenantId, Timestamp};

use super::{
    JobId, Registry,
    lease::Lease,
    log,
    settle::{self, Outcome, Run},
    time::database_time,
};
use crate::{
    Db,
    db::{Query, Result, dialect},
};

/// Jobs rescued in one transaction; each writes three rows or four.
const CHUNK: i64 = 100;

#[derive(sqlx::FromRow)]
struct Job {
    id: JobId,
    tenant_id: TenantId,
    kind: String,
    attempt: i64,
    max_attempts: i64,
    lease_token: i64,
    node: Option<String>,
}

/// Which jobs were left behind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Left<'a> {
    /// Those whose lease is over.
    Over,
    /// Those of a node of this name, which runs nothing now: it starts, and no other has its name.
    Of(&'a str),
}

impl Left<'_> {
    fn filtered<'c>(self, query: Query<'c>, now: Timestamp) -> Query<'c> {
        let query = query.push(" WHERE state = 'running' AND ");
        match self {
            Self::Over => query.push("lease_until < ").push_bind(now),
            Self::Of(node) => query.push("node = ").push_bind(node.to_owned()),
        }
        .push(" ORDER BY lease_until LIMIT ")
        .push_bind(CHUNK)
    }

    fn error(self, node: Option<&str>) -> String {
        match self {
            Self::Over => {
                format!("the lease was over: the node {} ended or stood still", node.unwrap_or("of this run"))
            }
            Self::Of(node) => format!("the node {node} ended in the middle of it, and was started again"),
        }
    }
}

/// Puts jobs back that were left behind, and says how many.
pub(super) async fn rescue(db: &Db, registry: &Registry, which: Left<'_>, wall: Timestamp) -> Result<u64> {
    let mut rescued = 0;
    loop {
        // Nothing is begun while there is nothing to do.
        let mut conn = db.conn().await?;
        let now = database_time(&mut conn).await?;
        let any: Vec<(JobId,)> = which.filtered(conn.query("SELECT id FROM job"), now).fetch_all().await?;
        drop(conn);
        if any.is_empty() {
            return Ok(rescued);
        }
        let mut tx = db.begin().await?;
        let query = tx.query("SELECT id, tenant_id, kind, attempt, max_attempts, lease_token, node FROM job");
        let left: Vec<Job> =
            which.filtered(query, now).push_sql(dialect("", " FOR UPDATE SKIP LOCKED")).fetch_all().await?;
        if left.is_empty() {
            return Ok(rescued);
        }
        for job in &left {
            let run = Run {
                lease: Lease { job: job.id, token: job.lease_token },
                kind: &job.kind,
                tenant: job.tenant_id,
                attempt: job.attempt,
                max_attempts: job.max_attempts,
            };
            let error = which.error(job.node.as_deref());
            let seed = job.id.0.cast_unsigned();
            let wait = registry.backoff(&job.kind).wait(job.attempt, seed);
            let outcome = Outcome::Retry { wait, error };
            if settle::write(&mut tx, &run, &outcome, now, wall).await? {
                let (level, text) = settle::last_line(&run, &outcome);
                log::note(&mut tx, job.id, job.lease_token, wall, level, &text).await?;
                metrics::counter!("rrnetd_jobs_rescued_total", "kind" => registry.label(&job.kind))
                    .increment(1);
                tracing::warn!(job.id = %job.id, job.kind, attempt = job.attempt, node = job.node, "a job was rescued");
                rescued += 1;
            }
        }
        tx.commit().await?;
    }
}
