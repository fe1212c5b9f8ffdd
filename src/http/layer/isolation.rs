//! Whether the caller's tenant is in good standing with the platform. One that is not loses its panel and its programs'
//! access at the very next request; its routers and subscribers are served on. The platform's own people come in.

use std::sync::Arc;

use axum::{
    extract::{Request, State as Extracted},
    middleware::Next,
    response::Response,
};
use base::Scope;

use super::super::{
    context::Missing,
    problem::{Code, Problem},
    state::State,
};
use crate::domain::{
    access::{Act, Caller},
    billing::saas,
    tenant::TenantStatus,
};

pub(in super::super) async fn check(
    Extracted(state): Extracted<Arc<State>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let extensions = request.extensions();
    let found = extensions.get::<Caller>().zip(extensions.get::<Act>());
    let (caller, act) = found.ok_or_else(|| Problem::internal(Missing("caller")))?;
    let Some(status) = caller.tenant_status.filter(|_| !caller.panel_is_open()) else {
        return Ok(next.run(request).await);
    };
    match caller.scope(None, act) {
        Some(scope) => Err(locked(&state, &scope, status).await?),
        None => Err(Problem::internal(Missing("scope"))),
    }
}

/// The refusal of somebody whose tenant stands so: what is unpaid, and how to pay it.
pub(in super::super) async fn locked(
    state: &State,
    scope: &Scope,
    status: TenantStatus,
) -> Result<Problem, Problem> {
    let problem = refusal(status);
    let lock = saas::panel_lock(&mut state.db.conn().await?, scope).await?;
    Ok(match lock {
        Some(lock) => problem.with("invoices", lock.invoices).with("howToPay", lock.how_to_pay),
        None => problem,
    })
}

/// The same without further words.
pub(in super::super) fn refusal(status: TenantStatus) -> Problem {
    Problem::new(match status {
        TenantStatus::Disabled => Code::TenantDisabled,
        _ => Code::TenantIsolated,
    })
}
