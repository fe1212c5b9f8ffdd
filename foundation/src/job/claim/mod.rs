//! Which jobs a node takes next: urgent ones first, tenant by tenant in a ring, and within a tenant lane by lane.
//!
//! However many jobs wait, each step is one look into an index: the next tenant with something to do, the next lane and kind
//! of that tenant, the oldest job of those. So a tenant with a hundred thousand jobs costs as much as one with a single job,
//! gets one turn in a round like any other, and what is paused, full or unknown to this node is stepped over, not read.
//!
//! The looking is done outside of any transaction; the taking is a short one, which looks again.

mod look;
mod promote;
mod take;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use base::{TenantId, Timestamp};

pub(super) use self::promote::promote;
use self::{
    look::{heads_after, tenants_after},
    take::take,
};
use super::{
    JobId, Priority, Registry,
    pause::{self, Pause},
};
use crate::{
    Conn, Db,
    db::{Json, Result},
};

/// Tenants that one claim looks at: beyond it the next claim goes on from there.
const TENANTS: i64 = 64;
/// Lanes and kinds of a tenant that one claim looks at; the next one goes on from there.
const HEADS: i64 = 32;
/// In so many claims the order of priorities is turned round once.
const TURN_ROUND: u64 = 8;
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
