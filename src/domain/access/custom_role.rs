//! Roles of a tenant's own making: sets of permissions with a name.
//!
//! Nobody puts a permission into a role that the own authority lacks, nor changes a role that has one, nor one of the own
//! standing: the rule that holds for people holds for what they get by a role. A program gives people nothing, who would keep
//! it when its token is gone. A change holds from the next request of everybody who has the role on: what a role allows is
//! read with each request.

use base::{
    Actor, RoleId, Scope, Timestamp,
    page::{Page, PageRequest},
};
use foundation::{Conn, Tx, audit, db};
use serde::Serialize;

use super::{
    super::values::{Invalid, Stale, Version, invalid::ensure, text},
    Authority, Permission, Permissions, Role, store,
};

/// A role of a tenant's own making.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomRole {
    /// Its id.
    pub id: RoleId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// What it allows.
    #[schema(value_type = Vec<Permission>)]
    pub permissions: Permissions,
    /// Rises with each change.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What people choose of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSpec {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub permissions: Permissions,
}

/// Why something cannot be done with a role.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// There is no such role here.
    #[error("there is no such role")]
    NotFound,
    /// Changed since the caller read it.
    #[error("the role was changed meanwhile")]
    Stale(#[from] Stale),
    /// A value cannot be accepted.
    #[error("the role cannot be accepted")]
    Invalid(#[from] Invalid),
    /// Another role of the tenant has the name.
    #[error("the name is taken")]
    NameTaken,
    /// The caller lacks a permission that the role has, or is to have.
    #[error("nobody can give a permission that is not the own: {}", .0.as_str())]
    NotAllowed(Permission),
    /// The role is, or would be, of the caller's own standing or a higher one.
    #[error("a {0} may not make, change or remove a role of this standing")]
    Outranked(Role),
    /// A program asks, whose own token may end tomorrow.
    #[error("a program adds nothing to a role that people have: they would keep it when its token is gone")]
    ByProgram,
    /// People have it.
    #[error("{0} people have the role")]
    InUse(i64),
    /// The database refused.
    #[error("the role cannot be stored")]
    Database(#[from] db::Error),
}

/// Makes a role, by somebody who is and may do what `manager` says.
///
/// # Errors
/// As [`RoleError`] says.
pub async fn create_role(
    tx: &mut Tx,
    scope: &Scope,
    manager: &Authority,
    spec: RoleSpec,
) -> Result<CustomRole, RoleError> {
    let name = checked(manager, &spec)?;
    let now = scope.now();
    let role = CustomRole {
        id: RoleId::generate(now),
        name,
        permissions: spec.permissions,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    if !store::role::insert(tx, scope, &role).await? {
        return Err(RoleError::NameTaken);
    }
    tx.audit(scope, audit::Entry::new("role.create", "role", role.id).after(&role));
    Ok(role)
}

/// The role with this id.
///
/// # Errors
/// [`RoleError::NotFound`], or the database's.
pub async fn load_role(conn: &mut Conn, scope: &Scope, id: RoleId) -> Result<CustomRole, RoleError> {
    store::role::find(conn, scope, id).await?.ok_or(RoleError::NotFound)
}

/// The tenant's own roles in the order of their making.
///
/// # Errors
/// When the page's cursor is none of ours, or the database cannot be read.
pub async fn list_roles(
    conn: &mut Conn,
    scope: &Scope,
    request: &PageRequest,
) -> Result<Page<CustomRole>, RoleError> {
    let after =
        request.after().map(str::parse).transpose().map_err(|_| Invalid::new("after", "is no cursor"))?;
    let rows = store::role::list(conn, scope, after, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(rows, request, |role| role.id.to_string()))
}

/// Changes a role, by somebody who is and may do what `manager` says: it manages the role as it was and as it is to be.
///
/// # Errors
/// As [`RoleError`] says.
pub async fn update_role(
    tx: &mut Tx,
    scope: &Scope,
    manager: &Authority,
    id: RoleId,
    seen: Option<Version>,
    spec: RoleSpec,
) -> Result<CustomRole, RoleError> {
    // Held alone: two changes at a time would both be based on the same version.
    store::role::hold_alone(tx, scope, id).await?;
    let before = load_role(tx, scope, id).await?;
    before.version.expect(seen)?;
    allow(manager, before.permissions)?;
    let name = checked(manager, &spec)?;
    let mut after = CustomRole { name, permissions: spec.permissions, ..before.clone() };
    if after == before {
        return Ok(before);
    }
    if after.name != before.name && store::role::name_is_taken(tx, scope, id, &after.name).await? {
        return Err(RoleError::NameTaken);
    }
    let by_program = matches!(scope.act().actor, Actor::Token(_));
    if by_program
        && !before.permissions.include(after.permissions)
        && store::role::people(tx, scope, id).await? > 0
    {
        return Err(RoleError::ByProgram);
    }
    (after.version, after.updated_at) = (before.version.next(), scope.now());
    store::role::update(tx, scope, &after).await?;
    tx.audit(scope, audit::Entry::new("role.update", "role", id).before(&before).after(&after));
    Ok(after)
}

/// Removes a role that nobody has and `manager` manages.
///
/// # Errors
/// As [`RoleError`] says.
pub async fn delete_role(
    tx: &mut Tx,
    scope: &Scope,
    manager: &Authority,
    id: RoleId,
) -> Result<(), RoleError> {
    // Held alone, so that nobody gets it while they are counted.
    store::role::hold_alone(tx, scope, id).await?;
    let role = load_role(tx, scope, id).await?;
    allow(manager, role.permissions)?;
    let people = store::role::people(tx, scope, id).await?;
    if people > 0 {
        return Err(RoleError::InUse(people));
    }
    store::role::delete(tx, scope, id).await?;
    tx.audit(scope, audit::Entry::new("role.delete", "role", id).before(&role));
    Ok(())
}

/// The role's name, when name and permissions can be accepted.
fn checked(manager: &Authority, spec: &RoleSpec) -> Result<String, RoleError> {
    ensure(spec.permissions != Permissions::NONE, "permissions", "must not be empty")?;
    ensure(
        Role::Owner.permissions().include(spec.permissions),
        "permissions",
        "a tenant's role cannot allow what is the platform's",
    )?;
    allow(manager, spec.permissions)?;
    Ok(text::required("name", &spec.name, text::MAX_NAME)?)
}

fn allow(manager: &Authority, wanted: Permissions) -> Result<(), RoleError> {
    if let Some(missing) = wanted.iter().find(|permission| !manager.permissions.allow(*permission)) {
        return Err(RoleError::NotAllowed(missing));
    }
    let role = Authority { role: Role::Custom, permissions: wanted };
    if manager.manages(&role) { Ok(()) } else { Err(RoleError::Outranked(manager.role)) }
}
