//! `/api/v1/tenant/limits`, `/api/v1/tenants/{id}/limits`: how many of a thing a tenant may have, and has.

use axum::Json;
use base::TenantId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    super::{
        body::Body,
        context::{CallContext, PlatformContext},
        params::Id,
        problem::{Code, Problem},
        route::{Access, Routes},
    },
    tenants::reason,
};
use crate::domain::{
    access::Permission,
    tenant::{
        self, Limit, limit,
        limit::{LimitOverride, LimitState},
    },
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Tenant(Permission::TenantRead, None), routes!(own))
        .route(Access::Platform, routes!(list, set))
}

/// Every limit of a tenant.
#[derive(Serialize, ToSchema)]
struct LimitsView {
    /// In the order of the document.
    limits: Vec<LimitState>,
}

/// The limits of one's own tenant, and how much of them is used.
#[utoipa::path(
    get, path = "/api/v1/tenant/limits", tag = "tenants", operation_id = "tenant_limits",
    responses((status = 200, description = "Every limit.", body = LimitsView))
)]
async fn own(cx: CallContext) -> Result<Json<LimitsView>, Problem> {
    let limits = limit::states(&mut cx.conn().await?, &cx.scope).await?;
    Ok(Json(LimitsView { limits }))
}

/// The limits of a tenant, and how much of them is used.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/limits", tag = "tenants", operation_id = "tenants_limits", params(("id" = TenantId, Path)),
    responses((status = 200, description = "Every limit.", body = LimitsView))
)]
async fn list(cx: PlatformContext, Id(id): Id<TenantId>) -> Result<Json<LimitsView>, Problem> {
    let mut conn = cx.conn().await?;
    tenant::find(&mut conn, &cx.platform, id).await?.ok_or(Problem::new(Code::NotFound))?;
    Ok(Json(LimitsView { limits: limit::states(&mut conn, &cx.platform.within(id)).await? }))
}

/// What the platform says of a limit. With neither `maximum` nor `unlimited` it is left to plan and add-ons.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LimitBody {
    /// Which.
    limit: Limit,
    /// So many, whatever plan and add-ons say.
    #[serde(default)]
    maximum: Option<i64>,
    /// There is no limit.
    #[serde(default)]
    unlimited: bool,
    /// Why, for the audit trail.
    reason: String,
}

/// Sets a limit of a tenant. Below what is used it keeps new ones out, and takes nothing away.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/limits", tag = "tenants", operation_id = "tenants_set_limit", params(("id" = TenantId, Path)),
    request_body = LimitBody, responses((status = 200, description = "The limit.", body = LimitState))
)]
async fn set(
    mut cx: PlatformContext,
    Id(id): Id<TenantId>,
    Body(body): Body<LimitBody>,
) -> Result<Json<LimitState>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let to = match (body.maximum, body.unlimited) {
        (Some(_), true) => {
            return Err(Problem::new(Code::InvalidBody).field("unlimited", "does not go with a maximum"));
        }
        (Some(maximum), false) => LimitOverride::Maximum(maximum),
        (None, true) => LimitOverride::Unlimited,
        (None, false) => LimitOverride::None,
    };
    let mut tx = cx.begin().await?;
    let state = limit::set(&mut tx, &cx.platform, id, body.limit, to).await?;
    tx.commit().await?;
    Ok(Json(state))
}
