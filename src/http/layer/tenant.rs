//! For whom: whose data the request is about.
//!
//! People and programs of a tenant stay within it. The platform's own name a tenant in `Rrnetd-Tenant`; the scope that
//! they get carries who they are into the audit trail.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State as Extracted},
    middleware::Next,
    response::Response,
};
use base::{Platform, TenantId};
use http::{HeaderMap, Method};

use super::super::{
    context::Missing,
    problem::{Code, Problem},
    state::State,
};
use crate::domain::{
    access::{self, Act, Caller},
    tenant,
};

/// Names the tenant, for callers of the platform.
pub(in super::super) const TENANT: &str = "rrnetd-tenant";

/// Puts the scope of one tenant into the request.
pub(in super::super) async fn resolve(
    Extracted(state): Extracted<Arc<State>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (caller, act) = caller(&request)?;
    let named = named(request.headers())?;
    let scope = caller.scope(named, &act).ok_or_else(|| {
        // Of another tenant nobody learns that it is there.
        match named {
            Some(_) => Problem::new(Code::NotFound),
            None => Problem::new(Code::TenantRequired)
                .detail("name it in the header Rrnetd-Tenant, by its id from GET /api/v1/tenants"),
        }
    })?;
    if let Some(platform) = caller.platform(&act) {
        let mut conn = state.db.conn().await?;
        tenant::find(&mut conn, &platform, scope.tenant())
            .await?
            .ok_or_else(|| Problem::new(Code::NotFound).detail("there is no such tenant"))?;
        drop(conn);
        if !request.method().is_safe() {
            let route = request.extensions().get::<MatchedPath>().cloned();
            note(&state, &platform, scope.tenant(), request.method().clone(), route).await?;
        }
    }
    request.extensions_mut().insert(scope);
    Ok(next.run(request).await)
}

/// Puts the platform as a whole into the request.
pub(in super::super) async fn platform(mut request: Request, next: Next) -> Result<Response, Problem> {
    let (caller, act) = caller(&request)?;
    let platform = caller.platform(&act).ok_or(Problem::new(Code::PermissionMissing))?;
    request.extensions_mut().insert(platform);
    Ok(next.run(request).await)
}

/// What the platform's people do, or try to do, on a tenant's behalf stands in the platform's own trail too, before it is
/// done: the tenant's trail has the act itself, this one has that somebody went in.
async fn note(
    state: &State,
    platform: &Platform,
    tenant: TenantId,
    method: Method,
    route: Option<MatchedPath>,
) -> Result<(), Problem> {
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let mut tx = state.db.begin().await?;
    access::note_acting_on_behalf(&mut tx, platform, tenant, method.as_str(), route);
    Ok(tx.commit().await?)
}

fn caller(request: &Request) -> Result<(Caller, Act), Problem> {
    let extensions = request.extensions();
    let found = extensions.get::<Caller>().cloned().zip(extensions.get::<Act>().cloned());
    found.ok_or_else(|| Problem::internal(Missing("caller")))
}

fn named(headers: &HeaderMap) -> Result<Option<TenantId>, Problem> {
    let mut values = headers.get_all(TENANT).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Of two, a proxy in front might look at the other one.
    if values.next().is_some() {
        return Err(Problem::new(Code::InvalidHeader).field("Rrnetd-Tenant", "is there twice"));
    }
    let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    id.map(Some).ok_or_else(|| Problem::new(Code::InvalidHeader).field("Rrnetd-Tenant", "is not an id"))
}
