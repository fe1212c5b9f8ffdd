//! The SQL of usage by day, and of what reconciliation compares.

use base::{SessionId, SubscriberId, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Result, bulk},
};

/// Subscribers of a tenant that have usage, behind one of them: each costs one look into the index, however many hours
/// it has.
pub(in super::super) async fn subscribers_after(
    conn: &mut Conn,
    tenant: TenantId,
    after: SubscriberId,
    limit: i64,
) -> Result<Vec<SubscriberId>> {
    let rows: Vec<(SubscriberId,)> = conn
        .query(
            "WITH RECURSIVE one (id, n) AS (SELECT (SELECT subscriber_id FROM usage_hour WHERE tenant_id = $1 \
             AND subscriber_id > $2 ORDER BY subscriber_id LIMIT 1), 1 UNION ALL \
             SELECT (SELECT subscriber_id FROM usage_hour WHERE tenant_id = $1 AND subscriber_id > one.id \
             ORDER BY subscriber_id LIMIT 1), n + 1 FROM one WHERE one.id IS NOT NULL AND n < $3) \
             SELECT id FROM one WHERE id IS NOT NULL",
        )
        .bind(tenant)
        .bind(after)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Traffic of these subscribers in the hours `from..to`: subscriber, hour, upload, download.
pub(in super::super) async fn hours(
    conn: &mut Conn,
    tenant: TenantId,
    subscribers: &[SubscriberId],
    from: i64,
    to: i64,
) -> Result<Vec<(SubscriberId, i64, i64, i64)>> {
    conn.query(
        "SELECT subscriber_id, hour, upload_octets, download_octets FROM usage_hour \
         WHERE tenant_id = $1 AND hour >= $2 AND hour < $3 AND subscriber_id IN ",
    )
    .bind(tenant)
    .bind(from)
    .bind(to)
    .push_list(subscribers)
    .fetch_all()
    .await
}

/// Traffic of one subscriber on one local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct DayRow {
    pub(in super::super) subscriber: SubscriberId,
    pub(in super::super) day: i64,
    pub(in super::super) upload: i64,
    pub(in super::super) download: i64,
}

/// Writes days as they are now.
pub(in super::super) async fn put(conn: &mut Conn, tenant: TenantId, rows: &[DayRow]) -> Result<()> {
    bulk::insert(
        conn,
        "INSERT INTO usage_day (tenant_id, subscriber_id, day, upload_octets, download_octets)",
        "ON CONFLICT (tenant_id, subscriber_id, day) DO UPDATE SET \
         upload_octets = excluded.upload_octets, download_octets = excluded.download_octets",
        rows,
        |values, row| {
            values.push(tenant);
            values.push(row.subscriber);
            values.push(row.day);
            values.push(row.upload);
            values.push(row.download);
        },
    )
    .await
    .map(drop)
}

/// Days of a subscriber in `from..to`: day, upload, download.
pub(in super::super) async fn of_subscriber(
    conn: &mut Conn,
    tenant: TenantId,
    subscriber: SubscriberId,
    from: i64,
    to: i64,
) -> Result<Vec<(i64, i64, i64)>> {
    conn.query(
        "SELECT day, upload_octets, download_octets FROM usage_day \
         WHERE tenant_id = $1 AND subscriber_id = $2 AND day >= $3 AND day < $4 ORDER BY day",
    )
    .bind(tenant)
    .bind(subscriber)
    .bind(from)
    .bind(to)
    .fetch_all()
    .await
}

/// Which of these sessions have a row, and when it ended.
pub(in super::super) async fn ends_of(
    conn: &mut Conn,
    ids: &[SessionId],
) -> Result<Vec<(SessionId, Option<Timestamp>)>> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(bulk::CHUNK) {
        let query = conn.query("SELECT id, ended_at FROM session WHERE id IN ").push_list(ids);
        found.extend(query.fetch_all::<(SessionId, Option<Timestamp>)>().await?);
    }
    Ok(found)
}
