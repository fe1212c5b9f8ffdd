//! Whether the tenant may use the module: the route names the feature, or says that it belongs to none. What a tenant has is
//! kept until anything is committed for it or by the platform, so that a switch acts on the very next request of this
//! node, and on others as soon as they hear of it. The platform's own people go on where it is off.

use std::sync::Arc;

use axum::{
    extract::{Request, State as Extracted},
    middleware::Next,
    response::Response,
};
use base::{Actor, Scope};
use foundation::cache::TenantCache;

use super::super::{
    context::Missing,
    problem::{Code, Problem},
    state::State,
};
use crate::domain::{
    access::Caller,
    tenant::{self, Feature, FeatureSet},
};

/// What tenants have, as it was read last.
pub(in super::super) type Kept = TenantCache<FeatureSet>;

pub(in super::super) async fn check(
    Extracted((state, kept, feature)): Extracted<(Arc<State>, Arc<Kept>, Option<Feature>)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let extensions = request.extensions();
    let (Some(caller), Some(scope)) = (extensions.get::<Caller>(), extensions.get::<Scope>()) else {
        return Err(Problem::internal(Missing("caller with a scope")));
    };
    // That programs may call at all is a feature as well.
    let of_caller = matches!(caller.actor, Actor::Token(_)).then_some(Feature::ApiTokens);
    let needed = [of_caller, feature];
    if caller.tenant.is_some() && needed.iter().any(Option::is_some) {
        let scope = scope.clone();
        let load = async { tenant::features(&mut state.db.conn().await?, &scope).await };
        let has = kept.find_or_load(&state.db, scope.tenant(), load).await?;
        if let Some(missing) = needed.into_iter().flatten().find(|feature| !has.has(*feature)) {
            return Err(Problem::new(Code::FeatureDisabled).detail(format!("it is {missing}")));
        }
    }
    Ok(next.run(request).await)
}
