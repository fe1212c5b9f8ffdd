//! The SQL of what people ask of sessions.

use base::{RouterId, SessionId, SubscriberId, TenantId, Timestamp};
use foundation::{Conn, db::Result};

use super::{super::row::Row, SELECT};

/// What a list of sessions is to hold; the newest first.
#[derive(Debug, Default)]
pub(in super::super) struct Wanted {
    pub(in super::super) subscriber: Option<SubscriberId>,
    pub(in super::super) router: Option<RouterId>,
    pub(in super::super) open_only: bool,
    /// Behind this row.
    pub(in super::super) before: Option<(Timestamp, SessionId)>,
}

/// A page of a tenant's sessions.
pub(in super::super) async fn list(
    conn: &mut Conn,
    tenant: TenantId,
    wanted: &Wanted,
    limit: i64,
) -> Result<Vec<Row>> {
    let mut query = conn.query(SELECT).push("tenant_id = $1").bind(tenant);
    if let Some(subscriber) = wanted.subscriber {
        query = query.push(" AND subscriber_id = ").push_bind(subscriber);
    }
    if let Some(router) = wanted.router {
        query = query.push(" AND router_id = ").push_bind(router);
    }
    if wanted.open_only {
        query = query.push(" AND ended_at IS NULL");
    }
    if let Some((started, id)) = wanted.before {
        query = query.push(" AND (started_at, id) < (").push_bind(started).push(", ").push_bind(id).push(")");
    }
    query.push(" ORDER BY started_at DESC, id DESC LIMIT ").push_bind(limit).fetch_all().await
}

/// Who had an address at a moment: sessions begun by then and not ended before. `texts` are the address and, for
/// IPv6, the prefixes that hold it.
pub(in super::super) async fn at_address(
    conn: &mut Conn,
    tenant: TenantId,
    address: &str,
    prefixes: &[String],
    at: Timestamp,
    limit: i64,
) -> Result<Vec<Row>> {
    let query = conn
        .query(SELECT)
        .push("tenant_id = $1 AND started_at <= $2 AND (ended_at IS NULL OR ended_at >= $2) AND ")
        .bind(tenant)
        .bind(at);
    let query = if prefixes.is_empty() {
        query.push("framed_address = ").push_bind(address)
    } else {
        query
            .push("(framed_ipv6_address = ")
            .push_bind(address)
            .push(" OR framed_ipv6_prefix IN ")
            .push_list(prefixes)
            .push(" OR delegated_ipv6_prefix IN ")
            .push_list(prefixes)
            .push(")")
    };
    query.push(" ORDER BY started_at DESC, id DESC LIMIT ").push_bind(limit).fetch_all().await
}

/// One session.
pub(in super::super) async fn find(conn: &mut Conn, tenant: TenantId, id: SessionId) -> Result<Option<Row>> {
    conn.query(SELECT).push("id = $1 AND tenant_id = $2").bind(id).bind(tenant).fetch_optional().await
}
