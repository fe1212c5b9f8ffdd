//! `/api/v1/authentications`: who tried to get online, and what came of it. The reasons stand here alone.

use aaa::policy::{Attempt, Method, Outcome, Service};
use axum::Json;
use base::{MacAddress, RouterId, SubscriberId, Timestamp, page::PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    context::CallContext,
    params::Params,
    problem::Problem,
    route::{Access, Routes},
};
use crate::domain::{access::Permission, tenant::Feature};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.route(Access::Tenant(Permission::AuthenticationLog, Some(Feature::Radius)), routes!(list))
}

/// Which attempts are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AttemptParams {
    /// Those of this subscriber.
    subscriber_id: Option<SubscriberId>,
    /// Those through this router.
    router_id: Option<RouterId>,
    /// Those with this user name, as far as it is kept (47 octets).
    username: Option<String>,
    /// Those from this device.
    mac: Option<MacAddress>,
    /// Those with this outcome.
    outcome: Option<Outcome>,
    /// Accepts, or rejects.
    accepted: Option<bool>,
    /// Rows: 50 unless something else is said, at most 500.
    limit: Option<u32>,
}

/// An attempt to get online.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AttemptView {
    /// When.
    at: Timestamp,
    /// Through which router.
    router_id: RouterId,
    /// The user name, its first 47 octets.
    username: String,
    /// The subscriber, when the name was found.
    subscriber_id: Option<SubscriberId>,
    /// The device.
    mac: Option<MacAddress>,
    /// On which service.
    service: Service,
    /// How the user proved itself.
    method: Method,
    /// What came of it.
    outcome: Outcome,
    /// Whether it was let in.
    accepted: bool,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            at: attempt.at,
            router_id: attempt.router,
            username: attempt.username.to_string(),
            subscriber_id: attempt.subscriber,
            mac: attempt.mac,
            service: attempt.service,
            method: attempt.method,
            outcome: attempt.outcome,
            accepted: attempt.outcome.is_accept(),
        }
    }
}

/// The newest attempts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Attempts {
    /// The newest first.
    rows: Vec<AttemptView>,
}

/// The newest attempts to get online, from memory since the daemon's start: every reject as long as there is room, and a
/// sample of accepts when they come fast.
#[utoipa::path(
    get, path = "/api/v1/authentications", tag = "sessions", params(AttemptParams),
    responses((status = 200, body = Attempts))
)]
async fn list(cx: CallContext, Params(params): Params<AttemptParams>) -> Result<Json<Attempts>, Problem> {
    let limit = usize::try_from(PageRequest::new(params.limit, None).limit()).unwrap_or(usize::MAX);
    let rows = cx.state().observed.attempts(cx.scope.tenant(), limit, |attempt| {
        params.subscriber_id.is_none_or(|id| attempt.subscriber == Some(id))
            && params.router_id.is_none_or(|id| attempt.router == id)
            && params.username.as_ref().is_none_or(|name| attempt.username.as_bytes() == name.as_bytes())
            && params.mac.is_none_or(|mac| attempt.mac == Some(mac))
            && params.outcome.is_none_or(|outcome| attempt.outcome == outcome)
            && params.accepted.is_none_or(|accepted| attempt.outcome.is_accept() == accepted)
    });
    Ok(Json(Attempts { rows: rows.into_iter().map(AttemptView::from).collect() }))
}
