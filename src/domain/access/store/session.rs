//! The SQL of signed-in browsers.

use base::{Actor, LoginSessionId, TenantId, Timestamp, UserId};
use foundation::{Conn, db::Result};

use sqlx::types::Json;

use super::{
    super::{Caller, LoginSession, Permissions, Role},
    role,
};
use crate::domain::tenant::TenantStatus;

pub(in super::super) async fn insert(
    conn: &mut Conn,
    tenant: Option<TenantId>,
    session: &LoginSession,
    token_hash: &[u8],
) -> Result<()> {
    conn.query(
        "INSERT INTO login_session (id, tenant_id, user_id, token_hash, address, user_agent, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(session.id)
    .bind(tenant)
    .bind(session.user)
    .bind(token_hash)
    .bind(&session.address)
    .bind(&session.user_agent)
    .bind(session.created_at)
    .bind(session.expires_at)
    .execute_one()
    .await
}

#[derive(sqlx::FromRow)]
struct CallerRow {
    id: UserId,
    tenant_id: Option<TenantId>,
    role: Role,
    role_permissions: Option<Json<Permissions>>,
    password_expired: bool,
    status: Option<TenantStatus>,
    requests_per_minute: Option<i64>,
}

pub(in super::super) async fn find_caller(
    conn: &mut Conn,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<Option<Caller>> {
    let row: Option<CallerRow> = conn
        .query(
            "SELECT u.id, u.tenant_id, u.role, r.permissions AS role_permissions, u.password_expired, t.status, \
             b.requests_per_minute FROM login_session s JOIN panel_user u ON u.id = s.user_id \
             LEFT JOIN panel_role r ON r.tenant_id = u.tenant_id AND r.id = u.role_id \
             LEFT JOIN tenant t ON t.id = u.tenant_id LEFT JOIN api_budget b ON b.tenant_id = u.tenant_id \
             WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2 \
             AND u.deleted_at IS NULL AND NOT u.disabled",
        )
        .bind(token_hash)
        .bind(now)
        .fetch_optional()
        .await?;
    Ok(row.map(|row| Caller {
        actor: Actor::User(row.id),
        user: row.id,
        tenant: row.tenant_id,
        role: row.role,
        permissions: role::permissions(row.role, row.role_permissions),
        password_expired: row.password_expired,
        tenant_status: row.status,
        requests_per_minute: row.requests_per_minute.and_then(|rate| u32::try_from(rate).ok()),
    }))
}

/// Ends the session with this token; says whose it was, if it was still going on.
pub(in super::super) async fn end(
    conn: &mut Conn,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<Option<UserId>> {
    let user: Option<(UserId,)> = conn
        .query(
            "UPDATE login_session SET ended_at = $2 WHERE token_hash = $1 AND ended_at IS NULL RETURNING user_id",
        )
        .bind(token_hash)
        .bind(now)
        .fetch_optional()
        .await?;
    Ok(user.map(|(user,)| user))
}

/// Ends a person's sessions but `kept`; says how many.
pub(in super::super) async fn end_all(
    conn: &mut Conn,
    user: UserId,
    kept: Option<LoginSessionId>,
    now: Timestamp,
) -> Result<u64> {
    let mut query = conn
        .query("UPDATE login_session SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL")
        .bind(user)
        .bind(now);
    if let Some(kept) = kept {
        query = query.push(" AND id <> ").push_bind(kept);
    }
    query.execute().await
}

/// Ends a person's oldest sessions beyond `most`.
pub(in super::super) async fn end_oldest(
    conn: &mut Conn,
    user: UserId,
    most: i64,
    now: Timestamp,
) -> Result<u64> {
    conn.query(
        "UPDATE login_session SET ended_at = $3 WHERE user_id = $1 AND ended_at IS NULL AND id NOT IN \
         (SELECT id FROM login_session WHERE user_id = $1 AND ended_at IS NULL ORDER BY id DESC LIMIT $2)",
    )
    .bind(user)
    .bind(most)
    .bind(now)
    .execute()
    .await
}

/// Removes up to `limit` sessions that expired before `before`.
pub(in super::super) async fn sweep(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64> {
    conn.query(
        "DELETE FROM login_session WHERE id IN \
         (SELECT id FROM login_session WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute()
    .await
}
