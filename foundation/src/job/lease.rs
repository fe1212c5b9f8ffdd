//! The lease: while it holds, and only then, a run may write. Each claim raises the job's token; a statement with an older one
//! finds no row.

use std::time::Duration;

use base::Timestamp;

use super::JobId;
use crate::{Conn, db::Result};

/// How long a claim holds without a heartbeat: far longer than a pause of the process or of the network that it comes back
/// from, short enough that the jobs of a dead node are soon run by another.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// Which run of which job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lease {
    pub(super) job: JobId,
    pub(super) token: i64,
}

impl Lease {
    /// Extends the lease, and locks it until the commit of the transaction, if it is one. False when it is lost.
    pub(super) async fn renew(self, conn: &mut Conn, now: Timestamp) -> Result<bool> {
        conn.query("UPDATE job SET lease_until = $3 WHERE id = $1 AND lease_token = $2 AND state = 'running'")
            .bind(self.job)
            .bind(self.token)
            .bind(now.saturating_add(LEASE))
            .execute_optional()
            .await
    }

    /// The same, and notes how far the job has come.
    pub(super) async fn renew_with(
        self,
        conn: &mut Conn,
        now: Timestamp,
        progress: &serde_json::Value,
    ) -> Result<bool> {
        conn.query(
            "UPDATE job SET lease_until = $3, progress = $4 WHERE id = $1 AND lease_token = $2 AND state = 'running'",
        )
        .bind(self.job)
        .bind(self.token)
        .bind(now.saturating_add(LEASE))
        .bind(crate::db::Json(progress))
        .execute_optional()
        .await
    }
}
