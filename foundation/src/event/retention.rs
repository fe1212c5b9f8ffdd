//! Old events are trimmed away, once every subscriber is done with them. The stream's head is the checkpoint: it says up
//! to which number, so that no reader takes a gap for silence.

use std::{collections::BTreeMap, time::Duration};

use base::{TenantId, Timestamp};

use super::stream::reaches;
use crate::{
    Conn, Db, Tx,
    db::{Result, dialect},
};

/// Events that one transaction trims: with the head's row and the cursors, below the limit of a transaction.
const TRIM: i64 = 900;

/// How long events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Younger events stay in any case.
    pub keep: Duration,
    /// Events that a failing subscriber has not handled are held so long; then they are lost for it.
    pub hold: Duration,
}

/// What a subscriber will never get: it failed for longer than events are held for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Which one.
    pub subscriber: String,
    /// The first event.
    pub from: i64,
    /// The last one.
    pub through: i64,
}

/// What was trimmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// How many events.
    pub events: u64,
    /// Which of them somebody had not handled.
    pub lost: Vec<Lost>,
    /// Subscribers for whose sake old events are held, with the first of them.
    pub held: Vec<(String, i64)>,
}

/// What was trimmed of all streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many events.
    pub events: u64,
    /// What subscribers will never get, by tenant.
    pub lost: Vec<(TenantId, Lost)>,
    /// For whose sake old events are held, and in how many streams.
    pub held: BTreeMap<String, u64>,
}

/// Trims every stream, in short transactions.
///
/// # Errors
/// When the database cannot be used; what was trimmed before stays trimmed.
pub async fn sweep(db: &Db, retention: &Retention, now: Timestamp) -> Result<Swept> {
    let mut swept = Swept::default();
    let streams = reaches(&mut db.conn().await?).await?;
    for (tenant, _) in streams.into_iter().filter(|(_, reach)| reach.trimmed < reach.head) {
        let mut conn = db.conn().await?;
        let until = now.saturating_sub(retention.keep);
        // Most streams have nothing to trim: no writer waits for that.
        if window(&mut conn, tenant, until, until).await?.is_none() {
            continue;
        }
        drop(conn);
        loop {
            let mut tx = db.begin_bulk().await?;
            let trimmed = trim(&mut tx, tenant, retention, now).await?;
            tx.commit().await?;
            swept.events += trimmed.events;
            swept.lost.extend(trimmed.lost.into_iter().map(|lost| (tenant, lost)));
            if trimmed.events == 0 {
                for (subscriber, _) in trimmed.held {
                    *swept.held.entry(subscriber).or_default() += 1;
                }
                break;
            }
        }
    }
    Ok(swept)
}

/// Trims the tenant's stream, at most a transaction's worth at a time. Call it again while it trims.
///
/// # Errors
/// When the database cannot be written.
pub async fn trim(tx: &mut Tx, tenant: TenantId, retention: &Retention, now: Timestamp) -> Result<Trimmed> {
    let mut trimmed = Trimmed::default();
    let (oldest, until) =
        (now.saturating_sub(retention.hold.max(retention.keep)), now.saturating_sub(retention.keep));
    let Some(window) = window(tx, tenant, until, oldest).await? else { return Ok(trimmed) };
    // Cursors first, the head last, as every commit does it.
    let cursors = lock_cursors(tx, tenant, until).await?;
    let done = cursors.iter().map(|(_, position)| *position).min().unwrap_or(i64::MAX);
    let through = window.old.min(done.max(window.oldest));
    trimmed.held = cursors
        .iter()
        .filter(|(_, position)| *position < window.old && *position >= through)
        .map(|(subscriber, position)| (subscriber.clone(), position + 1))
        .collect();
    if through <= window.trimmed {
        return Ok(trimmed);
    }
    for (subscriber, position) in cursors.into_iter().filter(|(_, position)| *position < through) {
        tx.query(
            "INSERT INTO event_cursor (tenant_id, subscriber, position) VALUES ($1, $2, $3) \
             ON CONFLICT (tenant_id, subscriber) DO UPDATE SET position = excluded.position, attempts = 0, \
             parked_since = NULL, retry_at = NULL",
        )
        .bind(tenant)
        .bind(&subscriber)
        .bind(through)
        .execute_one()
        .await?;
        trimmed.lost.push(Lost { subscriber, from: position + 1, through });
    }
    trimmed.events = tx
        .query("DELETE FROM event WHERE tenant_id = $1 AND sequence <= $2")
        .bind(tenant)
        .bind(through)
        .execute()
        .await?;
    tx.query("UPDATE stream_head SET event_trimmed = $2 WHERE tenant_id = $1")
        .bind(tenant)
        .bind(through)
        .execute_one()
        .await?;
    Ok(trimmed)
}

/// A transaction's worth of the stream's start.
struct Window {
    trimmed: i64,
    /// Up to here events are old enough to go.
    old: i64,
    /// Up to here they go even if somebody has not handled them.
    oldest: i64,
}

/// `None` when no event is old enough.
async fn window(
    conn: &mut Conn,
    tenant: TenantId,
    until: Timestamp,
    oldest: Timestamp,
) -> Result<Option<Window>> {
    let head: Option<(i64,)> = conn
        .query("SELECT event_trimmed FROM stream_head WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_optional()
        .await?;
    let Some((trimmed,)) = head else { return Ok(None) };
    // One row first: most streams have nothing to trim.
    let mut old = (trimmed, trimmed);
    for limit in [1, TRIM] {
        let events: Vec<(i64, Timestamp)> = conn
            .query("SELECT sequence, at FROM event WHERE tenant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3")
            .bind(tenant)
            .bind(trimmed)
            .bind(limit)
            .fetch_all()
            .await?;
        let before = |time: Timestamp| {
            events.iter().take_while(|(_, at)| *at < time).last().map_or(trimmed, |(sequence, _)| *sequence)
        };
        old = (before(until), before(oldest));
        if old.0 == trimmed {
            return Ok(None);
        }
    }
    Ok(Some(Window { trimmed, old: old.0, oldest: old.1 }))
}

/// Where every subscriber stands that a daemon knew after `since`, locked.
async fn lock_cursors(tx: &mut Tx, tenant: TenantId, since: Timestamp) -> Result<Vec<(String, i64)>> {
    tx.query(dialect(
        "SELECT subscriber FROM event_cursor WHERE tenant_id = $1 ORDER BY subscriber",
        "SELECT subscriber FROM event_cursor WHERE tenant_id = $1 ORDER BY subscriber FOR UPDATE",
    ))
    .bind(tenant)
    .fetch_all::<(String,)>()
    .await?;
    tx.query(
        "SELECT s.name, COALESCE(c.position, h.event_trimmed) FROM event_subscriber s CROSS JOIN stream_head h \
         LEFT JOIN event_cursor c ON c.tenant_id = h.tenant_id AND c.subscriber = s.name \
         WHERE h.tenant_id = $1 AND s.seen_at >= $2 ORDER BY s.name",
    )
    .bind(tenant)
    .bind(since)
    .fetch_all()
    .await
}
