//! Whether the tenant may use the module: the route names the feature, or says that it belongs to none. Looked up with each
//! request, so that a switch acts on the very next one. The platform's own people go on where it is off.

use std::sync::Arc;

use axum::{
    extract::{Request, State as Extracted},
    middleware::Next,
    response::Response,
};
use base::{Actor, Scope};

use super::super::{
    context::Missing,
    problem::{Code, Problem},
    state::State,
};
use crate::domain::{
    access::Caller,
    tenant::{self, Feature},
};

pub(in super::super) async fn check(
    Extracted((state, feature)): Extracted<(Arc<State>, Option<Feature>)>,
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
        let mut conn = state.db.conn().await?;
        let has = tenant::features(&mut conn, &scope).await?;
        drop(conn);
        if let Some(missing) = needed.into_iter().flatten().find(|feature| !has.has(*feature)) {
            return Err(Problem::new(Code::FeatureDisabled).detail(format!("it is {missing}")));
        }
    }
    Ok(next.run(request).await)
}
