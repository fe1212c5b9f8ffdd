//! What sessions need beside their packets: closing what was given up, and putting the live table back after a start.

use std::time::Duration;

use aaa::{
    directory::Directory,
    live::{
        ClosedSession, EndCause, Live, LiveSession, Restored,
        limits::{MISSED_INTERIMS, PATIENCE_WITHOUT_INTERIMS, SILENCE_SLACK},
    },
};
use base::{Clock, RouterId, SessionId, SubscriberId, TenantId, Timestamp};
use foundation::{Db, db};

use super::{
    row::Row,
    store::{
        self,
        ends::{self, Ended, Place},
    },
};

/// Sessions closed in one transaction: below what one may write, and 15 ms on SQLite.
const CHUNK: i64 = 900;

/// How long the drain may take to store a restart that the live table knows of already.
const RESTART_ON_ITS_WAY: Duration = Duration::from_secs(2);

/// Rows that one read of the restore takes.
const RESTORE_CHUNK: i64 = 1_000;

/// How far the start of a live session may lie from that of its row: both are of the first packet that was seen.
const START_MARGIN: Duration = Duration::from_secs(24 * 3_600);

/// Ends stored sessions that the live table gave up (silence, replacement, a restart of the router), and takes them off the
/// list. Those that have ended meanwhile, or of which something came later, stay as they are. A session that a restart ended
/// stays on the list for a moment, until the restart's own record is in the database.
///
/// # Errors
/// When the database cannot be written; the sessions before the failure are closed, and all stay on the list. Closing one
/// again changes nothing.
pub async fn close(db: &Db, closed: &mut Vec<ClosedSession>, now: Timestamp) -> db::Result<()> {
    leave_to_restarts(db, closed).await?;
    let mut ended: Vec<Ended> = closed
        .iter()
        .filter(|closed| !awaits_restart(closed, now))
        .filter_map(|closed| {
            let (end, started) = (closed.progress.end?, closed.progress.started);
            let began = (started.saturating_sub(START_MARGIN), started.saturating_add(START_MARGIN));
            Some(Ended { id: closed.id, began, at: end.at, cause: end.cause })
        })
        .collect();
    // As their rows lie: the live table gives them in no order, and each transaction would write a page for each of its rows.
    ended.sort_unstable_by_key(|ended| (ended.began, ended.id));
    presume_ended(db, &ended).await?;
    closed.retain(|closed| awaits_restart(closed, now));
    Ok(())
}

/// Ends a session of which its router says that it knows it no more, as of its last word: in the database, then in the live
/// table, so that what is over stays so after a restart. One of which something came meanwhile lives on in both; a newer packet
/// opens it again.
///
/// # Errors
/// When the database cannot be written; the session is online as before.
pub async fn close_gone(db: &Db, live: &Live, clock: &Clock, session: &LiveSession) -> db::Result<()> {
    let began = (session.started.saturating_sub(START_MARGIN), session.started.saturating_add(START_MARGIN));
    let ended = Ended { id: session.id, began, at: session.updated, cause: EndCause::Silent };
    presume_ended(db, &[ended]).await?;
    live.presume_gone(clock.now(), session);
    Ok(())
}

/// Takes sessions off the list whose router's restart is stored: they are closed by what they have in common, which costs a
/// third of naming each.
async fn leave_to_restarts(db: &Db, closed: &mut Vec<ClosedSession>) -> db::Result<()> {
    let mut routers: Vec<_> = closed
        .iter()
        .filter(|closed| restarted_at(closed).is_some())
        .map(|closed| (closed.tenant, closed.router))
        .collect();
    routers.sort_unstable();
    routers.dedup();
    if routers.is_empty() {
        return Ok(());
    }
    let stored = ends::restarts(&mut db.conn().await?, &routers).await?;
    if stored.is_empty() {
        return Ok(());
    }
    close_restarted(db).await?;
    closed.retain(|closed| {
        restarted_at(closed)
            .is_none_or(|at| stored.get(&(closed.tenant, closed.router)).is_none_or(|stored| *stored < at))
    });
    Ok(())
}

/// When the router's restart ended it, if that did.
fn restarted_at(closed: &ClosedSession) -> Option<Timestamp> {
    closed.progress.end.filter(|end| end.cause == EndCause::RouterRestarted).map(|end| end.at)
}

/// Whether the record of the restart that ended it may still be on its way to the database. A new boot digit has none.
fn awaits_restart(closed: &ClosedSession, now: Timestamp) -> bool {
    restarted_at(closed).is_some_and(|at| now < at.saturating_add(RESTART_ON_ITS_WAY))
}

/// How many were.
async fn presume_ended(db: &Db, ended: &[Ended]) -> db::Result<u64> {
    let mut count = 0;
    for ended in ended.chunks(usize::try_from(CHUNK).unwrap_or(1)) {
        let mut tx = db.begin_bulk().await?;
        count += ends::presume_ended(&mut tx, ended).await?;
        tx.commit().await?;
    }
    Ok(count)
}

/// Closes the sessions of routers that restarted (Accounting-On and -Off, RFC 2866 §5.1), in small transactions.
///
/// # Errors
/// When the database cannot be written; what is left is closed by the next call.
pub async fn close_restarted(db: &Db) -> db::Result<()> {
    loop {
        let Some((tenant, router, at)) = ends::pending_restart(&mut db.conn().await?).await? else {
            return Ok(());
        };
        loop {
            let mut tx = db.begin_bulk().await?;
            let closed = ends::close_restarted(&mut tx, tenant, router, at, CHUNK).await?;
            let is_last = i64::try_from(closed).unwrap_or(i64::MAX) < CHUNK;
            if is_last {
                ends::restart_done(&mut tx, tenant, router, at).await?;
            }
            tx.commit().await?;
            if is_last {
                break;
            }
        }
    }
}

/// Closes rows that stay open although the live table does not have them: the word of their end was lost between the two
/// (the daemon was killed, or the database was down for long). One is made, and goes round the open sessions page by
/// page.
#[derive(Debug, Default)]
pub struct Reconciler {
    after: Option<Place>,
    closed: u64,
}

impl Reconciler {
    /// How many rows it has closed.
    #[must_use]
    pub const fn closed(&self) -> u64 {
        self.closed
    }

    /// Looks at the next page; false when the round is over, and the next call begins anew. What was closed too early is
    /// opened again by the session's next packet.
    ///
    /// # Errors
    /// When the database cannot be used; the next call looks at the same page.
    pub async fn step(
        &mut self,
        db: &Db,
        live: &Live,
        directory: &Directory,
        clock: &Clock,
    ) -> db::Result<bool> {
        let after = self.after.unwrap_or_else(start);
        let rows = ends::open_in_short(&mut db.conn().await?, after, RESTORE_CHUNK).await?;
        let now = clock.now();
        let ended: Vec<Ended> = rows
            .iter()
            .filter(|row| {
                row.updated_at.saturating_add(patience(row.subscriber_id, directory)) < now.wall
                    && live.find(now, row.tenant_id, row.id).is_none()
            })
            .map(|row| Ended {
                id: row.id,
                began: (row.started_at, row.started_at),
                at: row.updated_at,
                cause: EndCause::Silent,
            })
            .collect();
        self.closed += presume_ended(db, &ended).await?;
        self.after = rows.last().map(|row| (row.tenant_id, row.router_id, row.started_at, row.id));
        Ok(self.after.is_some())
    }
}

/// How long a session may be silent, as the live table has it.
pub(super) fn patience(subscriber: Option<SubscriberId>, directory: &Directory) -> Duration {
    match interval(subscriber, directory) {
        0 => PATIENCE_WITHOUT_INTERIMS,
        interval => Duration::from_secs(interval.into()) * MISSED_INTERIMS + SILENCE_SLACK,
    }
}

/// Makes the partitions of this month and the next; SQLite needs none. Called at the start and daily.
///
/// # Errors
/// When the database cannot be written.
pub async fn make_partitions(db: &Db, now: Timestamp) -> db::Result<()> {
    /// From any day of a month, 31 days later lies in the next one or the one after; both do no harm.
    const MONTH: Duration = Duration::from_secs(31 * 24 * 3_600);
    for at in [now, now.saturating_add(MONTH)] {
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
pub async fn restore_live(db: &Db, live: &Live, directory: &Directory, clock: &Clock) -> db::Result<usize> {
    let mut conn = db.conn().await?;
    let mut after = start();
    let mut restored = 0;
    loop {
        let rows = ends::open_after(&mut conn, after, RESTORE_CHUNK).await?;
        let Some(last) = rows.last() else { return Ok(restored) };
        after = (last.tenant_id, last.router_id, last.started_at, last.id);
        for row in &rows {
            restored += usize::from(restore(row, live, directory, clock));
        }
    }
}

/// Puts one session back; false when it was there already, or has an end.
pub(super) fn restore(row: &Row, live: &Live, directory: &Directory, clock: &Clock) -> bool {
    let router = live.router(row.router_id, row.tenant_id);
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
        interval: interval(row.subscriber_id, directory),
    };
    live.restore(clock.now(), &router, &restored)
}

/// Seconds between interims that the subscriber's plan asks for; 0 when it is not known.
fn interval(subscriber: Option<SubscriberId>, directory: &Directory) -> u32 {
    subscriber
        .and_then(|id| directory.subscriber_by_id(id))
        .and_then(|subscriber| directory.plan(subscriber.view().plan()))
        .map_or(0, |plan| plan.interim_interval)
}

/// Before the first session.
pub(super) fn start() -> Place {
    let zero = TenantId::PLATFORM;
    (
        zero,
        RouterId::from_uuid(zero.as_uuid()),
        Timestamp::from_millis(i64::MIN),
        SessionId::from_uuid(zero.as_uuid()),
    )
}
