//! `/api/v1/addons`: the catalogue, and what tenants ask of it, for the super admin.

use axum::Json;
use base::{AddonId, TenantAddonId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    super::{
        body::{Body, Creation},
        context::PlatformContext,
        once::Created,
        params::{Id, PageParams, PageView, Params},
        problem::{Code, Problem},
        route::{Access, Routes},
        version::{IfMatch, Versioned},
    },
    saas_plans::ArchiveBody,
    tenants::{owner, reason},
};
use crate::domain::addon::{self, Addon, AddonSpec, Order, TenantAddon};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Platform, routes!(list, create))
        .route(Access::Platform, routes!(load, update))
        .route(Access::Platform, routes!(archive))
        .route(Access::Platform, routes!(requests))
        .route(Access::Platform, routes!(approve))
        .route(Access::Platform, routes!(reject))
        .route(Access::Platform, routes!(of_tenant, activate))
        .route(Access::Platform, routes!(set_units))
}

/// The whole catalogue in the order of making, archived add-ons too.
#[utoipa::path(
    get, path = "/api/v1/addons", tag = "add-ons", params(PageParams),
    responses((status = 200, description = "A page.", body = PageView<Addon>))
)]
async fn list(
    cx: PlatformContext,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<Addon>>, Problem> {
    let page = addon::list(&mut cx.conn().await?, &cx.platform, &page.request()).await?;
    Ok(Json(PageView::of(page, |addon| addon)))
}

/// Adds an add-on to the catalogue.
#[utoipa::path(
    post, path = "/api/v1/addons", tag = "add-ons", request_body = AddonSpec,
    responses((status = 201, description = "The add-on.", body = Addon))
)]
async fn create(cx: PlatformContext, creation: Creation<AddonSpec>) -> Result<Created, Problem> {
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.platform).await? {
        return Ok(answer);
    }
    let addon = addon::create(&mut tx, &cx.platform, creation.body).await?;
    let answer = creation.once.keep(&mut tx, &cx.platform, &addon).await?;
    tx.commit().await?;
    Ok(answer)
}

/// One add-on of the catalogue.
#[utoipa::path(
    get, path = "/api/v1/addons/{id}", tag = "add-ons", params(("id" = AddonId, Path)),
    responses((status = 200, description = "The add-on.", body = Addon))
)]
async fn load(cx: PlatformContext, Id(id): Id<AddonId>) -> Result<Versioned<Addon>, Problem> {
    let addon = addon::find(&mut cx.conn().await?, id).await?.ok_or(Problem::new(Code::NotFound))?;
    Ok(Versioned(addon.version, addon))
}

/// Changes an add-on. Who has it keeps its price.
#[utoipa::path(
    put, path = "/api/v1/addons/{id}", tag = "add-ons", params(("id" = AddonId, Path)), request_body = AddonSpec,
    responses(
        (status = 200, description = "The add-on.", body = Addon),
        (status = 412, description = "Changed meanwhile.")
    )
)]
async fn update(
    cx: PlatformContext,
    Id(id): Id<AddonId>,
    IfMatch(seen): IfMatch,
    Body(spec): Body<AddonSpec>,
) -> Result<Versioned<Addon>, Problem> {
    let mut tx = cx.begin().await?;
    let addon = addon::update(&mut tx, &cx.platform, id, seen, spec).await?;
    tx.commit().await?;
    Ok(Versioned(addon.version, addon))
}

/// Takes an add-on from the catalogue, or brings it back. Who has it keeps it.
#[utoipa::path(
    post, path = "/api/v1/addons/{id}/archive", tag = "add-ons", params(("id" = AddonId, Path)),
    request_body = ArchiveBody, responses((status = 200, description = "The add-on.", body = Addon))
)]
async fn archive(
    cx: PlatformContext,
    Id(id): Id<AddonId>,
    Body(body): Body<ArchiveBody>,
) -> Result<Versioned<Addon>, Problem> {
    let mut tx = cx.begin().await?;
    let addon = addon::archive(&mut tx, &cx.platform, id, None, body.archived).await?;
    tx.commit().await?;
    Ok(Versioned(addon.version, addon))
}

/// What a tenant asks for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AddonRequest {
    /// Which tenant.
    tenant_id: TenantId,
    /// What.
    #[serde(flatten)]
    request: TenantAddon,
}

/// What waits for the platform, of all tenants, in the order of asking.
#[utoipa::path(
    get, path = "/api/v1/addon-requests", tag = "add-ons", operation_id = "addon_requests_list", params(PageParams),
    responses((status = 200, description = "A page.", body = PageView<AddonRequest>))
)]
async fn requests(
    cx: PlatformContext,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<AddonRequest>>, Problem> {
    let page = addon::list_pending(&mut cx.conn().await?, &cx.platform, &page.request()).await?;
    Ok(Json(PageView::of(page, |(tenant_id, request)| AddonRequest { tenant_id, request })))
}

/// The platform's answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DecisionBody {
    /// Who asked, for whoever wants that to be looked at: another's is not found.
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// Why, for the tenant and the audit trail.
    reason: String,
}

/// Approves what a tenant asked for: it is active from now on, and charged to the end of the cycle.
#[utoipa::path(
    post, path = "/api/v1/addon-requests/{id}/approve", tag = "add-ons", operation_id = "addon_requests_approve",
    params(("id" = TenantAddonId, Path)), request_body = DecisionBody,
    responses((status = 200, description = "The tenant's add-on.", body = TenantAddon))
)]
async fn approve(
    mut cx: PlatformContext,
    Id(id): Id<TenantAddonId>,
    Body(body): Body<DecisionBody>,
) -> Result<Versioned<TenantAddon>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let tenant = owner(body.tenant_id, addon::tenant_of(&mut tx, &cx.platform, id).await?)?;
    let row = addon::approve(&mut tx, &cx.platform, tenant, id).await?;
    tx.commit().await?;
    Ok(Versioned(row.version, row))
}

/// Refuses what a tenant asked for; the tenant reads the reason.
#[utoipa::path(
    post, path = "/api/v1/addon-requests/{id}/reject", tag = "add-ons", operation_id = "addon_requests_reject",
    params(("id" = TenantAddonId, Path)), request_body = DecisionBody,
    responses((status = 200, description = "The tenant's add-on.", body = TenantAddon))
)]
async fn reject(
    mut cx: PlatformContext,
    Id(id): Id<TenantAddonId>,
    Body(body): Body<DecisionBody>,
) -> Result<Versioned<TenantAddon>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let tenant = owner(body.tenant_id, addon::tenant_of(&mut tx, &cx.platform, id).await?)?;
    let row = addon::reject(&mut tx, &cx.platform, tenant, id).await?;
    tx.commit().await?;
    Ok(Versioned(row.version, row))
}

/// What a tenant asked for and has.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/addons", tag = "add-ons", operation_id = "tenants_addons",
    params(("id" = TenantId, Path), PageParams),
    responses((status = 200, description = "A page.", body = PageView<TenantAddon>))
)]
async fn of_tenant(
    cx: PlatformContext,
    Id(id): Id<TenantId>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<TenantAddon>>, Problem> {
    let page = addon::list_of_tenant(&mut cx.conn().await?, &cx.platform.within(id), &page.request()).await?;
    Ok(Json(PageView::of(page, |row| row)))
}

/// What the platform gives a tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ActivationBody {
    /// What of the catalogue.
    addon_id: AddonId,
    /// How many.
    units: i64,
    /// Why, for the audit trail.
    reason: String,
}

/// Gives a tenant an add-on, official or custom, at once. A tenant has each add-on once, however often it is asked for.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/addons", tag = "add-ons", operation_id = "tenants_activate_addon",
    params(("id" = TenantId, Path)), request_body = ActivationBody,
    responses((status = 200, description = "The tenant's add-on.", body = TenantAddon))
)]
async fn activate(
    mut cx: PlatformContext,
    Id(id): Id<TenantId>,
    Body(body): Body<ActivationBody>,
) -> Result<Versioned<TenantAddon>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let order = Order { addon: body.addon_id, units: body.units, note: String::new() };
    let mut tx = cx.begin().await?;
    let row = addon::activate(&mut tx, &cx.platform, id, order).await?;
    tx.commit().await?;
    Ok(Versioned(row.version, row))
}

/// How many units the platform gives a tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = GivenUnitsBody)]
struct UnitsBody {
    /// Whose add-on it is, for whoever wants that to be looked at: another's is not found.
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// How many: more at once, fewer (0: none) from the next cycle on.
    units: i64,
    /// Why, for the audit trail.
    reason: String,
}

/// Changes how many units of an add-on a tenant has, custom ones too.
#[utoipa::path(
    post, path = "/api/v1/tenant-addons/{id}/units", tag = "add-ons", operation_id = "tenant_addons_set_units",
    params(("id" = TenantAddonId, Path)), request_body = UnitsBody,
    responses((status = 200, description = "The tenant's add-on.", body = TenantAddon))
)]
async fn set_units(
    mut cx: PlatformContext,
    Id(id): Id<TenantAddonId>,
    Body(body): Body<UnitsBody>,
) -> Result<Versioned<TenantAddon>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let tenant = owner(body.tenant_id, addon::tenant_of(&mut tx, &cx.platform, id).await?)?;
    let scope = cx.platform.within(tenant);
    let row = addon::set_units(&mut tx, &scope, id, None, body.units, true).await?;
    tx.commit().await?;
    Ok(Versioned(row.version, row))
}
