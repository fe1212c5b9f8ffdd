//! The SQL of programs' tokens.

use base::{Actor, ApiTokenId, TenantId, Timestamp, UserId};
use foundation::{Conn, db::Result};
use sqlx::types::Json;

use super::{
    super::{ApiToken, Caller, Permissions, Role},
    role,
};
use crate::domain::tenant::TenantStatus;

#[derive(sqlx::FromRow)]
struct Row {
    id: ApiTokenId,
    name: String,
    permissions: Json<Permissions>,
    created_by: UserId,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl From<Row> for ApiToken {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            permissions: row.permissions.0,
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        }
    }
}

const SELECT: &str =
    "SELECT id, name, permissions, created_by, created_at, expires_at, revoked_at FROM api_token WHERE ";

pub(in super::super) async fn insert(
    conn: &mut Conn,
    tenant: Option<TenantId>,
    token: &ApiToken,
    token_hash: &[u8],
) -> Result<()> {
    conn.query(
        "INSERT INTO api_token (id, tenant_id, name, token_hash, permissions, created_by, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(token.id)
    .bind(tenant)
    .bind(&token.name)
    .bind(token_hash)
    .bind(Json(token.permissions))
    .bind(token.created_by)
    .bind(token.created_at)
    .bind(token.expires_at)
    .execute_one()
    .await
}

pub(in super::super) async fn find(
    conn: &mut Conn,
    tenant: Option<TenantId>,
    id: ApiTokenId,
) -> Result<Option<ApiToken>> {
    let row: Option<Row> = conn
        .query(SELECT)
        .push("id = $1 AND tenant_id IS NOT DISTINCT FROM $2")
        .bind(id)
        .bind(tenant)
        .fetch_optional()
        .await?;
    Ok(row.map(ApiToken::from))
}

pub(in super::super) async fn list(
    conn: &mut Conn,
    tenant: Option<TenantId>,
    after: Option<ApiTokenId>,
    limit: i64,
) -> Result<Vec<ApiToken>> {
    let mut query = conn.query(SELECT);
    query = match tenant {
        Some(tenant) => query.push("tenant_id = ").push_bind(tenant),
        None => query.push("tenant_id IS NULL"),
    };
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all().await?;
    Ok(rows.into_iter().map(ApiToken::from).collect())
}

/// `false` when it was revoked before.
pub(in super::super) async fn revoke(conn: &mut Conn, id: ApiTokenId, now: Timestamp) -> Result<bool> {
    conn.query("UPDATE api_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind(id)
        .bind(now)
        .execute_optional()
        .await
}

pub(in super::super) async fn revoke_all_of(conn: &mut Conn, user: UserId, now: Timestamp) -> Result<u64> {
    conn.query("UPDATE api_token SET revoked_at = $2 WHERE created_by = $1 AND revoked_at IS NULL")
        .bind(user)
        .bind(now)
        .execute()
        .await
}

#[derive(sqlx::FromRow)]
struct CallerRow {
    id: ApiTokenId,
    tenant_id: Option<TenantId>,
    permissions: Json<Permissions>,
    user_id: UserId,
    role: Role,
    role_permissions: Option<Json<Permissions>>,
    status: Option<TenantStatus>,
    requests_per_minute: Option<i64>,
}

/// The program with this token. It never may do more than its maker may now.
pub(in super::super) async fn find_caller(
    conn: &mut Conn,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<Option<Caller>> {
    let row: Option<CallerRow> = conn
        .query(
            "SELECT a.id, a.tenant_id, a.permissions, u.id AS user_id, u.role, r.permissions AS role_permissions, \
             t.status, b.requests_per_minute FROM api_token a JOIN panel_user u ON u.id = a.created_by \
             LEFT JOIN panel_role r ON r.tenant_id = u.tenant_id AND r.id = u.role_id \
             LEFT JOIN tenant t ON t.id = a.tenant_id LEFT JOIN api_budget b ON b.tenant_id = a.tenant_id \
             WHERE a.token_hash = $1 AND a.revoked_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > $2) \
             AND u.deleted_at IS NULL AND NOT u.disabled",
        )
        .bind(token_hash)
        .bind(now)
        .fetch_optional()
        .await?;
    Ok(row.map(|row| Caller {
        actor: Actor::Token(row.id),
        user: row.user_id,
        tenant: row.tenant_id,
        role: row.role,
        permissions: row
            .permissions
            .both(role::permissions(row.role, row.role_permissions))
            .both(widest(row.tenant_id)),
        password_expired: false,
        tenant_status: row.status,
        requests_per_minute: row.requests_per_minute.and_then(|rate| u32::try_from(rate).ok()),
    }))
}

/// A token that the super admin made for a tenant stays within it.
fn widest(tenant: Option<TenantId>) -> Permissions {
    if tenant.is_some() { Role::Owner.permissions() } else { Role::SuperAdmin.permissions() }
}
