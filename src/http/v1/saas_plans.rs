//! `/api/v1/saas-plans`: what the platform sells to providers.

use axum::Json;
use base::SaasPlanId;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::{Body, Creation},
    context::PlatformContext,
    once::Created,
    params::{Id, PageParams, PageView, Params},
    problem::{Code, Problem},
    route::{Access, Routes},
    version::{IfMatch, Versioned},
};
use crate::domain::tenant::saas_plan::{self, SaasPlan, SaasPlanSpec};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Platform, routes!(list, create))
        .route(Access::Platform, routes!(load, update))
        .route(Access::Platform, routes!(archive))
}

/// All plans in the order of their making, archived ones too.
#[utoipa::path(
    get, path = "/api/v1/saas-plans", tag = "platform", params(PageParams),
    responses((status = 200, description = "A page.", body = PageView<SaasPlan>))
)]
async fn list(
    cx: PlatformContext,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<SaasPlan>>, Problem> {
    let mut conn = cx.conn().await?;
    let page = saas_plan::list(&mut conn, &cx.platform, &page.request()).await?;
    Ok(Json(PageView::of(page, |plan| plan)))
}

/// Adds a plan. A limit that it does not name is unlimited.
#[utoipa::path(
    post, path = "/api/v1/saas-plans", tag = "platform", request_body = SaasPlanSpec,
    responses((status = 201, description = "The plan.", body = SaasPlan))
)]
async fn create(cx: PlatformContext, creation: Creation<SaasPlanSpec>) -> Result<Created, Problem> {
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.platform).await? {
        return Ok(answer);
    }
    let plan = saas_plan::create(&mut tx, &cx.platform, creation.body).await?;
    let answer = creation.once.keep(&mut tx, &cx.platform, &plan).await?;
    tx.commit().await?;
    Ok(answer)
}

/// One plan.
#[utoipa::path(
    get, path = "/api/v1/saas-plans/{id}", tag = "platform", params(("id" = SaasPlanId, Path)),
    responses((status = 200, description = "The plan.", body = SaasPlan))
)]
async fn load(cx: PlatformContext, Id(id): Id<SaasPlanId>) -> Result<Versioned<SaasPlan>, Problem> {
    let mut conn = cx.conn().await?;
    let plan = saas_plan::find(&mut conn, &cx.platform, id).await?.ok_or(Problem::new(Code::NotFound))?;
    Ok(Versioned(plan.version, plan))
}

/// Changes a plan for all who have it: features and limits at their next request, the price at their next invoice.
#[utoipa::path(
    put, path = "/api/v1/saas-plans/{id}", tag = "platform", params(("id" = SaasPlanId, Path)),
    request_body = SaasPlanSpec,
    responses(
        (status = 200, description = "The plan.", body = SaasPlan),
        (status = 412, description = "Changed meanwhile.")
    )
)]
async fn update(
    cx: PlatformContext,
    Id(id): Id<SaasPlanId>,
    IfMatch(seen): IfMatch,
    Body(spec): Body<SaasPlanSpec>,
) -> Result<Versioned<SaasPlan>, Problem> {
    let mut tx = cx.begin().await?;
    let plan = saas_plan::update(&mut tx, &cx.platform, id, seen, spec).await?;
    tx.commit().await?;
    Ok(Versioned(plan.version, plan))
}

/// Whether something is to be had no more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ArchiveBody {
    /// Nobody new gets it; who has it keeps it.
    pub(super) archived: bool,
}

/// Archives a plan, or brings it back. Who has it keeps it.
#[utoipa::path(
    post, path = "/api/v1/saas-plans/{id}/archive", tag = "platform", params(("id" = SaasPlanId, Path)),
    request_body = ArchiveBody, responses((status = 200, description = "The plan.", body = SaasPlan))
)]
async fn archive(
    cx: PlatformContext,
    Id(id): Id<SaasPlanId>,
    Body(body): Body<ArchiveBody>,
) -> Result<Versioned<SaasPlan>, Problem> {
    let mut tx = cx.begin().await?;
    let plan = saas_plan::archive(&mut tx, &cx.platform, id, None, body.archived).await?;
    tx.commit().await?;
    Ok(Versioned(plan.version, plan))
}
