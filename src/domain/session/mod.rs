//! Sessions as they are stored: who was online when, from where, with what address, and how much went through.
//!
//! * [`Drain`] applies the accounting journal, [`apply_rescued`] one that was rescued; nothing else writes a session's
//!   counters.
//! * [`jobs`] rolls usage up by the day, sweeps, and compares journal, database and live table with one another.
//! * [`housekeeping`] closes what the live table gave up and what a router's restart ended.
//! * Lists, the search by address and time, and sums of usage are below.

mod applier;
mod apply;
mod drain;
pub mod housekeeping;
pub mod jobs;
mod replay;
mod rescue;
mod row;
mod store;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use aaa::live::{EndCause, Usage};
use base::{
    MacAddress, RouterId, Scope, SessionId, SubscriberId, Timestamp,
    page::{Page, PageRequest},
};
pub use drain::{Drain, DrainNowError};
use foundation::{Conn, db};
pub use replay::ReplayError;
pub use rescue::{Rescue, RescueError, RescueReport, apply_rescued};
use row::Row;
use store::{days, lists, rows};

/// A stored session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// Its id.
    pub id: SessionId,
    /// The router it was on.
    pub router: RouterId,
    /// The subscriber; `None` for a user that is not ours.
    pub subscriber: Option<SubscriberId>,
    /// User-Name as text.
    pub username: String,
    /// Acct-Session-Id as text.
    pub acct_session_id: String,
    /// Framed-IP-Address.
    pub framed_address: Option<String>,
    /// Framed-IPv6-Address.
    pub framed_ipv6_address: Option<String>,
    /// Framed-IPv6-Prefix.
    pub framed_ipv6_prefix: Option<String>,
    /// Delegated-IPv6-Prefix.
    pub delegated_ipv6_prefix: Option<String>,
    /// Calling-Station-Id as a hardware address.
    pub mac: Option<MacAddress>,
    /// When it started.
    pub started_at: Timestamp,
    /// When its newest event happened.
    pub updated_at: Timestamp,
    /// Acct-Session-Time, seconds.
    pub seconds: i64,
    /// Traffic.
    pub usage: Usage,
    /// When and how it ended; `None` while it is online.
    pub end: Option<(Timestamp, EndCause)>,
    /// Acct-Terminate-Cause; 0 without one.
    pub terminate_cause: i64,
}

impl From<Row> for StoredSession {
    fn from(row: Row) -> Self {
        Self {
            usage: row.usage(),
            end: row.progress().end.map(|end| (end.at, end.cause)),
            id: row.id,
            router: row.router_id,
            subscriber: row.subscriber_id,
            username: row.username,
            acct_session_id: row.acct_session_id,
            framed_address: row.framed_address,
            framed_ipv6_address: row.framed_ipv6_address,
            framed_ipv6_prefix: row.framed_ipv6_prefix,
            delegated_ipv6_prefix: row.delegated_ipv6_prefix,
            mac: row.mac,
            started_at: row.started_at,
            updated_at: row.updated_at,
            seconds: row.session_seconds,
            terminate_cause: row.terminate_cause,
        }
    }
}

/// Which sessions a list is to hold; the newest come first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Of this subscriber alone.
    pub subscriber: Option<SubscriberId>,
    /// On this router alone.
    pub router: Option<RouterId>,
    /// Online alone.
    pub open_only: bool,
}

/// Why a list cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The cursor does not come from an earlier page.
    #[error("the page's cursor does not come from an earlier page")]
    Cursor,
    /// The database cannot be read.
    #[error("the sessions cannot be read")]
    Database(#[from] db::Error),
}

/// A page of the tenant's sessions.
///
/// # Errors
/// As [`ListError`] says.
pub async fn list(
    conn: &mut Conn,
    scope: &Scope,
    filter: &Filter,
    request: &PageRequest,
) -> Result<Page<StoredSession>, ListError> {
    let before = request.after().map(|cursor| parse_cursor(cursor).ok_or(ListError::Cursor)).transpose()?;
    let wanted = lists::Wanted {
        subscriber: filter.subscriber,
        router: filter.router,
        open_only: filter.open_only,
        before,
    };
    let rows = lists::list(conn, scope.tenant(), &wanted, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(rows, request, |row| format!("{}.{}", row.started_at.as_millis(), row.id))
        .map(StoredSession::from))
}

/// Who had `address` at the moment `at`: sessions begun by then and not ended before, the newest first. An IPv6 address
/// is also found by the prefix that was framed or delegated.
///
/// # Errors
/// When the database cannot be read.
pub async fn at_address(
    conn: &mut Conn,
    scope: &Scope,
    address: IpAddr,
    at: Timestamp,
) -> db::Result<Vec<StoredSession>> {
    /// One address belongs to one session; a few more show what a clock or a lost Stop confused.
    const MOST: usize = 20;
    let address = address.to_canonical();
    let prefixes = row::prefixes_of(address);
    let rows = lists::at_address(conn, scope.tenant(), &address.to_string(), &prefixes, at, MOST).await?;
    Ok(rows.into_iter().map(StoredSession::from).collect())
}

/// One session of the tenant.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(conn: &mut Conn, scope: &Scope, id: SessionId) -> db::Result<Option<StoredSession>> {
    Ok(lists::find(conn, scope.tenant(), id).await?.map(StoredSession::from))
}

/// Octets of a subscriber (upload, download) in the whole hours (UTC) from the one of `from` up to the one of `to`, that
/// one left out.
///
/// # Errors
/// When the database cannot be read.
pub async fn usage(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: SubscriberId,
    from: Timestamp,
    to: Timestamp,
) -> db::Result<(i64, i64)> {
    const HOUR: i64 = 3_600;
    let (from, to) = (from.as_seconds().div_euclid(HOUR), to.as_seconds().div_euclid(HOUR));
    rows::usage(conn, scope.tenant(), subscriber, from, to).await
}

/// Traffic of a subscriber on one local day of its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageDay {
    /// The local date.
    pub date: jiff::civil::Date,
    /// Octets.
    pub upload: i64,
    /// Octets.
    pub download: i64,
}

/// Octets of a subscriber by the tenant's local days, from the first date up to the last one, that one included. As
/// `radius_acct_job` has summed them: today's grow hourly.
///
/// # Errors
/// When the database cannot be read.
pub async fn usage_by_day(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: SubscriberId,
    first: jiff::civil::Date,
    last: jiff::civil::Date,
) -> db::Result<Vec<UsageDay>> {
    let (from, to) = (jobs::day_number(first), jobs::day_number(last) + 1);
    let rows = days::of_subscriber(conn, scope.tenant(), subscriber, from, to).await?;
    let day = |(number, upload, download)| Some(UsageDay { date: jobs::date_of(number)?, upload, download });
    Ok(rows.into_iter().filter_map(day).collect())
}

/// How many journal records were refused for good and set aside: anything but 0 wants somebody's eyes.
///
/// # Errors
/// When the database cannot be read.
pub async fn count_refused(conn: &mut Conn) -> db::Result<i64> {
    store::journal::count_refused(conn).await
}

fn parse_cursor(cursor: &str) -> Option<(Timestamp, SessionId)> {
    let (millis, id) = cursor.split_once('.')?;
    Some((Timestamp::from_millis(millis.parse().ok()?), id.parse().ok()?))
}
