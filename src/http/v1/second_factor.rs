//! `/api/v1/me/second-factor`: one's own second factor.

use axum::Json;
use base::{Actor, SecretString};
use foundation::Origin;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::Body,
    context::{Person, Visitor, Whose},
    problem::{Code, Problem},
    route::{Access, Routes},
};
use crate::domain::access::{self, User};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::SignedIn, routes!(begin))
        .route(Access::SignedIn, routes!(confirm))
        .route(Access::SignedIn, routes!(end))
}

/// Proof that it is oneself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProofBody {
    /// One's own password.
    password: SecretString,
}

/// What is put into the device.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EnrolmentView {
    /// The secret in base 32, for typing. Shown once, here.
    secret: String,
    /// The same as an `otpauth:` address, for a picture that the device reads.
    address: String,
}

/// Makes a secret for an authenticator application. Nothing is asked for before its first code was confirmed.
#[utoipa::path(
    post, path = "/api/v1/me/second-factor", tag = "sign-in", request_body = ProofBody,
    responses((status = 200, description = "The secret.", body = EnrolmentView))
)]
async fn begin(
    person: Person,
    visitor: Visitor,
    Body(body): Body<ProofBody>,
) -> Result<Json<EnrolmentView>, Problem> {
    let user = proven(&person, &visitor, body).await?;
    let sealer = &person.state().sealer;
    let mut tx = person.begin().await?;
    let made = match person.origin() {
        Whose::Tenant(scope) => access::begin_second_factor(&mut tx, &scope, sealer, &user).await?,
        Whose::Platform(platform) => access::begin_second_factor(&mut tx, &platform, sealer, &user).await?,
    };
    tx.commit().await?;
    Ok(Json(EnrolmentView {
        secret: made.secret.expose().to_owned(),
        address: made.address.expose().to_owned(),
    }))
}

/// What the device shows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CodeBody {
    /// Six digits.
    code: SecretString,
}

/// For the day that the device is lost.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RecoveryView {
    /// Codes on paper, each good for one time. Shown once, here.
    recovery_codes: Vec<String>,
}

/// Turns the second factor on: from now on signing in asks for a code.
#[utoipa::path(
    post, path = "/api/v1/me/second-factor/confirm", tag = "sign-in", request_body = CodeBody,
    responses((status = 200, description = "On.", body = RecoveryView))
)]
async fn confirm(person: Person, Body(body): Body<CodeBody>) -> Result<Json<RecoveryView>, Problem> {
    let user = own(&person).await?;
    // The session proves the person; guessing here would only lock it out itself. Bounded all the same.
    let (sealer, code) = (&person.state().sealer, body.code.expose());
    let mut tx = person.begin().await?;
    let codes = match person.origin() {
        Whose::Tenant(scope) => access::confirm_second_factor(&mut tx, &scope, sealer, &user, code).await?,
        Whose::Platform(act) => access::confirm_second_factor(&mut tx, &act, sealer, &user, code).await?,
    };
    tx.commit().await?;
    let recovery_codes = codes.iter().map(|code| code.expose().to_owned()).collect();
    Ok(Json(RecoveryView { recovery_codes }))
}

/// Turns the second factor off again; its recovery codes are worthless then.
#[utoipa::path(
    post, path = "/api/v1/me/second-factor/end", tag = "sign-in", request_body = ProofBody,
    responses((status = 204, description = "Off."))
)]
async fn end(person: Person, visitor: Visitor, Body(body): Body<ProofBody>) -> Result<StatusCode, Problem> {
    let user = proven(&person, &visitor, body).await?;
    let mut tx = person.begin().await?;
    match person.origin() {
        Whose::Tenant(scope) => access::end_second_factor(&mut tx, &scope, &user).await?,
        Whose::Platform(platform) => access::end_second_factor(&mut tx, &platform, &user).await?,
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The person who calls, by a session.
async fn own(person: &Person) -> Result<User, Problem> {
    if !matches!(person.caller.actor, Actor::User(_)) {
        return Err(Problem::new(Code::NotASession));
    }
    match person.origin() {
        Whose::Tenant(scope) => load(person, &scope).await,
        Whose::Platform(platform) => load(person, &platform).await,
    }
}

async fn load(person: &Person, origin: &impl Origin) -> Result<User, Problem> {
    Ok(access::load_user(&mut person.conn().await?, origin, person.caller.user).await?)
}

/// The person who calls, with the password once more: a session left open is not enough for this.
async fn proven(person: &Person, visitor: &Visitor, body: ProofBody) -> Result<User, Problem> {
    let user = own(person).await?;
    let state = person.state();
    state.door().verify_own_password(state.clock.now(), visitor.address, &user, body.password).await?;
    Ok(user)
}
