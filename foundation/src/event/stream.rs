//! Reading a tenant's events.

use base::{
    TenantId, Timestamp,
    page::{Page, PageRequest},
};

use crate::{
    Conn, Origin,
    db::{Error, Result},
};

/// An event with its place in its tenant's stream.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Envelope {
    /// Whose stream; [`TenantId::PLATFORM`] for what belongs to no tenant.
    #[sqlx(rename = "tenant_id")]
    pub tenant: TenantId,
    /// 1, 2, 3, … for each tenant, without gaps.
    pub sequence: i64,
    /// [`Event::KIND`](super::Event::KIND).
    pub kind: String,
    /// [`Event::VERSION`](super::Event::VERSION).
    pub version: i64,
    /// When the act that caused it was asked for.
    pub at: Timestamp,
    /// The event itself.
    #[sqlx(json)]
    pub body: serde_json::Value,
}

/// How far a tenant's stream of events reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct Reach {
    /// The last number that was given; 0 before the first event.
    pub head: i64,
    /// Events up to this number were trimmed away.
    pub trimmed: i64,
}

impl Reach {
    /// Whether the stream still holds all that follows `position`.
    #[must_use]
    pub const fn continues(self, position: i64) -> bool {
        self.trimmed <= position && position <= self.head
    }
}

/// The tenant's events after `position`, oldest first, at most `limit`. None is missing between them: an event becomes
/// visible only after all before it. What was trimmed is (see [`Reach`]).
///
/// # Errors
/// When the database cannot be read.
pub async fn events_after(
    conn: &mut Conn,
    tenant: TenantId,
    position: i64,
    limit: u32,
) -> Result<Vec<Envelope>> {
    conn.query(
        "SELECT tenant_id, sequence, kind, version, at, body FROM event \
         WHERE tenant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
    )
    .bind(tenant)
    .bind(position)
    .bind(i64::from(limit))
    .fetch_all()
    .await
}

/// How far the tenant's stream reaches.
///
/// # Errors
/// When the database cannot be read.
pub async fn reach(conn: &mut Conn, tenant: TenantId) -> Result<Reach> {
    let reach = conn
        .query(
            "SELECT event_sequence AS head, event_trimmed AS trimmed FROM stream_head WHERE tenant_id = $1",
        )
        .bind(tenant)
        .fetch_optional()
        .await?;
    Ok(reach.unwrap_or_default())
}

/// How far every tenant's stream reaches, the platform's among them.
///
/// # Errors
/// When the database cannot be read.
pub async fn reaches(conn: &mut Conn) -> Result<Vec<(TenantId, Reach)>> {
    let mut found = Vec::new();
    conn.query("SELECT tenant_id, event_sequence, event_trimmed FROM stream_head ORDER BY tenant_id")
        .for_each(|(tenant, head, trimmed): (TenantId, i64, i64)| {
            found.push((tenant, Reach { head, trimmed }));
        })
        .await?;
    Ok(found)
}

/// Which events are asked for; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this kind.
    pub kind: Option<String>,
}

/// A page of the events of the tenant (or of the platform), newest first.
///
/// # Errors
/// When the database cannot be read, or the page's cursor is none of ours ([`Error::Encode`]).
pub async fn list_events(
    conn: &mut Conn,
    origin: &impl Origin,
    filter: &EventFilter,
    page: &PageRequest,
) -> Result<Page<Envelope>> {
    let mut query = conn
        .query("SELECT tenant_id, sequence, kind, version, at, body FROM event WHERE tenant_id = $1")
        .bind(origin.stream());
    if let Some(cursor) = page.after() {
        let sequence: i64 = cursor.parse().map_err(|error| Error::Encode(Box::new(error)))?;
        query = query.push(" AND sequence < ").push_bind(sequence);
    }
    if let Some(kind) = &filter.kind {
        query = query.push(" AND kind = ").push_bind(kind);
    }
    let rows = query
        .push(" ORDER BY sequence DESC LIMIT ")
        .push_bind(i64::from(page.limit()) + 1)
        .fetch_all()
        .await?;
    Ok(Page::cut(rows, page, |envelope: &Envelope| envelope.sequence.to_string()))
}
