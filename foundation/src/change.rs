//! The change stream: which rows of the directory's tables changed, in the order of commits.
//!
//! A follower keeps a position per tenant, asks for what came after it, reads the rows anew and applies them. It learns
//! *that* a row changed, never what it was: reading it anew twice does no harm.

use std::borrow::Cow;

use base::TenantId;
use uuid::Uuid;

use crate::{
    Conn, Tx,
    db::{Result, dialect},
};

/// Changes that one transaction trims: with the head's row, below the limit of a transaction.
const TRIM: i64 = 900;

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

/// What follows a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Following {
    /// The next changes, oldest first; none when the position is the head.
    Changes(Vec<Numbered>),
    /// The position is not in the stream: what follows it was trimmed away, or an older state of the database was
    /// restored. The follower reads the tenant anew, from a position that it takes from [`heads`] *before* it reads.
    Lost,
}

/// The tenant's changes after `position`, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn changes_after(
    conn: &mut Conn,
    tenant: TenantId,
    position: i64,
    limit: u32,
) -> Result<Following> {
    let rows: Vec<(i64, String, Uuid)> = conn
        .query(
            "SELECT sequence, kind, id FROM change WHERE tenant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
        )
        .bind(tenant)
        .bind(position)
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    let continues = match rows.first() {
        // Without gaps: a jump is what was trimmed.
        Some((sequence, ..)) => *sequence == position + 1,
        None => {
            let head: Option<(i64, i64)> = conn
                .query("SELECT change_sequence, change_trimmed FROM stream_head WHERE tenant_id = $1")
                .bind(tenant)
                .fetch_optional()
                .await?;
            let (head, trimmed) = head.unwrap_or((0, 0));
            trimmed <= position && position <= head
        }
    };
    let numbered =
        |(sequence, kind, id)| Numbered { sequence, change: Change { kind: Cow::Owned(kind), id } };
    Ok(if continues { Following::Changes(rows.into_iter().map(numbered).collect()) } else { Following::Lost })
}

/// Trims the tenant's stream to its last `keep` changes, at most a transaction's worth at a time, and says how many went.
///
/// # Errors
/// When the database cannot be written.
pub async fn trim(tx: &mut Tx, tenant: TenantId, keep: u32) -> Result<u64> {
    let head: Option<(i64, i64)> = tx
        .query(dialect(
            "SELECT change_sequence, change_trimmed FROM stream_head WHERE tenant_id = $1",
            "SELECT change_sequence, change_trimmed FROM stream_head WHERE tenant_id = $1 FOR UPDATE",
        ))
        .bind(tenant)
        .fetch_optional()
        .await?;
    let (head, trimmed) = head.unwrap_or((0, 0));
    let through = (head - i64::from(keep)).min(trimmed + TRIM);
    if through <= trimmed {
        return Ok(0);
    }
    tx.query("UPDATE stream_head SET change_trimmed = $2 WHERE tenant_id = $1")
        .bind(tenant)
        .bind(through)
        .execute_one()
        .await?;
    tx.query("DELETE FROM change WHERE tenant_id = $1 AND sequence <= $2")
        .bind(tenant)
        .bind(through)
        .execute()
        .await
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
