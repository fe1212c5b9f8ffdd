//! Ends that no router told: restarts, and what the live table gave up.

use std::collections::HashMap;

use aaa::live::EndCause;
use base::{RouterId, SessionId, SubscriberId, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Result, bulk, dialect},
};

use super::{super::row::Row, SELECT};

/// Notes that a router restarted at `at`; the latest restart counts.
pub(in super::super) async fn restarted(
    conn: &mut Conn,
    tenant: TenantId,
    router: RouterId,
    at: Timestamp,
) -> Result<()> {
    conn.query(
        "INSERT INTO router_restart (tenant_id, router_id, restarted_at, done) VALUES ($1, $2, $3, FALSE) \
         ON CONFLICT (tenant_id, router_id) DO UPDATE SET restarted_at = excluded.restarted_at, done = FALSE \
         WHERE excluded.restarted_at > router_restart.restarted_at",
    )
    .bind(tenant)
    .bind(router)
    .bind(at)
    .execute_optional()
    .await?;
    Ok(())
}

/// The latest restart of each of these routers, as far as it is known.
pub(in super::super) async fn restarts(
    conn: &mut Conn,
    routers: &[(TenantId, RouterId)],
) -> Result<HashMap<(TenantId, RouterId), Timestamp>> {
    let mut restarts = HashMap::new();
    for routers in routers.chunks(bulk::CHUNK) {
        let tenants: Vec<TenantId> = routers.iter().map(|(tenant, _)| *tenant).collect();
        let ids: Vec<RouterId> = routers.iter().map(|(_, router)| *router).collect();
        let rows: Vec<(TenantId, RouterId, Timestamp)> = conn
            .query("SELECT tenant_id, router_id, restarted_at FROM router_restart WHERE tenant_id IN ")
            .push_list(&tenants)
            .push(" AND router_id IN ")
            .push_list(&ids)
            .fetch_all()
            .await?;
        restarts.extend(rows.into_iter().map(|(tenant, router, at)| ((tenant, router), at)));
    }
    Ok(restarts)
}

/// A restart whose sessions are not all closed.
pub(in super::super) async fn pending_restart(
    conn: &mut Conn,
) -> Result<Option<(TenantId, RouterId, Timestamp)>> {
    conn.query(dialect(
        "SELECT tenant_id, router_id, restarted_at FROM router_restart WHERE done = 0 ORDER BY restarted_at LIMIT 1",
        "SELECT tenant_id, router_id, restarted_at FROM router_restart WHERE NOT done ORDER BY restarted_at LIMIT 1",
    ))
    .fetch_optional()
    .await
}

/// Marks a restart as dealt with, unless a later one has come.
pub(in super::super) async fn restart_done(
    conn: &mut Conn,
    tenant: TenantId,
    router: RouterId,
    at: Timestamp,
) -> Result<()> {
    conn.query(
        "UPDATE router_restart SET done = TRUE WHERE tenant_id = $1 AND router_id = $2 AND restarted_at = $3",
    )
    .bind(tenant)
    .bind(router)
    .bind(at)
    .execute_optional()
    .await?;
    Ok(())
}

/// Closes sessions of a router that were silent since before its restart at `at`, the oldest first, at most `limit`; how
/// many.
pub(in super::super) async fn close_restarted(
    conn: &mut Conn,
    tenant: TenantId,
    router: RouterId,
    at: Timestamp,
    limit: i64,
) -> Result<u64> {
    conn.query("UPDATE session SET ended_at = $1, end_cause = $5, terminate_cause = 0, revision = revision + 1 WHERE ")
        .push_sql(dialect(
            "rowid IN (SELECT rowid ",
            "(tenant_id, started_at, id) IN (SELECT tenant_id, started_at, id ",
        ))
        .push(
            "FROM session WHERE tenant_id = $2 AND router_id = $3 AND ended_at IS NULL AND started_at < $1 \
             AND updated_at < $1 ORDER BY started_at LIMIT $4",
        )
        .push_sql(dialect(")", " FOR UPDATE)"))
        .bind(at)
        .bind(tenant)
        .bind(router)
        .bind(limit)
        .bind(EndCause::RouterRestarted.as_str())
        .execute()
        .await
}

/// A session that is over without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Ended {
    pub(in super::super) id: SessionId,
    /// The earliest and the latest moment at which its row may have begun.
    pub(in super::super) began: (Timestamp, Timestamp),
    pub(in super::super) at: Timestamp,
    pub(in super::super) cause: EndCause,
}

/// Ends sessions that are still open and of which nothing came after that moment; how many.
pub(in super::super) async fn presume_ended(conn: &mut Conn, ended: &[Ended]) -> Result<u64> {
    bulk::insert(
        conn,
        "UPDATE session SET ended_at = CASE WHEN over.column4 < started_at THEN started_at ELSE over.column4 END, \
         end_cause = over.column5, terminate_cause = 0, revision = revision + 1 FROM (",
        // The statement of an insert with rows of values serves as well for a join with them.
        ") AS over WHERE session.id = over.column1 AND started_at >= over.column2 AND started_at <= over.column3 \
         AND ended_at IS NULL AND updated_at <= over.column4",
        ended,
        |values, ended| {
            values.push(ended.id);
            values.push(ended.began.0);
            values.push(ended.began.1);
            values.push(ended.at);
            values.push(ended.cause.as_str());
        },
    )
    .await
}

/// A place among the open sessions, in the order of [`open_after`].
pub(in super::super) type Place = (TenantId, RouterId, Timestamp, SessionId);

/// Open sessions of all tenants behind a place: to fill the live table after a start.
pub(in super::super) async fn open_after(conn: &mut Conn, after: Place, limit: i64) -> Result<Vec<Row>> {
    conn.query(SELECT)
        .push(
            "ended_at IS NULL AND (tenant_id, router_id, started_at, id) > ($1, $2, $3, $4) \
             ORDER BY tenant_id, router_id, started_at, id LIMIT $5",
        )
        .bind(after.0)
        .bind(after.1)
        .bind(after.2)
        .bind(after.3)
        .bind(limit)
        .fetch_all()
        .await
}

/// What tells whether an open session is still there.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(in super::super) struct Open {
    pub(in super::super) tenant_id: TenantId,
    pub(in super::super) router_id: RouterId,
    pub(in super::super) started_at: Timestamp,
    pub(in super::super) id: SessionId,
    pub(in super::super) subscriber_id: Option<SubscriberId>,
    pub(in super::super) updated_at: Timestamp,
}

/// As [`open_after`], in short.
pub(in super::super) async fn open_in_short(conn: &mut Conn, after: Place, limit: i64) -> Result<Vec<Open>> {
    conn.query(
        "SELECT tenant_id, router_id, started_at, id, subscriber_id, updated_at FROM session \
         WHERE ended_at IS NULL AND (tenant_id, router_id, started_at, id) > ($1, $2, $3, $4) \
         ORDER BY tenant_id, router_id, started_at, id LIMIT $5",
    )
    .bind(after.0)
    .bind(after.1)
    .bind(after.2)
    .bind(after.3)
    .bind(limit)
    .fetch_all()
    .await
}
