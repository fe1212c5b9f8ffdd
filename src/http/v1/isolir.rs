//! `/api/v1/subscribers/{id}/isolir`: isolating and lifting; what is wanted, and what was seen.

use axum::Json;
use base::{SubscriberId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::Body,
    context::CallContext,
    params::Id,
    problem::{Code, Problem},
    route::{Access, Routes},
};
use crate::domain::{
    access::Permission,
    isolir::{self, Intent, IntentState, State},
    subscriber::{self, OverlayReason},
    tenant::Feature,
};

pub(super) fn routes(routes: Routes) -> Routes {
    let write = Access::Tenant(Permission::IsolirWrite, Some(Feature::Isolir));
    routes
        .route(Access::Tenant(Permission::SubscriberRead, Some(Feature::Isolir)), routes!(state))
        .route(write, routes!(isolate))
        .route(write, routes!(lift))
}

/// A subscriber's isolation: why, what the network was asked for, and what was seen of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IsolirView {
    /// There is a reason.
    isolated: bool,
    /// The reasons by precedence.
    reasons: Vec<ReasonView>,
    /// What the network was asked for last; null when it never was.
    intent: Option<IntentView>,
    /// What was seen; null when the network never was asked for anything.
    observation: Option<ObservationView>,
}

/// A reason that holds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = IsolirReasonView)]
struct ReasonView {
    /// Which.
    reason: OverlayReason,
    /// Since when.
    since: Timestamp,
    /// What staff noted.
    note: String,
}

/// What the network was asked for, and how far that is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = IsolirIntentView)]
struct IntentView {
    /// Isolated, or free.
    isolated: bool,
    /// The overlay generation that is wanted.
    generation: i64,
    /// Since when.
    wanted_at: Timestamp,
    /// Where the network stands.
    state: IntentState,
    /// How often it was tried.
    attempts: i64,
    /// When it was last tried.
    attempted_at: Option<Timestamp>,
    /// When it is tried next; null when there is nothing to do until something changes.
    next_attempt_at: Option<Timestamp>,
    /// What the last attempt sent: `coa` or `disconnect`.
    way: Option<String>,
    /// What came of it, in words.
    outcome: Option<String>,
}

/// What was seen of the network. That a router took a change is no observation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = IsolirObservationView)]
struct ObservationView {
    /// The overlay generation that was last seen on a session.
    generation: Option<i64>,
    /// When the wanted state was seen.
    verified_at: Option<Timestamp>,
}

impl From<State> for IsolirView {
    fn from(state: State) -> Self {
        let observation = state.intent.as_ref().map(|intent| ObservationView {
            generation: intent.observed_generation,
            verified_at: intent.verified_at,
        });
        Self {
            isolated: !state.reasons.is_empty(),
            reasons: state
                .reasons
                .into_iter()
                .map(|overlay| ReasonView {
                    reason: overlay.reason,
                    since: overlay.since,
                    note: overlay.note,
                })
                .collect(),
            intent: state.intent.map(IntentView::from),
            observation,
        }
    }
}

impl From<Intent> for IntentView {
    fn from(intent: Intent) -> Self {
        Self {
            isolated: intent.isolated,
            generation: intent.generation,
            wanted_at: intent.wanted_at,
            state: intent.state,
            attempts: intent.attempts,
            attempted_at: intent.attempted_at,
            next_attempt_at: intent.next_attempt_at,
            way: intent.way,
            outcome: intent.outcome,
        }
    }
}

/// A subscriber's isolation: intent and observation.
#[utoipa::path(
    get, path = "/api/v1/subscribers/{id}/isolir", tag = "subscribers", params(("id" = SubscriberId, Path)),
    responses((status = 200, body = IsolirView))
)]
async fn state(cx: CallContext, Id(id): Id<SubscriberId>) -> Result<Json<IsolirView>, Problem> {
    let mut conn = cx.conn().await?;
    subscriber::find(&mut conn, &cx.scope, id).await?.ok_or(Problem::new(Code::NotFound))?;
    Ok(Json(isolir::state(&mut conn, &cx.scope, id).await?.into()))
}

/// Why somebody is isolated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IsolateBody {
    /// The reason.
    reason: OverlayReason,
    /// A sentence for colleagues, at most 500 characters.
    #[serde(default)]
    note: String,
}

/// Isolates a subscriber for a reason: online, but slow and walled to the payment page. Live sessions follow at once.
#[utoipa::path(
    post, path = "/api/v1/subscribers/{id}/isolate", tag = "subscribers", params(("id" = SubscriberId, Path)),
    request_body = IsolateBody, responses((status = 200, body = IsolirView))
)]
async fn isolate(
    cx: CallContext,
    Id(id): Id<SubscriberId>,
    Body(body): Body<IsolateBody>,
) -> Result<Json<IsolirView>, Problem> {
    let mut tx = cx.begin().await?;
    let state = isolir::isolate(&mut tx, &cx.scope, id, body.reason, body.note.trim()).await?;
    tx.commit().await?;
    Ok(Json(state.into()))
}

/// Which reason is gone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LiftBody {
    /// The reason; others stay.
    reason: OverlayReason,
}

/// Takes one reason away. With the last one the subscriber is free, on the live session too.
#[utoipa::path(
    post, path = "/api/v1/subscribers/{id}/lift", tag = "subscribers", params(("id" = SubscriberId, Path)),
    request_body = LiftBody, responses((status = 200, body = IsolirView))
)]
async fn lift(
    cx: CallContext,
    Id(id): Id<SubscriberId>,
    Body(body): Body<LiftBody>,
) -> Result<Json<IsolirView>, Problem> {
    let mut tx = cx.begin().await?;
    let state = isolir::lift(&mut tx, &cx.scope, id, body.reason).await?;
    tx.commit().await?;
    Ok(Json(state.into()))
}
