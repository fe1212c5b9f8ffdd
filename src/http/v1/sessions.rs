//! `/api/v1/sessions`: who is online, who was, and who had an address.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use aaa::live::{
    self, Cursor, EndCause, LiveSession, Usage,
    identifiers::{ACCT_SESSION_ID, USER_NAME},
};
use axum::Json;
use base::{MacAddress, RouterId, SessionId, SubscriberId, Timestamp, page::PageRequest};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    context::CallContext,
    params::{Id, PageView, Params},
    problem::{Code, Problem},
    route::{Access, Routes},
};
use crate::domain::{
    access::Permission,
    isolir,
    session::{self, Filter, StoredSession},
    subscriber,
    tenant::Feature,
};

pub(super) fn routes(routes: Routes) -> Routes {
    let read = Access::Tenant(Permission::SessionRead, Some(Feature::Radius));
    routes
        .route(read, routes!(list))
        .route(read, routes!(load))
        .route(Access::Tenant(Permission::SessionDisconnect, Some(Feature::Radius)), routes!(disconnect))
        .route(read, routes!(usage))
}

base::text_enum! {
    /// Which sessions a list is of.
    pub(super) enum SessionState {
        /// Those that are online, from the live table.
        Live = "live",
        /// All of them as they are stored, the newest first.
        History = "history",
    }
}

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionView {
    /// Its id.
    id: SessionId,
    /// The router it is on.
    router_id: RouterId,
    /// The subscriber; null for a user name that is none of ours.
    subscriber_id: Option<SubscriberId>,
    /// The user name, as the router sent it.
    username: String,
    /// The router's own name for the session.
    acct_session_id: String,
    /// Framed-IP-Address.
    framed_address: Option<String>,
    /// Framed-IPv6-Address; of stored sessions alone.
    framed_ipv6_address: Option<String>,
    /// Framed-IPv6-Prefix; of stored sessions alone.
    framed_ipv6_prefix: Option<String>,
    /// Delegated-IPv6-Prefix; of stored sessions alone.
    delegated_ipv6_prefix: Option<String>,
    /// The device.
    mac: Option<MacAddress>,
    /// It is online.
    online: bool,
    /// When it started.
    started_at: Timestamp,
    /// When it was last heard of.
    updated_at: Timestamp,
    /// How long it lasted by then, seconds.
    seconds: u64,
    /// Octets from the subscriber.
    upload_octets: String,
    /// Octets to the subscriber.
    download_octets: String,
    /// Packets from the subscriber.
    upload_packets: String,
    /// Packets to the subscriber.
    download_packets: String,
    /// When it ended.
    ended_at: Option<Timestamp>,
    /// How its end is known.
    end_cause: Option<EndCause>,
    /// Acct-Terminate-Cause (RFC 2866 §5.10); null without one.
    terminate_cause: Option<i64>,
}

impl SessionView {
    fn with_usage(self, usage: Usage) -> Self {
        Self {
            upload_octets: usage.upload.to_string(),
            download_octets: usage.download.to_string(),
            upload_packets: usage.upload_packets.to_string(),
            download_packets: usage.download_packets.to_string(),
            ..self
        }
    }
}

impl From<LiveSession> for SessionView {
    fn from(session: LiveSession) -> Self {
        let text = |kind: u8| {
            String::from_utf8_lossy(session.identifiers.find(kind).unwrap_or_default()).into_owned()
        };
        let view = Self {
            id: session.id,
            router_id: session.router,
            subscriber_id: session.subscriber,
            username: text(USER_NAME),
            acct_session_id: text(ACCT_SESSION_ID),
            framed_address: session.framed_address.map(|address| address.to_string()),
            framed_ipv6_address: None,
            framed_ipv6_prefix: None,
            delegated_ipv6_prefix: None,
            mac: session.mac,
            online: true,
            started_at: session.started,
            updated_at: session.updated,
            seconds: session.session_time.into(),
            upload_octets: String::new(),
            download_octets: String::new(),
            upload_packets: String::new(),
            download_packets: String::new(),
            ended_at: None,
            end_cause: None,
            terminate_cause: None,
        };
        view.with_usage(session.usage)
    }
}

impl From<StoredSession> for SessionView {
    fn from(session: StoredSession) -> Self {
        let view = Self {
            id: session.id,
            router_id: session.router,
            subscriber_id: session.subscriber,
            username: session.username,
            acct_session_id: session.acct_session_id,
            framed_address: session.framed_address,
            framed_ipv6_address: session.framed_ipv6_address,
            framed_ipv6_prefix: session.framed_ipv6_prefix,
            delegated_ipv6_prefix: session.delegated_ipv6_prefix,
            mac: session.mac,
            online: session.end.is_none(),
            started_at: session.started_at,
            updated_at: session.updated_at,
            seconds: u64::try_from(session.seconds).unwrap_or(0),
            upload_octets: String::new(),
            download_octets: String::new(),
            upload_packets: String::new(),
            download_packets: String::new(),
            ended_at: session.end.map(|(at, _)| at),
            end_cause: session.end.map(|(_, cause)| cause),
            terminate_cause: Some(session.terminate_cause).filter(|cause| *cause != 0),
        };
        view.with_usage(session.usage)
    }
}

/// Which sessions are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SessionParams {
    /// `live` unless something else is said.
    #[param(inline)]
    state: Option<SessionState>,
    /// Those of this subscriber.
    subscriber_id: Option<SubscriberId>,
    /// Those on this router.
    router_id: Option<RouterId>,
    /// Who has this IPv4 or IPv6 address; with `at`, who had it then.
    #[param(value_type = Option<String>)]
    address: Option<IpAddr>,
    /// A moment in the past, with `address` alone.
    at: Option<Timestamp>,
    /// Rows of a page: 50 unless something else is said, at most 500.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Sessions that are online; with `state=history` all that are stored; with `address` and `at` whoever had that address at
/// that moment, also by the IPv6 prefix that was framed or delegated.
#[utoipa::path(
    get, path = "/api/v1/sessions", tag = "sessions", params(SessionParams),
    responses((status = 200, body = PageView<SessionView>))
)]
async fn list(
    cx: CallContext,
    Params(params): Params<SessionParams>,
) -> Result<Json<PageView<SessionView>>, Problem> {
    let refused = |detail: &'static str| Problem::new(Code::InvalidQuery).detail(detail);
    let history = params.state == Some(SessionState::History);
    match (params.address, params.at) {
        (None, Some(_)) => Err(refused("at: goes with address alone")),
        // The live table knows IPv4 addresses; anything else is looked up where it is stored.
        (Some(IpAddr::V4(address)), None) if !history => live_page(&cx, &params, Some(address)),
        (Some(address), at) => {
            if params.subscriber_id.is_some() || params.router_id.is_some() || params.after.is_some() {
                return Err(refused("address: goes with at and state alone"));
            }
            let mut conn = cx.conn().await?;
            let at = at.unwrap_or(cx.scope.now());
            let rows = session::at_address(&mut conn, &cx.scope, address, at).await?;
            let mut rows: Vec<SessionView> = rows.into_iter().map(SessionView::from).collect();
            // Without a moment, "live" means those that still are.
            rows.retain(|row| history || params.at.is_some() || row.online);
            Ok(Json(PageView { rows, next: None }))
        }
        (None, None) if history => {
            let filter =
                Filter { subscriber: params.subscriber_id, router: params.router_id, open_only: false };
            let request = PageRequest::new(params.limit, params.after);
            let mut conn = cx.conn().await?;
            let page = session::list(&mut conn, &cx.scope, &filter, &request).await?;
            Ok(Json(PageView::of(page, SessionView::from)))
        }
        (None, None) => live_page(&cx, &params, None),
    }
}

/// A page of what is online, from memory.
fn live_page(
    cx: &CallContext,
    params: &SessionParams,
    address: Option<Ipv4Addr>,
) -> Result<Json<PageView<SessionView>>, Problem> {
    let (observed, now) = (&cx.state().observed, cx.state().clock.now());
    if let Some(subscriber) = params.subscriber_id {
        let mut rows = observed.sessions_of(now, cx.scope.tenant(), subscriber);
        rows.retain(|session| {
            params.router_id.is_none_or(|router| session.router == router)
                && address.is_none_or(|address| session.framed_address == Some(address))
        });
        let rows = rows.into_iter().map(SessionView::from).collect();
        return Ok(Json(PageView { rows, next: None }));
    }
    let request = PageRequest::new(params.limit, params.after.clone());
    let after = request.after().map(str::parse).transpose().map_err(|_| Problem::new(Code::InvalidCursor))?;
    let filter = live::Filter { tenant: cx.scope.tenant(), router: params.router_id, address };
    let limit = usize::try_from(request.limit()).unwrap_or(usize::MAX);
    let (rows, next) = observed.sessions(now, &filter, after.map(Cursor::from_number), limit);
    let next = next.map(|cursor| cursor.number().to_string());
    Ok(Json(PageView { rows: rows.into_iter().map(SessionView::from).collect(), next }))
}

/// One session, as it is now when it is online.
#[utoipa::path(
    get, path = "/api/v1/sessions/{id}", tag = "sessions", params(("id" = SessionId, Path)),
    responses((status = 200, body = SessionView))
)]
async fn load(cx: CallContext, Id(id): Id<SessionId>) -> Result<Json<SessionView>, Problem> {
    let state = cx.state();
    if let Some(session) = state.observed.session(state.clock.now(), cx.scope.tenant(), id) {
        return Ok(Json(session.into()));
    }
    let mut conn = cx.conn().await?;
    let session = session::find(&mut conn, &cx.scope, id).await?.ok_or(Problem::new(Code::NotFound))?;
    Ok(Json(session.into()))
}

/// Ends a live session. The order is kept until the router has answered or the session is gone.
#[utoipa::path(
    post, path = "/api/v1/sessions/{id}/disconnect", tag = "sessions", params(("id" = SessionId, Path)),
    responses((status = 202, description = "Ordered."))
)]
async fn disconnect(cx: CallContext, Id(id): Id<SessionId>) -> Result<StatusCode, Problem> {
    let state = cx.state();
    let Some(live) = state.observed.session(state.clock.now(), cx.scope.tenant(), id) else {
        let mut conn = cx.conn().await?;
        let known = session::find(&mut conn, &cx.scope, id).await?;
        return Err(Problem::new(if known.is_some() { Code::SessionNotLive } else { Code::NotFound }));
    };
    let mut tx = cx.begin().await?;
    isolir::disconnect(&mut tx, &cx.scope, id, live.router).await?;
    tx.commit().await?;
    Ok(StatusCode::ACCEPTED)
}

/// From when to when.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UsageParams {
    /// From the whole hour of this moment.
    from: Timestamp,
    /// Up to the whole hour of this moment, which is left out. Without it, up to now.
    to: Option<Timestamp>,
}

/// How much a subscriber transferred.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsageView {
    /// Octets from the subscriber.
    upload_octets: String,
    /// Octets to the subscriber.
    download_octets: String,
}

/// How much a subscriber transferred in whole hours.
#[utoipa::path(
    get, path = "/api/v1/subscribers/{id}/usage", tag = "sessions",
    params(("id" = SubscriberId, Path), UsageParams), responses((status = 200, body = UsageView))
)]
async fn usage(
    cx: CallContext,
    Id(id): Id<SubscriberId>,
    Params(params): Params<UsageParams>,
) -> Result<Json<UsageView>, Problem> {
    let mut conn = cx.conn().await?;
    subscriber::find(&mut conn, &cx.scope, id).await?.ok_or(Problem::new(Code::NotFound))?;
    // The present hour counts: a quota judges by it as well.
    let to = params.to.unwrap_or_else(|| cx.scope.now().saturating_add(Duration::from_hours(1)));
    let (upload, download) = session::usage(&mut conn, &cx.scope, id, params.from, to).await?;
    Ok(Json(UsageView { upload_octets: upload.to_string(), download_octets: download.to_string() }))
}
