//! Which jobs a node takes next: urgent ones first, tenant by tenant in a ring, and within a tenant lane by lane.
//!
//! However many jobs wait, each step is one look into an index: the next tenant with something to do, the next lane and kind
//! of that tenant, the oldest job of those. So a tenant with a hundred thousand jobs costs as much as one with a single job,
//! gets one turn in a round like any other, and what is paused, full or unknown to this node is stepped over, not read.
//!
//! The looking is done outside of any transaction; the taking is a short one, which looks again.

use std::collections::{BTreeMap, HashMap};

use base::{TenantId, Timestamp};
use sha2::{Digest as _, Sha256};

use super::{
    JobId, Priority, Registry,
    lease::LEASE,
    pause::{self, Pause},
    time::database_time,
};
use crate::{
    Conn, Db, Tx,
    db::{Json, Result, dialect},
};

/// Tenants that one claim looks at: beyond it the next claim goes on from there.
const TENANTS: i64 = 64;
/// Lanes and kinds of a tenant that one claim looks at; the next one goes on from there.
const HEADS: i64 = 32;
/// In so many claims the order of priorities is turned round once.
const TURN_ROUND: u64 = 8;
/// Scheduled jobs that become available in one transaction: 10 ms on SQLite.
const PROMOTED: i64 = 500;
/// Tenants whose place in their lanes is remembered.
const REMEMBERED: usize = 4_096;

/// A job that this node runs now.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Claimed {
    pub(super) id: JobId,
    pub(super) tenant_id: TenantId,
    pub(super) kind: String,
    pub(super) args: Json<serde_json::Value>,
    pub(super) priority: Priority,
    pub(super) attempt: i64,
    pub(super) max_attempts: i64,
    pub(super) lease_token: i64,
    pub(super) progress: Option<Json<serde_json::Value>>,
    pub(super) run_at: Timestamp,
}

/// How much this node may take, in all and of each part.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// Places that are free for jobs of this priority or one behind it.
    pub(super) of_priority: [usize; 3],
    /// Places that one tenant may have.
    pub(super) of_tenant: usize,
    /// Places that tenants have.
    pub(super) taken: HashMap<TenantId, usize>,
}

impl Room {
    /// Room for a priority: what goes behind it counts against it, and not the other way round.
    fn of(&self, priority: Priority) -> usize {
        self.of_priority.iter().take(priority.index() + 1).copied().min().unwrap_or(0)
    }

    fn for_one(&self, priority: Priority, tenant: TenantId) -> usize {
        let taken = self.taken.get(&tenant).copied().unwrap_or(0);
        self.of(priority).min(self.of_tenant.saturating_sub(taken))
    }

    fn take(&mut self, priority: Priority, tenant: TenantId, count: usize) {
        for room in self.of_priority.iter_mut().take(priority.index() + 1) {
            *room = room.saturating_sub(count);
        }
        *self.taken.entry(tenant).or_default() += count;
    }
}

/// The first job of a tenant's lane and kind.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
struct Head {
    lane: String,
    kind: String,
    lane_limit: i64,
    running: i64,
    run_at: Timestamp,
}

/// Something to take.
#[derive(Clone, Debug)]
struct Pick {
    priority: Priority,
    tenant: TenantId,
    head: Head,
    count: usize,
}

/// Takes jobs, and remembers where in the ring it stands.
#[derive(Debug, Default)]
pub(super) struct Claimer {
    after: [Option<TenantId>; 3],
    /// The first tenant of a walk round the ring that found nothing so far: met again, there is nothing.
    fruitless: [Option<TenantId>; 3],
    lanes: BTreeMap<(Priority, TenantId), (String, String)>,
    claims: u64,
}

impl Claimer {
    /// Takes what there is room for. The second value tells that there may be more to take at once.
    pub(super) async fn claim(
        &mut self,
        db: &Db,
        registry: &Registry,
        node: &str,
        mut room: Room,
    ) -> Result<(Vec<Claimed>, bool)> {
        self.claims = self.claims.wrapping_add(1);
        let mut order = Priority::ALL;
        if self.claims.is_multiple_of(TURN_ROUND) {
            order.reverse();
        }
        let mut conn = db.conn().await?;
        let pauses = pause::list(&mut conn).await?;
        let mut picks = Vec::new();
        let mut is_cut = false;
        for priority in order {
            is_cut |= self.look(&mut conn, registry, &pauses, priority, &mut room, &mut picks).await?;
        }
        drop(conn);
        if picks.is_empty() {
            return Ok((Vec::new(), is_cut));
        }
        let (claimed, is_busy) = take(db, registry, node, &picks).await?;
        let is_cut = is_cut || is_busy || !claimed.is_empty();
        Ok((claimed, is_cut))
    }

    /// Looks round the ring of one priority. True when it did not come round.
    async fn look(
        &mut self,
        conn: &mut Conn,
        registry: &Registry,
        pauses: &[Pause],
        priority: Priority,
        room: &mut Room,
        picks: &mut Vec<Pick>,
    ) -> Result<bool> {
        if room.of(priority) == 0 {
            return Ok(false);
        }
        let (tenants, is_cut) = self.ring(conn, priority).await?;
        let picked = picks.len();
        // Each tenant's turn is as large as the ring is small.
        let turn = room.of(priority).div_ceil(tenants.len().max(1)).max(1);
        for &tenant in &tenants {
            if room.of(priority) == 0 {
                self.fruitless[priority.index()] = None;
                return Ok(true);
            }
            self.after[priority.index()] = Some(tenant);
            let mut places = room.for_one(priority, tenant).min(turn);
            if places == 0 {
                continue;
            }
            let heads = self.heads(conn, priority, tenant).await?;
            let mut in_lanes: HashMap<String, i64> = HashMap::new();
            for head in heads {
                let paused = pauses.iter().any(|pause| pause.target.matches(tenant, &head.kind, &head.lane));
                if places == 0 {
                    break;
                }
                if paused || registry.find(&head.kind).is_none() {
                    continue;
                }
                let in_lane = in_lanes.entry(head.lane.clone()).or_insert(head.running);
                let left = usize::try_from(head.lane_limit - *in_lane).unwrap_or(0);
                let count = left.min(places);
                if count == 0 {
                    continue;
                }
                *in_lane += i64::try_from(count).unwrap_or(i64::MAX);
                places -= count;
                room.take(priority, tenant, count);
                picks.push(Pick { priority, tenant, head, count });
            }
        }
        let fruitless = &mut self.fruitless[priority.index()];
        if !is_cut || picks.len() > picked {
            *fruitless = None;
            return Ok(is_cut);
        }
        match *fruitless {
            Some(first) if tenants.contains(&first) => {
                *fruitless = None;
                Ok(false)
            }
            Some(_) => Ok(true),
            None => {
                *fruitless = tenants.first().copied();
                Ok(true)
            }
        }
    }

    /// The next tenants with something to do, from where the last claim stopped, once round at most. True when there are
    /// more of them.
    async fn ring(&self, conn: &mut Conn, priority: Priority) -> Result<(Vec<TenantId>, bool)> {
        let stopped = self.after[priority.index()];
        let mut tenants = tenants_after(conn, priority, stopped, TENANTS).await?;
        let seen = i64::try_from(tenants.len()).unwrap_or(TENANTS);
        if seen == TENANTS {
            return Ok((tenants, true));
        }
        if let Some(stopped) = stopped {
            let first = tenants_after(conn, priority, None, TENANTS - seen).await?;
            tenants.extend(first.into_iter().take_while(|tenant| *tenant <= stopped));
        }
        Ok((tenants, false))
    }

    /// The first jobs of the tenant's lanes and kinds, the longest waiting first.
    async fn heads(&mut self, conn: &mut Conn, priority: Priority, tenant: TenantId) -> Result<Vec<Head>> {
        let key = (priority, tenant);
        let after = self.lanes.remove(&key).unwrap_or_default();
        let mut heads = heads_after(conn, priority, tenant, &after.0, &after.1).await?;
        if i64::try_from(heads.len()).unwrap_or(HEADS) == HEADS {
            if self.lanes.len() >= REMEMBERED {
                self.lanes.pop_first();
            }
            if let Some(last) = heads.last() {
                self.lanes.insert(key, (last.lane.clone(), last.kind.clone()));
            }
        } else if !after.0.is_empty() {
            let first = heads_after(conn, priority, tenant, "", "").await?;
            let stopped = heads.len();
            heads.extend(first);
            // Those behind the place were looked at already.
            let (behind, again) = heads.split_at(stopped);
            let again: Vec<Head> = again.iter().filter(|head| !behind.contains(head)).cloned().collect();
            heads.truncate(stopped);
            heads.extend(again);
        }
        heads.sort_by_key(|head| head.run_at);
        Ok(heads)
    }
}

/// The tenants with jobs of a priority behind a tenant, in the order of their ids.
async fn tenants_after(
    conn: &mut Conn,
    priority: Priority,
    after: Option<TenantId>,
    limit: i64,
) -> Result<Vec<TenantId>> {
    // The platform's own id, nil, is the first of all, so "from the start" is a comparison of its own.
    let first = if after.is_some() { "tenant_id > $2" } else { "tenant_id >= $2" };
    let rows: Vec<(TenantId,)> = conn
        .query("WITH RECURSIVE ring (tenant_id, n) AS (SELECT (SELECT tenant_id FROM job WHERE state = 'available' AND \
                priority = $1 AND ")
        .push(first)
        .push(
            " ORDER BY tenant_id LIMIT 1), 1 UNION ALL \
             SELECT (SELECT tenant_id FROM job WHERE state = 'available' AND priority = $1 \
             AND tenant_id > ring.tenant_id ORDER BY tenant_id LIMIT 1), n + 1 \
             FROM ring WHERE ring.tenant_id IS NOT NULL AND n < $3) \
             SELECT tenant_id FROM ring WHERE tenant_id IS NOT NULL",
        )
        .bind(priority)
        .bind(after.unwrap_or(TenantId::PLATFORM))
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(tenant,)| tenant).collect())
}

/// Steps from each lane and kind to the next: to the next kind of the lane, and without one to the first kind of the next lane.
/// Two looks for each, because SQLite begins a search for `(lane, kind) > (…)` at the pair itself and reads all of its jobs.
const HEADS_AFTER: &str = "WITH RECURSIVE head (lane, kind, n) AS (SELECT \
     COALESCE((SELECT lane FROM job WHERE state = 'available' AND priority = $1 AND tenant_id = $2 \
     AND lane = $3 AND kind > $4 ORDER BY kind LIMIT 1), \
     (SELECT lane FROM job WHERE state = 'available' AND priority = $1 AND tenant_id = $2 \
     AND lane > $3 ORDER BY lane, kind LIMIT 1)), \
     COALESCE((SELECT kind FROM job WHERE state = 'available' AND priority = $1 AND tenant_id = $2 \
     AND lane = $3 AND kind > $4 ORDER BY kind LIMIT 1), \
     (SELECT kind FROM job WHERE state = 'available' AND priority = $1 AND tenant_id = $2 \
     AND lane > $3 ORDER BY lane, kind LIMIT 1)), 1 UNION ALL SELECT \
     COALESCE((SELECT lane FROM job WHERE state = 'available' AND priority = $1 AND tenant_id = $2 \
     AND lane = head.lane AND kind > head.kind ORDER BY kind LIMIT 1), \
     (SELECT lane FROM job WHERE state = 'available' AND priority = $1 AND tenant_id = $2 \
     AND lane > head.lane ORDER BY lane, kind LIMIT 1)), \
     COALESCE((SELECT kind FROM job WHERE state = 'available' AND priority = $1 AND tenant_id = $2 \
     AND lane = head.lane AND kind > head.kind ORDER BY kind LIMIT 1), \
     (SELECT kind FROM job WHERE state = 'available' AND priority = $1 AND tenant_id = $2 \
     AND lane > head.lane ORDER BY lane, kind LIMIT 1)), n + 1 \
     FROM head WHERE head.lane IS NOT NULL AND n < $5) \
     SELECT head.lane, head.kind, \
     (SELECT lane_limit FROM job WHERE state = 'available' AND priority = $1 AND tenant_id = $2 \
     AND lane = head.lane AND kind = head.kind ORDER BY run_at, id LIMIT 1) AS lane_limit, \
     (SELECT run_at FROM job WHERE state = 'available' AND priority = $1 AND tenant_id = $2 \
     AND lane = head.lane AND kind = head.kind ORDER BY run_at, id LIMIT 1) AS run_at, \
     (SELECT COUNT(*) FROM job WHERE state = 'running' AND tenant_id = $2 AND lane = head.lane) AS running \
     FROM head WHERE head.lane IS NOT NULL";

/// The lanes and kinds of a tenant behind a place, with the job that is first in each.
async fn heads_after(
    conn: &mut Conn,
    priority: Priority,
    tenant: TenantId,
    lane: &str,
    kind: &str,
) -> Result<Vec<Head>> {
    conn.query(HEADS_AFTER).bind(priority).bind(tenant).bind(lane).bind(kind).bind(HEADS).fetch_all().await
}

/// Takes what was picked, as far as it is still there. True when another node was just taking from one of the lanes.
async fn take(db: &Db, registry: &Registry, node: &str, picks: &[Pick]) -> Result<(Vec<Claimed>, bool)> {
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
    let rows: Vec<Claimed> = tx
        .query(
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
        .bind(&pick.head.lane)
        .bind(&pick.head.kind)
        .bind(version)
        .bind(count)
        .bind(now.saturating_add(LEASE))
        .bind(node)
        .bind(now)
        .fetch_all()
        .await?;
    tx.count_written(rows.len() as u64);
    Ok(rows)
}

/// Makes scheduled jobs available whose time has come, urgent ones first, and says when the next one's comes and what time
/// it is.
pub(super) async fn promote(db: &Db) -> Result<(Option<Timestamp>, Timestamp)> {
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    };

    use sqlx::{Connection as _, SqliteConnection};

    use super::*;

    /// Steps of SQLite's machine that a claim's look at one tenant takes.
    async fn steps(waiting: i64) -> u64 {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql(include_str!("../../../migrations/sqlite/0011_job.sql"))
            .execute(&mut conn)
            .await
            .unwrap();
        let tenant = TenantId::generate(Timestamp::EPOCH);
        for (lane, kind) in [("router/a", "sync"), ("tenant", "filler"), ("tenant", "other"), ("wa", "send")]
        {
            sqlx::query(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
                 INSERT INTO job (tenant_id, kind, version, args, lane, lane_limit, priority, state, run_at, attempt, \
                 max_attempts, created_at) SELECT $2, $3, 1, '{}', $4, 4, 1, 'available', i, 0, 1, 0 FROM n",
            )
            .bind(waiting)
            .bind(tenant)
            .bind(kind)
            .bind(lane)
            .execute(&mut conn)
            .await
            .unwrap();
        }
        let counted = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&counted);
        conn.lock_handle().await.unwrap().set_progress_handler(10, move || {
            counter.fetch_add(10, Relaxed);
            true
        });
        let heads: Vec<Head> = sqlx::query_as(HEADS_AFTER)
            .bind(Priority::Normal)
            .bind(tenant)
            .bind("router/a")
            .bind("")
            .bind(HEADS)
            .fetch_all(&mut conn)
            .await
            .unwrap();
        let found: Vec<(&str, &str)> =
            heads.iter().map(|head| (head.lane.as_str(), head.kind.as_str())).collect();
        let all = [("router/a", "sync"), ("tenant", "filler"), ("tenant", "other"), ("wa", "send")];
        assert_eq!(found, all);
        counted.load(Relaxed)
    }

    #[tokio::test]
    async fn a_look_at_a_tenant_costs_the_same_however_many_of_its_jobs_wait() {
        let (few, many) = (steps(2).await, steps(4_000).await);
        assert!(few > 0 && many <= few + 20, "{few} steps with two jobs in each lane, {many} with 4,000");
    }
}
