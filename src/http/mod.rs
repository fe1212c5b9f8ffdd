//! The API over HTTP: translates requests into calls of services, and their outcomes into answers. No rule of the business
//! and no SQL lives here.
//!
//! * [`router`] puts it together from a [`State`]; `route` is the table: no route without saying who may call it.
//! * `layer` is what every request goes through, `context` what a handler gets of it.
//! * `problem` is every failure (RFC 9457), `body`, `params`, `version`, `once` are the forms of requests and answers.
//! * `live` is the stream of events as they are committed.
//! * `serve` takes connections in.
//! * `v1` has a file for each resource; `health` and `docs` stand beside it.

mod body;
mod context;
mod docs;
mod health;
mod layer;
mod live;
mod observed;
mod once;
mod openapi;
mod params;
mod problem;
mod reloadable;
mod route;
mod serve;
mod state;
mod v1;
mod version;

use std::{fmt, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, middleware};
use http::Method;
pub use live::Streams;
pub use observed::Observed;
pub use problem::registry::{Code as ProblemCode, markdown as problems_markdown};
use problem::{Code, Problem};
pub use reloadable::Reloadable;
pub use route::{Access, Entry};
use route::{Built, Routes};
pub use serve::{Connections, serve};
pub use state::{JobKind, Settings, State};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;

use layer::{
    budget::{self, Budgets},
    headers, protect, record,
    turn::{self, Turns},
};

/// The API, put together.
pub struct Api {
    /// What to serve. Needs `into_make_service_with_connect_info::<SocketAddr>()`, so that callers have addresses.
    pub router: Router,
    /// Every route with who may call it.
    pub routes: Vec<Entry>,
    /// What is said of it.
    pub document: OpenApi,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("routes", &self.routes).finish_non_exhaustive()
    }
}

/// The API cannot be described: a defect that a test finds.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The document cannot be written.
    #[error("the API's document cannot be written")]
    Document(#[from] serde_json::Error),
    /// Two types of the document have the same name.
    #[error("two forms of the API's document are named {0}")]
    SameName(String),
}

/// Puts the API together.
///
/// # Errors
/// As [`BuildError`] says.
pub fn router(state: State) -> Result<Api, BuildError> {
    let state = Arc::new(state);
    let settings = state.settings.current();
    let turns = Arc::new(Turns::new(settings.requests_at_once, settings.body_within));
    let budgets = Arc::new(Budgets::new(state.clock.clone(), &settings));
    let routes = Routes::new(Arc::clone(&state), Arc::clone(&budgets));
    let Built { router, document, table: mut routes } = v1::routes(health::routes(routes)).finish()?;
    let visitors = middleware::from_fn_with_state((Arc::clone(&state), budgets), budget::of_visitor);
    routes.extend(docs::PATHS.map(|path| Entry {
        method: Method::GET,
        path: path.to_owned(),
        access: Access::Open,
    }));
    let router = router
        .merge(docs::router(&document)?.route_layer(visitors))
        .fallback(async || Problem::new(Code::NotFound))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(body::MAX_BODY))
        // The last one added is the first one to run.
        .layer(CatchPanicLayer::custom(protect::panicked))
        .layer(middleware::from_fn_with_state(turns, turn::take))
        .layer(middleware::from_fn(headers::set))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), record::record))
        .with_state(state);
    Ok(Api { router, routes, document })
}
