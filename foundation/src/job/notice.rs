//! Tells of failures: a job that is dead is an event for the super admin, a line in the daemon's log and a metric. What
//! fails again and again is told once an hour, with how often it happened since.

use std::time::Duration;

use base::{Platform, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::JobId;
use crate::{
    Tx,
    db::{Result, dialect},
    event::Event,
};

/// How long the same failure (kind and tenant) is not told again.
const QUIET: Duration = Duration::from_secs(3_600);

/// A job is dead: it failed as often as it may, or for good. In the platform's stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobFailed {
    /// Which.
    #[serde(rename = "jobId")]
    pub job: JobId,
    /// Of which kind.
    pub kind: String,
    /// Whose; the nil id for the platform's own.
    #[serde(rename = "tenantId")]
    pub tenant: TenantId,
    /// How often it ran.
    pub attempts: i64,
    /// What went wrong the last time.
    pub error: String,
    /// Jobs of this kind and tenant that died since the last time it was told, this one left out.
    pub suppressed: i64,
}

impl Event for JobFailed {
    const KIND: &'static str = "job_failed";
}

/// A job that has just died.
#[derive(Debug)]
pub(super) struct Death<'a> {
    pub(super) job: JobId,
    pub(super) kind: &'a str,
    pub(super) tenant: TenantId,
    pub(super) attempts: i64,
    pub(super) error: &'a str,
}

/// Tells of it, unless the same was told a short time ago. In the transaction in which it dies.
pub(super) async fn tell(tx: &mut Tx, death: &Death<'_>, now: Timestamp, wall: Timestamp) -> Result<()> {
    let known: Option<(Timestamp, i64)> = tx
        .query("SELECT told_at, suppressed FROM job_notice WHERE kind = $1 AND tenant_id = $2")
        .push_sql(dialect("", " FOR UPDATE"))
        .bind(death.kind)
        .bind(death.tenant)
        .fetch_optional()
        .await?;
    if known.is_some_and(|(told, _)| now < told.saturating_add(QUIET)) {
        return tx
            .query("UPDATE job_notice SET suppressed = suppressed + 1 WHERE kind = $1 AND tenant_id = $2")
            .bind(death.kind)
            .bind(death.tenant)
            .execute_one()
            .await;
    }
    let suppressed = known.map_or(0, |(_, suppressed)| suppressed);
    tx.query(
        "INSERT INTO job_notice (kind, tenant_id, told_at, suppressed) VALUES ($1, $2, $3, 0) \
         ON CONFLICT (kind, tenant_id) DO UPDATE SET told_at = excluded.told_at, suppressed = 0",
    )
    .bind(death.kind)
    .bind(death.tenant)
    .bind(now)
    .execute_one()
    .await?;
    tx.publish(
        &Platform::system("job.notice", wall),
        &JobFailed {
            job: death.job,
            kind: death.kind.to_owned(),
            tenant: death.tenant,
            attempts: death.attempts,
            error: death.error.to_owned(),
            suppressed,
        },
    );
    tracing::error!(
        job.id = %death.job,
        job.kind = death.kind,
        tenant.id = %death.tenant,
        attempts = death.attempts,
        suppressed,
        error = death.error,
        "a job is dead: see its log, then replay or discard it"
    );
    Ok(())
}
