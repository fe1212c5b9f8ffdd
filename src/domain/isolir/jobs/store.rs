//! The SQL that finds overlays, generations and intents which do not fit together.

use base::{Scope, SubscriberId, TenantId};
use foundation::{Conn, db::Result};

/// A subscriber's place in the order of the primary key.
type Key = (TenantId, SubscriberId);

/// The last subscriber of the page behind `after`; `None` when fewer are left.
pub(super) async fn page_end(conn: &mut Conn, after: Key, page: i64) -> Result<Option<Key>> {
    conn.query(
        "SELECT tenant_id, id FROM subscriber WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT 1 OFFSET $3",
    )
    .bind(after.0)
    .bind(after.1)
    .bind(page - 1)
    .fetch_optional()
    .await
}

/// Subscribers behind `after`, up to `last`, whose generation is not of the parity that their reasons ask for, or whose
/// intent is of another generation.
pub(super) async fn differing(conn: &mut Conn, after: Key, last: Option<Key>) -> Result<Vec<Key>> {
    let mut query = conn
        .query(
            "SELECT s.tenant_id, s.id FROM subscriber s \
             LEFT JOIN network_intent n ON n.tenant_id = s.tenant_id AND n.subscriber_id = s.id \
             WHERE s.deleted_at IS NULL AND (s.tenant_id, s.id) > ($1, $2)",
        )
        .bind(after.0)
        .bind(after.1);
    if let Some((tenant, id)) = last {
        query =
            query.push(" AND (s.tenant_id, s.id) <= (").push_bind(tenant).push(", ").push_bind(id).push(")");
    }
    query
        .push(
            " AND ((s.overlay_generation % 2 = 1) <> EXISTS (SELECT 1 FROM overlay o \
             WHERE o.tenant_id = s.tenant_id AND o.subscriber_id = s.id) \
             OR (s.overlay_generation > 0 AND (n.generation IS NULL OR n.generation <> s.overlay_generation))) \
             ORDER BY s.tenant_id, s.id",
        )
        .fetch_all()
        .await
}

/// The subscriber's overlay generation.
pub(super) async fn generation(conn: &mut Conn, scope: &Scope, subscriber: SubscriberId) -> Result<i64> {
    let (generation,) = conn
        .query("SELECT overlay_generation FROM subscriber WHERE tenant_id = $1 AND id = $2")
        .bind(scope.tenant())
        .bind(subscriber)
        .fetch_one()
        .await?;
    Ok(generation)
}
