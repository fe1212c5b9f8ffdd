//! `/api/v1/roles`: roles of the tenant's own making.

use axum::Json;
use base::RoleId;
use http::StatusCode;
use serde::Deserialize;
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
use crate::domain::access::{self, CustomRole, Permission, Permissions, RoleSpec};
use crate::domain::tenant::Feature;

pub(super) fn routes(routes: Routes) -> Routes {
    let (read, write) = (
        Access::Tenant(Permission::UserRead, Some(Feature::CustomRoles)),
        Access::Tenant(Permission::RoleWrite, Some(Feature::CustomRoles)),
    );
    routes
        .route(read, routes!(list))
        .route(write, routes!(create))
        .route(read, routes!(load))
        .route(write, routes!(update, delete))
}

/// The tenant's own roles in the order of their making.
#[utoipa::path(
    get, path = "/api/v1/roles", tag = "people", params(PageParams),
    responses((status = 200, description = "A page.", body = PageView<CustomRole>))
)]
async fn list(
    cx: CallContext,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<CustomRole>>, Problem> {
    let mut conn = cx.conn().await?;
    let page = access::list_roles(&mut conn, &cx.scope, &page.request()).await?;
    Ok(Json(PageView::of(page, |role| role)))
}

/// A role as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RoleBody {
    /// Its name, unique in the tenant.
    name: String,
    /// What it allows: nothing that the caller may not.
    permissions: Vec<Permission>,
}

impl From<RoleBody> for RoleSpec {
    fn from(body: RoleBody) -> Self {
        Self { name: body.name, permissions: Permissions::of(body.permissions) }
    }
}

/// Makes a role.
#[utoipa::path(
    post, path = "/api/v1/roles", tag = "people", request_body = RoleBody,
    responses((status = 201, description = "The role.", body = CustomRole))
)]
async fn create(cx: CallContext, creation: Creation<RoleBody>) -> Result<Created, Problem> {
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.scope).await? {
        return Ok(answer);
    }
    let role = access::create_role(&mut tx, &cx.scope, &cx.caller.authority(), creation.body.into()).await?;
    let answer = creation.once.keep(&mut tx, &cx.scope, &role).await?;
    tx.commit().await?;
    Ok(answer)
}

/// One role.
#[utoipa::path(
    get, path = "/api/v1/roles/{id}", tag = "people", params(("id" = RoleId, Path)),
    responses((status = 200, description = "The role.", body = CustomRole))
)]
async fn load(cx: CallContext, Id(id): Id<RoleId>) -> Result<Versioned<CustomRole>, Problem> {
    let mut conn = cx.conn().await?;
    let role = access::load_role(&mut conn, &cx.scope, id).await?;
    Ok(Versioned(role.version, role))
}

/// Changes a role below the own. In force at the next request of everybody who has it. A program adds nothing to a role that
/// people have.
#[utoipa::path(
    put, path = "/api/v1/roles/{id}", tag = "people", params(("id" = RoleId, Path)), request_body = RoleBody,
    responses(
        (status = 200, description = "The role.", body = CustomRole),
        (status = 412, description = "Changed meanwhile.")
    )
)]
async fn update(
    cx: CallContext,
    Id(id): Id<RoleId>,
    IfMatch(seen): IfMatch,
    Body(body): Body<RoleBody>,
) -> Result<Versioned<CustomRole>, Problem> {
    let own = cx.caller.authority();
    let mut tx = cx.begin().await?;
    let role = access::update_role(&mut tx, &cx.scope, &own, id, seen, body.into()).await?;
    tx.commit().await?;
    Ok(Versioned(role.version, role))
}

/// Removes a role that nobody has.
#[utoipa::path(
    delete, path = "/api/v1/roles/{id}", tag = "people", params(("id" = RoleId, Path)),
    responses((status = 204, description = "Removed."))
)]
async fn delete(cx: CallContext, Id(id): Id<RoleId>) -> Result<StatusCode, Problem> {
    let mut tx = cx.begin().await?;
    access::delete_role(&mut tx, &cx.scope, &cx.caller.authority(), id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
