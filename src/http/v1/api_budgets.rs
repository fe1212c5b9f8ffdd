//! `/api/v1/tenants/{id}/api-budget`: how much a tenant may ask of the API, for the super admin.

use axum::Json;
use base::TenantId;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::Body,
    context::PlatformContext,
    params::Id,
    problem::Problem,
    route::{Access, Routes},
};
use super::tenants;
use crate::domain::access::{self, ApiBudget};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.route(Access::Platform, routes!(load_api_budget, set_api_budget))
}

/// A tenant's budget of requests.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/api-budget", tag = "tenants", params(("id" = TenantId, Path)),
    responses((status = 200, description = "The budget.", body = ApiBudget))
)]
async fn load_api_budget(cx: PlatformContext, Id(id): Id<TenantId>) -> Result<Json<ApiBudget>, Problem> {
    let mut conn = cx.conn().await?;
    Ok(Json(access::load_budget(&mut conn, &cx.platform, id).await?))
}

/// A budget to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BudgetBody {
    /// Requests a minute, 10 to 1,000,000; null for what everybody has.
    requests_per_minute: Option<u32>,
    /// Why, for the audit trail.
    reason: String,
}

/// Gives a tenant another budget of requests. In force at its next request.
#[utoipa::path(
    put, path = "/api/v1/tenants/{id}/api-budget", tag = "tenants", params(("id" = TenantId, Path)),
    request_body = BudgetBody, responses((status = 200, description = "The budget.", body = ApiBudget))
)]
async fn set_api_budget(
    mut cx: PlatformContext,
    Id(id): Id<TenantId>,
    Body(body): Body<BudgetBody>,
) -> Result<Json<ApiBudget>, Problem> {
    cx.platform.reason = Some(tenants::reason(&body.reason)?);
    let budget = ApiBudget { requests_per_minute: body.requests_per_minute };
    let mut tx = cx.begin().await?;
    let budget = access::set_budget(&mut tx, &cx.platform, id, budget).await?;
    tx.commit().await?;
    Ok(Json(budget))
}
