//! `/api/v1/subscribers`: services with a login of their own.

use axum::Json;
use base::{CustomerId, PlanId, RouterId, SecretString, SubscriberId, Timestamp, page::PageRequest};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    super::{
        body::{Body, Creation},
        context::CallContext,
        once::Created,
        params::{Id, PageView, Params},
        problem::{Code, Problem},
        route::{Access, Routes},
        version::{IfMatch, IfMatchGiven, Versioned},
    },
    customers::CustomerBody,
};
use crate::domain::{
    access::Permission,
    isolir::{self, QuotaState},
    subscriber::{
        self, CustomerChoice, Filter, Listed, Login, NewSubscriber, OverlayReason, ServiceType, Status,
        Subscriber, SubscriberSpec,
    },
    tenant::Feature,
    values::Invalid,
};

pub(super) fn routes(routes: Routes) -> Routes {
    let read = Access::Tenant(Permission::SubscriberRead, Some(Feature::Radius));
    let write = Access::Tenant(Permission::SubscriberWrite, Some(Feature::Radius));
    let suspend_resume = Access::Tenant(Permission::SubscriberSuspend, Some(Feature::Radius));
    routes
        .route(read, routes!(list))
        .route(write, routes!(create))
        .route(read, routes!(search))
        .route(read, routes!(load))
        .route(write, routes!(update, delete))
        .route(write, routes!(change_plan))
        .route(suspend_resume, routes!(suspend))
        .route(suspend_resume, routes!(resume))
        .route(write, routes!(end))
        .route(write, routes!(set_login))
        .route(
            Access::Tenant(Permission::SubscriberPassword, Some(Feature::Radius)),
            routes!(reveal_password),
        )
}

/// Which subscribers are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Those of this status.
    status: Option<Status>,
    /// Those on this service.
    service: Option<ServiceType>,
    /// Those with this plan.
    plan_id: Option<PlanId>,
    /// Those that are bound to this router.
    router_id: Option<RouterId>,
    /// Those of this customer.
    customer_id: Option<CustomerId>,
    /// Those that are isolated, or those that are not.
    isolated: Option<bool>,
    /// Those that are isolated for this reason.
    reason: Option<OverlayReason>,
    /// Those whose time runs out before this.
    expires_before: Option<Timestamp>,
    /// Those whose user name starts so.
    username_prefix: Option<String>,
    /// Rows of a page: 50 unless something else is said, at most 500.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// The tenant's subscribers in the order of user names.
#[utoipa::path(
    get, path = "/api/v1/subscribers", tag = "subscribers", params(ListParams),
    responses((status = 200, body = PageView<Listed>))
)]
async fn list(
    cx: CallContext,
    Params(params): Params<ListParams>,
) -> Result<Json<PageView<Listed>>, Problem> {
    let filter = Filter {
        status: params.status,
        service: params.service,
        plan: params.plan_id,
        router: params.router_id,
        customer: params.customer_id,
        isolated: params.isolated,
        reason: params.reason,
        expires_before: params.expires_before,
        username_prefix: params.username_prefix,
    };
    let request = PageRequest::new(params.limit, params.after);
    let mut conn = cx.conn().await?;
    let page = subscriber::list(&mut conn, &cx.scope, &filter, &request).await?;
    Ok(Json(PageView::of(page, |listed| listed)))
}

/// What is searched for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SearchParams {
    /// The start of a user name, of a customer's name or of a telephone number.
    text: String,
    /// Hits: 20 unless something else is said, at most 50.
    limit: Option<u32>,
}

/// What a search finds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Hits {
    /// In the order of user names.
    rows: Vec<Listed>,
}

/// Hits of a search, as many as a screen shows.
const HITS: u32 = 20;

/// Looks for subscribers as somebody at the counter does.
#[utoipa::path(
    get, path = "/api/v1/subscribers/search", tag = "subscribers", params(SearchParams),
    responses((status = 200, body = Hits))
)]
async fn search(cx: CallContext, Params(params): Params<SearchParams>) -> Result<Json<Hits>, Problem> {
    let mut conn = cx.conn().await?;
    let limit = params.limit.unwrap_or(HITS);
    Ok(Json(Hits { rows: subscriber::search(&mut conn, &cx.scope, &params.text, limit).await? }))
}

/// A subscriber to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SubscriberBody {
    /// What is wanted of it.
    subscriber: SubscriberSpec,
    /// Its password, 1 to 128 octets; without one, one is made, which `/password/reveal` shows.
    #[serde(default)]
    password: Option<SecretString>,
    /// It has no password: the hardware address is its user name and all there is.
    #[serde(default)]
    hardware_login: bool,
    /// Who pays, when that is somebody who is there.
    #[serde(default)]
    customer_id: Option<CustomerId>,
    /// Who pays, when that is somebody new.
    #[serde(default)]
    customer: Option<CustomerBody>,
}

/// Adds a subscriber, and its customer when that one is new.
#[utoipa::path(
    post, path = "/api/v1/subscribers", tag = "subscribers", request_body = SubscriberBody,
    responses((status = 201, body = Subscriber))
)]
async fn create(cx: CallContext, creation: Creation<SubscriberBody>) -> Result<Created, Problem> {
    let SubscriberBody { subscriber: spec, password, hardware_login, customer_id, customer } = creation.body;
    let customer = match (customer_id, customer) {
        (Some(id), None) => CustomerChoice::Existing(id),
        (None, Some(CustomerBody { customer: spec, identity_number })) => {
            CustomerChoice::New { spec, identity_number }
        }
        _ => {
            return Err(Invalid::new("customer", "or customerId must be given, and one of them alone").into());
        }
    };
    let new = NewSubscriber { spec, login: login(password, hardware_login)?, customer };
    let state = cx.state();
    let mut tx = cx.begin().await?;
    if let Some(answer) = creation.once.claim(&mut tx, &cx.scope).await? {
        return Ok(answer);
    }
    let made =
        subscriber::create(&mut tx, &cx.scope, &state.sealer, &state.dictionary.current(), new).await?;
    let answer = creation.once.keep(&mut tx, &cx.scope, &made.subscriber).await?;
    tx.commit().await?;
    Ok(answer)
}

fn login(password: Option<SecretString>, hardware_login: bool) -> Result<Login, Invalid> {
    match (password, hardware_login) {
        (Some(_), true) => Err(Invalid::new("password", "must not be given with hardwareLogin")),
        (None, true) => Ok(Login::HardwareAddress),
        (password, false) => Ok(Login::Password(password)),
    }
}

/// A subscriber, and how it stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SubscriberView {
    #[serde(flatten)]
    subscriber: Subscriber,
    /// How it stands with its quota; null where its plan has none.
    quota: Option<QuotaView>,
}

/// How a subscriber stands with its quota.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SubscriberQuota)]
struct QuotaView {
    /// Octets of both directions since the period began, the present hour among them.
    used_octets: String,
    /// Octets that the plan gives in a period.
    allowed_octets: String,
    /// When the period began.
    from: Timestamp,
    /// When the next one begins; null where this one has no end.
    until: Option<Timestamp>,
}

impl From<QuotaState> for QuotaView {
    fn from(state: QuotaState) -> Self {
        let QuotaState { used, allowed, from, until } = state;
        Self { used_octets: used.to_string(), allowed_octets: allowed.to_string(), from, until }
    }
}

/// One subscriber.
#[utoipa::path(
    get, path = "/api/v1/subscribers/{id}", tag = "subscribers", params(("id" = SubscriberId, Path)),
    responses((status = 200, body = SubscriberView))
)]
async fn load(cx: CallContext, Id(id): Id<SubscriberId>) -> Result<Versioned<SubscriberView>, Problem> {
    let mut conn = cx.conn().await?;
    let subscriber = subscriber::find(&mut conn, &cx.scope, id).await?.ok_or(Problem::new(Code::NotFound))?;
    let quota = isolir::quota_state(&mut conn, &cx.scope, id).await?.map(QuotaView::from);
    Ok(Versioned(subscriber.version, SubscriberView { subscriber, quota }))
}

/// Changes what is wanted of a subscriber. In force for its next login; isolation is not touched.
#[utoipa::path(
    put, path = "/api/v1/subscribers/{id}", tag = "subscribers", params(("id" = SubscriberId, Path)),
    request_body = SubscriberSpec,
    responses((status = 200, body = Subscriber), (status = 412, description = "Changed meanwhile."))
)]
async fn update(
    cx: CallContext,
    Id(id): Id<SubscriberId>,
    IfMatch(seen): IfMatch,
    Body(spec): Body<SubscriberSpec>,
) -> Result<Versioned<Subscriber>, Problem> {
    let mut tx = cx.begin().await?;
    let dictionary = cx.state().dictionary.current();
    let subscriber = subscriber::update(&mut tx, &cx.scope, &dictionary, id, seen, spec).await?;
    tx.commit().await?;
    Ok(Versioned(subscriber.version, subscriber))
}

/// Removes a subscriber: its name and address are free; its sessions and invoices stay.
#[utoipa::path(
    delete, path = "/api/v1/subscribers/{id}", tag = "subscribers", params(("id" = SubscriberId, Path)),
    responses((status = 204, description = "Removed."), (status = 412, description = "Changed meanwhile."))
)]
async fn delete(
    cx: CallContext,
    Id(id): Id<SubscriberId>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, Problem> {
    let mut tx = cx.begin().await?;
    may_go(&cx, &subscriber::find(&mut tx, &cx.scope, id).await?.ok_or(Problem::new(Code::NotFound))?)?;
    subscriber::delete(&mut tx, &cx.scope, id, seen).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever may not lift an isolation or a suspension may not remove who is under one either: made anew under the same name,
/// the subscriber would be free of it.
fn may_go(cx: &CallContext, subscriber: &Subscriber) -> Result<(), Problem> {
    let suspended = subscriber.status == Status::Suspended;
    let needed = [
        (subscriber.overlay.isolated(), Permission::IsolirWrite),
        (suspended, Permission::SubscriberSuspend),
    ];
    match needed.into_iter().find(|(applies, permission)| *applies && !cx.caller.may(*permission)) {
        Some((_, permission)) => {
            Err(Problem::new(Code::PermissionMissing).detail(format!("it is {permission}")))
        }
        None => Ok(()),
    }
}

/// Another plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlanBody {
    /// Which.
    plan_id: PlanId,
}

/// Gives a subscriber another plan.
#[utoipa::path(
    put, path = "/api/v1/subscribers/{id}/plan", tag = "subscribers", params(("id" = SubscriberId, Path)),
    request_body = PlanBody, responses((status = 200, body = Subscriber))
)]
async fn change_plan(
    cx: CallContext,
    Id(id): Id<SubscriberId>,
    IfMatchGiven(seen): IfMatchGiven,
    Body(body): Body<PlanBody>,
) -> Result<Versioned<Subscriber>, Problem> {
    let mut tx = cx.begin().await?;
    let subscriber = subscriber::change_plan(&mut tx, &cx.scope, id, seen, body.plan_id).await?;
    tx.commit().await?;
    Ok(Versioned(subscriber.version, subscriber))
}

/// Keeps a subscriber from logging in. Doing it twice does no harm.
#[utoipa::path(
    post, path = "/api/v1/subscribers/{id}/suspend", tag = "subscribers", params(("id" = SubscriberId, Path)),
    responses((status = 200, body = Subscriber))
)]
async fn suspend(
    cx: CallContext,
    Id(id): Id<SubscriberId>,
    IfMatchGiven(seen): IfMatchGiven,
) -> Result<Versioned<Subscriber>, Problem> {
    let mut tx = cx.begin().await?;
    let subscriber = subscriber::suspend(&mut tx, &cx.scope, id, seen).await?;
    tx.commit().await?;
    Ok(Versioned(subscriber.version, subscriber))
}

/// Lets a suspended subscriber log in again. Doing it twice does no harm.
#[utoipa::path(
    post, path = "/api/v1/subscribers/{id}/resume", tag = "subscribers", params(("id" = SubscriberId, Path)),
    responses((status = 200, body = Subscriber))
)]
async fn resume(
    cx: CallContext,
    Id(id): Id<SubscriberId>,
    IfMatchGiven(seen): IfMatchGiven,
) -> Result<Versioned<Subscriber>, Problem> {
    let mut tx = cx.begin().await?;
    let subscriber = subscriber::resume(&mut tx, &cx.scope, id, seen).await?;
    tx.commit().await?;
    Ok(Versioned(subscriber.version, subscriber))
}

/// Ends a subscriber's service for good: it keeps its name and its past, and never logs in again.
#[utoipa::path(
    post, path = "/api/v1/subscribers/{id}/end", tag = "subscribers", params(("id" = SubscriberId, Path)),
    responses((status = 200, body = Subscriber))
)]
async fn end(
    cx: CallContext,
    Id(id): Id<SubscriberId>,
    IfMatchGiven(seen): IfMatchGiven,
) -> Result<Versioned<Subscriber>, Problem> {
    let mut tx = cx.begin().await?;
    may_go(&cx, &subscriber::find(&mut tx, &cx.scope, id).await?.ok_or(Problem::new(Code::NotFound))?)?;
    let subscriber = subscriber::end(&mut tx, &cx.scope, id, seen).await?;
    tx.commit().await?;
    Ok(Versioned(subscriber.version, subscriber))
}

/// How a subscriber shows who it is from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PasswordBody {
    /// The password, 1 to 128 octets; without one, one is made.
    #[serde(default)]
    password: Option<SecretString>,
    /// No password: the hardware address is its user name and all there is.
    #[serde(default)]
    hardware_login: bool,
}

/// A subscriber's password.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SubscriberPassword)]
struct PasswordView {
    /// The password; null where there is none to show, or the caller may not see it.
    password: Option<String>,
}

/// Changes how a subscriber shows who it is. A password that was made is shown here. Live sessions go on.
#[utoipa::path(
    put, path = "/api/v1/subscribers/{id}/password", tag = "subscribers", params(("id" = SubscriberId, Path)),
    request_body(content = inline(PasswordBody)), responses((status = 200, body = PasswordView))
)]
async fn set_login(
    cx: CallContext,
    Id(id): Id<SubscriberId>,
    Body(body): Body<PasswordBody>,
) -> Result<Json<PasswordView>, Problem> {
    let login = login(body.password, body.hardware_login)?;
    let mut tx = cx.begin().await?;
    let made = subscriber::set_login(&mut tx, &cx.scope, &cx.state().sealer, id, login).await?;
    tx.commit().await?;
    // Whoever may set a password does not therefore see one.
    let shown = made.filter(|_| cx.caller.may(Permission::SubscriberPassword));
    Ok(Json(PasswordView { password: shown.map(|password| password.expose().to_owned()) }))
}

/// Shows a subscriber's password. The audit trail says who saw it.
#[utoipa::path(
    post, path = "/api/v1/subscribers/{id}/password/reveal", tag = "subscribers",
    params(("id" = SubscriberId, Path)), responses((status = 200, body = PasswordView))
)]
async fn reveal_password(cx: CallContext, Id(id): Id<SubscriberId>) -> Result<Json<PasswordView>, Problem> {
    let mut tx = cx.begin().await?;
    let password = subscriber::reveal_password(&mut tx, &cx.scope, &cx.state().sealer, id).await?;
    tx.commit().await?;
    Ok(Json(PasswordView { password: password.map(|password| password.expose().to_owned()) }))
}
