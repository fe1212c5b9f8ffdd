//! `/api/v1/platform/jobs`: the work in the background one by one, with its log, and what the super admin does about it.

use axum::Json;
use base::{TenantId, Timestamp, page::PageRequest};
use foundation::job::{
    JobId, Level, State,
    manage::{self, Found, LogLine},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    context::PlatformContext,
    params::{Id, PageView, Params},
    problem::{Code, Problem},
    route::{Access, Routes},
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Access::Platform, routes!(platform_jobs))
        .route(Access::Platform, routes!(platform_job))
        .route(Access::Platform, routes!(platform_retry_job))
        .route(Access::Platform, routes!(platform_replay_job))
        .route(Access::Platform, routes!(platform_discard_job))
}

/// Which jobs are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct JobParams {
    /// Those of this tenant; the nil id for the platform's own.
    tenant_id: Option<TenantId>,
    /// Those of this kind.
    kind: Option<String>,
    /// Those in this lane.
    lane: Option<String>,
    /// Those in this state.
    state: Option<State>,
    /// Rows of a page: 50 unless something else is said, at most 500.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// A job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobView {
    /// Its number.
    id: i64,
    /// Whose; the nil id for the platform's own.
    tenant_id: TenantId,
    /// Its kind.
    kind: String,
    /// What is to be done.
    args: serde_json::Value,
    /// Its lane.
    lane: String,
    /// `urgent`, `normal` or `bulk`.
    priority: String,
    /// Where it stands.
    state: State,
    /// When it may run, or might.
    run_at: Timestamp,
    /// Runs that counted.
    attempt: i64,
    /// How many may.
    max_attempts: i64,
    /// How often it was put off, which costs no attempt.
    snoozes: i64,
    /// Runs in all.
    runs: i64,
    /// The node that runs it, or ran it last.
    node: Option<String>,
    /// How far it has come.
    progress: Option<serde_json::Value>,
    /// What went wrong last.
    last_error: Option<String>,
    /// When it was enqueued.
    created_at: Timestamp,
    /// When its last run began.
    started_at: Option<Timestamp>,
    /// When it came to its end.
    finished_at: Option<Timestamp>,
}

impl From<Found> for JobView {
    fn from(job: Found) -> Self {
        Self {
            id: job.id.0,
            tenant_id: job.tenant,
            kind: job.kind,
            args: job.args.0,
            lane: job.lane,
            priority: job.priority.as_str().to_owned(),
            state: job.state,
            run_at: job.run_at,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            snoozes: job.snoozes,
            runs: job.runs,
            node: job.node,
            progress: job.progress.map(|progress| progress.0),
            last_error: job.last_error,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
        }
    }
}

/// A line of a job's log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobLogLine {
    /// Of which run, from 1.
    run: i64,
    /// When.
    at: Timestamp,
    /// How much it matters.
    level: Level,
    /// What it says.
    text: String,
}

impl From<LogLine> for JobLogLine {
    fn from(line: LogLine) -> Self {
        Self { run: line.run, at: line.at, level: line.level, text: line.text }
    }
}

/// A job with its log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobWithLog {
    /// The job.
    #[serde(flatten)]
    job: JobView,
    /// What it wrote down: the newest run first, each from its beginning.
    log: Vec<JobLogLine>,
}

/// Jobs, the newest first.
#[utoipa::path(
    get, path = "/api/v1/platform/jobs", tag = "jobs", params(JobParams),
    responses((status = 200, body = PageView<JobView>))
)]
async fn platform_jobs(
    cx: PlatformContext,
    Params(params): Params<JobParams>,
) -> Result<Json<PageView<JobView>>, Problem> {
    let request = PageRequest::new(params.limit, params.after);
    let filter = manage::Filter {
        tenant: params.tenant_id,
        kind: params.kind,
        lane: params.lane,
        state: params.state,
    };
    let page = manage::list(&mut cx.conn().await?, &filter, &request).await?;
    Ok(Json(PageView::of(page, JobView::from)))
}

/// One job with its log.
#[utoipa::path(
    get, path = "/api/v1/platform/jobs/{id}", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = JobWithLog))
)]
async fn platform_job(cx: PlatformContext, Id(id): Id<JobId>) -> Result<Json<JobWithLog>, Problem> {
    let mut conn = cx.conn().await?;
    let job = manage::find(&mut conn, id).await?.ok_or(Problem::new(Code::NotFound))?;
    let log = manage::log_of(&mut conn, id).await?;
    Ok(Json(JobWithLog { job: job.into(), log: log.into_iter().map(JobLogLine::from).collect() }))
}

/// Lets a job that waits for its next attempt run at once.
#[utoipa::path(
    post, path = "/api/v1/platform/jobs/{id}/retry", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = JobView))
)]
async fn platform_retry_job(cx: PlatformContext, Id(id): Id<JobId>) -> Result<Json<JobView>, Problem> {
    let mut tx = cx.begin().await?;
    let job = manage::retry(&mut tx, &cx.platform, id).await?;
    tx.commit().await?;
    Ok(Json(job.into()))
}

/// Brings a dead or discarded job back, with all its attempts before it.
#[utoipa::path(
    post, path = "/api/v1/platform/jobs/{id}/replay", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = JobView))
)]
async fn platform_replay_job(cx: PlatformContext, Id(id): Id<JobId>) -> Result<Json<JobView>, Problem> {
    let mut tx = cx.begin().await?;
    let job = manage::replay(&mut tx, &cx.platform, id).await?;
    tx.commit().await?;
    Ok(Json(job.into()))
}

/// Takes a job out of the queue. One that runs is ended: what it has not committed does not happen.
#[utoipa::path(
    post, path = "/api/v1/platform/jobs/{id}/discard", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = JobView))
)]
async fn platform_discard_job(cx: PlatformContext, Id(id): Id<JobId>) -> Result<Json<JobView>, Problem> {
    let mut tx = cx.begin().await?;
    let job = manage::discard(&mut tx, &cx.platform, id).await?;
    tx.commit().await?;
    Ok(Json(job.into()))
}
