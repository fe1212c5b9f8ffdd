//! How far each subscriber has come in each tenant's stream: the SQL.

use std::collections::BTreeSet;

use base::{TenantId, Timestamp};

use super::{
    stream::{Reach, reaches},
    subscriber::{Start, Subscribers},
};
use crate::{
    Conn, Db, Tx,
    db::{Result, bulk, dialect},
};

/// Rows that one transaction writes at a time.
const CHUNK: usize = 400;
/// The longest error that is kept, characters.
const MAX_ERROR: usize = 1_000;

/// Everything that the next turn of a tenant needs to know.
#[derive(Debug)]
pub(super) struct Standings {
    pub(super) reach: Reach,
    cursors: Vec<Cursor>,
}

/// A subscriber's place in a tenant's stream.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Cursor {
    subscriber: String,
    pub(super) position: i64,
    pub(super) retry_at: Option<Timestamp>,
}

impl Standings {
    /// The subscriber's row, if it has one yet.
    pub(super) fn of(&self, subscriber: &str) -> Option<&Cursor> {
        self.cursors.iter().find(|cursor| cursor.subscriber == subscriber)
    }
}

/// How much is to be done by one subscriber, over all tenants.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Backlog {
    /// Which one.
    pub subscriber: String,
    /// Tenants for which it fails.
    pub parked: i64,
    /// Events that it has not looked at yet, of the tenant with the most.
    pub most: i64,
    /// The same of all tenants together.
    pub events: i64,
}

/// Makes the subscribers known. A new one gets its place in each stream that is there.
pub(super) async fn register(db: &Db, subscribers: &Subscribers, now: Timestamp) -> Result<()> {
    let mut conn = db.conn().await?;
    let known: Vec<(String,)> = conn.query("SELECT name FROM event_subscriber").fetch_all().await?;
    let known: BTreeSet<String> = known.into_iter().map(|(name,)| name).collect();
    for subscriber in subscribers.iter() {
        if subscriber.start() == Start::Head && !known.contains(subscriber.name()) {
            // What is committed from here on lies behind these positions.
            let streams = reaches(&mut conn).await?;
            for streams in streams.chunks(CHUNK) {
                let mut tx = db.begin_bulk().await?;
                insert(
                    &mut tx,
                    streams.iter().map(|(tenant, reach)| (*tenant, subscriber.name(), reach.head)),
                )
                .await?;
                tx.commit().await?;
            }
        }
    }
    drop(conn);
    let names: Vec<&str> = subscribers.names().map(|(name, _)| name).collect();
    let mut tx = db.begin().await?;
    bulk::insert(
        &mut tx,
        "INSERT INTO event_subscriber (name, started_at, seen_at)",
        "ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at",
        &names,
        |values, name| {
            values.push(*name);
            values.push(now);
            values.push(now);
        },
    )
    .await?;
    tx.commit().await
}

async fn insert(tx: &mut Tx, rows: impl Iterator<Item = (TenantId, &'static str, i64)>) -> Result<u64> {
    let rows: Vec<_> = rows.collect();
    bulk::insert(
        tx,
        "INSERT INTO event_cursor (tenant_id, subscriber, position)",
        "ON CONFLICT (tenant_id, subscriber) DO NOTHING",
        &rows,
        |values, (tenant, subscriber, position)| {
            values.push(*tenant);
            values.push(*subscriber);
            values.push(*position);
        },
    )
    .await
}

/// How far the tenant's stream reaches, and where each subscriber stands in it; `None` when nothing was ever published.
pub(super) async fn standings(conn: &mut Conn, tenant: TenantId) -> Result<Option<Standings>> {
    type Row = (i64, i64, Option<String>, Option<i64>, Option<Timestamp>);
    let rows: Vec<Row> = conn
        .query(
            "SELECT h.event_sequence, h.event_trimmed, c.subscriber, c.position, c.retry_at FROM stream_head h \
             LEFT JOIN event_cursor c ON c.tenant_id = h.tenant_id WHERE h.tenant_id = $1",
        )
        .bind(tenant)
        .fetch_all()
        .await?;
    let Some((head, trimmed, ..)) = rows.first() else { return Ok(None) };
    let reach = Reach { head: *head, trimmed: *trimmed };
    let cursor = |(_, _, subscriber, position, retry_at)| {
        Some(Cursor { subscriber: subscriber?, position: position?, retry_at })
    };
    Ok(Some(Standings { reach, cursors: rows.into_iter().filter_map(cursor).collect() }))
}

/// Tenants in whose stream one of the `subscribers` has not come to the end and does not wait for a retry.
pub(super) async fn behind(conn: &mut Conn, subscribers: &[&'static str]) -> Result<Vec<TenantId>> {
    let rows: Vec<(TenantId,)> = conn
        .query(
            "SELECT DISTINCT h.tenant_id FROM stream_head h CROSS JOIN event_subscriber s \
             LEFT JOIN event_cursor c ON c.tenant_id = h.tenant_id AND c.subscriber = s.name \
             WHERE COALESCE(c.position, h.event_trimmed) < h.event_sequence AND c.retry_at IS NULL AND s.name IN ",
        )
        .push_list(subscribers)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(tenant,)| tenant).collect())
}

/// Tenants of which one of the `subscribers` is to be looked at by `now`, at most `limit` rows of it.
pub(super) async fn due(
    conn: &mut Conn,
    subscribers: &[&'static str],
    now: Timestamp,
    limit: u32,
) -> Result<BTreeSet<TenantId>> {
    let rows: Vec<(TenantId,)> = conn
        .query("SELECT tenant_id FROM event_cursor WHERE retry_at <= $1 AND subscriber IN ")
        .bind(now)
        .push_list(subscribers)
        .push(" ORDER BY retry_at LIMIT ")
        .push_bind(i64::from(limit))
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(tenant,)| tenant).collect())
}

/// Locks the subscriber's place until the transaction's end. `None` when another node works on it. `first` is where it
/// stands when it has no row yet.
pub(super) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    subscriber: &'static str,
    first: Option<i64>,
) -> Result<Option<Cursor>> {
    if let Some(position) = first {
        insert(tx, std::iter::once((tenant, subscriber, position))).await?;
    }
    tx.query(dialect(
        "SELECT subscriber, position, retry_at FROM event_cursor WHERE tenant_id = $1 AND subscriber = $2",
        "SELECT subscriber, position, retry_at FROM event_cursor WHERE tenant_id = $1 AND subscriber = $2 \
         FOR UPDATE SKIP LOCKED",
    ))
    .bind(tenant)
    .bind(subscriber)
    .fetch_optional()
    .await
}

/// Everything up to `position` is done with.
pub(super) async fn advance(tx: &mut Tx, tenant: TenantId, subscriber: &str, position: i64) -> Result<()> {
    tx.query(
        "UPDATE event_cursor SET position = $3, attempts = 0, parked_since = NULL, retry_at = NULL, last_error = NULL, \
         last_error_at = NULL WHERE tenant_id = $1 AND subscriber = $2",
    )
    .bind(tenant)
    .bind(subscriber)
    .bind(position)
    .execute_one()
    .await
}

/// What a failed attempt leaves behind.
#[derive(Debug)]
pub(super) struct Failed<'a> {
    /// The last event before the one that failed.
    pub(super) position: i64,
    pub(super) error: &'a str,
    pub(super) at: Timestamp,
}

/// Counts a failed attempt, and says how many there were.
pub(super) async fn fail(
    tx: &mut Tx,
    tenant: TenantId,
    subscriber: &str,
    failed: &Failed<'_>,
) -> Result<i64> {
    let error: String = failed.error.chars().take(MAX_ERROR).collect();
    let (attempts,) = tx
        .query(
            "UPDATE event_cursor SET position = $3, attempts = attempts + 1, parked_since = COALESCE(parked_since, $4), \
             last_error = $5, last_error_at = $4 WHERE tenant_id = $1 AND subscriber = $2 RETURNING attempts",
        )
        .bind(tenant)
        .bind(subscriber)
        .bind(failed.position)
        .bind(failed.at)
        .bind(error)
        .fetch_one()
        .await?;
    Ok(attempts)
}

/// Says when the subscriber is tried again.
pub(super) async fn retry_at(
    tx: &mut Tx,
    tenant: TenantId,
    subscriber: &str,
    at: Option<Timestamp>,
) -> Result<()> {
    tx.query("UPDATE event_cursor SET retry_at = $3 WHERE tenant_id = $1 AND subscriber = $2")
        .bind(tenant)
        .bind(subscriber)
        .bind(at)
        .execute_one()
        .await
}

/// Events that a subscriber has looked at and does not want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Passed {
    pub(super) tenant: TenantId,
    pub(super) subscriber: &'static str,
    /// The position in its row; `None` while it has no row. Whoever else moves the row makes this void.
    pub(super) stored: Option<i64>,
    /// The last of them.
    pub(super) through: i64,
}

/// Notes what was passed over; rows that somebody moved meanwhile stay as they are.
pub(super) async fn pass(db: &Db, passed: &[Passed]) -> Result<()> {
    for passed in passed.chunks(CHUNK) {
        let (rows, fresh): (Vec<&Passed>, Vec<&Passed>) =
            passed.iter().partition(|passed| passed.stored.is_some());
        let mut tx = db.begin_bulk().await?;
        insert(&mut tx, fresh.iter().map(|passed| (passed.tenant, passed.subscriber, passed.through)))
            .await?;
        if !rows.is_empty() {
            bulk::insert(
                &mut tx,
                "UPDATE event_cursor SET position = v.column4 FROM (",
                ") AS v WHERE event_cursor.tenant_id = v.column1 AND event_cursor.subscriber = v.column2 \
                 AND event_cursor.position = v.column3",
                &rows,
                |values, passed| {
                    values.push(passed.tenant);
                    values.push(passed.subscriber);
                    values.push(passed.stored);
                    values.push(passed.through);
                },
            )
            .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// What is to be done by each subscriber that a daemon knows.
pub(super) async fn backlog(conn: &mut Conn, subscribers: &[&'static str]) -> Result<Vec<Backlog>> {
    conn.query(
        "SELECT s.name AS subscriber, \
         CAST(COALESCE(SUM(CASE WHEN c.parked_since IS NULL THEN 0 ELSE 1 END), 0) AS BIGINT) AS parked, \
         CAST(COALESCE(MAX(h.event_sequence - COALESCE(c.position, h.event_trimmed)), 0) AS BIGINT) AS most, \
         CAST(COALESCE(SUM(h.event_sequence - COALESCE(c.position, h.event_trimmed)), 0) AS BIGINT) AS events \
         FROM event_subscriber s CROSS JOIN stream_head h \
         LEFT JOIN event_cursor c ON c.tenant_id = h.tenant_id AND c.subscriber = s.name WHERE s.name IN ",
    )
    .push_list(subscribers)
    .push(" GROUP BY s.name")
    .fetch_all()
    .await
}
