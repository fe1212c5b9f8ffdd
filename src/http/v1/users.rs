//! `/api/v1/users`: the people who use a tenant's panel.

use axum::Json;
use base::{RoleId, SecretString, UserId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::{Body, Creation},
    context::CallContext,
    once::Created,
    params::{Id, PageParams, PageView, Params},
    problem::Problem,
    route::{Access, Routes},
    version::{IfMatch, Versioned},
};
use crate::domain::access::{self, NewUser, PasswordPool, Permission, Role, User, UserChange};

pub(super) fn routes(routes: Routes) -> Routes {
    let (read, write) =
        (Access::Tenant(Permission::UserRead, None), Access::Tenant(Permission::UserWrite, None));
    routes
        .route(read, routes!(list))
        .route(write, routes!(create))
        .route(read, routes!(load))
        .route(write, routes!(update, delete))
        .route(write, routes!(reset_password))
        .route(write, routes!(end_sessions))
        .route(write, routes!(reset_second_factor))
}

/// The tenant's people in the order of their making.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "people", params(PageParams), responses((status = 200, body = PageView<User>))
)]
async fn list(cx: CallContext, Params(page): Params<PageParams>) -> Result<Json<PageView<User>>, Problem> {
    let mut conn = cx.conn().await?;
    let page = access::list_users(&mut conn, &cx.scope, &page.request()).await?;
    Ok(Json(PageView::of(page, |user| user)))
}

/// A person to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UserBody {
    /// E-mail address or user name, unique in the tenant.
    login: String,
    /// The person's name.
    name: String,
    /// What the person is in the company.
    role: Role,
    /// Which of the tenant's own roles; with the role `custom`, and with that alone.
    #[serde(default)]
    role_id: Option<RoleId>,
    /// The password: 10 to 128 characters, without the login in it.
    password: SecretString,
}

/// Adds a person. Nobody adds somebody of a higher or the same role, but for an owner; only somebody who is signed in may, no
/// program.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "people", request_body = UserBody, responses((status = 201, body = User))
)]
async fn create(cx: CallContext, creation: Creation<UserBody>) -> Result<Created, Problem> {
    let UserBody { login, name, role, role_id, password } = creation.body;
    PasswordPool::check(&password, &login)?;
    // Hashing takes long: before the transaction.
    let password = cx.state().passwords.prepare(Some(password)).await?;
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.scope).await? {
        return Ok(answer);
    }
    let new = NewUser { login, name, role, role_id };
    let user = access::create_user(&mut tx, &cx.scope, &cx.caller.authority(), new, &password).await?;
    let answer = creation.once.keep(&mut tx, &cx.scope, &user).await?;
    tx.commit().await?;
    Ok(answer)
}

/// One person.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "people", params(("id" = UserId, Path)),
    responses((status = 200, body = User))
)]
async fn load(cx: CallContext, Id(id): Id<UserId>) -> Result<Versioned<User>, Problem> {
    let mut conn = cx.conn().await?;
    let user = access::load_user(&mut conn, &cx.scope, id).await?;
    Ok(Versioned(user.version, user))
}

/// What is to change of a person; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UserChangeBody {
    /// The person's name.
    #[serde(default)]
    name: Option<String>,
    /// What the person is in the company.
    #[serde(default)]
    role: Option<Role>,
    /// Which of the tenant's own roles; says that it is one of those.
    #[serde(default)]
    role_id: Option<RoleId>,
    /// May not sign in.
    #[serde(default)]
    disabled: Option<bool>,
}

/// Changes a person; only somebody who is signed in may, no program. A change of role or a lock ends the person's sessions. The
/// last owner who may sign in stays one.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", tag = "people", params(("id" = UserId, Path)), request_body = UserChangeBody,
    responses((status = 200, body = User), (status = 412, description = "Changed meanwhile."))
)]
async fn update(
    cx: CallContext,
    Id(id): Id<UserId>,
    IfMatch(seen): IfMatch,
    Body(body): Body<UserChangeBody>,
) -> Result<Versioned<User>, Problem> {
    let change =
        UserChange { name: body.name, role: body.role, role_id: body.role_id, disabled: body.disabled };
    let mut tx = cx.begin().await?;
    let user = access::update_user(&mut tx, &cx.scope, &cx.caller.authority(), id, seen, change).await?;
    tx.commit().await?;
    Ok(Versioned(user.version, user))
}

/// Removes a person: sessions end, tokens stop working; what the person did keeps the name. The last owner who may sign in
/// stays.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = "people", params(("id" = UserId, Path)),
    responses((status = 204, description = "Removed."))
)]
async fn delete(cx: CallContext, Id(id): Id<UserId>) -> Result<StatusCode, Problem> {
    let mut tx = cx.begin().await?;
    access::delete_user(&mut tx, &cx.scope, &cx.caller.authority(), id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A password that was made for somebody.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MadePassword {
    /// Shown once, here. The person is asked for another one after signing in.
    password: String,
}

/// Makes a new password for somebody, whose sessions end; only somebody who is signed in may, no program.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/password", tag = "people", params(("id" = UserId, Path)),
    responses((status = 200, body = MadePassword))
)]
async fn reset_password(cx: CallContext, Id(id): Id<UserId>) -> Result<Json<MadePassword>, Problem> {
    let password = cx.state().passwords.prepare(None).await?;
    let mut tx = cx.begin().await?;
    access::set_password(&mut tx, &cx.scope, &cx.caller.authority(), id, &password).await?;
    tx.commit().await?;
    let made = password.generated.map(|password| password.expose().to_owned()).unwrap_or_default();
    Ok(Json(MadePassword { password: made }))
}

/// How many sessions ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EndedSessions {
    /// How many.
    ended: u64,
}

/// Signs somebody out everywhere.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/sign-out", tag = "people", params(("id" = UserId, Path)),
    responses((status = 200, body = EndedSessions))
)]
async fn end_sessions(cx: CallContext, Id(id): Id<UserId>) -> Result<Json<EndedSessions>, Problem> {
    let mut tx = cx.begin().await?;
    let ended = access::end_sessions(&mut tx, &cx.scope, &cx.caller.authority(), id).await?;
    tx.commit().await?;
    Ok(Json(EndedSessions { ended }))
}

/// Turns the second factor of somebody off who lost the device; only somebody who is signed in may, no program. Doing it twice
/// does no harm.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}/second-factor", tag = "people", params(("id" = UserId, Path)),
    responses((status = 204, description = "Off."))
)]
async fn reset_second_factor(cx: CallContext, Id(id): Id<UserId>) -> Result<StatusCode, Problem> {
    let mut tx = cx.begin().await?;
    access::reset_second_factor(&mut tx, &cx.scope, &cx.caller.authority(), id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
