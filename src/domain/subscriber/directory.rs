//! Subscribers as the directory holds them: one, or all of them at a cold start.
//!
//! A million of them are read in chunks. While the database works on the next chunk, the passwords of the last are opened
//! on another thread.

use std::collections::VecDeque;

use aaa::directory::entry;
use base::{
    Platform, Scope, SubscriberId,
    seal::{OpenError, Sealer},
};
use foundation::{Conn, db};

use super::{
    MacLock, OverlayReasons, password,
    store::directory::{self as store, Reason, Row},
};

/// Subscribers that are read at a time: about 2 MB.
const CHUNK: i64 = 4_000;
/// Chunks whose passwords are being opened while the next is read; more would only take memory.
const AHEAD: usize = 2;

/// Why subscribers cannot be handed to the directory.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database cannot be read.
    #[error("the subscribers cannot be read")]
    Database(#[from] db::Error),
    /// The thread that opens passwords broke.
    #[error("the passwords cannot be opened")]
    Broken(#[source] tokio::task::JoinError),
}

/// A subscriber as it is now, with its overlay; `None` when there is none. One whose password does not open counts as none,
/// with an alarm: the rest of its tenant goes on.
///
/// # Errors
/// As [`ReadError`] says.
pub async fn directory_entry(
    conn: &mut Conn,
    scope: &Scope,
    sealer: &Sealer,
    id: SubscriberId,
) -> Result<Option<entry::Subscriber>, ReadError> {
    let Some(row) = store::find(conn, scope, id).await? else { return Ok(None) };
    let reasons = store::reasons(conn, row.key(), row.key()).await?;
    Ok(readable(compose(sealer, row, reasons_of(&reasons))))
}

/// How many subscribers there are: the size of a directory to be filled.
///
/// # Errors
/// When the database cannot be read.
pub async fn count(conn: &mut Conn, platform: &Platform) -> Result<usize, ReadError> {
    Ok(usize::try_from(store::count(conn, platform).await?).unwrap_or(0))
}

/// Hands every subscriber of every tenant to `take`, in the order of tenants and ids. One whose password does not open is
/// left out, with an alarm.
///
/// # Errors
/// As [`ReadError`] says; subscribers before the failure were handed over.
pub async fn directory_entries(
    conn: &mut Conn,
    _platform: &Platform,
    sealer: &Sealer,
    mut take: impl FnMut(entry::Subscriber),
) -> Result<(), ReadError> {
    let mut opening = VecDeque::with_capacity(AHEAD);
    let mut after = None;
    loop {
        let rows = store::chunk(conn, after, CHUNK).await?;
        let (Some(first), Some(last)) = (rows.first().map(Row::key), rows.last().map(Row::key)) else {
            break;
        };
        after = Some(last);
        let reasons = store::reasons(conn, first, last).await?;
        let sealer = sealer.clone();
        opening.push_back(tokio::task::spawn_blocking(move || compose_all(&sealer, rows, &reasons)));
        if opening.len() == AHEAD
            && let Some(oldest) = opening.pop_front()
        {
            oldest.await.map_err(ReadError::Broken)?.into_iter().for_each(&mut take);
        }
    }
    for chunk in opening {
        chunk.await.map_err(ReadError::Broken)?.into_iter().for_each(&mut take);
    }
    Ok(())
}

/// Composes a chunk; `reasons` are in the same order as the rows.
fn compose_all(sealer: &Sealer, rows: Vec<Row>, mut reasons: &[Reason]) -> Vec<entry::Subscriber> {
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        // What is left of deleted subscribers lies before the next row's own.
        let stale = reasons.partition_point(|(tenant, id, _)| (*tenant, *id) < row.key());
        let own = reasons[stale..].partition_point(|(tenant, id, _)| (*tenant, *id) == row.key());
        let (of_row, rest) = reasons[stale..].split_at(own);
        reasons = rest;
        entries.extend(readable(compose(sealer, row, reasons_of(of_row))));
    }
    entries
}

fn reasons_of(reasons: &[Reason]) -> OverlayReasons {
    OverlayReasons::of(reasons.iter().map(|(_, _, reason)| *reason))
}

/// The entry, unless its password does not open: then the log and a counter say so.
fn readable(composed: Result<entry::Subscriber, (SubscriberId, OpenError)>) -> Option<entry::Subscriber> {
    composed
        .map_err(|(subscriber, error)| {
            metrics::counter!("rrnetd_directory_unreadable_total", "kind" => "subscriber").increment(1);
            tracing::error!(
                subscriber.id = %subscriber,
                %error,
                "the password of a subscriber cannot be opened: it is left out"
            );
        })
        .ok()
}

fn compose(
    sealer: &Sealer,
    row: Row,
    overlay: OverlayReasons,
) -> Result<entry::Subscriber, (SubscriberId, OpenError)> {
    let password = match &row.password {
        Some(sealed) => {
            let opened = sealer.open(&password::place(row.tenant_id, &row.id), sealed);
            entry::Password::Clear(opened.map_err(|error| (row.id, error))?)
        }
        None => entry::Password::HardwareAddress,
    };
    Ok(entry::Subscriber {
        id: row.id,
        tenant: row.tenant_id,
        plan: row.plan_id,
        username: row.username.into_bytes().into(),
        password,
        standing: row.status.into(),
        expires_at: row.expires_at,
        overlay: overlay.directory_entry(),
        // It would take four billion changes of one subscriber's overlay.
        overlay_generation: u32::try_from(row.overlay_generation).unwrap_or(u32::MAX),
        service: row.service.into(),
        mac_lock: match row.mac_lock {
            MacLock::Off => entry::MacLock::Off,
            MacLock::Learn => entry::MacLock::Learn,
            MacLock::Locked => entry::MacLock::To(row.macs.0.into()),
        },
        router: row.router_id,
        static_address: row.static_address.map(|text| text.0),
        ipv6_prefix: row.ipv6_prefix.map(|prefix| (prefix.address(), prefix.length())),
        delegated_ipv6_prefix: row.delegated_ipv6_prefix.map(|prefix| (prefix.address(), prefix.length())),
        routes: row.routes.0.into_iter().map(Box::from).collect(),
        simultaneous: row.simultaneous.map(|number| u16::try_from(number).unwrap_or(u16::MAX)),
        attributes: row.composed_attributes.into(),
    })
}
