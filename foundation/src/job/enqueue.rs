//! Puts jobs into the queue, within the caller's transaction.

use base::{TenantId, Timestamp};

use super::{Job, JobId, Lane, Priority, State, time::database_time};
use crate::{
    Origin, Tx,
    db::{Error, Json, Result, bulk},
};

/// What is to be different from the job's own ways.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// When it may run; `None`, and any time that is past, is at once.
    pub run_at: Option<Timestamp>,
    /// In place of [`Job::PRIORITY`].
    pub priority: Option<Priority>,
    /// In place of [`Job::lane`].
    pub lane: Option<Lane>,
    /// In place of [`Job::unique_key`].
    pub unique_key: Option<String>,
    /// In place of [`Job::MAX_ATTEMPTS`].
    pub max_attempts: Option<u32>,
}

/// A job ready to be written.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    kind: &'static str,
    version: i64,
    args: serde_json::Value,
    lane: Lane,
    priority: Priority,
    run_at: Option<Timestamp>,
    unique_key: Option<String>,
    max_attempts: i64,
}

impl Prepared {
    pub(super) fn of<J: Job>(job: &J, options: Options) -> Result<Self> {
        Ok(Self {
            kind: J::KIND,
            version: J::VERSION,
            args: serde_json::to_value(job).map_err(|error| Error::Encode(Box::new(error)))?,
            lane: options.lane.unwrap_or_else(|| job.lane()),
            priority: options.priority.unwrap_or(J::PRIORITY),
            run_at: options.run_at,
            unique_key: options.unique_key.or_else(|| job.unique_key()),
            max_attempts: i64::from(options.max_attempts.unwrap_or(J::MAX_ATTEMPTS).max(1)),
        })
    }

    /// `None` when a job with its key is live already.
    pub(super) async fn write(&self, tx: &mut Tx, tenant: TenantId, now: Timestamp) -> Result<Option<JobId>> {
        tx.wake_workers();
        let at = self.run_at.unwrap_or(now).max(now);
        let state = if at > now { State::Scheduled } else { State::Available };
        let written: Option<(JobId,)> = tx
            .query(
                "INSERT INTO job (tenant_id, kind, version, args, lane, lane_limit, priority, state, run_at, attempt, \
                 max_attempts, unique_key, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12) \
                 ON CONFLICT DO NOTHING RETURNING id",
            )
            .bind(tenant)
            .bind(self.kind)
            .bind(self.version)
            .bind(Json(&self.args))
            .bind(self.lane.name())
            .bind(i64::from(self.lane.concurrency()))
            .bind(self.priority)
            .bind(state)
            .bind(at)
            .bind(self.max_attempts)
            .bind(&self.unique_key)
            .bind(now)
            .fetch_optional()
            .await?;
        tx.count_written(u64::from(written.is_some()));
        metrics::counter!("rrnetd_jobs_enqueued_total", "kind" => self.kind)
            .increment(u64::from(written.is_some()));
        Ok(written.map(|(id,)| id))
    }
}

/// Puts a job into the queue of the origin's tenant, or of the platform. With the caller's commit it is there, with a
/// rollback it never was. `None` when a live job of its kind and key is there already.
///
/// # Errors
/// When the database cannot be written, or the job cannot be serialized.
pub async fn enqueue<J: Job>(
    tx: &mut Tx,
    origin: &impl Origin,
    job: &J,
    options: Options,
) -> Result<Option<JobId>> {
    let prepared = Prepared::of(job, options)?;
    let now = database_time(tx).await?;
    prepared.write(tx, origin.stream(), now).await
}

/// The same for many jobs without keys, in few statements; the caller keeps within a transaction's rows.
///
/// # Errors
/// As for [`enqueue`].
pub async fn enqueue_all<J: Job>(
    tx: &mut Tx,
    origin: &impl Origin,
    jobs: &[J],
    options: &Options,
) -> Result<u64> {
    let prepared: Vec<Prepared> =
        jobs.iter().map(|job| Prepared::of(job, options.clone())).collect::<Result<_>>()?;
    let now = database_time(tx).await?;
    let tenant = origin.stream();
    tx.wake_workers();
    let written = bulk::insert(
        tx,
        "INSERT INTO job (tenant_id, kind, version, args, lane, lane_limit, priority, state, run_at, attempt, \
         max_attempts, unique_key, created_at)",
        "ON CONFLICT DO NOTHING",
        &prepared,
        |values, job| {
            let at = job.run_at.unwrap_or(now).max(now);
            values.push(tenant);
            values.push(job.kind);
            values.push(job.version);
            values.push(Json(&job.args));
            values.push(job.lane.name());
            values.push(i64::from(job.lane.concurrency()));
            values.push(job.priority);
            values.push(if at > now { State::Scheduled } else { State::Available });
            values.push(at);
            values.push(0_i64);
            values.push(job.max_attempts);
            values.push(&job.unique_key);
            values.push(now);
        },
    )
    .await?;
    metrics::counter!("rrnetd_jobs_enqueued_total", "kind" => J::KIND).increment(written);
    Ok(written)
}
