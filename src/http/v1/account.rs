//! `/api/v1/login`, `/logout`, `/me`: signing in and out, and one's own account.

use std::sync::Arc;

use axum::{
    Json,
    extract::State as Extracted,
    response::{IntoResponse as _, Response},
};
use base::{Actor, Platform, SecretString, Timestamp};
use foundation::Origin;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::Body,
    context::{Person, Visitor, Whose},
    layer::{authentication::COOKIE, isolation},
    problem::{Code, Problem},
    route::{Access, Routes},
    state::State,
};
use crate::domain::{
    access::{
        self, LoginError, LoginRequest, PasswordPool, Permissions, Role, SESSION_LIFETIME, TokenKind, User,
        UserError,
    },
    tenant::{self, TenantContext},
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Open, routes!(login))
        .route(Access::Leaving, routes!(logout))
        .route(Access::SignedIn, routes!(me))
        .route(Access::SignedIn, routes!(change_password))
}

/// What somebody shows at the door.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LoginBody {
    /// E-mail address or user name.
    login: String,
    /// The password.
    password: SecretString,
    /// What the device of the second factor shows, or a recovery code; where one is asked for.
    #[serde(default)]
    code: Option<SecretString>,
    /// The tenant's short name; needed where several have somebody with this login and password, or more than four with this
    /// login.
    #[serde(default)]
    tenant: Option<String>,
    /// Keep the token in a cookie that scripts cannot read: for our own pages.
    #[serde(default)]
    cookie: bool,
}

/// Somebody who is signed in now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LoginView {
    /// What to send as `Authorization: Bearer …`; not there when it is in the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Until when.
    expires_at: Timestamp,
    /// Who. With `passwordExpired` the password must be replaced before anything else.
    user: User,
    /// What the person may do.
    #[schema(value_type = Vec<access::Permission>)]
    permissions: Permissions,
    /// What the person works within; null for the platform.
    tenant: Option<TenantContext>,
}

/// Signs somebody in.
#[utoipa::path(
    post, path = "/api/v1/login", tag = "sign-in", request_body = LoginBody, responses((status = 200, body = LoginView))
)]
async fn login(
    Extracted(state): Extracted<Arc<State>>,
    visitor: Visitor,
    Body(body): Body<LoginBody>,
) -> Result<Response, Problem> {
    if body.cookie && !visitor.same_origin {
        return Err(Problem::new(Code::CrossOrigin));
    }
    let request = LoginRequest {
        login: body.login,
        tenant: body.tenant,
        password: body.password,
        code: body.code,
        address: visitor.address,
        user_agent: visitor.user_agent,
    };
    let now = state.clock.now();
    let signed_in = match state.door().login(now, request).await {
        Ok(signed_in) => signed_in,
        Err(LoginError::PanelLocked { tenant, status }) => {
            let platform = Platform::system("http.login", now.wall);
            return Err(isolation::locked(&state, &platform.within(tenant), status).await?);
        }
        Err(error) => return Err(error.into()),
    };
    let user = &signed_in.user;
    let tenant = match user.tenant {
        Some(tenant) => {
            let platform =
                Platform { actor: Actor::User(user.id), ..Platform::system("http.login", now.wall) };
            Some(tenant::context(&mut state.db.conn().await?, &platform.within(tenant)).await?)
        }
        None => None,
    };
    let token = signed_in.token.text().expose();
    let view = LoginView {
        token: (!body.cookie).then(|| token.to_owned()),
        expires_at: signed_in.session.expires_at,
        permissions: signed_in.user.permissions,
        tenant,
        user: signed_in.user,
    };
    if !body.cookie {
        return Ok(Json(view).into_response());
    }
    let cookie = cookie(&state, token, SESSION_LIFETIME.as_secs())?;
    Ok(([(header::SET_COOKIE, cookie)], Json(view)).into_response())
}

/// Ends the session whose token this is, also while the tenant's panel is locked. Doing it twice does no harm.
#[utoipa::path(post, path = "/api/v1/logout", tag = "sign-in", responses((status = 204, description = "Signed out.")))]
async fn logout(person: Person) -> Result<Response, Problem> {
    if person.token.kind != TokenKind::Session {
        return Err(Problem::new(Code::NotASession));
    }
    let mut tx = person.begin().await?;
    match person.origin() {
        Whose::Tenant(scope) => access::logout(&mut tx, &scope, &person.token).await?,
        Whose::Platform(platform) => access::logout(&mut tx, &platform, &person.token).await?,
    }
    tx.commit().await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(person.state(), "", 0)?)]).into_response())
}

/// Who the caller is, and what it may do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Me {
    /// `user:ID` or `token:ID`, as the audit trail names it.
    actor: String,
    /// The person; not there for a token that somebody of the platform made for a tenant.
    user: Option<User>,
    /// The role of the person, or of who made the token.
    role: Role,
    /// What it may do.
    #[schema(value_type = Vec<access::Permission>)]
    permissions: Permissions,
    /// The tenant it belongs to; null for the platform.
    tenant: Option<TenantContext>,
}

/// Who the caller is, and what it may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "sign-in", responses((status = 200, body = Me)))]
async fn me(person: Person) -> Result<Json<Me>, Problem> {
    let mut conn = person.conn().await?;
    let (user, tenant) = match person.origin() {
        Whose::Tenant(scope) => {
            let tenant = tenant::context(&mut conn, &scope).await?;
            (access::load_user(&mut conn, &scope, person.caller.user).await, Some(tenant))
        }
        Whose::Platform(platform) => {
            (access::load_user(&mut conn, &platform, person.caller.user).await, None)
        }
    };
    let user = match user {
        Ok(user) => Some(user),
        Err(UserError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Json(Me {
        actor: person.caller.actor.to_string(),
        user,
        role: person.caller.role,
        permissions: person.caller.permissions,
        tenant,
    }))
}

/// A new password of one's own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PasswordBody {
    /// The password so far.
    current: SecretString,
    /// The one from now on: 10 to 128 characters, without the login in it.
    new: SecretString,
}

/// Replaces one's own password. All sessions of the person end, this one too.
#[utoipa::path(
    post, path = "/api/v1/me/password", tag = "sign-in", request_body = PasswordBody,
    responses((status = 204, description = "Replaced."))
)]
async fn change_password(
    person: Person,
    visitor: Visitor,
    Body(body): Body<PasswordBody>,
) -> Result<StatusCode, Problem> {
    if !matches!(person.caller.actor, Actor::User(_)) {
        return Err(Problem::new(Code::NotASession));
    }
    match person.origin() {
        Whose::Tenant(scope) => replace_password(&person, &scope, &visitor, body).await?,
        Whose::Platform(platform) => replace_password(&person, &platform, &visitor, body).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn replace_password(
    person: &Person,
    origin: &impl Origin,
    visitor: &Visitor,
    body: PasswordBody,
) -> Result<(), Problem> {
    let state = person.state();
    let mut conn = person.conn().await?;
    let user = access::load_user(&mut conn, origin, person.caller.user).await?;
    drop(conn);
    PasswordPool::check(&body.new, &user.login)
        .map_err(|invalid| Problem::new(Code::InvalidBody).field("new", invalid.problem))?;
    if body.new.expose() == body.current.expose() {
        return Err(Problem::new(Code::InvalidBody).field("new", "must be another than the current one"));
    }
    let (now, address) = (state.clock.now(), visitor.address);
    state.door().verify_own_password(now, address, &user, body.current).await?;
    let password = state.passwords.prepare(Some(body.new)).await?;
    let mut tx = person.begin().await?;
    access::change_password(&mut tx, origin, user.id, &password).await?;
    Ok(tx.commit().await?)
}

/// The session cookie: for this host alone, hidden from scripts, never sent along from other sites.
fn cookie(state: &State, token: &str, seconds: u64) -> Result<HeaderValue, Problem> {
    let secure = if state.settings.current().secure_cookies { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(text).map_err(Problem::internal)
}
