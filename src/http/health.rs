//! How the daemon is: for whoever restarts it, sends traffic to it, or watches it.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State as Extracted,
    response::{IntoResponse as _, Response},
};
use base::Timestamp;
use foundation::{Db, db, event};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    layer::authentication,
    route::{Access, Routes},
    state::State,
};

/// How long the database may take to answer before it counts as down here.
const DATABASE_PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Open, routes!(healthz))
        .route(Access::Open, routes!(readyz))
        .route(Access::Nearby, routes!(metrics))
}

/// The process is up.
#[derive(Serialize, ToSchema)]
struct Alive {
    /// Always true.
    alive: bool,
    /// The daemon's version.
    version: &'static str,
}

/// Says that the process is up, whatever else may be wrong.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = Alive)))]
async fn healthz() -> Json<Alive> {
    Json(Alive { alive: true, version: env!("CARGO_PKG_VERSION") })
}

/// Whether the daemon can do its work.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    /// Everything is as it should be.
    ready: bool,
    /// More of it, for whoever may read the metrics.
    #[serde(flatten)]
    details: Option<ReadinessDetails>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReadinessDetails {
    /// What RADIUS answers from.
    directory: DirectoryHealth,
    /// Where accounting is kept until the database has it.
    journal: JournalHealth,
    /// Where everything else is kept.
    database: DatabaseHealth,
    /// Who reacts to events.
    events: EventHealth,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DirectoryHealth {
    /// It has been filled.
    ready: bool,
    /// When it last held all that the database held.
    as_of: Option<Timestamp>,
    /// How long ago that is, seconds.
    age_seconds: Option<u64>,
    /// Tenants in it.
    tenants: usize,
    /// Routers in it.
    routers: usize,
    /// Plans in it.
    plans: usize,
    /// Subscribers in it.
    subscribers: usize,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JournalHealth {
    /// Accounting is accepted.
    accepting: bool,
    /// What somebody should look at.
    alarms: Vec<&'static str>,
    /// Records that the database does not have yet.
    lag_records: u64,
    /// Their size.
    lag_octets: u64,
    /// The age of the oldest of them, seconds.
    lag_seconds: u64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DatabaseHealth {
    /// It answers.
    reachable: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventHealth {
    /// Subscribers that fail for some tenants, which wait for them; nobody else does.
    parked: Vec<ParkedSubscriber>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ParkedSubscriber {
    /// Which one.
    subscriber: String,
    /// For how many tenants.
    tenants: i64,
}

/// Says whether the daemon can do its work; on this machine, and to the super admin's token, also what stands in the way. While
/// the database is down RADIUS is answered all the same.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Readiness), (status = 503, description = "Not ready.", body = Readiness))
)]
async fn readyz(Extracted(state): Extracted<Arc<State>>, request: Parts) -> Response {
    let observed = &state.observed;
    let now = state.clock.wall();
    let counts = observed.directory_counts();
    let directory = DirectoryHealth {
        ready: observed.directory_age(now).is_some(),
        as_of: observed.directory.as_of(),
        age_seconds: observed.directory_age(now).map(|age| age.as_secs()),
        tenants: counts.tenants,
        routers: counts.routers,
        plans: counts.plans,
        subscribers: counts.subscribers,
    };
    let (health, lag) = (observed.journal_health(), observed.journal_lag());
    let journal = JournalHealth {
        accepting: health.failing.is_none(),
        alarms: health.alarms().iter().map(|alarm| alarm.as_str()).collect(),
        lag_records: lag.records,
        lag_octets: lag.octets,
        lag_seconds: lag.age.as_secs(),
    };
    let answered = tokio::time::timeout(DATABASE_PATIENCE, parked(&state.db)).await;
    let (database, parked) = match answered {
        Ok(Ok(parked)) => (DatabaseHealth { reachable: true }, parked),
        _ => (DatabaseHealth { reachable: false }, Vec::new()),
    };
    let events = EventHealth { parked };
    let ready = directory.ready && journal.accepting && database.reachable;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let is_watched = authentication::may_watch(&state, &request).await;
    let details = is_watched.then_some(ReadinessDetails { directory, journal, database, events });
    (status, Json(Readiness { ready, details })).into_response()
}

async fn parked(db: &Db) -> db::Result<Vec<ParkedSubscriber>> {
    let mut conn = db.conn().await?;
    let parked = event::parked(&mut conn).await?;
    Ok(parked.into_iter().map(|(subscriber, tenants)| ParkedSubscriber { subscriber, tenants }).collect())
}

/// The metrics, as Prometheus reads them. On this machine without a token; from elsewhere with the super admin's.
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "Text of Prometheus.", body = String, content_type = "text/plain"))
)]
async fn metrics(Extracted(state): Extracted<Arc<State>>) -> Response {
    state.observed.publish();
    let content = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, content)], state.metrics.render()).into_response()
}
