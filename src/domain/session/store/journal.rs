//! How far journals are applied, and what was set aside.

use base::{JournalId, RouterId, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Result, bulk},
};

/// How far the journal is applied; 0 for one that never was.
pub(in super::super) async fn position(conn: &mut Conn, journal: JournalId) -> Result<i64> {
    let row: Option<(i64,)> = conn
        .query("SELECT position FROM journal_position WHERE journal_id = $1")
        .bind(journal)
        .fetch_optional()
        .await?;
    Ok(row.map_or(0, |(position,)| position))
}

/// Moves the journal's position. False when it is not `from`: then somebody else has moved it, and the caller's transaction
/// must not commit.
pub(in super::super) async fn advance(
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
    conn.query(
        "UPDATE journal_position SET position = $3, updated_at = $4 WHERE journal_id = $1 AND position = $2",
    )
    .bind(journal)
    .bind(from)
    .bind(to)
    .bind(at)
    .execute_optional()
    .await
}

/// A record that is set aside.
#[derive(Debug)]
pub(in super::super) struct Refused<'a> {
    pub(in super::super) journal: JournalId,
    pub(in super::super) position: i64,
    pub(in super::super) kind: i64,
    pub(in super::super) version: i64,
    pub(in super::super) received_at: Timestamp,
    pub(in super::super) tenant: TenantId,
    pub(in super::super) router: RouterId,
    pub(in super::super) payload: &'a [u8],
    pub(in super::super) reason: String,
}

/// Sets records aside.
pub(in super::super) async fn refuse(conn: &mut Conn, records: &[Refused<'_>], at: Timestamp) -> Result<()> {
    bulk::insert(
        conn,
        "INSERT INTO journal_refused (journal_id, position, kind, version, received_at, tenant_id, router_id, payload, \
         reason, refused_at)",
        "ON CONFLICT (journal_id, position) DO NOTHING",
        records,
        |values, record| {
            values.push(record.journal);
            values.push(record.position);
            values.push(record.kind);
            values.push(record.version);
            values.push(record.received_at);
            values.push(record.tenant);
            values.push(record.router);
            values.push(record.payload);
            values.push(record.reason.clone());
            values.push(at);
        },
    )
    .await?;
    Ok(())
}

/// How many records are set aside.
pub(in super::super) async fn count_refused(conn: &mut Conn) -> Result<i64> {
    let (count,): (i64,) = conn.query("SELECT COUNT(*) FROM journal_refused").fetch_one().await?;
    Ok(count)
}

/// Forgets how far a journal is applied: of one that was none.
pub(in super::super) async fn forget(conn: &mut Conn, journal: JournalId) -> Result<()> {
    conn.query("DELETE FROM journal_position WHERE journal_id = $1")
        .bind(journal)
        .execute_optional()
        .await
        .map(drop)
}
