//! The people who use the panel, of a tenant or of the platform itself.

use base::{
    Actor, Platform, RoleId, TenantId, Timestamp, UserId,
    page::{Page, PageRequest},
};
use foundation::{Conn, Origin, Tx, audit, audit::Masked, db};
use serde::Serialize;

use super::{
    super::tenant::limit::{self, Limit, LimitReached, TakeError},
    super::values::{Invalid, Stale, Version, invalid::ensure, text},
    Authority, Permissions, PreparedPassword, Role, store,
};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The tenant it belongs to; `None` for the platform's own people.
    #[serde(rename = "tenantId")]
    pub tenant: Option<TenantId>,
    /// E-mail address or user name, in lower case.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// What the person is in the company.
    pub role: Role,
    /// Which of the tenant's own roles, when it is one of those.
    pub role_id: Option<RoleId>,
    /// What the person may do, by either.
    #[serde(skip)]
    pub permissions: Permissions,
    /// Signing in asks for the code of a device as well.
    pub second_factor: bool,
    /// The password was made by somebody else and is to be replaced.
    pub password_expired: bool,
    /// May not sign in.
    pub disabled: bool,
    /// When the person last signed in.
    pub last_login_at: Option<Timestamp>,
    /// Rises with each change.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// What the person is and may do, for being managed.
    #[must_use]
    pub const fn authority(&self) -> Authority {
        Authority { role: self.role, permissions: self.permissions }
    }
}

/// A person to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// E-mail address or user name.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// What the person is in the company.
    pub role: Role,
    /// Which of the tenant's own roles; with [`Role::Custom`], and with that alone.
    pub role_id: Option<RoleId>,
}

impl NewUser {
    /// A super admin of the platform.
    #[must_use]
    pub fn super_admin(login: &str) -> Self {
        Self {
            login: login.to_owned(),
            name: "Super admin".to_owned(),
            role: Role::SuperAdmin,
            role_id: None,
        }
    }
}

/// What may be changed of a person; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// The person's name.
    pub name: Option<String>,
    /// What the person is in the company.
    pub role: Option<Role>,
    /// Which of the tenant's own roles; says that it is one of those.
    pub role_id: Option<RoleId>,
    /// May not sign in.
    pub disabled: Option<bool>,
}

/// Why something cannot be done with a person.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no such person here.
    #[error("there is no such user")]
    NotFound,
    /// Changed since the caller read it.
    #[error("the user was changed meanwhile")]
    Stale(#[from] Stale),
    /// A value cannot be accepted.
    #[error("the user cannot be accepted")]
    Invalid(#[from] Invalid),
    /// Somebody of the tenant has the login.
    #[error("the login is taken")]
    LoginTaken,
    /// The caller's role may not manage that role, or the caller lacks a permission of it.
    #[error("a {manager} with these permissions may not manage a {other}")]
    NotAllowed {
        /// The caller's role.
        manager: Role,
        /// The other's.
        other: Role,
    },
    /// Nobody would own the tenant.
    #[error("the tenant keeps one owner who may sign in: make somebody else an owner first")]
    LastOwner,
    /// A program asks, whose own token may end tomorrow.
    #[error("a program makes and changes no people: they would outlive its token")]
    ByProgram,
    /// The tenant has as many people as it may have.
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    /// The database refused.
    #[error("the user cannot be stored")]
    Database(#[from] db::Error),
}

impl From<TakeError> for UserError {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Reached(reached) => Self::LimitReached(reached),
            TakeError::Database(error) => Self::Database(error),
        }
    }
}

/// Makes a person in the origin's tenant, or on the platform. `manager` is the authority of who does it (the daemon
/// acts with that of [`Role::SuperAdmin`]). A program makes none, nor changes any: what it gave would last after its token has
/// expired or was revoked. It may remove them and sign them out.
///
/// # Errors
/// As [`UserError`] says.
pub async fn create_user(
    tx: &mut Tx,
    origin: &impl Origin,
    manager: &Authority,
    new: NewUser,
    password: &PreparedPassword,
) -> Result<User, UserError> {
    by_person(origin)?;
    let tenant = tenant_of(origin);
    ensure(
        (new.role == Role::SuperAdmin) == tenant.is_none(),
        "role",
        "super_admin is the platform's role, and its only one",
    )?;
    let permissions = role_permissions(tx, origin, new.role, new.role_id).await?;
    allow_role(manager, &Authority { role: new.role, permissions })?;
    let now = origin.act().now;
    let user = User {
        id: UserId::generate(now),
        tenant,
        login: login(&new.login)?,
        name: text::required("name", &new.name, text::MAX_NAME)?,
        role: new.role,
        role_id: new.role_id,
        permissions,
        second_factor: false,
        password_expired: password.generated.is_some(),
        disabled: false,
        last_login_at: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    if let Some(tenant) = tenant {
        limit::take(tx, &origin.act().within(tenant), Limit::PanelUsers, 1).await?;
    }
    if !store::user::insert(tx, &user, &password.hash).await? {
        return Err(UserError::LoginTaken);
    }
    tx.audit(origin, audit::Entry::new("user.create", "user", user.id).after(&user));
    Ok(user)
}

/// The person with this id, in the origin's tenant or on the platform.
///
/// # Errors
/// [`UserError::NotFound`], or the database's.
pub async fn load_user(conn: &mut Conn, origin: &impl Origin, id: UserId) -> Result<User, UserError> {
    store::user::find(conn, tenant_of(origin), id).await?.ok_or(UserError::NotFound)
}

/// The people of the origin's tenant, or of the platform, in the order of their making.
///
/// # Errors
/// When the page's cursor is none of ours, or the database cannot be read.
pub async fn list_users(
    conn: &mut Conn,
    origin: &impl Origin,
    request: &PageRequest,
) -> Result<Page<User>, UserError> {
    let after =
        request.after().map(str::parse).transpose().map_err(|_| Invalid::new("after", "is no cursor"))?;
    let rows = store::user::list(conn, tenant_of(origin), after, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(rows, request, |user| user.id.to_string()))
}

/// Changes a person. A change of role or a lock ends the person's sessions.
///
/// # Errors
/// As [`UserError`] says.
pub async fn update_user(
    tx: &mut Tx,
    origin: &impl Origin,
    manager: &Authority,
    id: UserId,
    seen: Option<Version>,
    change: UserChange,
) -> Result<User, UserError> {
    by_person(origin)?;
    let before = load_user(tx, origin, id).await?;
    before.version.expect(seen)?;
    allow(manager, &before)?;
    let mut after = before.clone();
    if let Some(name) = change.name {
        after.name = text::required("name", &name, text::MAX_NAME)?;
    }
    if let Some(role) = change.role.or(change.role_id.map(|_| Role::Custom)) {
        ensure(
            (role == Role::SuperAdmin) == before.tenant.is_none(),
            "role",
            "does not fit to where the user is",
        )?;
        let permissions = role_permissions(tx, origin, role, change.role_id).await?;
        allow_role(manager, &Authority { role, permissions })?;
        (after.role, after.role_id, after.permissions) = (role, change.role_id, permissions);
    }
    after.disabled = change.disabled.unwrap_or(before.disabled);
    if after == before {
        return Ok(before);
    }
    if after.role != Role::Owner || after.disabled {
        keep_an_owner(tx, origin, manager, &before).await?;
    }
    after.version = before.version.next();
    after.updated_at = origin.act().now;
    if !store::user::update(tx, &after, before.version).await? {
        return Err(moved(&before));
    }
    if after.disabled || (after.role, after.role_id) != (before.role, before.role_id) {
        store::session::end_all(tx, id, None, origin.act().now).await?;
    }
    tx.audit(origin, audit::Entry::new("user.update", "user", id).before(&before).after(&after));
    Ok(after)
}

/// Removes a person, whose sessions end; what the person did keeps the name.
///
/// # Errors
/// As [`UserError`] says.
pub async fn delete_user(
    tx: &mut Tx,
    origin: &impl Origin,
    manager: &Authority,
    id: UserId,
) -> Result<(), UserError> {
    let user = load_user(tx, origin, id).await?;
    allow(manager, &user)?;
    keep_an_owner(tx, origin, manager, &user).await?;
    if let Some(tenant) = user.tenant {
        limit::give_back(tx, &origin.act().within(tenant), Limit::PanelUsers, 1).await?;
    }
    if !store::user::delete(tx, id, user.version, origin.act().now).await? {
        return Err(moved(&user));
    }
    store::session::end_all(tx, id, None, origin.act().now).await?;
    store::api_token::revoke_all_of(tx, id, origin.act().now).await?;
    tx.audit(origin, audit::Entry::new("user.delete", "user", id).before(&user));
    Ok(())
}

/// Gives somebody a new password, who is asked for another one at the next sign-in; the sessions end.
///
/// # Errors
/// As [`UserError`] says.
pub async fn set_password(
    tx: &mut Tx,
    origin: &impl Origin,
    manager: &Authority,
    id: UserId,
    password: &PreparedPassword,
) -> Result<User, UserError> {
    by_person(origin)?;
    allow(manager, &load_user(tx, origin, id).await?)?;
    let user = replace_password(tx, origin, id, password, true, "user.set_password").await?;
    // Who was promoted since is told by the row that is held now.
    allow(manager, &user)?;
    Ok(user)
}

/// Replaces one's own password; the other sessions end. The caller has verified the old one with
/// [`verify_own_password`](super::Door::verify_own_password) outside of the transaction.
///
/// # Errors
/// As [`UserError`] says.
pub async fn change_password(
    tx: &mut Tx,
    origin: &impl Origin,
    id: UserId,
    password: &PreparedPassword,
) -> Result<User, UserError> {
    load_user(tx, origin, id).await?;
    replace_password(tx, origin, id, password, false, "user.change_password").await
}

async fn replace_password(
    tx: &mut Tx,
    origin: &impl Origin,
    id: UserId,
    password: &PreparedPassword,
    expired: bool,
    act: &'static str,
) -> Result<User, UserError> {
    let now = origin.act().now;
    if !store::user::set_password(tx, id, &password.hash, expired, now).await? {
        return Err(UserError::NotFound);
    }
    store::session::end_all(tx, id, None, now).await?;
    tx.audit(origin, audit::Entry::new(act, "user", id).before(&Masked).after(&Masked));
    load_user(tx, origin, id).await
}

/// Refuses what a program asks.
pub(super) fn by_person(origin: &impl Origin) -> Result<(), UserError> {
    if matches!(origin.act().actor, Actor::Token(_)) { Err(UserError::ByProgram) } else { Ok(()) }
}

/// Refuses that the last owner who may sign in goes away. The super admin may do that, who can make another.
async fn keep_an_owner(
    tx: &mut Tx,
    origin: &impl Origin,
    manager: &Authority,
    before: &User,
) -> Result<(), UserError> {
    let Some(tenant) = before.tenant else { return Ok(()) };
    if before.role != Role::Owner || before.disabled || manager.role == Role::SuperAdmin {
        return Ok(());
    }
    // Two owners who remove each other wait here: the second one finds nobody left.
    limit::hold(tx, &origin.act().within(tenant), Limit::PanelUsers).await?;
    if store::user::has_other_owner(tx, tenant, before.id).await? {
        Ok(())
    } else {
        Err(UserError::LastOwner)
    }
}

/// Somebody changed the person between the reading and the writing.
fn moved(before: &User) -> UserError {
    Stale { seen: before.version, current: before.version.next() }.into()
}

/// Does the platform have a super admin yet?
///
/// # Errors
/// When the database cannot be read.
pub async fn platform_has_users(conn: &mut Conn, _platform: &Platform) -> db::Result<bool> {
    Ok(!store::user::list(conn, None, None, 1).await?.is_empty())
}

/// The platform's person with this login: for the command that resets a forgotten password.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_platform_login(
    conn: &mut Conn,
    _platform: &Platform,
    name: &str,
) -> db::Result<Option<User>> {
    Ok(store::user::find_login(conn, &name.trim().to_lowercase(), None).await?.map(|(user, _)| user))
}

pub(super) fn tenant_of(origin: &impl Origin) -> Option<TenantId> {
    Some(origin.stream()).filter(|tenant| *tenant != TenantId::PLATFORM)
}

pub(super) fn allow(manager: &Authority, other: &User) -> Result<(), UserError> {
    allow_role(manager, &other.authority())
}

fn allow_role(manager: &Authority, other: &Authority) -> Result<(), UserError> {
    if manager.manages(other) {
        Ok(())
    } else {
        Err(UserError::NotAllowed { manager: manager.role, other: other.role })
    }
}

/// What a role allows. One of the tenant's own is held until the commit, so that it is still there then.
async fn role_permissions(
    tx: &mut Tx,
    origin: &impl Origin,
    role: Role,
    id: Option<RoleId>,
) -> Result<Permissions, UserError> {
    ensure(role == Role::Custom || id.is_none(), "roleId", "belongs to the role custom alone: leave it out")?;
    ensure(role != Role::Custom || id.is_some(), "roleId", "must be given with the role custom")?;
    let Some(id) = id else { return Ok(role.permissions()) };
    let held = match tenant_of(origin) {
        Some(tenant) => store::role::hold(tx, &origin.act().clone().within(tenant), id).await?,
        None => None,
    };
    Ok(held.ok_or_else(|| Invalid::new("roleId", "is no role of this tenant"))?)
}

/// Lower case, no spaces: an e-mail address or a short name.
fn login(text: &str) -> Result<String, Invalid> {
    let login = text::required("login", text, text::MAX_NAME)?.to_lowercase();
    ensure(!login.chars().any(char::is_whitespace), "login", "must not have spaces")?;
    Ok(login)
}
