//! `/api/v1/plans`: the service profiles that subscribers buy.

use axum::Json;
use base::PlanId;
use http::StatusCode;
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
use crate::domain::{
    access::Permission,
    plan::{self, Plan, PlanSpec},
    tenant::Feature,
};

pub(super) fn routes(routes: Routes) -> Routes {
    let (read, write) = (
        Access::Tenant(Permission::PlanRead, Some(Feature::Radius)),
        Access::Tenant(Permission::PlanWrite, Some(Feature::Radius)),
    );
    routes
        .route(read, routes!(list))
        .route(write, routes!(create))
        .route(read, routes!(load))
        .route(write, routes!(update, delete))
}

/// The tenant's plans in the order of their making.
#[utoipa::path(
    get, path = "/api/v1/plans", tag = "plans", params(PageParams), responses((status = 200, body = PageView<Plan>))
)]
async fn list(cx: CallContext, Params(page): Params<PageParams>) -> Result<Json<PageView<Plan>>, Problem> {
    let mut conn = cx.conn().await?;
    let page = plan::list(&mut conn, &cx.scope, &page.request()).await?;
    Ok(Json(PageView::of(page, |plan| plan)))
}

/// Adds a plan.
#[utoipa::path(
    post, path = "/api/v1/plans", tag = "plans", request_body = PlanSpec, responses((status = 201, body = Plan))
)]
async fn create(cx: CallContext, creation: Creation<PlanSpec>) -> Result<Created, Problem> {
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.scope).await? {
        return Ok(answer);
    }
    let plan = plan::create(&mut tx, &cx.scope, &cx.state().dictionary.current(), creation.body).await?;
    let answer = creation.once.keep(&mut tx, &cx.scope, &plan).await?;
    tx.commit().await?;
    Ok(answer)
}

/// One plan.
#[utoipa::path(
    get, path = "/api/v1/plans/{id}", tag = "plans", params(("id" = PlanId, Path)),
    responses((status = 200, body = Plan))
)]
async fn load(cx: CallContext, Id(id): Id<PlanId>) -> Result<Versioned<Plan>, Problem> {
    let mut conn = cx.conn().await?;
    let plan = plan::load(&mut conn, &cx.scope, id).await?;
    Ok(Versioned(plan.version, plan))
}

/// Changes a plan. Its subscribers get it with their next login.
#[utoipa::path(
    put, path = "/api/v1/plans/{id}", tag = "plans", params(("id" = PlanId, Path)), request_body = PlanSpec,
    responses((status = 200, body = Plan), (status = 412, description = "Changed meanwhile."))
)]
async fn update(
    cx: CallContext,
    Id(id): Id<PlanId>,
    IfMatch(seen): IfMatch,
    Body(spec): Body<PlanSpec>,
) -> Result<Versioned<Plan>, Problem> {
    let mut tx = cx.begin().await?;
    let plan = plan::update(&mut tx, &cx.scope, &cx.state().dictionary.current(), id, seen, spec).await?;
    tx.commit().await?;
    Ok(Versioned(plan.version, plan))
}

/// Removes a plan that nobody has.
#[utoipa::path(
    delete, path = "/api/v1/plans/{id}", tag = "plans", params(("id" = PlanId, Path)),
    responses((status = 204, description = "Removed."))
)]
async fn delete(cx: CallContext, Id(id): Id<PlanId>) -> Result<StatusCode, Problem> {
    let mut tx = cx.begin().await?;
    plan::delete(&mut tx, &cx.scope, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
