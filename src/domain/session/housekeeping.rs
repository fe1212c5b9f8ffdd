//! What sessions need beside their packets: closing what was given up, and putting the live table back after a start.

use std::sync::Arc;

use aaa::{
    directory::Directory,
    live::{ClosedSession, Live, Restored},
};
use base::{Clock, RouterId, SessionId, TenantId, Timestamp};
use foundation::{Db, db};

use super::{apply, row::Row, store};

/// Sessions of one transaction: a few milliseconds, so that no other writer waits for long.
const CHUNK: usize = 256;

/// Rows that one read of the restore takes.
const RESTORE_CHUNK: i64 = 1_000;

/// Ends stored sessions that the live table gave up (silence, replacement, a restart of the router).
///
/// # Errors
/// When the database cannot be written; the sessions before the failure are closed. Closing one again changes nothing.
pub async fn close(db: &Db, closed: &[ClosedSession]) -> db::Result<()> {
    for closed in closed.chunks(CHUNK) {
        let mut tx = db.begin_bulk().await?;
        apply::close(&mut tx, closed).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Closes the sessions of routers that restarted (Accounting-On and -Off, RFC 2866 §5.1), in small transactions.
///
/// # Errors
/// When the database cannot be written; what is left is closed by the next call.
pub async fn close_restarted(db: &Db) -> db::Result<()> {
    loop {
        let mut tx = db.begin_bulk().await?;
        let more = apply::close_restarted(&mut tx, i64::try_from(CHUNK).unwrap_or(i64::MAX)).await?;
        tx.commit().await?;
        if !more {
            return Ok(());
        }
    }
}

/// Makes the partitions of this month and the next; SQLite needs none. Called at the start and daily.
///
/// # Errors
/// When the database cannot be written.
pub async fn make_partitions(db: &Db, now: Timestamp) -> db::Result<()> {
    /// From any day of a month, 31 days later lies in the next one or the one after; both do no harm.
    const MONTH_MILLIS: i64 = 31 * 24 * 3_600 * 1_000;
    for at in [now, Timestamp::from_millis(now.as_millis() + MONTH_MILLIS)] {
        let mut tx = db.begin_bulk().await?;
        store::make_month(&mut tx, at).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Fills the live table with the sessions that are open in the database, so that a restart of the daemon ends nobody's
/// session and simultaneous use is counted on. Says how many.
///
/// # Errors
/// When the database cannot be read; the sessions before the failure are in the table.
pub async fn restore_live(db: &Db, live: &Live, directory: &Arc<Directory>, clock: &Clock) -> db::Result<usize> {
    let mut conn = db.conn().await?;
    let zero = TenantId::PLATFORM;
    let mut after = (
        zero,
        RouterId::from_uuid(zero.as_uuid()),
        Timestamp::from_millis(i64::MIN),
        SessionId::from_uuid(zero.as_uuid()),
    );
    let mut restored = 0;
    loop {
        let rows = store::open_after(&mut conn, after, RESTORE_CHUNK).await?;
        let Some(last) = rows.last() else { return Ok(restored) };
        after = (last.tenant_id, last.router_id, last.started_at, last.id);
        for row in &rows {
            restored += usize::from(restore(row, live, directory, clock));
        }
    }
}

fn restore(row: &Row, live: &Live, directory: &Directory, clock: &Clock) -> bool {
    let router = live.router(row.router_id, row.tenant_id);
    let interval = row
        .subscriber_id
        .and_then(|id| directory.subscriber_by_id(id))
        .and_then(|subscriber| directory.plan(subscriber.view().plan()))
        .map_or(0, |plan| plan.interim_interval);
    let restored = Restored {
        id: row.id,
        from_cookie: row.from_cookie,
        subscriber: row.subscriber_id,
        progress: row.progress(),
        identifiers: row.identifiers(),
        framed_address: row.framed_address(),
        nas_port: row.nas_port.and_then(|port| u32::try_from(port).ok()),
        mac: row.mac,
        overlay_generation: row.overlay_generation.and_then(|generation| u32::try_from(generation).ok()),
        interval,
    };
    live.restore(clock.now(), &router, &restored)
}
