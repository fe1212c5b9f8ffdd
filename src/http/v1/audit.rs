//! `/api/v1/audit`: who did what to what, from where, when and why.

use axum::Json;
use base::{Timestamp, page::PageRequest};
use foundation::{
    Origin,
    audit::{self, Filter, Head, Recorded, VerifyError},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::{
    context::{CallContext, PlatformContext},
    params::{PageView, Params},
    problem::{Code, Problem},
    route::{Access, Routes},
};
use crate::domain::access::Permission;

pub(super) fn routes(routes: Routes) -> Routes {
    let read = Access::Tenant(Permission::AuditRead, None);
    routes
        .route(read, routes!(list))
        .route(read, routes!(verify))
        .route(Access::Platform, routes!(platform_audit))
        .route(Access::Platform, routes!(platform_verify_audit))
}

/// Which entries are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditParams {
    /// Kind of thing acted upon, such as `subscriber`.
    target_kind: Option<String>,
    /// Its id.
    target_id: Option<String>,
    /// Who acted: `user:ID`, `token:ID` or `system:part`.
    actor: Option<String>,
    /// The act, such as `subscriber.suspend`.
    act: Option<String>,
    /// At this time or later.
    from: Option<Timestamp>,
    /// Before this time.
    until: Option<Timestamp>,
    /// Rows of a page: 50 unless something else is said, at most 500.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// An entry of the audit trail.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditEntry {
    /// 1, 2, 3, … for each tenant, without gaps.
    sequence: i64,
    /// When.
    at: Timestamp,
    /// Who: `user:ID`, `token:ID` or `system:part`.
    actor: String,
    /// From which address.
    address: Option<String>,
    /// What was done.
    act: String,
    /// To what kind of thing.
    target_kind: String,
    /// To which one.
    target_id: String,
    /// The state before; secrets are masked.
    before: Option<serde_json::Value>,
    /// The state after; secrets are masked.
    after: Option<serde_json::Value>,
    /// Why, where a reason was given.
    reason: Option<String>,
    /// The entry's place in the hash chain.
    hash: String,
}

impl AuditEntry {
    /// Its fields as texts, in their order.
    pub(super) fn cells(&self) -> [String; 11] {
        let json =
            |state: &Option<serde_json::Value>| state.as_ref().map(ToString::to_string).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        [
            self.sequence.to_string(),
            self.at.to_string(),
            self.actor.clone(),
            text(&self.address),
            self.act.clone(),
            self.target_kind.clone(),
            self.target_id.clone(),
            json(&self.before),
            json(&self.after),
            text(&self.reason),
            self.hash.clone(),
        ]
    }
}

impl From<Recorded> for AuditEntry {
    fn from(recorded: Recorded) -> Self {
        Self {
            sequence: recorded.sequence,
            at: recorded.at,
            actor: recorded.actor,
            address: recorded.address,
            act: recorded.act,
            target_kind: recorded.target_kind,
            target_id: recorded.target_id,
            before: recorded.before,
            after: recorded.after,
            reason: recorded.reason,
            hash: hex::encode(recorded.hash.as_bytes()),
        }
    }
}

/// The tenant's audit trail, newest entries first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", params(AuditParams),
    responses((status = 200, body = PageView<AuditEntry>))
)]
async fn list(
    cx: CallContext,
    Params(params): Params<AuditParams>,
) -> Result<Json<PageView<AuditEntry>>, Problem> {
    read(&mut cx.conn().await?, &cx.scope, params).await
}

/// The platform's own audit trail, newest entries first.
#[utoipa::path(
    get, path = "/api/v1/platform/audit", tag = "audit", params(AuditParams),
    responses((status = 200, body = PageView<AuditEntry>))
)]
async fn platform_audit(
    cx: PlatformContext,
    Params(params): Params<AuditParams>,
) -> Result<Json<PageView<AuditEntry>>, Problem> {
    read(&mut cx.conn().await?, &cx.platform, params).await
}

async fn read(
    conn: &mut foundation::Conn,
    origin: &impl Origin,
    params: AuditParams,
) -> Result<Json<PageView<AuditEntry>>, Problem> {
    let request = PageRequest::new(params.limit, params.after);
    if request.after().is_some_and(|after| after.parse::<i64>().is_err()) {
        return Err(Problem::new(Code::InvalidCursor));
    }
    let filter = Filter {
        target_kind: params.target_kind,
        target_id: params.target_id,
        actor: params.actor,
        act: params.act,
        from: params.from,
        until: params.until,
    };
    let page = audit::list(conn, origin, &filter, &request).await?;
    Ok(Json(PageView::of(page, AuditEntry::from)))
}

/// Whether the trail is as it was written.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Verification {
    /// Every entry is there and unaltered.
    holds: bool,
    /// The first entry that is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_at: Option<i64>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// How many entries there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<i64>,
    /// How far the trail reaches, as `TENANT:NUMBER:HASH`: noted elsewhere, it shows later that nothing was cut off and
    /// nobody wrote a whole new trail.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
}

/// What the trail is compared with.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct VerifyParams {
    /// A `head` that was noted earlier.
    head: Option<String>,
}

impl VerifyParams {
    fn noted(self, origin: &impl Origin) -> Result<Vec<Head>, Problem> {
        let Some(text) = self.head else { return Ok(Vec::new()) };
        let refused = |problem: &'static str| Problem::new(Code::InvalidQuery).detail(problem);
        let head: Head = text.parse().map_err(|_| refused("head is none of ours"))?;
        if head.tenant != origin.stream() {
            return Err(refused("head is of another trail"));
        }
        Ok(vec![head])
    }
}

/// Computes the tenant's hash chain anew and compares.
#[utoipa::path(
    post, path = "/api/v1/audit/verify", tag = "audit", params(VerifyParams),
    responses((status = 200, description = "What was found.", body = Verification))
)]
async fn verify(
    cx: CallContext,
    Params(params): Params<VerifyParams>,
) -> Result<Json<Verification>, Problem> {
    check(&mut cx.conn().await?, &cx.scope, params).await
}

/// Computes the platform's hash chain anew and compares.
#[utoipa::path(
    post, path = "/api/v1/platform/audit/verify", tag = "audit", params(VerifyParams),
    responses((status = 200, description = "What was found.", body = Verification))
)]
async fn platform_verify_audit(
    cx: PlatformContext,
    Params(params): Params<VerifyParams>,
) -> Result<Json<Verification>, Problem> {
    check(&mut cx.conn().await?, &cx.platform, params).await
}

async fn check(
    conn: &mut foundation::Conn,
    origin: &impl Origin,
    params: VerifyParams,
) -> Result<Json<Verification>, Problem> {
    let tenant = origin.stream();
    let problem = match audit::verify(conn, tenant, &params.noted(origin)?).await {
        Ok(verified) => {
            let head = Head { tenant, sequence: verified.entries, hash: verified.hash };
            return Ok(Json(Verification {
                holds: true,
                broken_at: None,
                problem: None,
                entries: Some(verified.entries),
                head: (verified.entries > 0).then(|| head.to_string()),
            }));
        }
        Err(VerifyError::Database(error)) => return Err(error.into()),
        Err(problem) => problem,
    };
    let at = match problem {
        VerifyError::Broken { at } | VerifyError::Cut { at } | VerifyError::Rewritten { at } => Some(at),
        VerifyError::Database(_) => None,
    };
    Ok(Json(Verification {
        holds: false,
        broken_at: at,
        problem: Some(problem.to_string()),
        entries: None,
        head: None,
    }))
}
