//! Scheduled jobs become available when their time has come.

use base::Timestamp;

use crate::{
    Conn, Db,
    db::{Result, dialect},
    job::{Priority, time::database_time},
};

/// Scheduled jobs that become available in one transaction: 10 ms on SQLite.
const PROMOTED: i64 = 500;

/// Makes scheduled jobs available whose time has come, urgent ones first, and says when the next one's comes and what time
/// it is.
pub(in super::super) async fn promote(db: &Db) -> Result<(Option<Timestamp>, Timestamp)> {
    let mut conn = db.conn().await?;
    let now = database_time(&mut conn).await?;
    let next = next_due(&mut conn).await?;
    drop(conn);
    if next.is_none_or(|next| next > now) {
        return Ok((next, now));
    }
    let mut tx = db.begin().await?;
    let mut left = PROMOTED;
    for priority in Priority::ALL {
        let promoted = tx
            .query(
                "WITH due AS MATERIALIZED (SELECT id FROM job WHERE state = 'scheduled' AND priority = $1 \
                 AND run_at <= $2 ORDER BY run_at, id LIMIT $3",
            )
            .push_sql(dialect("", " FOR UPDATE SKIP LOCKED"))
            .push(") UPDATE job SET state = 'available' WHERE id IN (SELECT id FROM due)")
            .bind(priority)
            .bind(now)
            .bind(left)
            .execute()
            .await?;
        left -= i64::try_from(promoted).unwrap_or(left);
    }
    tx.commit().await?;
    if left > 0 {
        // All that was due; or what is left is locked by another node, which promotes it.
        let next = next_due(&mut db.conn().await?).await?;
        return Ok((next.filter(|next| *next > now), now));
    }
    // One chunk at a time: what became available is claimed before the rest is promoted.
    Ok((Some(now), now))
}

/// The time of the first scheduled job.
async fn next_due(conn: &mut Conn) -> Result<Option<Timestamp>> {
    let mut next: Option<Timestamp> = None;
    for priority in Priority::ALL {
        let first: Option<(Timestamp,)> = conn
            .query(
                "SELECT run_at FROM job WHERE state = 'scheduled' AND priority = $1 ORDER BY run_at, id LIMIT 1",
            )
            .bind(priority)
            .fetch_optional()
            .await?;
        if let Some((first,)) = first {
            next = Some(next.map_or(first, |next| next.min(first)));
        }
    }
    Ok(next)
}
