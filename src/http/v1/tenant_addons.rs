//! `/api/v1/tenant/addons`: what one's own tenant may buy, asked for and has.

use axum::Json;
use base::{AddonId, TenantAddonId};
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
use crate::domain::{
    access::Permission,
    addon::{self, Addon, Order, SaasCharge, TenantAddon},
};

pub(super) fn routes(routes: Routes) -> Routes {
    let (read, write) =
        (Access::Tenant(Permission::TenantRead, None), Access::Tenant(Permission::TenantWrite, None));
    routes
        .route(read, routes!(offers))
        .route(read, routes!(list))
        .route(write, routes!(order))
        .route(read, routes!(load))
        .route(read, routes!(charges))
        .route(write, routes!(set_units))
}

/// What there is to be had.
#[utoipa::path(
    get, path = "/api/v1/tenant/addon-offers", tag = "add-ons", operation_id = "addon_offers", params(PageParams),
    responses((status = 200, description = "A page.", body = PageView<Addon>))
)]
async fn offers(cx: CallContext, Params(page): Params<PageParams>) -> Result<Json<PageView<Addon>>, Problem> {
    let page = addon::offers(&mut cx.conn().await?, &page.request()).await?;
    Ok(Json(PageView::of(page, |addon| addon)))
}

/// What one's own tenant asked for and has, in the order of asking.
#[utoipa::path(
    get, path = "/api/v1/tenant/addons", tag = "add-ons", operation_id = "tenant_addons_list", params(PageParams),
    responses((status = 200, description = "A page.", body = PageView<TenantAddon>))
)]
async fn list(
    cx: CallContext,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<TenantAddon>>, Problem> {
    let page = addon::list_of_tenant(&mut cx.conn().await?, &cx.scope, &page.request()).await?;
    Ok(Json(PageView::of(page, |row| row)))
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OrderBody {
    /// What of the catalogue.
    addon_id: AddonId,
    /// How many.
    units: i64,
    /// Words to the platform, which approves custom add-ons.
    #[serde(default)]
    note: String,
}

/// Asks for an add-on. An official one is active at once, and what is left of the cycle is charged; a custom one waits for
/// the platform.
#[utoipa::path(
    post, path = "/api/v1/tenant/addons", tag = "add-ons", operation_id = "tenant_addons_order", request_body = OrderBody,
    responses((status = 201, description = "The tenant's add-on.", body = TenantAddon))
)]
async fn order(cx: CallContext, creation: Creation<OrderBody>) -> Result<Created, Problem> {
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.scope).await? {
        return Ok(answer);
    }
    let OrderBody { addon_id, units, note } = creation.body;
    let row = addon::order(&mut tx, &cx.scope, Order { addon: addon_id, units, note }).await?;
    let answer = creation.once.keep(&mut tx, &cx.scope, &row).await?;
    tx.commit().await?;
    Ok(answer)
}

/// One of them.
#[utoipa::path(
    get, path = "/api/v1/tenant/addons/{id}", tag = "add-ons", operation_id = "tenant_addons_load",
    params(("id" = TenantAddonId, Path)),
    responses((status = 200, description = "The tenant's add-on.", body = TenantAddon))
)]
async fn load(cx: CallContext, Id(id): Id<TenantAddonId>) -> Result<Versioned<TenantAddon>, Problem> {
    let row = addon::load(&mut cx.conn().await?, &cx.scope, id).await?;
    Ok(Versioned(row.version, row))
}

/// What was charged for it, oldest first.
#[utoipa::path(
    get, path = "/api/v1/tenant/addons/{id}/charges", tag = "add-ons", operation_id = "tenant_addons_charges",
    params(("id" = TenantAddonId, Path)),
    responses((status = 200, description = "The charges.", body = Vec<SaasCharge>))
)]
async fn charges(cx: CallContext, Id(id): Id<TenantAddonId>) -> Result<Json<Vec<SaasCharge>>, Problem> {
    let mut conn = cx.conn().await?;
    addon::load(&mut conn, &cx.scope, id).await?;
    Ok(Json(addon::charges(&mut conn, &cx.scope, id).await?))
}

/// How many are wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UnitsBody {
    /// More hold at once, and what is left of the cycle is charged; fewer hold from the next cycle on, and 0 ends it then.
    /// The present number takes back what was said before.
    units: i64,
}

/// Changes how many are wanted.
#[utoipa::path(
    put, path = "/api/v1/tenant/addons/{id}/units", tag = "add-ons", operation_id = "tenant_addons_change_units",
    params(("id" = TenantAddonId, Path)), request_body = UnitsBody,
    responses(
        (status = 200, description = "The tenant's add-on.", body = TenantAddon),
        (status = 412, description = "Changed meanwhile.")
    )
)]
async fn set_units(
    cx: CallContext,
    Id(id): Id<TenantAddonId>,
    IfMatch(seen): IfMatch,
    Body(body): Body<UnitsBody>,
) -> Result<Versioned<TenantAddon>, Problem> {
    let mut tx = cx.begin().await?;
    let row = addon::set_units(&mut tx, &cx.scope, id, seen, body.units, false).await?;
    tx.commit().await?;
    Ok(Versioned(row.version, row))
}
