//! What an operator sees of subscribers, and does about one that is stuck. Each act is audited in the tenant's trail.

use base::{
    Platform, TenantId, Timestamp,
    page::{Page, PageRequest},
};

use crate::{
    Conn, Tx,
    audit::Entry,
    db::{Error, Result, dialect},
};

/// Where a subscriber stands in a tenant's stream.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Standing {
    /// Whose stream.
    #[sqlx(rename = "tenant_id")]
    pub tenant: TenantId,
    /// Which subscriber.
    pub subscriber: String,
    /// The last event that it is done with.
    pub position: i64,
    /// The last event that there is.
    pub head: i64,
    /// Events up to this one were trimmed away.
    pub trimmed: i64,
    /// How often the next one has failed.
    pub attempts: i64,
    /// Since when.
    pub parked_since: Option<Timestamp>,
    /// When it is tried again.
    pub retry_at: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When.
    pub last_error_at: Option<Timestamp>,
}

impl Standing {
    /// Events that it has not looked at.
    #[must_use]
    pub const fn lag(&self) -> i64 {
        self.head - self.position
    }
}

/// Which standings are asked for; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StandingFilter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Of this subscriber.
    pub subscriber: Option<String>,
    /// Only those that fail.
    pub parked: bool,
}

/// Why an operator's act is not done.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// The subscriber has no place in this tenant's stream.
    #[error("this subscriber has no place in this tenant's stream")]
    NotFound,
    /// It has moved since the operator looked.
    #[error("its next event is {next} by now")]
    Moved {
        /// The next event.
        next: i64,
    },
    /// The event is not in the stream (any more).
    #[error("the stream holds events {first} to {last}")]
    NotKept {
        /// The oldest event.
        first: i64,
        /// The newest.
        last: i64,
    },
    /// The database refused.
    #[error("the subscriber's place cannot be changed")]
    Database(#[from] Error),
}

const SELECT: &str = "SELECT c.tenant_id, c.subscriber, c.position, h.event_sequence AS head, h.event_trimmed AS trimmed, \
     c.attempts, c.parked_since, c.retry_at, c.last_error, c.last_error_at \
     FROM event_cursor c JOIN stream_head h ON h.tenant_id = c.tenant_id WHERE TRUE";

/// Where the subscribers stand, by tenant and name. For the super admin: it crosses tenants.
///
/// # Errors
/// When the database cannot be read, or the page's cursor is none of ours ([`Error::Encode`]).
pub async fn list(
    conn: &mut Conn,
    _: &Platform,
    filter: &StandingFilter,
    page: &PageRequest,
) -> Result<Page<Standing>> {
    let mut query = conn.query(SELECT);
    if let Some(cursor) = page.after() {
        let (tenant, subscriber) =
            parse(cursor).ok_or_else(|| Error::Encode("no cursor of this list".into()))?;
        query = query.push(" AND (c.tenant_id, c.subscriber) > (").push_bind(tenant).push(", ");
        query = query.push_bind(subscriber).push(")");
    }
    if let Some(tenant) = filter.tenant {
        query = query.push(" AND c.tenant_id = ").push_bind(tenant);
    }
    if let Some(subscriber) = &filter.subscriber {
        query = query.push(" AND c.subscriber = ").push_bind(subscriber);
    }
    if filter.parked {
        query = query.push(" AND c.parked_since IS NOT NULL");
    }
    let rows = query
        .push(" ORDER BY c.tenant_id, c.subscriber LIMIT ")
        .push_bind(i64::from(page.limit()) + 1)
        .fetch_all()
        .await?;
    Ok(Page::cut(rows, page, |standing: &Standing| format!("{}/{}", standing.tenant, standing.subscriber)))
}

/// Whether a page of [`list`] ends with this.
#[must_use]
pub fn is_cursor(cursor: &str) -> bool {
    parse(cursor).is_some()
}

fn parse(cursor: &str) -> Option<(TenantId, String)> {
    let (tenant, subscriber) = cursor.split_once('/')?;
    Some((tenant.parse().ok()?, subscriber.to_owned()))
}

/// Subscribers that fail, and for how many tenants.
///
/// # Errors
/// When the database cannot be read.
pub async fn parked(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    conn.query(
        "SELECT subscriber, COUNT(*) FROM event_cursor WHERE parked_since IS NOT NULL GROUP BY subscriber \
         ORDER BY subscriber",
    )
    .fetch_all()
    .await
}

/// Where one subscriber stands in one tenant's stream.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    conn: &mut Conn,
    _: &Platform,
    tenant: TenantId,
    subscriber: &str,
) -> Result<Option<Standing>> {
    conn.query(SELECT)
        .push(" AND c.tenant_id = ")
        .push_bind(tenant)
        .push(" AND c.subscriber = ")
        .push_bind(subscriber)
        .fetch_optional()
        .await
}

/// Has the next event tried again now.
///
/// # Errors
/// As [`OperateError`] says.
pub async fn retry(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    subscriber: &str,
) -> Result<Standing, OperateError> {
    let before = lock(tx, platform, tenant, subscriber).await?;
    place(tx, platform, &before, before.position, "event.retry").await
}

/// Takes the subscriber back, so that it gets the event `from` and all that follow once more.
///
/// # Errors
/// As [`OperateError`] says.
pub async fn replay(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    subscriber: &str,
    from: i64,
) -> Result<Standing, OperateError> {
    let before = lock(tx, platform, tenant, subscriber).await?;
    let (first, last) = (before.trimmed + 1, before.head);
    if !(first..=last).contains(&from) {
        return Err(OperateError::NotKept { first, last });
    }
    place(tx, platform, &before, from - 1, "event.replay").await
}

/// Leaves out the event `sequence`, which must be the subscriber's next: it never reaches it.
///
/// # Errors
/// As [`OperateError`] says.
pub async fn skip(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    subscriber: &str,
    sequence: i64,
) -> Result<Standing, OperateError> {
    let before = lock(tx, platform, tenant, subscriber).await?;
    if before.position + 1 != sequence {
        return Err(OperateError::Moved { next: before.position + 1 });
    }
    if sequence > before.head {
        return Err(OperateError::NotKept { first: before.trimmed + 1, last: before.head });
    }
    place(tx, platform, &before, sequence, "event.skip").await
}

/// Waits for the node that works on the row, if one does.
async fn lock(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    subscriber: &str,
) -> Result<Standing, OperateError> {
    let locked: Option<(i64,)> = tx
        .query(dialect(
            "SELECT position FROM event_cursor WHERE tenant_id = $1 AND subscriber = $2",
            "SELECT position FROM event_cursor WHERE tenant_id = $1 AND subscriber = $2 FOR UPDATE",
        ))
        .bind(tenant)
        .bind(subscriber)
        .fetch_optional()
        .await?;
    locked.ok_or(OperateError::NotFound)?;
    find(tx, platform, tenant, subscriber).await?.ok_or(OperateError::NotFound)
}

/// Moves the row, and has it looked at: its being due reaches every node, even where the wake-up is lost.
async fn place(
    tx: &mut Tx,
    platform: &Platform,
    before: &Standing,
    position: i64,
    act: &'static str,
) -> Result<Standing, OperateError> {
    tx.query(
        "UPDATE event_cursor SET position = $3, attempts = 0, parked_since = NULL, retry_at = $4, last_error = NULL, \
         last_error_at = NULL WHERE tenant_id = $1 AND subscriber = $2",
    )
    .bind(before.tenant)
    .bind(&before.subscriber)
    .bind(position)
    .bind(platform.now)
    .execute_one()
    .await?;
    let states = |position: i64, error: &Option<String>| (position, error.clone());
    tx.audit(
        &platform.within(before.tenant),
        Entry::new(act, "event_subscriber", &before.subscriber)
            .before(&states(before.position, &before.last_error))
            .after(&states(position, &None)),
    );
    find(tx, platform, before.tenant, &before.subscriber).await?.ok_or(OperateError::NotFound)
}
