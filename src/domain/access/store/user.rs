//! The SQL of people.

use base::{RoleId, TenantId, Timestamp, UserId};
use foundation::{Conn, db::Result};

use sqlx::types::Json;

use super::{
    super::{Permissions, Role, User},
    role,
};
use crate::domain::values::Version;

#[derive(sqlx::FromRow)]
struct Row {
    id: UserId,
    tenant_id: Option<TenantId>,
    login: String,
    name: String,
    role: Role,
    role_id: Option<RoleId>,
    role_permissions: Option<Json<Permissions>>,
    second_factor: bool,
    password_expired: bool,
    disabled: bool,
    last_login_at: Option<Timestamp>,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
    password_hash: String,
}

impl Row {
    fn split(self) -> (User, String) {
        let user = User {
            id: self.id,
            tenant: self.tenant_id,
            login: self.login,
            name: self.name,
            role: self.role,
            role_id: self.role_id,
            permissions: role::permissions(self.role, self.role_permissions),
            second_factor: self.second_factor,
            password_expired: self.password_expired,
            disabled: self.disabled,
            last_login_at: self.last_login_at,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        };
        (user, self.password_hash)
    }
}

const SELECT: &str = "SELECT u.id, u.tenant_id, u.login, u.name, u.role, u.role_id, r.permissions AS role_permissions, \
                      f.confirmed_at IS NOT NULL AS second_factor, u.password_expired, u.disabled, u.last_login_at, \
                      u.version, u.created_at, u.updated_at, u.password_hash FROM panel_user u \
                      LEFT JOIN panel_role r ON r.tenant_id = u.tenant_id AND r.id = u.role_id \
                      LEFT JOIN second_factor f ON f.user_id = u.id WHERE u.deleted_at IS NULL AND ";

/// `false` when the login is taken.
pub(in super::super) async fn insert(conn: &mut Conn, user: &User, password_hash: &str) -> Result<bool> {
    conn.query(
        "INSERT INTO panel_user (id, tenant_id, login, name, role, role_id, password_hash, password_expired, disabled, \
         last_login_at, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
    )
    .bind(user.id)
    .bind(user.tenant)
    .bind(&user.login)
    .bind(&user.name)
    .bind(user.role)
    .bind(user.role_id)
    .bind(password_hash)
    .bind(user.password_expired)
    .bind(user.disabled)
    .bind(user.last_login_at)
    .bind(user.version)
    .bind(user.created_at)
    .bind(user.updated_at)
    .execute_optional()
    .await
}

pub(in super::super) async fn find(
    conn: &mut Conn,
    tenant: Option<TenantId>,
    id: UserId,
) -> Result<Option<User>> {
    let row: Option<Row> = conn
        .query(SELECT)
        .push("u.id = $1 AND u.tenant_id IS NOT DISTINCT FROM $2")
        .bind(id)
        .bind(tenant)
        .fetch_optional()
        .await?;
    Ok(row.map(|row| row.split().0))
}

pub(in super::super) async fn find_login(
    conn: &mut Conn,
    login: &str,
    tenant: Option<TenantId>,
) -> Result<Option<(User, String)>> {
    let query = conn.query(SELECT).push("u.login = $1").bind(login);
    let query = match tenant {
        Some(tenant) => query.push(" AND u.tenant_id = $2").bind(tenant),
        None => query.push(" AND u.tenant_id IS NULL"),
    };
    Ok(query.fetch_optional::<Row>().await?.map(Row::split))
}

/// Whoever has this login, the platform's own first, then the tenants' people; up to `limit` of them.
pub(in super::super) async fn find_logins(
    conn: &mut Conn,
    login: &str,
    limit: i64,
) -> Result<Vec<(User, String)>> {
    let rows: Vec<Row> = conn
        .query(SELECT)
        .push("u.login = $1 ORDER BY u.tenant_id IS NOT NULL, u.id LIMIT $2")
        .bind(login)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(Row::split).collect())
}

pub(in super::super) async fn list(
    conn: &mut Conn,
    tenant: Option<TenantId>,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>> {
    let mut query = conn.query(SELECT);
    query = match tenant {
        Some(tenant) => query.push("u.tenant_id = ").push_bind(tenant),
        None => query.push("u.tenant_id IS NULL"),
    };
    if let Some(after) = after {
        query = query.push(" AND u.id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY u.id LIMIT ").push_bind(limit).fetch_all().await?;
    Ok(rows.into_iter().map(|row| row.split().0).collect())
}

/// Does the tenant have another owner who may sign in?
pub(in super::super) async fn has_other_owner(conn: &mut Conn, tenant: TenantId, id: UserId) -> Result<bool> {
    let (others,): (i64,) = conn
        .query(
            "SELECT COUNT(*) FROM panel_user WHERE tenant_id = $1 AND id <> $2 AND role = 'owner' AND NOT disabled \
             AND deleted_at IS NULL",
        )
        .bind(tenant)
        .bind(id)
        .fetch_one()
        .await?;
    Ok(others > 0)
}

/// `false` when it is not of this version any more. The password stands apart, in [`set_password`].
pub(in super::super) async fn update(conn: &mut Conn, user: &User, version: Version) -> Result<bool> {
    conn.query(
        "UPDATE panel_user SET name = $3, role = $4, role_id = $5, disabled = $6, version = $7, updated_at = $8 \
         WHERE id = $1 AND version = $2 AND deleted_at IS NULL",
    )
    .bind(user.id)
    .bind(version)
    .bind(&user.name)
    .bind(user.role)
    .bind(user.role_id)
    .bind(user.disabled)
    .bind(user.version)
    .bind(user.updated_at)
    .execute_optional()
    .await
}

/// Sets the password and nothing else, whatever the version; `false` when the person is gone.
pub(in super::super) async fn set_password(
    conn: &mut Conn,
    id: UserId,
    hash: &str,
    expired: bool,
    now: Timestamp,
) -> Result<bool> {
    conn.query(
        "UPDATE panel_user SET password_hash = $2, password_expired = $3, version = version + 1, updated_at = $4 \
         WHERE id = $1 AND deleted_at IS NULL",
    )
    .bind(id)
    .bind(hash)
    .bind(expired)
    .bind(now)
    .execute_optional()
    .await
}

/// Notes the time of a sign-in; `false` when the person was changed, locked or removed since it was read.
pub(in super::super) async fn note_login(conn: &mut Conn, user: &User, now: Timestamp) -> Result<bool> {
    conn.query(
        "UPDATE panel_user SET last_login_at = $3 WHERE id = $1 AND version = $2 AND deleted_at IS NULL \
         AND NOT disabled",
    )
    .bind(user.id)
    .bind(user.version)
    .bind(now)
    .execute_optional()
    .await
}

/// `false` when it is not of this version any more.
pub(in super::super) async fn delete(
    conn: &mut Conn,
    id: UserId,
    version: Version,
    now: Timestamp,
) -> Result<bool> {
    conn.query(
        "UPDATE panel_user SET deleted_at = $3, version = version + 1 \
         WHERE id = $1 AND version = $2 AND deleted_at IS NULL",
    )
    .bind(id)
    .bind(version)
    .bind(now)
    .execute_optional()
    .await
}
