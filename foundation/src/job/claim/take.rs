//! Taking what was picked, in one short transaction that looks again.

use base::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Claimed, Pick};
use crate::{
    Conn, Db, Tx,
    db::{Query, Result, dialect},
    job::{Registry, lease::LEASE, time::database_time},
};

/// Takes what was picked, as far as it is still there. True when another node was just taking from one of the lanes.
pub(super) async fn take(
    db: &Db,
    registry: &Registry,
    node: &str,
    picks: &[Pick],
) -> Result<(Vec<Claimed>, bool)> {
    let mut tx = db.begin().await?;
    let now = database_time(&mut tx).await?;
    let mut claimed = Vec::new();
    let mut is_busy = false;
    for pick in picks {
        let Some(kind) = registry.find(&pick.head.kind) else { continue };
        if !lock_lane(&mut tx, pick).await? {
            is_busy = true;
            continue;
        }
        let (running,): (i64,) = tx
            .query("SELECT COUNT(*) FROM job WHERE state = 'running' AND tenant_id = $1 AND lane = $2")
            .bind(pick.tenant)
            .bind(&pick.head.lane)
            .fetch_one()
            .await?;
        let left = pick.head.lane_limit - running;
        if left > 0 {
            let count = left.min(i64::try_from(pick.count).unwrap_or(left));
            claimed.extend(take_one(&mut tx, pick, kind.version, count, node, now).await?);
        }
    }
    if claimed.is_empty() {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    Ok((claimed, is_busy))
}

/// Two nodes that count a lane's running jobs at the same time would both find a free place. Nobody waits: a lane that
/// another node is just taking from is left to it.
async fn lock_lane(tx: &mut Tx, pick: &Pick) -> Result<bool> {
    // The same on every node, whatever its version. A collision costs a lane one turn.
    let digest = Sha256::new()
        .chain_update(b"job lane")
        .chain_update(pick.tenant.as_bytes())
        .chain_update(&pick.head.lane)
        .finalize();
    let key = digest.first_chunk().map_or(0, |octets| i64::from_be_bytes(*octets));
    let (locked,) = tx
        .query(dialect("SELECT TRUE WHERE $1 IS NOT NULL", "SELECT pg_try_advisory_xact_lock($1)"))
        .bind(key)
        .fetch_one()
        .await?;
    Ok(locked)
}

async fn take_one(
    tx: &mut Tx,
    pick: &Pick,
    version: i64,
    count: i64,
    node: &str,
    now: Timestamp,
) -> Result<Vec<Claimed>> {
    let rows: Vec<Claimed> = taking(tx, pick, version, count, node, now).fetch_all().await?;
    tx.count_written(rows.len() as u64);
    Ok(rows)
}

/// The statement of [`take_one`].
pub(super) fn taking<'c>(
    conn: &'c mut Conn,
    pick: &Pick,
    version: i64,
    count: i64,
    node: &str,
    now: Timestamp,
) -> Query<'c> {
    conn.query(
            "WITH taken AS MATERIALIZED (SELECT id FROM job WHERE state = 'available' AND priority = $1 \
             AND tenant_id = $2 AND lane = $3 AND kind = $4 AND version <= $5 ORDER BY run_at, id LIMIT $6",
        )
        .push_sql(dialect("", " FOR UPDATE SKIP LOCKED"))
        .push(
            ") UPDATE job SET state = 'running', attempt = attempt + 1, lease_token = lease_token + 1, \
             lease_until = $7, node = $8, started_at = $9 WHERE id IN (SELECT id FROM taken) \
             RETURNING id, tenant_id, kind, args, priority, attempt, max_attempts, lease_token, progress, run_at",
        )
        .bind(pick.priority)
        .bind(pick.tenant)
        .bind(pick.head.lane.clone())
        .bind(pick.head.kind.clone())
        .bind(version)
        .bind(count)
        .bind(now.saturating_add(LEASE))
        .bind(node.to_owned())
        .bind(now)
}
