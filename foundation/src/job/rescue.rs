//! Jobs whose lease is over: their node died, or stands still. The run counts; a job that has used up its attempts this way
//! is dead, so that one which kills its node does not do so for ever.

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
    db::{Result, dialect},
};

/// Jobs rescued in one transaction; each writes three rows or four.
const CHUNK: i64 = 100;

#[derive(sqlx::FromRow)]
struct Left {
    id: JobId,
    tenant_id: TenantId,
    kind: String,
    attempt: i64,
    max_attempts: i64,
    lease_token: i64,
    node: Option<String>,
}

/// Puts jobs back whose lease is over, and says how many.
pub(super) async fn rescue(db: &Db, registry: &Registry, wall: Timestamp) -> Result<u64> {
    let mut rescued = 0;
    loop {
        // Nothing is begun while there is nothing to do.
        let mut conn = db.conn().await?;
        let now = database_time(&mut conn).await?;
        let any: Option<(JobId,)> = conn
            .query("SELECT id FROM job WHERE state = 'running' AND lease_until < $1 ORDER BY lease_until LIMIT 1")
            .bind(now)
            .fetch_optional()
            .await?;
        drop(conn);
        if any.is_none() {
            return Ok(rescued);
        }
        let mut tx = db.begin().await?;
        let left: Vec<Left> = tx
            .query(
                "SELECT id, tenant_id, kind, attempt, max_attempts, lease_token, node FROM job \
                 WHERE state = 'running' AND lease_until < $1 ORDER BY lease_until LIMIT $2",
            )
            .push_sql(dialect("", " FOR UPDATE SKIP LOCKED"))
            .bind(now)
            .bind(CHUNK)
            .fetch_all()
            .await?;
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
            let error = format!(
                "the lease was over: the node {} ended or stood still",
                job.node.as_deref().unwrap_or("of this run")
            );
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
