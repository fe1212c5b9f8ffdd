//! Writes the heads of the audit trails to the log, now and then: whoever cuts a trail off, or writes a whole new one, would
//! have to change the log as well, which is elsewhere. `rrnetd audit verify --head` compares.

use std::{collections::HashMap, time::Duration};

use base::TenantId;
use foundation::{Db, audit, db};
use metrics::counter;
use tokio_util::sync::CancellationToken;

/// How often. What is cut off within an hour of its writing goes unseen, unless a later entry was noted.
const EVERY: Duration = Duration::from_hours(1);
/// When it is tried again after a failure.
const AGAIN: Duration = Duration::from_mins(1);
/// Heads that are read at a time.
const PAGE: u32 = 500;

/// Which heads were written already.
#[derive(Debug, Default)]
struct Noted(HashMap<TenantId, i64>);

/// Notes heads until `shutdown`.
pub(super) async fn run(db: Db, shutdown: CancellationToken) {
    let mut noted = Noted::default();
    loop {
        let wait = match noted.step(&db).await {
            Ok(_) => EVERY,
            Err(error) => {
                counter!("rrnetd_housekeeping_failures_total", "task" => "audit_heads").increment(1);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the heads of the audit trails could not be noted; it is tried again"
                );
                AGAIN
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

impl Noted {
    /// Writes the heads that moved since the last time; says how many.
    async fn step(&mut self, db: &Db) -> db::Result<usize> {
        let (mut after, mut count) = (None, 0);
        loop {
            let heads = audit::heads(&mut db.conn().await?, after, PAGE).await?;
            let Some(last) = heads.last() else { return Ok(count) };
            after = Some(last.tenant);
            for head in &heads {
                if self.0.insert(head.tenant, head.sequence) != Some(head.sequence) {
                    tracing::info!("audit head {head}");
                    count += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use foundation::{audit::Entry, testing::TestDb};

    use super::*;

    foundation::battery! { heads_that_moved_are_noted }

    async fn heads_that_moved_are_noted(db: TestDb) {
        let (one, other) = (db.scope(), db.scope());
        let write = async |scope: &base::Scope| {
            let mut tx = db.begin().await.unwrap();
            tx.audit(scope, Entry::new("plan.create", "plan", 1));
            tx.commit().await.unwrap();
        };
        let mut noted = Noted::default();
        let before = noted.step(&db).await.unwrap();
        write(&one).await;
        write(&other).await;
        assert_eq!((before, noted.step(&db).await.unwrap()), (0, 2));
        assert_eq!(noted.step(&db).await.unwrap(), 0);
        write(&one).await;
        assert_eq!(noted.step(&db).await.unwrap(), 1);
    }
}
