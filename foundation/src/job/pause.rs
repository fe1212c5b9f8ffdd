//! Pauses: jobs of a kind, of a lane, of a tenant, or of any two or three of them together, are not claimed any more. What
//! runs goes on to its end.

use base::{Platform, TenantId, Timestamp};

use super::time::database_time;
use crate::{Conn, Tx, audit, db::Result};

/// What is paused: jobs that match all that is given. With nothing given, every job.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Of this kind.
    pub kind: Option<String>,
    /// In lanes of this name.
    pub lane: Option<String>,
}

/// A pause that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Of what.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Option<TenantId>,
    kind: Option<String>,
    lane: Option<String>,
    reason: String,
    paused_by: String,
    paused_at: Timestamp,
}

impl Target {
    /// The three as one text, by which a pause is found again.
    fn text(&self) -> String {
        let or_any = |text: Option<&str>| text.map_or_else(|| "*".to_owned(), |text| format!("={text}"));
        let tenant = self.tenant.map(|tenant| tenant.to_string());
        [tenant.as_deref(), self.kind.as_deref(), self.lane.as_deref()].map(or_any).join(" ")
    }

    /// Whether it takes a job like this.
    #[must_use]
    pub fn matches(&self, tenant: TenantId, kind: &str, lane: &str) -> bool {
        self.tenant.is_none_or(|paused| paused == tenant)
            && self.kind.as_deref().is_none_or(|paused| paused == kind)
            && self.lane.as_deref().is_none_or(|paused| paused == lane)
    }
}

/// Pauses; a pause of the same that holds already stays as it is.
///
/// # Errors
/// When the database cannot be written.
pub async fn pause(tx: &mut Tx, platform: &Platform, target: &Target, reason: &str) -> Result<()> {
    let now = database_time(tx).await?;
    let is_new = tx
        .query(
            "INSERT INTO job_pause (target, tenant_id, kind, lane, reason, paused_by, paused_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (target) DO NOTHING",
        )
        .bind(target.text())
        .bind(target.tenant)
        .bind(&target.kind)
        .bind(&target.lane)
        .bind(reason)
        .bind(platform.actor.to_string())
        .bind(now)
        .execute_optional()
        .await?;
    if is_new {
        tx.audit(platform, audit::Entry::new("job.pause", "job_pause", target.text()).after(target));
    }
    Ok(())
}

/// Ends the pause of exactly this. False when there was none.
///
/// # Errors
/// When the database cannot be written.
pub async fn resume(tx: &mut Tx, platform: &Platform, target: &Target) -> Result<bool> {
    let was_there =
        tx.query("DELETE FROM job_pause WHERE target = $1").bind(target.text()).execute_optional().await?;
    if was_there {
        tx.wake_workers();
        tx.audit(platform, audit::Entry::new("job.resume", "job_pause", target.text()).before(target));
    }
    Ok(was_there)
}

/// Every pause that holds.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(conn: &mut Conn) -> Result<Vec<Pause>> {
    let rows: Vec<Row> = conn
        .query(
            "SELECT tenant_id, kind, lane, reason, paused_by, paused_at FROM job_pause ORDER BY paused_at, target",
        )
        .fetch_all()
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| Pause {
            target: Target { tenant: row.tenant_id, kind: row.kind, lane: row.lane },
            reason: row.reason,
            by: row.paused_by,
            at: row.paused_at,
        })
        .collect())
}
