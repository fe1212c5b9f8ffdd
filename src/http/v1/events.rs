//! `/api/v1/events`: what happened, as a list and as a live stream.

use std::collections::BTreeSet;

use axum::{Json, response::Response};
use base::{TenantId, page::PageRequest};
use foundation::{
    Origin,
    event::{Event as _, EventFilter, list_events},
};
use http::HeaderMap;
use serde::Deserialize;
use utoipa_axum::routes;

use super::super::{
    context::{CallContext, Person, PlatformContext},
    live::{self, EventView, Listening, Watched},
    params::{PageView, Params},
    problem::{Code, Problem},
    route::{Access, Routes},
};
use crate::domain::{
    access::{Permission, Permissions},
    event::RadiusAuthAttempt,
    tenant::Feature,
};

/// Kinds that one listener may name: more than there are.
const KINDS: usize = 100;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Tenant(Permission::EventRead, None), routes!(list))
        .route(Access::Tenant(Permission::EventRead, Some(Feature::LiveEvents)), routes!(listen))
        .route(Access::Platform, routes!(platform_events))
        .route(Access::Platform, routes!(platform_listen))
}

/// Which events are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventParams {
    /// Those of this kind.
    kind: Option<String>,
    /// Rows of a page: 50 unless something else is said, at most 500.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// The tenant's events, newest first, as far as they are kept.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", params(EventParams),
    responses((status = 200, body = PageView<EventView>))
)]
async fn list(
    cx: CallContext,
    Params(params): Params<EventParams>,
) -> Result<Json<PageView<EventView>>, Problem> {
    read(&mut cx.conn().await?, &cx.scope, params).await
}

/// The platform's own events, newest first, as far as they are kept.
#[utoipa::path(
    get, path = "/api/v1/platform/events", tag = "events", params(EventParams),
    responses((status = 200, body = PageView<EventView>))
)]
async fn platform_events(
    cx: PlatformContext,
    Params(params): Params<EventParams>,
) -> Result<Json<PageView<EventView>>, Problem> {
    read(&mut cx.conn().await?, &cx.platform, params).await
}

async fn read(
    conn: &mut foundation::Conn,
    origin: &impl Origin,
    params: EventParams,
) -> Result<Json<PageView<EventView>>, Problem> {
    let request = PageRequest::new(params.limit, params.after);
    if request.after().is_some_and(|after| after.parse::<i64>().is_err()) {
        return Err(Problem::new(Code::InvalidCursor));
    }
    let page = list_events(conn, origin, &EventFilter { kind: params.kind }, &request).await?;
    Ok(Json(PageView::of(page, EventView::from)))
}

/// What a listener wants to hear.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListenParams {
    /// Kinds, separated by commas; every kind of the stream unless something is said. `radius_auth_attempt` comes only when
    /// it is named, to who may read the authentication log.
    kinds: Option<String>,
    /// The last event that the listener has, where it cannot send the header Last-Event-ID.
    last_event_id: Option<String>,
}

/// The tenant's events as they are committed, as server-sent events. Each has its kind as its name and its position as
/// its id; with `Last-Event-ID` the stream goes on behind that position. Where that is no longer possible, `reset` comes
/// first: read what you need anew. The stream ends with `end`, when the token is revoked or expires, the tenant's panel is
/// locked, the daemon stops, or the listener is too slow.
#[utoipa::path(
    get, path = "/api/v1/events/stream", tag = "events", params(ListenParams),
    responses((status = 200, description = "Events without end.", body = String, content_type = "text/event-stream"))
)]
async fn listen(
    cx: CallContext,
    person: Person,
    headers: HeaderMap,
    Params(params): Params<ListenParams>,
) -> Result<Response, Problem> {
    let kinds = kinds(params.kinds.as_deref())?;
    let mut permissions = Permissions::of([Permission::EventRead]);
    if kinds.contains(RadiusAuthAttempt::KIND) {
        // Names and devices: as the authentication log.
        let log = Permission::AuthenticationLog;
        if !cx.caller.may(log) {
            return Err(Problem::new(Code::PermissionMissing).detail(format!("it is {log}")));
        }
        permissions = permissions.either(Permissions::of([log]));
    }
    let listening = Listening {
        watched: Watched::Tenant(cx.scope.tenant()),
        permissions,
        token: person.token.clone(),
        kinds,
        last: params.last_event_id.or_else(|| last_event(&headers)),
    };
    live::open(person.shared_state(), listening).await
}

/// Whose events the platform wants to hear.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PlatformListenParams {
    /// One tenant's; everybody's and the platform's own unless something is said.
    tenant_id: Option<TenantId>,
    /// Kinds, separated by commas; every kind of the stream unless something is said.
    kinds: Option<String>,
    /// The last event that the listener has, where it cannot send the header Last-Event-ID.
    last_event_id: Option<String>,
}

/// Events of every tenant as they are committed, or of one. The stream of all goes on from now alone: whoever resumes it
/// gets `reset`.
#[utoipa::path(
    get, path = "/api/v1/platform/events/stream", tag = "events", params(PlatformListenParams),
    responses((status = 200, description = "Events without end.", body = String, content_type = "text/event-stream"))
)]
async fn platform_listen(
    _: PlatformContext,
    person: Person,
    headers: HeaderMap,
    Params(params): Params<PlatformListenParams>,
) -> Result<Response, Problem> {
    let listening = Listening {
        watched: params.tenant_id.map_or(Watched::All, Watched::Tenant),
        permissions: Permissions::of([Permission::Platform]),
        token: person.token.clone(),
        kinds: kinds(params.kinds.as_deref())?,
        last: params.last_event_id.or_else(|| last_event(&headers)),
    };
    live::open(person.shared_state(), listening).await
}

fn last_event(headers: &HeaderMap) -> Option<String> {
    headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned)
}

fn kinds(text: Option<&str>) -> Result<BTreeSet<String>, Problem> {
    let kinds: BTreeSet<String> = text
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
        .map(str::to_owned)
        .collect();
    if kinds.len() > KINDS {
        return Err(Problem::new(Code::InvalidQuery).detail(format!("at most {KINDS} kinds")));
    }
    Ok(kinds)
}
