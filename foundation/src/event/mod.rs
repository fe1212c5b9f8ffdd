//! Events: what happened, told to whoever reacts, in the order of commits of each tenant.

use base::{TenantId, Timestamp};
use serde::Serialize;

use crate::{Conn, db::Result};

/// Something that happened. Its body holds ids and what cannot be looked up later, never secrets.
pub trait Event: Serialize {
    /// Its name for ever, such as `enduser_invoice_paid`.
    const KIND: &'static str;
    /// The form of its body; a reader must know each that was ever published.
    const VERSION: i64 = 1;
}

/// An event with its place in its tenant's stream.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Envelope {
    /// Whose stream; [`TenantId::PLATFORM`] for what belongs to no tenant.
    #[sqlx(rename = "tenant_id")]
    pub tenant: TenantId,
    /// 1, 2, 3, … for each tenant, without gaps.
    pub sequence: i64,
    /// [`Event::KIND`].
    pub kind: String,
    /// [`Event::VERSION`].
    pub version: i64,
    /// When the act that caused it was asked for.
    pub at: Timestamp,
    /// The event itself.
    #[sqlx(json)]
    pub body: serde_json::Value,
}

/// The tenant's events after `position`, oldest first, at most `limit`.
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
