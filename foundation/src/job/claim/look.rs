//! The SQL of looking: which tenants have something to do, and what is first in each of their lanes and kinds. Each step is one
//! look into `job_available`.

use base::TenantId;

use super::{HEADS, Head};
use crate::{
    Conn,
    db::{Query, Result},
    job::Priority,
};

/// The tenants with jobs of a priority behind a tenant, in the order of their ids.
pub(super) async fn tenants_after(
    conn: &mut Conn,
    priority: Priority,
    after: Option<TenantId>,
    limit: i64,
) -> Result<Vec<TenantId>> {
    let rows: Vec<(TenantId,)> = ring(conn, priority, after, limit).fetch_all().await?;
    Ok(rows.into_iter().map(|(tenant,)| tenant).collect())
}

/// The statement of [`tenants_after`].
pub(super) fn ring(conn: &mut Conn, priority: Priority, after: Option<TenantId>, limit: i64) -> Query<'_> {
    // The platform's own id, nil, is the first of all, so "from the start" is a comparison of its own.
    let first = if after.is_some() { "tenant_id > $2" } else { "tenant_id >= $2" };
    conn.query("WITH RECURSIVE ring (tenant_id, n) AS (SELECT (SELECT tenant_id FROM job WHERE state = 'available' AND \
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
}

/// Steps from each lane and kind to the next: to the next kind of the lane, and without one to the first kind of the next lane.
/// Two looks for each, because SQLite begins a search for `(lane, kind) > (…)` at the pair itself and reads all of its jobs.
pub(super) const HEADS_AFTER: &str = "WITH RECURSIVE head (lane, kind, n) AS (SELECT \
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
pub(super) async fn heads_after(
    conn: &mut Conn,
    priority: Priority,
    tenant: TenantId,
    lane: &str,
    kind: &str,
) -> Result<Vec<Head>> {
    heads(conn, priority, tenant, lane, kind).fetch_all().await
}

/// The statement of [`heads_after`].
pub(super) fn heads<'c>(
    conn: &'c mut Conn,
    priority: Priority,
    tenant: TenantId,
    lane: &str,
    kind: &str,
) -> Query<'c> {
    conn.query(HEADS_AFTER)
        .bind(priority)
        .bind(tenant)
        .bind(lane.to_owned())
        .bind(kind.to_owned())
        .bind(HEADS)
}
