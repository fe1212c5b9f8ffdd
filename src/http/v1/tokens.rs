//! `/api/v1/tokens`: tokens of programs.

use axum::Json;
use base::{ApiTokenId, Timestamp};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::Creation,
    context::CallContext,
    once::Created,
    params::{Id, PageParams, PageView, Params},
    problem::Problem,
    route::{Access, Routes},
};
use crate::domain::access::{self, ApiToken, NewApiToken, Permission, Permissions};
use crate::domain::tenant::Feature;

pub(super) fn routes(routes: Routes) -> Routes {
    let write = Access::Tenant(Permission::TokenWrite, Some(Feature::ApiTokens));
    routes.route(write, routes!(list, create)).route(write, routes!(revoke))
}

/// The tenant's tokens in the order of their making, revoked ones too.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "people", params(PageParams),
    responses((status = 200, body = PageView<ApiToken>))
)]
async fn list(
    cx: CallContext,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<ApiToken>>, Problem> {
    let mut conn = cx.conn().await?;
    let page = access::list_tokens(&mut conn, &cx.scope, &page.request()).await?;
    Ok(Json(PageView::of(page, |token| token)))
}

/// A token to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenBody {
    /// What it is for.
    name: String,
    /// What it may do: nothing that its maker may not.
    permissions: Vec<Permission>,
    /// Until when it works; without, until it is revoked.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MadeToken {
    /// What is kept of it.
    #[serde(flatten)]
    token: ApiToken,
    /// Shown once, here: what the program sends as `Authorization: Bearer …`. Not there when the answer is given again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Makes a token; only somebody who is signed in may, no program. With an Idempotency-Key the same request makes no second one, and does not show the secret again: that
/// is kept nowhere.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "people", request_body = TokenBody,
    responses((status = 201, description = "The token.", body = MadeToken))
)]
async fn create(cx: CallContext, creation: Creation<TokenBody>) -> Result<Created, Problem> {
    let TokenBody { name, permissions, expires_at } = creation.body;
    let new = NewApiToken { name, permissions: Permissions::of(permissions), expires_at };
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.scope).await? {
        return Ok(answer);
    }
    let (token, secret) =
        access::create_token(&mut tx, &cx.scope, cx.caller.user, cx.caller.permissions, new).await?;
    let answer = creation.once.keep(&mut tx, &cx.scope, &token).await?;
    tx.commit().await?;
    answer.showing(&MadeToken { secret: Some(secret.text().expose().to_owned()), token })
}

/// Makes a token worthless: one of your own, or of somebody whom you manage. Doing it twice does no harm.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "people", params(("id" = ApiTokenId, Path)),
    responses((status = 204, description = "Revoked."))
)]
async fn revoke(cx: CallContext, Id(id): Id<ApiTokenId>) -> Result<StatusCode, Problem> {
    let mut tx = cx.begin().await?;
    access::revoke_token(&mut tx, &cx.scope, cx.caller.user, &cx.caller.authority(), id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
