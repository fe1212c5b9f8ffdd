//! The SQL of sessions, usage and journal positions.

use base::{JournalId, RouterId, SessionId, SubscriberId, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Result, bulk, dialect},
};

use super::row::Row;

const SELECT: &str = "SELECT tenant_id, id, router_id, subscriber_id, name_hash, from_cookie, overlay_generation, \
                      username, acct_session_id, identifiers, framed_address, framed_ipv6_address, \
                      framed_ipv6_prefix, delegated_ipv6_prefix, mac, nas_port, started_at, updated_at, \
                      session_seconds, upload_octets, download_octets, upload_packets, download_packets, ended_at, \
                      end_cause, terminate_cause FROM session WHERE ";

/// Locks the rows until the commit where others may write them; SQLite has one writer.
const LOCK: (&str, &str) = ("", " FOR UPDATE");

/// Sessions that started at `since` or later and have one of these name hashes, locked.
pub(super) async fn lock_by_name(conn: &mut Conn, hashes: &[i64], since: Timestamp) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for hashes in hashes.chunks(bulk::CHUNK) {
        let query = conn.query(SELECT).push("started_at >= $1 AND name_hash IN ").bind(since);
        rows.extend(query.push_list(hashes).push_sql(dialect(LOCK.0, LOCK.1)).fetch_all::<Row>().await?);
    }
    Ok(rows)
}

/// Sessions with these ids, locked.
pub(super) async fn lock_by_id(conn: &mut Conn, ids: &[SessionId], since: Timestamp) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for ids in ids.chunks(bulk::CHUNK) {
        let query = conn.query(SELECT).push("started_at >= $1 AND id IN ").bind(since);
        rows.extend(query.push_list(ids).push_sql(dialect(LOCK.0, LOCK.1)).fetch_all::<Row>().await?);
    }
    Ok(rows)
}

/// Open sessions of a router with no event since `before`, locked; the oldest first.
pub(super) async fn lock_open_before(
    conn: &mut Conn,
    tenant: TenantId,
    router: RouterId,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Row>> {
    conn.query(SELECT)
        .push(
            "tenant_id = $1 AND router_id = $2 AND ended_at IS NULL AND started_at < $3 AND updated_at < $3 \
             ORDER BY started_at LIMIT $4",
        )
        .bind(tenant)
        .bind(router)
        .bind(before)
        .bind(limit)
        .push_sql(dialect(LOCK.0, LOCK.1))
        .fetch_all()
        .await
}

/// Writes rows whole. Each was locked in this transaction or is new.
pub(super) async fn upsert(conn: &mut Conn, rows: &[&Row]) -> Result<()> {
    bulk::insert(
        conn,
        "INSERT INTO session (tenant_id, id, router_id, subscriber_id, name_hash, from_cookie, overlay_generation, \
         username, acct_session_id, identifiers, framed_address, framed_ipv6_address, framed_ipv6_prefix, \
         delegated_ipv6_prefix, mac, nas_port, started_at, updated_at, session_seconds, upload_octets, \
         download_octets, upload_packets, download_packets, ended_at, end_cause, terminate_cause)",
        "ON CONFLICT (tenant_id, started_at, id) DO UPDATE SET \
         subscriber_id = excluded.subscriber_id, overlay_generation = excluded.overlay_generation, \
         username = excluded.username, identifiers = excluded.identifiers, \
         framed_address = excluded.framed_address, framed_ipv6_address = excluded.framed_ipv6_address, \
         framed_ipv6_prefix = excluded.framed_ipv6_prefix, delegated_ipv6_prefix = excluded.delegated_ipv6_prefix, \
         mac = excluded.mac, nas_port = excluded.nas_port, updated_at = excluded.updated_at, \
         session_seconds = excluded.session_seconds, upload_octets = excluded.upload_octets, \
         download_octets = excluded.download_octets, upload_packets = excluded.upload_packets, \
         download_packets = excluded.download_packets, ended_at = excluded.ended_at, \
         end_cause = excluded.end_cause, terminate_cause = excluded.terminate_cause",
        rows,
        |values, row| {
            values.push(row.tenant_id);
            values.push(row.id);
            values.push(row.router_id);
            values.push(row.subscriber_id);
            values.push(row.name_hash);
            values.push(row.from_cookie);
            values.push(row.overlay_generation);
            values.push(row.username.clone());
            values.push(row.acct_session_id.clone());
            values.push(row.identifiers.clone());
            values.push(row.framed_address.clone());
            values.push(row.framed_ipv6_address.clone());
            values.push(row.framed_ipv6_prefix.clone());
            values.push(row.delegated_ipv6_prefix.clone());
            values.push(row.mac);
            values.push(row.nas_port);
            values.push(row.started_at);
            values.push(row.updated_at);
            values.push(row.session_seconds);
            values.push(row.upload_octets);
            values.push(row.download_octets);
            values.push(row.upload_packets);
            values.push(row.download_packets);
            values.push(row.ended_at);
            values.push(row.end_cause.clone());
            values.push(row.terminate_cause);
        },
    )
    .await?;
    Ok(())
}

/// Traffic of one subscriber in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UsageRow {
    pub(super) tenant: TenantId,
    pub(super) subscriber: SubscriberId,
    pub(super) hour: i64,
    pub(super) upload: i64,
    pub(super) download: i64,
}

/// Adds traffic. No two rows may be of the same subscriber and hour.
pub(super) async fn add_usage(conn: &mut Conn, rows: &[UsageRow]) -> Result<()> {
    bulk::insert(
        conn,
        "INSERT INTO usage_hour (tenant_id, subscriber_id, hour, upload_octets, download_octets)",
        "ON CONFLICT (tenant_id, subscriber_id, hour) DO UPDATE SET \
         upload_octets = usage_hour.upload_octets + excluded.upload_octets, \
         download_octets = usage_hour.download_octets + excluded.download_octets",
        rows,
        |values, row| {
            values.push(row.tenant);
            values.push(row.subscriber);
            values.push(row.hour);
            values.push(row.upload);
            values.push(row.download);
        },
    )
    .await?;
    Ok(())
}

/// Upload and download of a subscriber in the hours `from..to`.
pub(super) async fn usage(
    conn: &mut Conn,
    tenant: TenantId,
    subscriber: SubscriberId,
    from: i64,
    to: i64,
) -> Result<(i64, i64)> {
    conn.query(
        "SELECT CAST(COALESCE(SUM(upload_octets), 0) AS BIGINT), CAST(COALESCE(SUM(download_octets), 0) AS BIGINT) \
         FROM usage_hour WHERE tenant_id = $1 AND subscriber_id = $2 AND hour >= $3 AND hour < $4",
    )
    .bind(tenant)
    .bind(subscriber)
    .bind(from)
    .bind(to)
    .fetch_one()
    .await
}

/// How far the journal is applied; 0 for one that never was.
pub(super) async fn position(conn: &mut Conn, journal: JournalId) -> Result<i64> {
    let row: Option<(i64,)> = conn
        .query("SELECT position FROM journal_position WHERE journal_id = $1")
        .bind(journal)
        .fetch_optional()
        .await?;
    Ok(row.map_or(0, |(position,)| position))
}

/// Moves the journal's position forward. False when it stands there or further already: then the caller's records were
/// applied before, and its transaction must not commit.
pub(super) async fn advance(
    conn: &mut Conn,
    journal: JournalId,
    from: i64,
    to: i64,
    at: Timestamp,
) -> Result<bool> {
    if from == 0 {
        conn.query(
            "INSERT INTO journal_position (journal_id, position, updated_at) VALUES ($1, 0, $2) \
             ON CONFLICT (journal_id) DO NOTHING",
        )
        .bind(journal)
        .bind(at)
        .execute_optional()
        .await?;
    }
    conn.query("UPDATE journal_position SET position = $3, updated_at = $4 WHERE journal_id = $1 AND position = $2")
        .bind(journal)
        .bind(from)
        .bind(to)
        .bind(at)
        .execute_optional()
        .await
}

/// A record that is set aside.
#[derive(Debug)]
pub(super) struct Refused<'a> {
    pub(super) journal: JournalId,
    pub(super) position: i64,
    pub(super) kind: i64,
    pub(super) version: i64,
    pub(super) received_at: Timestamp,
    pub(super) tenant: TenantId,
    pub(super) router: RouterId,
    pub(super) payload: &'a [u8],
    pub(super) reason: &'a str,
    pub(super) refused_at: Timestamp,
}

/// Sets a record aside.
pub(super) async fn refuse(conn: &mut Conn, refused: &Refused<'_>) -> Result<()> {
    conn.query(
        "INSERT INTO journal_refused (journal_id, position, kind, version, received_at, tenant_id, router_id, payload, \
         reason, refused_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (journal_id, position) DO NOTHING",
    )
    .bind(refused.journal)
    .bind(refused.position)
    .bind(refused.kind)
    .bind(refused.version)
    .bind(refused.received_at)
    .bind(refused.tenant)
    .bind(refused.router)
    .bind(refused.payload)
    .bind(refused.reason)
    .bind(refused.refused_at)
    .execute()
    .await?;
    Ok(())
}

/// How many records are set aside.
pub(super) async fn count_refused(conn: &mut Conn) -> Result<i64> {
    let (count,): (i64,) = conn.query("SELECT COUNT(*) FROM journal_refused").fetch_one().await?;
    Ok(count)
}

/// Notes that a router restarted at `at`; the latest restart counts.
pub(super) async fn restarted(conn: &mut Conn, tenant: TenantId, router: RouterId, at: Timestamp) -> Result<()> {
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

/// A restart whose sessions are not all closed.
pub(super) async fn pending_restart(conn: &mut Conn) -> Result<Option<(TenantId, RouterId, Timestamp)>> {
    conn.query(dialect(
        "SELECT tenant_id, router_id, restarted_at FROM router_restart WHERE done = 0 ORDER BY restarted_at LIMIT 1",
        "SELECT tenant_id, router_id, restarted_at FROM router_restart WHERE NOT done ORDER BY restarted_at LIMIT 1",
    ))
    .fetch_optional()
    .await
}

/// Marks a restart as dealt with, unless a later one has come.
pub(super) async fn restart_done(
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

/// Makes the partition of the month that `at` lies in; SQLite has none.
pub(super) async fn make_month(conn: &mut Conn, at: Timestamp) -> Result<()> {
    conn.query(dialect("SELECT $1", "SELECT make_session_month($1)")).bind(at).execute().await?;
    Ok(())
}

/// What a list of sessions is to hold; the newest first.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) subscriber: Option<SubscriberId>,
    pub(super) router: Option<RouterId>,
    pub(super) open_only: bool,
    /// Behind this row.
    pub(super) before: Option<(Timestamp, SessionId)>,
}

/// A page of a tenant's sessions.
pub(super) async fn list(conn: &mut Conn, tenant: TenantId, wanted: &Wanted, limit: i64) -> Result<Vec<Row>> {
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
pub(super) async fn at_address(
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
pub(super) async fn find(conn: &mut Conn, tenant: TenantId, id: SessionId) -> Result<Option<Row>> {
    conn.query(SELECT).push("id = $1 AND tenant_id = $2").bind(id).bind(tenant).fetch_optional().await
}

/// Open sessions of all tenants behind a place, in the order of the key: to fill the live table after a start.
pub(super) async fn open_after(
    conn: &mut Conn,
    after: (TenantId, RouterId, Timestamp, SessionId),
    limit: i64,
) -> Result<Vec<Row>> {
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
