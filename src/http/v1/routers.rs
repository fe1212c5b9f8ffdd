//! `/api/v1/routers`: what is wanted of routers, their secrets, and what was seen of them.

use std::net::IpAddr;

use axum::Json;
use base::{RouterId, SecretString, TenantId, Timestamp};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::{Body, Creation},
    context::CallContext,
    observed::Observed,
    once::Created,
    params::{Id, PageParams, PageView, Params},
    problem::Problem,
    route::{Access, Routes},
    version::{IfMatch, Versioned},
};
use crate::domain::{
    access::Permission,
    nas::{self, Router, RouterSpec, Script, SecretChange},
    tenant::{self, Feature},
};

pub(super) fn routes(routes: Routes) -> Routes {
    let (read, write) = (
        Access::Tenant(Permission::RouterRead, Some(Feature::Radius)),
        Access::Tenant(Permission::RouterWrite, Some(Feature::Radius)),
    );
    let secret = Access::Tenant(Permission::RouterSecret, Some(Feature::Radius));
    routes
        .route(read, routes!(list))
        .route(write, routes!(create))
        .route(read, routes!(load))
        .route(write, routes!(update, delete))
        .route(secret, routes!(reveal_secret))
        .route(write, routes!(set_secret))
        .route(secret, routes!(script))
}

/// A router with what was seen of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RouterView {
    /// What is wanted.
    #[serde(flatten)]
    router: Router,
    /// What was seen.
    seen: SeenRouter,
}

/// What was seen of a router: of its newest packet since the daemon's start, else what was stored before.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SeenRouter {
    /// When its last packet came; null when it never sent one.
    last_seen_at: Option<Timestamp>,
    /// Where that came from.
    #[schema(value_type = Option<String>)]
    source_address: Option<IpAddr>,
    /// To which of our addresses it went: CoA is sent from there.
    #[schema(value_type = Option<String>)]
    local_address: Option<IpAddr>,
    /// Its sessions online.
    sessions: u64,
    /// Whether any of its requests carried a Message-Authenticator; null while none came. A router that never sends one
    /// is open to forgery.
    signs_requests: Option<bool>,
    /// Its requests without one since the daemon's start. Where routers share an address, nobody knows whose an unsigned one is:
    /// it counts for each of them that has not signed one.
    unsigned_requests: u64,
    /// Packets from its address since the daemon's start that its secret does not verify, nor that of another router there: most
    /// likely it has another one.
    forged_packets: u64,
}

impl RouterView {
    fn of(observed: &Observed, tenant: TenantId, stored: nas::Observed) -> Self {
        let live = observed.router(tenant, stored.router.id);
        let path = live.and_then(|live| live.path);
        let before = stored.observation.as_ref();
        let signed = before.is_some_and(|seen| seen.with_message_authenticator_at.is_some())
            || live.is_some_and(|live| live.signs_requests);
        let unsigned = before.is_some_and(|seen| seen.without_message_authenticator_at.is_some())
            || live.is_some_and(|live| live.unsigned_requests > 0);
        let seen = SeenRouter {
            last_seen_at: live.and_then(|live| live.last_seen).or(before.map(|seen| seen.last_seen_at)),
            source_address: path.map(|path| path.peer).or(before.map(|seen| seen.source_address)),
            local_address: path.map(|path| path.local).or(before.and_then(|seen| seen.local_address)),
            sessions: live.map_or(0, |live| live.sessions),
            signs_requests: (signed || unsigned).then_some(signed),
            unsigned_requests: live.map_or(0, |live| live.unsigned_requests),
            forged_packets: live.map_or(0, |live| live.forged_packets),
        };
        Self { router: stored.router, seen }
    }
}

/// The tenant's routers in the order of their making.
#[utoipa::path(
    get, path = "/api/v1/routers", tag = "routers", params(PageParams),
    responses((status = 200, body = PageView<RouterView>))
)]
async fn list(
    cx: CallContext,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<RouterView>>, Problem> {
    let mut conn = cx.conn().await?;
    let page = nas::list(&mut conn, &cx.scope, &page.request()).await?;
    let observed = &cx.state().observed;
    Ok(Json(PageView::of(page, |router| RouterView::of(observed, cx.scope.tenant(), router))))
}

/// A router to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RouterBody {
    /// What is wanted of it.
    router: RouterSpec,
    /// Its shared secret, 8 to 64 signs of ASCII; without one, one is made, which `/secret/reveal` shows. Where another
    /// tenant has a router at the address, none can be chosen.
    #[serde(default)]
    secret: Option<SecretString>,
}

/// Adds a router.
#[utoipa::path(
    post, path = "/api/v1/routers", tag = "routers", request_body = RouterBody, responses((status = 201, body = Router))
)]
async fn create(cx: CallContext, creation: Creation<RouterBody>) -> Result<Created, Problem> {
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.scope).await? {
        return Ok(answer);
    }
    let RouterBody { router, secret } = creation.body;
    let made = nas::create(&mut tx, &cx.scope, &cx.state().sealer, router, secret).await?;
    let answer = creation.once.keep(&mut tx, &cx.scope, &made.router).await?;
    tx.commit().await?;
    Ok(answer)
}

/// One router.
#[utoipa::path(
    get, path = "/api/v1/routers/{id}", tag = "routers", params(("id" = RouterId, Path)),
    responses((status = 200, body = RouterView))
)]
async fn load(cx: CallContext, Id(id): Id<RouterId>) -> Result<Versioned<RouterView>, Problem> {
    let mut conn = cx.conn().await?;
    let router = nas::load(&mut conn, &cx.scope, id).await?;
    let version = router.router.version;
    Ok(Versioned(version, RouterView::of(&cx.state().observed, cx.scope.tenant(), router)))
}

/// What else a change of a router does.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UpdateParams {
    /// Replaces its secret by one that is made here, which `/secret/reveal` shows. Needed when an address comes to it
    /// where another tenant has a router.
    #[serde(default)]
    new_secret: bool,
}

/// Changes everything of a router; its secret when that is asked for. In force for its next packet.
#[utoipa::path(
    put, path = "/api/v1/routers/{id}", tag = "routers", params(("id" = RouterId, Path), UpdateParams),
    request_body = RouterSpec,
    responses((status = 200, body = Router), (status = 412, description = "Changed meanwhile."))
)]
async fn update(
    cx: CallContext,
    Id(id): Id<RouterId>,
    IfMatch(seen): IfMatch,
    Params(params): Params<UpdateParams>,
    Body(spec): Body<RouterSpec>,
) -> Result<Versioned<Router>, Problem> {
    cx.ensure_reason()?;
    let mut tx = cx.begin().await?;
    let secret = if params.new_secret { SecretChange::Generate } else { SecretChange::Keep };
    let router = nas::update(&mut tx, &cx.scope, &cx.state().sealer, id, seen, spec, secret).await?;
    tx.commit().await?;
    Ok(Versioned(router.version, router))
}

/// Removes a router: its packets are unknown from now on. Its sessions keep its name.
#[utoipa::path(
    delete, path = "/api/v1/routers/{id}", tag = "routers", params(("id" = RouterId, Path)),
    responses((status = 204, description = "Removed."))
)]
async fn delete(cx: CallContext, Id(id): Id<RouterId>) -> Result<StatusCode, Problem> {
    let mut tx = cx.begin().await?;
    nas::delete(&mut tx, &cx.scope, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A router's shared secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SecretView {
    /// The secret; null where the caller may not see it.
    secret: Option<String>,
}

/// Shows a router's secret. The audit trail says who saw it.
#[utoipa::path(
    post, path = "/api/v1/routers/{id}/secret/reveal", tag = "routers", params(("id" = RouterId, Path)),
    responses((status = 200, body = SecretView))
)]
async fn reveal_secret(cx: CallContext, Id(id): Id<RouterId>) -> Result<Json<SecretView>, Problem> {
    let mut tx = cx.begin().await?;
    let secret = nas::reveal_secret(&mut tx, &cx.scope, &cx.state().sealer, id).await?;
    // Nobody sees it before the trail says so for good.
    tx.commit().await?;
    Ok(Json(SecretView { secret: Some(secret.expose().to_owned()) }))
}

/// A secret to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecretBody {
    /// 8 to 64 signs of ASCII; without one, one is made. Where another tenant has a router at the address, none can be
    /// chosen.
    #[serde(default)]
    secret: Option<SecretString>,
}

/// Replaces a router's secret, and shows it to whoever may see it.
#[utoipa::path(
    put, path = "/api/v1/routers/{id}/secret", tag = "routers", params(("id" = RouterId, Path)),
    request_body = SecretBody, responses((status = 200, body = SecretView))
)]
async fn set_secret(
    cx: CallContext,
    Id(id): Id<RouterId>,
    Body(body): Body<SecretBody>,
) -> Result<Json<SecretView>, Problem> {
    cx.ensure_reason()?;
    let mut tx = cx.begin().await?;
    let secret = nas::set_secret(&mut tx, &cx.scope, &cx.state().sealer, id, body.secret).await?;
    tx.commit().await?;
    // Whoever may set a secret does not therefore see one.
    let shown = Some(secret).filter(|_| cx.caller.may(Permission::RouterSecret));
    Ok(Json(SecretView { secret: shown.map(|secret| secret.expose().to_owned()) }))
}

/// What the commands are made for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ScriptParams {
    /// Where the router reaches this server.
    #[param(value_type = String)]
    server: IpAddr,
    /// Port of authentication there; 1812 unless something else is said.
    authentication_port: Option<u16>,
    /// Port of accounting there; 1813 unless something else is said.
    accounting_port: Option<u16>,
    /// Where an isolated subscriber's plain HTTP goes.
    #[param(value_type = Option<String>)]
    payment_page: Option<IpAddr>,
    /// What an isolated subscriber may reach, with commas between: addresses or names.
    allowed_hosts: Option<String>,
}

/// Ports of RFC 2865 §3 and RFC 2866 §3.
const PORTS: (u16, u16) = (1812, 1813);
/// Interims every five minutes, as plans have it.
const INTERIM_SECONDS: u32 = 300;

/// The commands to paste into the router's terminal, with its secret in them. The audit trail says who saw it.
#[utoipa::path(
    post, path = "/api/v1/routers/{id}/script", tag = "routers", params(("id" = RouterId, Path), ScriptParams),
    responses((status = 200, description = "RouterOS commands.", body = String, content_type = "text/plain"))
)]
async fn script(
    cx: CallContext,
    Id(id): Id<RouterId>,
    Params(params): Params<ScriptParams>,
) -> Result<([(header::HeaderName, HeaderValue); 1], String), Problem> {
    let mut tx = cx.begin().await?;
    let nas::Observed { router, .. } = nas::load(&mut tx, &cx.scope, id).await?;
    let profile = tenant::load(&mut tx, &cx.scope).await?.isolir_profile;
    let secret = nas::reveal_secret(&mut tx, &cx.scope, &cx.state().sealer, id).await?;
    tx.commit().await?;
    let hosts = params.allowed_hosts.unwrap_or_default();
    let script = nas::routeros_script(&Script {
        server: params.server,
        authentication_port: params.authentication_port.unwrap_or(PORTS.0),
        accounting_port: params.accounting_port.unwrap_or(PORTS.1),
        dynauth_port: router.spec.dynauth_port,
        secret,
        message_authenticator: router.spec.message_authenticator,
        interim_seconds: INTERIM_SECONDS,
        isolir_list: profile.address_list,
        allowed_hosts: hosts
            .split(',')
            .map(str::trim)
            .filter(|host| !host.is_empty())
            .map(str::to_owned)
            .collect(),
        payment_page: params.payment_page,
    });
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], script))
}
