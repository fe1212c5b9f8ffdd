//! Whether the caller's tenant is in good standing with the platform. One that is not loses its panel and its programs'
//! access at the very next request; its routers and subscribers are served on. The platform's own people come in.

use axum::{extract::Request, middleware::Next, response::Response};

use super::super::{
    context::Missing,
    problem::{Code, Problem},
};
use crate::domain::{access::Caller, tenant::TenantStatus};

pub(in super::super) async fn check(request: Request, next: Next) -> Result<Response, Problem> {
    let caller = request.extensions().get::<Caller>().ok_or_else(|| Problem::internal(Missing("caller")))?;
    match caller.tenant_status.filter(|_| !caller.panel_is_open()) {
        Some(status) => Err(locked(status)),
        None => Ok(next.run(request).await),
    }
}

/// The refusal of somebody whose tenant stands so.
pub(in super::super) fn locked(status: TenantStatus) -> Problem {
    Problem::new(match status {
        TenantStatus::Disabled => Code::TenantDisabled,
        _ => Code::TenantIsolated,
    })
}
