//! `/api/v1/platform/event-subscribers`: who reacts to events, how far each has come, and what to do about one that is
//! stuck.

use axum::Json;
use base::{TenantId, Timestamp, page::PageRequest};
use foundation::event::{self, Standing, StandingFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    super::{
        body::Body,
        context::PlatformContext,
        params::{PageView, Params},
        problem::{Code, Problem},
        route::{Access, Routes},
    },
    tenants::reason,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Platform, routes!(platform_event_subscribers))
        .route(Access::Platform, routes!(platform_retry_event))
        .route(Access::Platform, routes!(platform_replay_events))
        .route(Access::Platform, routes!(platform_skip_event))
}

/// Which standings are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StandingParams {
    /// In this tenant's stream.
    tenant_id: Option<TenantId>,
    /// Of this subscriber.
    subscriber: Option<String>,
    /// Only those that fail.
    #[serde(default)]
    parked: bool,
    /// Rows of a page: 50 unless something else is said, at most 500.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Where a subscriber stands in a tenant's stream.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StandingView {
    /// Whose stream; all zeros for the platform's own.
    tenant_id: TenantId,
    /// Which subscriber.
    subscriber: String,
    /// The last event that it is done with.
    position: i64,
    /// The last event that there is.
    head: i64,
    /// Events that it has not looked at.
    lag: i64,
    /// How often the next one has failed.
    attempts: i64,
    /// Since when it fails; not there when it does not.
    parked_since: Option<Timestamp>,
    /// When it is tried again.
    retry_at: Option<Timestamp>,
    /// What went wrong last.
    last_error: Option<String>,
    /// When.
    last_error_at: Option<Timestamp>,
}

impl From<Standing> for StandingView {
    fn from(standing: Standing) -> Self {
        Self {
            lag: standing.lag(),
            tenant_id: standing.tenant,
            subscriber: standing.subscriber,
            position: standing.position,
            head: standing.head,
            attempts: standing.attempts,
            parked_since: standing.parked_since,
            retry_at: standing.retry_at,
            last_error: standing.last_error,
            last_error_at: standing.last_error_at,
        }
    }
}

/// Where every subscriber stands in every tenant's stream, by tenant and name.
#[utoipa::path(
    get, path = "/api/v1/platform/event-subscribers", tag = "events", params(StandingParams),
    responses((status = 200, body = PageView<StandingView>))
)]
async fn platform_event_subscribers(
    cx: PlatformContext,
    Params(params): Params<StandingParams>,
) -> Result<Json<PageView<StandingView>>, Problem> {
    let request = PageRequest::new(params.limit, params.after);
    if request.after().is_some_and(|after| !event::is_standing_cursor(after)) {
        return Err(Problem::new(Code::InvalidCursor));
    }
    let filter =
        StandingFilter { tenant: params.tenant_id, subscriber: params.subscriber, parked: params.parked };
    let mut conn = cx.conn().await?;
    let page = event::list_standings(&mut conn, &cx.platform, &filter, &request).await?;
    Ok(Json(PageView::of(page, StandingView::from)))
}

/// A subscriber that is stuck with a tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RetryBody {
    /// In whose stream; all zeros for the platform's own.
    tenant_id: TenantId,
    /// Which subscriber.
    subscriber: String,
    /// Why, for the audit trail.
    reason: String,
}

/// Has the next event tried again at once.
#[utoipa::path(
    post, path = "/api/v1/platform/event-subscribers/retry", tag = "events", request_body = RetryBody,
    responses((status = 200, body = StandingView))
)]
async fn platform_retry_event(
    mut cx: PlatformContext,
    Body(body): Body<RetryBody>,
) -> Result<Json<StandingView>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let standing = event::retry(&mut tx, &cx.platform, body.tenant_id, &body.subscriber).await?;
    tx.commit().await?;
    Ok(Json(standing.into()))
}

/// From where a subscriber gets events once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReplayBody {
    /// In whose stream; all zeros for the platform's own.
    tenant_id: TenantId,
    /// Which subscriber.
    subscriber: String,
    /// The first event that it gets again.
    from: i64,
    /// Why, for the audit trail.
    reason: String,
}

/// Takes a subscriber back to an earlier event: it gets that one and all that follow once more.
#[utoipa::path(
    post, path = "/api/v1/platform/event-subscribers/replay", tag = "events", request_body = ReplayBody,
    responses((status = 200, body = StandingView))
)]
async fn platform_replay_events(
    mut cx: PlatformContext,
    Body(body): Body<ReplayBody>,
) -> Result<Json<StandingView>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let standing = event::replay(&mut tx, &cx.platform, body.tenant_id, &body.subscriber, body.from).await?;
    tx.commit().await?;
    Ok(Json(standing.into()))
}

/// Which event a subscriber is to leave out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SkipBody {
    /// In whose stream; all zeros for the platform's own.
    tenant_id: TenantId,
    /// Which subscriber.
    subscriber: String,
    /// The event, which must be its next: so that two people do not leave out two.
    sequence: i64,
    /// Why, for the audit trail.
    reason: String,
}

/// Leaves out the event that a subscriber is stuck at: it never reaches it, and the next ones do.
#[utoipa::path(
    post, path = "/api/v1/platform/event-subscribers/skip", tag = "events", request_body = SkipBody,
    responses((status = 200, body = StandingView))
)]
async fn platform_skip_event(
    mut cx: PlatformContext,
    Body(body): Body<SkipBody>,
) -> Result<Json<StandingView>, Problem> {
    cx.platform.reason = Some(reason(&body.reason)?);
    let mut tx = cx.begin().await?;
    let standing =
        event::skip(&mut tx, &cx.platform, body.tenant_id, &body.subscriber, body.sequence).await?;
    tx.commit().await?;
    Ok(Json(standing.into()))
}
