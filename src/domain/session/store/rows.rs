//! Rows as packets change them, and their usage.

use base::{SessionId, SubscriberId, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Param, Query, Result, Sql, bulk, dialect},
};

use super::{
    super::row::{Row, Touched},
    SELECT, SELECT_EACH,
};

/// Rows that one look by names may give, sixteen for each name of a chunk. Only a router that calls all its sessions alike
/// has more.
const MOST_NAMESAKES: usize = 4_096;
const _: () = assert!(MOST_NAMESAKES == 16 * bulk::CHUNK);

/// Sessions that started at `since` or later and have one of these name hashes; true when there are more than were read, and
/// the oldest were left out.
pub(in super::super) async fn by_name(
    conn: &mut Conn,
    hashes: &[i64],
    since: Timestamp,
) -> Result<(Vec<Row>, bool)> {
    let mut rows = Vec::new();
    let mut is_cut = false;
    for hashes in hashes.chunks(bulk::CHUNK) {
        // Sorting is for the rare case alone.
        let mut found = namesakes(conn, hashes, since, " LIMIT 4096").await?;
        if found.len() >= MOST_NAMESAKES {
            is_cut = true;
            found = namesakes(conn, hashes, since, " ORDER BY started_at DESC LIMIT 4096").await?;
        }
        rows.extend(found);
    }
    Ok((rows, is_cut))
}

async fn namesakes(
    conn: &mut Conn,
    hashes: &[i64],
    since: Timestamp,
    limit: &'static str,
) -> Result<Vec<Row>> {
    by(conn, Key::NameHash, hashes, since).push(limit).fetch_all().await
}

/// What sessions are looked up by, many at a time.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Key {
    NameHash,
    Id,
}

impl Key {
    /// What stands before the list, and what behind it. On PostgreSQL each value is looked for by itself, and `OFFSET 0` keeps
    /// it so: for a list it reads, until the table is analyzed the first time, all that started since instead, and a connection
    /// keeps that plan while the table grows.
    const fn around(self) -> [Sql; 2] {
        match self {
            Self::NameHash => [
                dialect("started_at >= $1 AND name_hash IN ", ""),
                dialect(
                    "",
                    ") AS listed (value)) AS wanted CROSS JOIN LATERAL (SELECT * FROM session \
                     WHERE started_at >= $1 AND name_hash = wanted.value OFFSET 0) AS session",
                ),
            ],
            Self::Id => [
                dialect("started_at >= $1 AND id IN ", ""),
                dialect(
                    "",
                    ") AS listed (value)) AS wanted CROSS JOIN LATERAL (SELECT * FROM session \
                     WHERE started_at >= $1 AND id = wanted.value OFFSET 0) AS session",
                ),
            ],
        }
    }
}

/// Sessions that started at `since` or later and have one of these keys.
pub(in super::super) fn by<'c, T: Param + Clone>(
    conn: &'c mut Conn,
    key: Key,
    values: &[T],
    since: Timestamp,
) -> Query<'c> {
    let [before, behind] = key.around();
    let query = conn.query(dialect(SELECT, SELECT_EACH)).push_sql(before).bind(since);
    query.push_each(values).push_sql(behind)
}

/// Sessions with these ids.
pub(in super::super) async fn by_id(
    conn: &mut Conn,
    ids: &[SessionId],
    since: Timestamp,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for ids in ids.chunks(bulk::CHUNK) {
        rows.extend(by(conn, Key::Id, ids, since).fetch_all::<Row>().await?);
    }
    Ok(rows)
}

const INSERT: &str = "INSERT INTO session (tenant_id, id, router_id, subscriber_id, name_hash, from_cookie, \
                      overlay_generation, username, acct_session_id, identifiers, framed_address, \
                      framed_ipv6_address, framed_ipv6_prefix, delegated_ipv6_prefix, mac, nas_port, started_at, \
                      updated_at, session_seconds, upload_octets, download_octets, upload_packets, \
                      download_packets, ended_at, end_cause, terminate_cause, revision)";

/// What follows an insert, by what is to be written of a row that is there: a column that is not named costs its indexes
/// nothing. A row that somebody else wrote since it was read has another revision, and stays.
macro_rules! on_conflict {
    ($($more:literal),*) => {
        concat!(
            "ON CONFLICT (tenant_id, started_at, id) DO UPDATE SET updated_at = excluded.updated_at, \
             session_seconds = excluded.session_seconds, upload_octets = excluded.upload_octets, \
             download_octets = excluded.download_octets, upload_packets = excluded.upload_packets, \
             download_packets = excluded.download_packets, revision = excluded.revision",
            $($more,)*
            " WHERE session.revision = excluded.revision - 1"
        )
    };
}

const PROGRESS: &str = on_conflict!();
const END: &str = on_conflict!(
    ", ended_at = excluded.ended_at, end_cause = excluded.end_cause, terminate_cause = excluded.terminate_cause"
);
const WHOLE: &str = on_conflict!(
    ", ended_at = excluded.ended_at, end_cause = excluded.end_cause, terminate_cause = excluded.terminate_cause",
    ", subscriber_id = excluded.subscriber_id, overlay_generation = excluded.overlay_generation, \
     username = excluded.username, identifiers = excluded.identifiers, framed_address = excluded.framed_address, \
     framed_ipv6_address = excluded.framed_ipv6_address, framed_ipv6_prefix = excluded.framed_ipv6_prefix, \
     delegated_ipv6_prefix = excluded.delegated_ipv6_prefix, mac = excluded.mac, nas_port = excluded.nas_port"
);

/// Writes rows of which the same is [`Touched`]; how many. Fewer than there are: somebody else wrote the others since they
/// were read.
pub(in super::super) async fn write(conn: &mut Conn, rows: Vec<Row>) -> Result<u64> {
    let tail = match rows.first().map(|row| row.touched) {
        None | Some(Touched::Nothing) => return Ok(0),
        Some(Touched::Progress) => PROGRESS,
        Some(Touched::End) => END,
        Some(Touched::Whole) => WHOLE,
    };
    bulk::insert(conn, INSERT, tail, rows, |values, row| {
        values.push(row.tenant_id);
        values.push(row.id);
        values.push(row.router_id);
        values.push(row.subscriber_id);
        values.push(row.name_hash);
        values.push(row.from_cookie);
        values.push(row.overlay_generation);
        values.push(row.username);
        values.push(row.acct_session_id);
        values.push(row.identifiers);
        values.push(row.framed_address);
        values.push(row.framed_ipv6_address);
        values.push(row.framed_ipv6_prefix);
        values.push(row.delegated_ipv6_prefix);
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
        values.push(row.end_cause);
        values.push(row.terminate_cause);
        values.push(row.revision + 1);
    })
    .await
}

/// Traffic of one subscriber in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct UsageRow {
    pub(in super::super) tenant: TenantId,
    pub(in super::super) subscriber: SubscriberId,
    pub(in super::super) hour: i64,
    pub(in super::super) upload: i64,
    pub(in super::super) download: i64,
}

impl UsageRow {
    /// What may be there once.
    pub(in super::super) fn key(&self) -> (TenantId, SubscriberId, i64) {
        (self.tenant, self.subscriber, self.hour)
    }
}

/// Adds traffic. No two rows may be of the same subscriber and hour.
pub(in super::super) async fn add_usage(conn: &mut Conn, rows: &[UsageRow]) -> Result<()> {
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
pub(in super::super) async fn usage(
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
