//! For whom: whose data the request is about.
//!
//! People and programs of a tenant stay within it. The platform's own name a tenant in `Rrnetd-Tenant`; the scope that
//! they get carries who they are into the audit trail.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State as Extracted},
    middleware::Next,
    response::Response,
};
use base::{Platform, Scope, TenantId, UserId};
use http::{HeaderMap, Method};
use moka::{ops::compute::Op, sync::Cache};

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

/// What tells of people: subscribers and customers, where they were and when, and a tenant's staff and its acts.
const PERSONAL: [&str; 6] = ["audit", "authentications", "customers", "sessions", "subscribers", "users"];
/// How long an entry stands for further reads of the same kind.
const NOTED_FOR: Duration = Duration::from_hours(1);
/// Reads that are remembered, about 100 octets each; one that is forgotten is noted once more.
const MAX_READS: u64 = 20_000;

/// Puts the scope of one tenant into the request.
pub(in super::super) async fn resolve(
    Extracted((state, reads)): Extracted<(Arc<State>, Arc<Reads>)>,
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
        let route = request.extensions().get::<MatchedPath>().cloned();
        if request.method().is_safe() {
            reads.note(&state, &caller, &platform, &scope, route.as_ref()).await?;
        } else {
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

/// Which of the platform's people read what of whom lately: one entry an hour says it.
#[derive(Debug)]
pub(in super::super) struct Reads(Cache<Read, Duration>);

type Read = (UserId, TenantId, &'static str);

impl Reads {
    pub(in super::super) fn new() -> Self {
        Self(Cache::new(MAX_READS))
    }

    /// Notes it before it is read: what cannot be written down is not read either.
    async fn note(
        &self,
        state: &State,
        caller: &Caller,
        platform: &Platform,
        scope: &Scope,
        route: Option<&MatchedPath>,
    ) -> Result<(), Problem> {
        let Some(kind) = route.and_then(|route| personal(route.as_str())) else { return Ok(()) };
        let read = (caller.user, scope.tenant(), kind);
        if !self.is_first(read, state.clock.now().monotonic) {
            return Ok(());
        }
        let written = async {
            let mut tx = state.db.begin().await?;
            access::note_reading(&mut tx, platform, scope, kind);
            tx.commit().await
        };
        written.await.inspect_err(|_| self.0.invalidate(&read))?;
        Ok(())
    }

    fn is_first(&self, read: Read, now: Duration) -> bool {
        let mut is_first = false;
        self.0.entry(read).and_compute_with(|entry| match entry.map(moka::Entry::into_value) {
            Some(since) if now.saturating_sub(since) < NOTED_FOR => Op::Nop,
            _ => {
                is_first = true;
                Op::Put(now)
            }
        });
        is_first
    }
}

/// The kind of personal data behind a route of a tenant.
fn personal(route: &str) -> Option<&'static str> {
    let resource = route.strip_prefix("/api/v1/")?.split('/').next()?;
    PERSONAL.into_iter().find(|kind| *kind == resource)
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
