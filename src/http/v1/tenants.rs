//! `/api/v1/tenants`: the tenants, for the super admin; `/api/v1/tenant`: one's own.

use axum::Json;
use base::{Currency, SaasPlanId, TenantId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::{Body, Creation},
    context::{CallContext, PlatformContext},
    once::Created,
    params::{Id, PageParams, PageView, Params},
    problem::{Code, Problem},
    route::{Access, Routes},
    version::{IfMatch, Versioned},
};
use crate::domain::{
    access::Permission,
    billing::saas,
    tenant::{
        self, Feature, IsolationReason, IsolirProfile, KeptAttribute, Tenant, TenantSpec, TenantStatus,
        saas_plan,
    },
    values::RateLimit,
};

/// The shortest reason that says anything.
const MIN_REASON: usize = 3;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Platform, routes!(list, create))
        .route(Access::Platform, routes!(load, update))
        .route(Access::Platform, routes!(set_status))
        .route(Access::Platform, routes!(set_service))
        .route(Access::Platform, routes!(set_plan))
        .route(Access::Tenant(Permission::TenantRead, None), routes!(own))
        .route(Access::Tenant(Permission::TenantWrite, None), routes!(update_own))
        .route(Access::Tenant(Permission::TenantWrite, Some(Feature::Isolir)), routes!(set_isolir_profile))
}

/// The tenants in the order of their making.
#[utoipa::path(
    get, path = "/api/v1/tenants", tag = "tenants", params(PageParams),
    responses((status = 200, body = PageView<Tenant>))
)]
async fn list(
    cx: PlatformContext,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<Tenant>>, Problem> {
    let mut conn = cx.conn().await?;
    let page = tenant::list(&mut conn, &cx.platform, &page.request()).await?;
    Ok(Json(PageView::of(page, |tenant| tenant)))
}

/// A tenant to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TenantBody {
    /// Its name.
    name: String,
    /// Its short name in addresses and at sign-in: 2 to 40 of `a-z`, `0-9`, `-`. Unique on the platform.
    slug: String,
    /// What its subscribers may write behind `@`.
    #[serde(default)]
    realm: Option<String>,
    /// IANA time zone, such as `Asia/Jakarta`.
    time_zone: String,
    /// The currency of its prices.
    currency: Currency,
    /// BCP 47 language, such as `id-ID`.
    locale: String,
    /// What the platform sells to it; the plan `trial` unless something else is said.
    #[serde(default)]
    saas_plan_id: Option<SaasPlanId>,
}

/// Makes a tenant, on trial.
#[utoipa::path(
    post, path = "/api/v1/tenants", tag = "tenants", request_body = TenantBody,
    responses((status = 201, body = Tenant))
)]
async fn create(cx: PlatformContext, creation: Creation<TenantBody>) -> Result<Created, Problem> {
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.platform).await? {
        return Ok(answer);
    }
    let TenantBody { name, slug, realm, time_zone, currency, locale, saas_plan_id } = creation.body;
    let spec = TenantSpec { name, slug, realm, time_zone, currency, locale };
    let plan = saas_plan_id.unwrap_or(saas_plan::TRIAL);
    let tenant = tenant::create_on_plan(&mut tx, &cx.platform, spec, plan).await?;
    let answer = creation.once.keep(&mut tx, &cx.platform, &tenant).await?;
    tx.commit().await?;
    Ok(answer)
}

/// One tenant.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = TenantId, Path)),
    responses((status = 200, body = Tenant))
)]
async fn load(cx: PlatformContext, Id(id): Id<TenantId>) -> Result<Versioned<Tenant>, Problem> {
    let mut conn = cx.conn().await?;
    let tenant = tenant::find(&mut conn, &cx.platform, id).await?.ok_or(Problem::new(Code::NotFound))?;
    Ok(Versioned(tenant.version, tenant))
}

/// Changes what the tenant's own people may change as well.
#[utoipa::path(
    put, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = TenantId, Path)), request_body = TenantSpec,
    responses((status = 200, body = Tenant), (status = 412, description = "Changed meanwhile."))
)]
async fn update(
    cx: PlatformContext,
    Id(id): Id<TenantId>,
    IfMatch(seen): IfMatch,
    Body(spec): Body<TenantSpec>,
) -> Result<Versioned<Tenant>, Problem> {
    let mut tx = cx.begin().await?;
    let tenant = tenant::update(&mut tx, &cx.platform.within(id), seen, spec).await?;
    tx.commit().await?;
    Ok(Versioned(tenant.version, tenant))
}

/// How a tenant stands from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StatusBody {
    /// The status.
    status: TenantStatus,
    /// Why it is `isolated`: `manual` unless something else is said; `unpaid` ends with the payment.
    #[serde(default)]
    isolation: Option<IsolationReason>,
    /// Why, for the audit trail.
    reason: String,
}

/// Changes how a tenant stands with the platform. Its subscribers are served on. `isolated` adds a reason to lock the panel;
/// any other status takes all reasons away.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/status", tag = "tenants", params(("id" = TenantId, Path)),
    request_body = StatusBody, responses((status = 200, body = Tenant))
)]
async fn set_status(
    mut cx: PlatformContext,
    Id(id): Id<TenantId>,
    Body(body): Body<StatusBody>,
) -> Result<Versioned<Tenant>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let tenant = match (body.status, body.isolation) {
        (TenantStatus::Isolated, Some(IsolationReason::Unpaid)) => {
            saas::isolate(&mut tx, &cx.platform, id).await?
        }
        (TenantStatus::Isolated, _) | (_, None) => {
            saas::set_status(&mut tx, &cx.platform, id, body.status).await?
        }
        (_, Some(_)) => {
            return Err(Problem::new(Code::InvalidBody).field("isolation", "is for the status isolated"));
        }
    };
    tx.commit().await?;
    Ok(Versioned(tenant.version, tenant))
}

/// What the platform sells to a tenant from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SaasPlanChoice {
    /// The plan.
    saas_plan_id: SaasPlanId,
    /// Why, for the audit trail.
    reason: String,
}

/// Gives a tenant another plan. Features and limits are in force at its next request; where it uses more than the plan
/// allows, nothing is taken away. What was charged ahead is given back, and the rest of the cycle charged anew, on its next
/// invoice.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/plan", tag = "tenants", params(("id" = TenantId, Path)),
    request_body = SaasPlanChoice, responses((status = 200, description = "The tenant.", body = Tenant))
)]
async fn set_plan(
    mut cx: PlatformContext,
    Id(id): Id<TenantId>,
    Body(body): Body<SaasPlanChoice>,
) -> Result<Versioned<Tenant>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let tenant = saas::change_plan(&mut tx, &cx.platform, id, body.saas_plan_id).await?;
    tx.commit().await?;
    Ok(Versioned(tenant.version, tenant))
}

/// Whether a tenant's subscribers are served from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceBody {
    /// Its subscribers are turned away.
    stopped: bool,
    /// Why, for the audit trail.
    reason: String,
}

/// Stops the service of all subscribers of a tenant, or lets it go on. No status of the tenant implies it.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/service", tag = "tenants", params(("id" = TenantId, Path)),
    request_body = ServiceBody, responses((status = 200, body = Tenant))
)]
async fn set_service(
    mut cx: PlatformContext,
    Id(id): Id<TenantId>,
    Body(body): Body<ServiceBody>,
) -> Result<Versioned<Tenant>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let tenant = tenant::set_service_stopped(&mut tx, &cx.platform, id, body.stopped).await?;
    tx.commit().await?;
    Ok(Versioned(tenant.version, tenant))
}

/// One's own tenant.
#[utoipa::path(get, path = "/api/v1/tenant", tag = "tenants", responses((status = 200, body = Tenant)))]
async fn own(cx: CallContext) -> Result<Versioned<Tenant>, Problem> {
    let mut conn = cx.conn().await?;
    let tenant = tenant::load(&mut conn, &cx.scope).await?;
    Ok(Versioned(tenant.version, tenant))
}

/// Changes one's own tenant.
#[utoipa::path(
    put, path = "/api/v1/tenant", tag = "tenants", request_body = TenantSpec,
    responses((status = 200, body = Tenant), (status = 412, description = "Changed meanwhile."))
)]
async fn update_own(
    cx: CallContext,
    IfMatch(seen): IfMatch,
    Body(spec): Body<TenantSpec>,
) -> Result<Versioned<Tenant>, Problem> {
    cx.ensure_reason()?;
    let mut tx = cx.begin().await?;
    let tenant = tenant::update(&mut tx, &cx.scope, seen, spec).await?;
    tx.commit().await?;
    Ok(Versioned(tenant.version, tenant))
}

/// What an isolated subscriber gets in place of the plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IsolirProfileBody {
    /// Speed in place of the plan's.
    #[serde(default)]
    rate_limit: Option<RateLimit>,
    /// Mikrotik-Address-List that the router's walled garden acts on.
    #[serde(default)]
    address_list: Option<String>,
    /// Mikrotik-Group.
    #[serde(default)]
    group: Option<String>,
    /// Filter-Id.
    #[serde(default)]
    filter: Option<String>,
    /// Framed-Pool. Without one the plan's pool and the static address stay, and a lift needs no re-dial.
    #[serde(default)]
    pool: Option<String>,
    /// Session-Timeout in seconds.
    #[serde(default)]
    session_timeout: Option<u32>,
    /// Names of custom attributes of plan and subscriber that survive isolation.
    #[serde(default)]
    kept_attributes: Vec<String>,
}

/// Changes what the tenant's isolated subscribers get, from their next login on.
#[utoipa::path(
    put, path = "/api/v1/tenant/isolir-profile", tag = "tenants", request_body = IsolirProfileBody,
    responses((status = 200, body = Tenant), (status = 412, description = "Changed meanwhile."))
)]
async fn set_isolir_profile(
    cx: CallContext,
    IfMatch(seen): IfMatch,
    Body(body): Body<IsolirProfileBody>,
) -> Result<Versioned<Tenant>, Problem> {
    let dictionary = cx.state().dictionary.current();
    let kept = body.kept_attributes.iter().map(|name| KeptAttribute::named(&dictionary, name));
    let profile = IsolirProfile {
        kept_attributes: kept.collect::<Result<_, _>>()?,
        rate_limit: body.rate_limit,
        address_list: body.address_list,
        group: body.group,
        filter: body.filter,
        pool: body.pool,
        session_timeout: body.session_timeout,
    };
    cx.ensure_reason()?;
    let mut tx = cx.begin().await?;
    let tenant = tenant::set_isolir_profile(&mut tx, &cx.scope, seen, profile).await?;
    tx.commit().await?;
    Ok(Versioned(tenant.version, tenant))
}

/// An override of the super admin says why.
pub(super) fn reason(text: &str) -> Result<String, Problem> {
    let trimmed = text.trim();
    if !(MIN_REASON..=super::MAX_REASON).contains(&trimmed.chars().count()) {
        return Err(Problem::new(Code::InvalidBody).field("reason", "must have 3 to 500 characters"));
    }
    Ok(trimmed.to_owned())
}

/// Whose an addressed thing is: that is known of the thing itself, and what the caller says of it must not be wrong.
pub(super) fn owner(said: Option<TenantId>, found: Option<TenantId>) -> Result<TenantId, Problem> {
    found.filter(|found| said.is_none_or(|said| said == *found)).ok_or(Problem::new(Code::NotFound))
}
