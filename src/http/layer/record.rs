//! Gives each request an id, counts it, and logs what failed, once, where the cause is known.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State as Extracted},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, Method};

use super::super::{problem::Cause, state::State};
use crate::domain::values::random;

/// The request's id, in the answer and in the log.
pub(in super::super) const REQUEST_ID: HeaderName = HeaderName::from_static("rrnetd-request-id");

pub(in super::super) async fn record(
    Extracted(state): Extracted<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    let id = hex::encode(random::octets::<8>());
    let method = label(request.method());
    // The pattern, never the path itself: it would hold ids, and metrics would have no end.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let began = state.clock.now().monotonic;
    let mut response = next.run(request).await;
    let took = state.clock.now().monotonic.saturating_sub(began);
    let status = response.status();
    metrics::counter!(
        "rrnetd_http_requests_total", "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned()
    )
    .increment(1);
    metrics::histogram!("rrnetd_http_request_seconds", "route" => route.clone()).record(took.as_secs_f64());
    let cause = response.extensions_mut().remove::<Cause>();
    let took_ms = took.as_secs_f64() * 1_000.0;
    match cause {
        Some(cause) => tracing::error!(
            request.id = %id, http.method = method, http.route = %route, http.status = status.as_u16(), took_ms,
            "{method} {route} failed: {cause}"
        ),
        None => tracing::debug!(
            request.id = %id, http.method = method, http.route = %route, http.status = status.as_u16(), took_ms,
            "{method} {route} answered {status}"
        ),
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The method as a label: a caller may invent others.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
