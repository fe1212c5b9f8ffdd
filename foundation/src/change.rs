//! The change stream: which rows of the directory's tables changed, in the order of commits.
//!
//! A follower keeps a position per tenant, asks for what came after it, reads the rows anew and applies them. It learns
//! *that* a row changed, never what it was: reading it anew twice does no harm.

use std::borrow::Cow;

use base::TenantId;
use uuid::Uuid;

use crate::{Conn, db::Result};

/// One row changed, was made or was removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The kind of thing, such as `router` or `subscriber`.
    pub kind: Cow<'static, str>,
    /// Its id.
    pub id: Uuid,
}

impl Change {
    /// The thing of this `kind` with this `id` changed.
    #[must_use]
    pub const fn new(kind: &'static str, id: Uuid) -> Self {
        Self { kind: Cow::Borrowed(kind), id }
    }
}

/// A change with its place in its tenant's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// 1, 2, 3, … for each tenant, without gaps.
    pub sequence: i64,
    /// What changed.
    pub change: Change,
}

/// How far a tenant's change stream reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Head {
    /// Whose stream; [`TenantId::PLATFORM`] for what belongs to no tenant.
    pub tenant_id: TenantId,
    /// The last number that was given.
    pub sequence: i64,
    /// Changes up to this number were trimmed away: a follower that stands before it reads everything anew.
    pub trimmed: i64,
}

/// The tenant's changes after `position`, oldest first, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn changes_after(
    conn: &mut Conn,
    tenant: TenantId,
    position: i64,
    limit: u32,
) -> Result<Vec<Numbered>> {
    let rows: Vec<(i64, String, Uuid)> = conn
        .query(
            "SELECT sequence, kind, id FROM change WHERE tenant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
        )
        .bind(tenant)
        .bind(position)
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    let numbered =
        |(sequence, kind, id)| Numbered { sequence, change: Change { kind: Cow::Owned(kind), id } };
    Ok(rows.into_iter().map(numbered).collect())
}

/// How far every tenant's stream reaches: one row per tenant.
///
/// # Errors
/// When the database cannot be read.
pub async fn heads(conn: &mut Conn) -> Result<Vec<Head>> {
    conn.query(
        "SELECT tenant_id, change_sequence AS sequence, change_trimmed AS trimmed FROM stream_head ORDER BY tenant_id",
    )
    .fetch_all()
    .await
}
