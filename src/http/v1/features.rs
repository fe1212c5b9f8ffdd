//! `/api/v1/tenant/features`, `/api/v1/tenants/{id}/features`: which modules a tenant may use.

use axum::Json;
use base::{Scope, TenantId};
use foundation::Conn;
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
    tenant::{self, Feature, feature, feature::FeatureState},
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Tenant(Permission::TenantRead, None), routes!(own))
        .route(Access::Platform, routes!(list, set))
}

/// Every feature, and why the tenant has it or not.
#[derive(Serialize, ToSchema)]
struct FeaturesView {
    /// In the order of the document.
    features: Vec<FeatureState>,
}

/// The features of one's own tenant: the plan's, then add-ons, then the platform's word.
#[utoipa::path(
    get, path = "/api/v1/tenant/features", tag = "tenants", operation_id = "tenant_features",
    responses((status = 200, description = "Every feature.", body = FeaturesView))
)]
async fn own(cx: CallContext) -> Result<Json<FeaturesView>, Problem> {
    view(&mut cx.conn().await?, &cx.scope).await
}

/// The features of a tenant.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/features", tag = "tenants", operation_id = "tenants_features", params(("id" = TenantId, Path)),
    responses((status = 200, description = "Every feature.", body = FeaturesView))
)]
async fn list(cx: PlatformContext, Id(id): Id<TenantId>) -> Result<Json<FeaturesView>, Problem> {
    let mut conn = cx.conn().await?;
    tenant::find(&mut conn, &cx.platform, id).await?.ok_or(Problem::new(Code::NotFound))?;
    view(&mut conn, &cx.platform.within(id)).await
}

async fn view(conn: &mut Conn, scope: &Scope) -> Result<Json<FeaturesView>, Problem> {
    Ok(Json(FeaturesView { features: feature::feature_states(conn, scope).await? }))
}

/// What the platform says of a feature.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FeatureBody {
    /// Which.
    feature: Feature,
    /// On or off, whatever plan and add-ons say; null leaves it to them.
    enabled: Option<bool>,
    /// Why, for the audit trail.
    reason: String,
}

/// Switches a feature of a tenant on or off, in force at its next request.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/features", tag = "tenants", operation_id = "tenants_set_feature", params(("id" = TenantId, Path)),
    request_body = FeatureBody, responses((status = 200, description = "Every feature.", body = FeaturesView))
)]
async fn set(
    mut cx: PlatformContext,
    Id(id): Id<TenantId>,
    Body(body): Body<FeatureBody>,
) -> Result<Json<FeaturesView>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let features = feature::set_feature(&mut tx, &cx.platform, id, body.feature, body.enabled).await?;
    tx.commit().await?;
    Ok(Json(FeaturesView { features }))
}
