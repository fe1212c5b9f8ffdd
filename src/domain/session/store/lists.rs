//! The SQL of what people ask of sessions.

use std::cmp::Reverse;

use base::{RouterId, SessionId, SubscriberId, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Query, Result, dialect},
};

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
    listed(conn, tenant, wanted, limit).fetch_all().await
}

/// The statement of [`list`].
pub(in super::super) fn listed<'c>(
    conn: &'c mut Conn,
    tenant: TenantId,
    wanted: &Wanted,
    limit: i64,
) -> Query<'c> {
    let mut query = conn.query(SELECT).push("tenant_id = $1").bind(tenant);
    if let Some(subscriber) = wanted.subscriber {
        query = query.push(" AND subscriber_id = ").push_bind(subscriber);
    }
    if let Some(router) = wanted.router {
        // A subscriber has fewer sessions than a router, which SQLite does not know.
        query = match wanted.subscriber {
            Some(_) => query.push_sql(dialect(" AND +router_id = ", " AND router_id = ")),
            None => query.push(" AND router_id = "),
        };
        query = query.push_bind(router);
    }
    if wanted.open_only {
        query = query.push(" AND ended_at IS NULL");
    }
    if let Some((started, id)) = wanted.before {
        query = query.push(" AND (started_at, id) < (").push_bind(started).push(", ").push_bind(id).push(")");
    }
    query.push(" ORDER BY started_at DESC, id DESC LIMIT ").push_bind(limit)
}

/// Where a session's addresses are: each is searched in an index of its own.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Held {
    Address,
    Ipv6Address,
    Ipv6Prefix,
    DelegatedPrefix,
}

impl Held {
    const fn is_in(self) -> &'static str {
        match self {
            Self::Address => "framed_address IN ",
            Self::Ipv6Address => "framed_ipv6_address IN ",
            Self::Ipv6Prefix => "framed_ipv6_prefix IN ",
            Self::DelegatedPrefix => "delegated_ipv6_prefix IN ",
        }
    }
}

/// Who had an address at a moment: sessions begun by then and not ended before, the newest first. `prefixes` are those that
/// hold an IPv6 address; an IPv4 address has none.
pub(in super::super) async fn at_address(
    conn: &mut Conn,
    tenant: TenantId,
    address: &str,
    prefixes: &[String],
    at: Timestamp,
    limit: usize,
) -> Result<Vec<Row>> {
    let address = [address.to_owned()];
    let places =
        [(Held::Ipv6Address, &address[..]), (Held::Ipv6Prefix, prefixes), (Held::DelegatedPrefix, prefixes)];
    let places = if prefixes.is_empty() { &[(Held::Address, &address[..])][..] } else { &places[..] };
    let mut rows: Vec<Row> = Vec::new();
    for (held, texts) in places {
        rows.extend(holding(conn, tenant, *held, texts, at, limit).fetch_all::<Row>().await?);
    }
    rows.sort_unstable_by_key(|row| Reverse((row.started_at, row.id)));
    // One session may hold it twice, by an address and the prefix around it.
    rows.dedup_by_key(|row| row.id);
    rows.truncate(limit);
    Ok(rows)
}

/// The statement of [`at_address`] for one place.
pub(in super::super) fn holding<'c>(
    conn: &'c mut Conn,
    tenant: TenantId,
    held: Held,
    texts: &[String],
    at: Timestamp,
    limit: usize,
) -> Query<'c> {
    conn.query(SELECT)
        .push("tenant_id = $1 AND started_at <= $2 AND (ended_at IS NULL OR ended_at >= $2) AND ")
        .bind(tenant)
        .bind(at)
        .push(held.is_in())
        .push_list(texts)
        // Not the column alone: rather than sort a few rows, SQLite else reads the whole tenant in the order of the key.
        .push(" ORDER BY started_at + 0 DESC, id DESC LIMIT ")
        .push_bind(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// One session.
pub(in super::super) async fn find(conn: &mut Conn, tenant: TenantId, id: SessionId) -> Result<Option<Row>> {
    conn.query(SELECT).push("id = $1 AND tenant_id = $2").bind(id).bind(tenant).fetch_optional().await
}
