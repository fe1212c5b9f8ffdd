//! The SQL of quotas: who is to be looked at.

use base::{PlanId, Scope, SubscriberId, TenantId, Timestamp};
use foundation::{Conn, db::Result};

/// What of a subscriber bears on its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: SubscriberId,
    pub(super) plan_id: PlanId,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    /// It is isolated for its quota.
    pub(super) held: bool,
}

const SELECT: &str = "SELECT s.id, s.plan_id, s.created_at, s.expires_at, EXISTS (SELECT 1 FROM overlay o \
                      WHERE o.tenant_id = s.tenant_id AND o.subscriber_id = s.id AND o.reason = 'quota') AS held \
                      FROM subscriber s WHERE s.deleted_at IS NULL AND s.tenant_id = $1 AND ";

pub(super) async fn find(conn: &mut Conn, scope: &Scope, id: SubscriberId) -> Result<Option<Row>> {
    conn.query(SELECT).push("s.id = $2").bind(scope.tenant()).bind(id).fetch_optional().await
}

/// The plan's subscribers behind `after`, in the order of ids.
pub(super) async fn of_plan(
    conn: &mut Conn,
    scope: &Scope,
    plan: PlanId,
    after: Option<SubscriberId>,
    limit: i64,
) -> Result<Vec<Row>> {
    let mut query = conn.query(SELECT).push("s.plan_id = $2").bind(scope.tenant()).bind(plan);
    if let Some(after) = after {
        query = query.push(" AND s.id > ").push_bind(after);
    }
    query.push(" ORDER BY s.id LIMIT ").push_bind(limit).fetch_all().await
}

/// Who is isolated for a quota, behind `after`, in the order of tenants and ids.
pub(super) async fn held(
    conn: &mut Conn,
    after: Option<(TenantId, SubscriberId)>,
    limit: i64,
) -> Result<Vec<(TenantId, SubscriberId)>> {
    let mut query = conn.query(
        "SELECT o.tenant_id, o.subscriber_id FROM overlay o JOIN subscriber s ON s.tenant_id = o.tenant_id \
         AND s.id = o.subscriber_id WHERE o.reason = 'quota' AND s.deleted_at IS NULL",
    );
    if let Some((tenant, subscriber)) = after {
        query = query
            .push(" AND (o.tenant_id, o.subscriber_id) > (")
            .push_bind(tenant)
            .push(", ")
            .push_bind(subscriber)
            .push(")");
    }
    query.push(" ORDER BY o.tenant_id, o.subscriber_id LIMIT ").push_bind(limit).fetch_all().await
}
