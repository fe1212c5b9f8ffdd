//! `/api/v1/platform/job-queue`: how the queue is as a whole, what of it is paused, and what is due when.

use axum::Json;
use base::{Platform, TenantId, Timestamp};
use foundation::job::{
    health::{self, By, Part},
    pause::{self, Pause, Target},
    schedule::{self, Planned},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    body::Body,
    context::PlatformContext,
    params::Params,
    problem::{Code, Problem},
    route::{Access, Routes},
    state::JobKind,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Platform, routes!(platform_job_queue))
        .route(Access::Platform, routes!(platform_pause_jobs))
        .route(Access::Platform, routes!(platform_resume_jobs))
        .route(Access::Platform, routes!(platform_schedules))
}

/// Which part of the queue is asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct QueueParams {
    /// What parts are told apart by: `all` (each kind of each lane of each tenant), `kind`, `tenant` or `lane`.
    #[param(inline)]
    by: Option<By>,
    /// Of this tenant alone.
    tenant_id: Option<TenantId>,
    /// Of this kind alone.
    kind: Option<String>,
    /// In this lane alone.
    lane: Option<String>,
}

/// A part of the queue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueuePart {
    /// The tenant, where parts are told apart by it; the nil id for the platform's own jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<TenantId>,
    /// The lane, where parts are told apart by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<String>,
    /// The kind, where parts are told apart by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Jobs that are still to come to an end.
    depth: i64,
    /// Those of them that may run now.
    available: i64,
    /// Those of them that wait for their time.
    scheduled: i64,
    /// Those of them that run.
    running: i64,
    /// Those of them that failed and are to be tried again.
    failed: i64,
    /// Seconds that the oldest available one has been waiting; null when none is.
    oldest_seconds: Option<u64>,
    /// Jobs that are dead.
    dead: i64,
    /// Jobs a minute that were done, over the last five minutes.
    done_per_minute: f64,
    /// What went wrong last, of those that failed or are dead.
    last_error: Option<String>,
    /// The number of that job.
    last_error_job: Option<i64>,
}

impl QueuePart {
    fn of(part: Part, at: Timestamp) -> Self {
        let minutes = health::THROUGHPUT_SPAN.as_secs_f64() / 60.0;
        let done = u32::try_from(part.done_lately).unwrap_or(u32::MAX);
        let (job, error) = part.last_error.clone().unzip();
        Self {
            depth: part.depth(),
            available: part.available,
            scheduled: part.scheduled,
            running: part.running,
            failed: part.failed,
            oldest_seconds: part.oldest_age(at).map(|age| age.as_secs()),
            dead: part.dead,
            done_per_minute: f64::from(done) / minutes,
            last_error: error,
            last_error_job: job,
            tenant_id: part.tenant,
            lane: part.lane,
            kind: part.kind,
        }
    }
}

/// A pause that holds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobPause {
    /// Of this tenant's jobs alone.
    tenant_id: Option<TenantId>,
    /// Of jobs of this kind alone.
    kind: Option<String>,
    /// Of jobs in this lane alone.
    lane: Option<String>,
    /// Why.
    reason: String,
    /// By whom.
    paused_by: String,
    /// Since when.
    paused_at: Timestamp,
}

impl From<Pause> for JobPause {
    fn from(pause: Pause) -> Self {
        Self {
            tenant_id: pause.target.tenant,
            kind: pause.target.kind,
            lane: pause.target.lane,
            reason: pause.reason,
            paused_by: pause.by,
            paused_at: pause.at,
        }
    }
}

/// How the queue is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueueView {
    /// When it was looked at.
    at: Timestamp,
    /// Everything together.
    total: QueuePart,
    /// Its parts, those with the oldest job first, at most 500.
    parts: Vec<QueuePart>,
    /// What is paused.
    pauses: Vec<JobPause>,
    /// Every kind of job that there is or will be.
    kinds: Vec<JobKindView>,
}

/// A kind of job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobKindView {
    /// Its name.
    kind: &'static str,
    /// What it does.
    does: &'static str,
    /// What enqueues it; absent until its module is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    comes_from: Option<&'static str>,
}

impl From<&JobKind> for JobKindView {
    fn from(kind: &JobKind) -> Self {
        Self { kind: kind.name, does: kind.does, comes_from: kind.comes_from }
    }
}

/// Parts of one answer: the longest waiting come first.
const MOST_PARTS: usize = 500;

/// How the queue is: depth, age, failures, throughput and last errors, by kind, lane and tenant.
#[utoipa::path(
    get, path = "/api/v1/platform/job-queue", tag = "jobs", params(QueueParams),
    responses((status = 200, body = QueueView))
)]
async fn platform_job_queue(
    cx: PlatformContext,
    Params(params): Params<QueueParams>,
) -> Result<Json<QueueView>, Problem> {
    let filter = health::Filter { tenant: params.tenant_id, kind: params.kind, lane: params.lane };
    let report = health::read(&mut cx.conn().await?, &filter).await?;
    let parts = report.by(params.by.unwrap_or(By::Kind)).into_iter().take(MOST_PARTS);
    Ok(Json(QueueView {
        at: report.at,
        total: QueuePart::of(report.total(), report.at),
        parts: parts.map(|part| QueuePart::of(part, report.at)).collect(),
        pauses: report.pauses.into_iter().map(JobPause::from).collect(),
        kinds: cx.state().job_kinds.iter().map(JobKindView::from).collect(),
    }))
}

/// What is to be paused: jobs that match all that is given; with nothing given, every job.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PauseBody {
    /// Of this tenant's jobs alone.
    tenant_id: Option<TenantId>,
    /// Of jobs of this kind alone.
    kind: Option<String>,
    /// Of jobs in this lane alone.
    lane: Option<String>,
    /// Why, for the audit trail.
    reason: String,
}

/// Longer names are nobody's.
const MAX_NAME: usize = 100;

impl PauseBody {
    /// Checks it, and puts the reason into the act.
    fn checked(self, platform: &mut Platform) -> Result<(Target, String), Problem> {
        let reason = self.reason.trim().to_owned();
        if reason.is_empty() || reason.chars().count() > super::MAX_REASON {
            let words = format!("has 1 to {} characters", super::MAX_REASON);
            return Err(Problem::new(Code::InvalidBody).field("reason", words));
        }
        for (name, text) in [("kind", &self.kind), ("lane", &self.lane)] {
            if text.as_ref().is_some_and(|text| text.is_empty() || text.len() > MAX_NAME) {
                return Err(
                    Problem::new(Code::InvalidBody).field(name, format!("has 1 to {MAX_NAME} octets"))
                );
            }
        }
        platform.reason = Some(reason.clone());
        Ok((Target { tenant: self.tenant_id, kind: self.kind, lane: self.lane }, reason))
    }
}

/// What is paused now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PausesView {
    /// The oldest first.
    pauses: Vec<JobPause>,
}

/// Pauses jobs: they are not started any more; those that run go on to their end.
#[utoipa::path(
    post, path = "/api/v1/platform/job-queue/pause", tag = "jobs", request_body = PauseBody,
    responses((status = 200, body = PausesView))
)]
async fn platform_pause_jobs(
    mut cx: PlatformContext,
    Body(body): Body<PauseBody>,
) -> Result<Json<PausesView>, Problem> {
    let (target, reason) = body.checked(&mut cx.platform)?;
    if let Some(kind) = &target.kind
        && !cx.state().job_kinds.iter().any(|known| known.name == kind)
    {
        let words = "is no kind of job: /api/v1/platform/job-queue lists them all";
        return Err(Problem::new(Code::InvalidBody).field("kind", words));
    }
    let mut tx = cx.begin().await?;
    pause::pause(&mut tx, &cx.platform, &target, &reason).await?;
    let pauses = pause::list(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(PausesView { pauses: pauses.into_iter().map(JobPause::from).collect() }))
}

/// Ends the pause of exactly this.
#[utoipa::path(
    post, path = "/api/v1/platform/job-queue/resume", tag = "jobs", request_body = PauseBody,
    responses((status = 200, body = PausesView))
)]
async fn platform_resume_jobs(
    mut cx: PlatformContext,
    Body(body): Body<PauseBody>,
) -> Result<Json<PausesView>, Problem> {
    let (target, _) = body.checked(&mut cx.platform)?;
    let mut tx = cx.begin().await?;
    if !pause::resume(&mut tx, &cx.platform, &target).await? {
        return Err(Problem::new(Code::NotFound).detail("exactly this is not paused"));
    }
    let pauses = pause::list(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(PausesView { pauses: pauses.into_iter().map(JobPause::from).collect() }))
}

/// Whose schedules are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ScheduleParams {
    /// Of this tenant; without it, the platform's own.
    tenant_id: Option<TenantId>,
}

/// A schedule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ScheduleView {
    /// Its name.
    name: String,
    /// In which time zone.
    time_zone: String,
    /// How often, in words.
    cadence: String,
    /// When it is due next.
    next_at: Timestamp,
    /// The last time it was due.
    last_at: Option<Timestamp>,
}

impl From<Planned> for ScheduleView {
    fn from(planned: Planned) -> Self {
        Self {
            name: planned.name,
            time_zone: planned.time_zone,
            cadence: planned.cadence,
            next_at: planned.next_at,
            last_at: planned.last_at,
        }
    }
}

/// Schedules of one tenant, or of the platform.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SchedulesView {
    /// In the order of their names.
    schedules: Vec<ScheduleView>,
}

/// What is due when.
#[utoipa::path(
    get, path = "/api/v1/platform/job-queue/schedules", tag = "jobs", params(ScheduleParams),
    responses((status = 200, body = SchedulesView))
)]
async fn platform_schedules(
    cx: PlatformContext,
    Params(params): Params<ScheduleParams>,
) -> Result<Json<SchedulesView>, Problem> {
    let tenant = params.tenant_id.unwrap_or(TenantId::PLATFORM);
    let planned = schedule::planned(&mut cx.conn().await?, tenant).await?;
    Ok(Json(SchedulesView { schedules: planned.into_iter().map(ScheduleView::from).collect() }))
}
