//! The SQL of the tenants' own roles.

use base::{RoleId, Scope, Timestamp};
use foundation::{
    Conn,
    db::{Result, Sql, dialect},
};
use sqlx::types::Json;

use super::super::{CustomRole, Permissions, Role};
use crate::domain::values::Version;

#[derive(sqlx::FromRow)]
struct Row {
    id: RoleId,
    name: String,
    permissions: Json<Permissions>,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Row> for CustomRole {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            permissions: row.permissions.0,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

const SELECT: &str = "SELECT id, name, permissions, version, created_at, updated_at FROM panel_role \
                      WHERE deleted_at IS NULL AND ";

/// What somebody of `role` may do, whose own role's permissions are `custom`. Nothing of the platform, whatever stands in
/// the row.
pub(super) fn permissions(role: Role, custom: Option<Json<Permissions>>) -> Permissions {
    match (role, custom) {
        (Role::Custom, Some(Json(custom))) => custom.both(Role::Owner.permissions()),
        (role, _) => role.permissions(),
    }
}

/// `false` when the name is taken.
pub(in super::super) async fn insert(conn: &mut Conn, scope: &Scope, role: &CustomRole) -> Result<bool> {
    conn.query(
        "INSERT INTO panel_role (tenant_id, id, name, permissions, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(scope.tenant())
    .bind(role.id)
    .bind(&role.name)
    .bind(Json(role.permissions))
    .bind(role.version)
    .bind(role.created_at)
    .bind(role.updated_at)
    .execute_optional()
    .await
}

pub(in super::super) async fn find(conn: &mut Conn, scope: &Scope, id: RoleId) -> Result<Option<CustomRole>> {
    let row: Option<Row> = conn
        .query(SELECT)
        .push("tenant_id = $1 AND id = $2")
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(CustomRole::from))
}

pub(in super::super) async fn list(
    conn: &mut Conn,
    scope: &Scope,
    after: Option<RoleId>,
    limit: i64,
) -> Result<Vec<CustomRole>> {
    let mut query = conn.query(SELECT).push("tenant_id = ").push_bind(scope.tenant());
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all().await?;
    Ok(rows.into_iter().map(CustomRole::from).collect())
}

pub(in super::super) async fn name_is_taken(
    conn: &mut Conn,
    scope: &Scope,
    id: RoleId,
    name: &str,
) -> Result<bool> {
    let other: Option<(RoleId,)> = conn
        .query("SELECT id FROM panel_role WHERE tenant_id = $1 AND name = $2 AND id <> $3 AND deleted_at IS NULL")
        .bind(scope.tenant())
        .bind(name)
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(other.is_some())
}

pub(in super::super) async fn update(conn: &mut Conn, scope: &Scope, role: &CustomRole) -> Result<()> {
    conn.query(
        "UPDATE panel_role SET name = $3, permissions = $4, version = $5, updated_at = $6 \
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(role.id)
    .bind(&role.name)
    .bind(Json(role.permissions))
    .bind(role.version)
    .bind(role.updated_at)
    .execute_one()
    .await
}

/// How many people have the role.
pub(in super::super) async fn people(conn: &mut Conn, scope: &Scope, id: RoleId) -> Result<i64> {
    let (count,): (i64,) = conn
        .query("SELECT COUNT(*) FROM panel_user WHERE tenant_id = $1 AND role_id = $2 AND deleted_at IS NULL")
        .bind(scope.tenant())
        .bind(id)
        .fetch_one()
        .await?;
    Ok(count)
}

pub(in super::super) async fn delete(conn: &mut Conn, scope: &Scope, id: RoleId) -> Result<()> {
    conn.query(
        "UPDATE panel_role SET deleted_at = $3, version = version + 1 \
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(scope.tenant())
    .bind(id)
    .bind(scope.now())
    .execute_one()
    .await
}

/// What the role allows, if it is there; then it cannot be changed or removed before the commit.
pub(in super::super) async fn hold(
    conn: &mut Conn,
    scope: &Scope,
    id: RoleId,
) -> Result<Option<Permissions>> {
    locked(conn, scope, id, dialect("", " FOR SHARE")).await
}

/// Nobody else can hold the role before the commit.
pub(in super::super) async fn hold_alone(conn: &mut Conn, scope: &Scope, id: RoleId) -> Result<()> {
    locked(conn, scope, id, dialect("", " FOR UPDATE")).await.map(drop)
}

/// SQLite's one writer holds everything; PostgreSQL is told what to hold.
async fn locked(conn: &mut Conn, scope: &Scope, id: RoleId, lock: Sql) -> Result<Option<Permissions>> {
    let found: Option<(Json<Permissions>,)> = conn
        .query("SELECT permissions FROM panel_role WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL")
        .push_sql(lock)
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(found.map(|(Json(permissions),)| permissions))
}
