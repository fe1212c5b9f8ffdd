//! Protects the daemon from its own answers: those that take too long, that panic, and too much bulk work at once.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State as Extracted},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio::sync::Semaphore;

use super::super::problem::{Code, Problem};

/// When to come back if too much is going on.
pub(super) const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Requests of one route that may be worked on at a time, from their first octet on.
pub(in super::super) type Turns = Arc<Semaphore>;

/// Sends away who comes when all turns are taken.
pub(in super::super) async fn turn(
    Extracted(turns): Extracted<Turns>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let _turn = turns.try_acquire().map_err(|_| Problem::new(Code::Busy).retry_after(BUSY_RETRY))?;
    Ok(next.run(request).await)
}

/// Gives up an answer that takes too long: its transaction is rolled back.
pub(in super::super) async fn within(
    Extracted(limit): Extracted<Duration>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    tokio::time::timeout(limit, next.run(request))
        .await
        .map_err(|_| Problem::new(Code::TookTooLong).retry_after(BUSY_RETRY))
}

/// A handler panicked: a defect, told as one.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked: {0}")]
struct Panicked(String);

/// What `tower_http`'s catcher answers.
pub(in super::super) fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let payload = AssertUnwindSafe(payload);
    let text = payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no message".to_owned());
    Problem::internal(Panicked(text)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware, routing::get};
    use tower::ServiceExt as _;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::*;

    async fn ask(router: Router) -> (u16, String) {
        let request = Request::builder().uri("/").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_a_defect_and_its_words_stay_here() {
        async fn handler() {
            panic!("the secret is rahasia");
        }
        let router = Router::new().route("/", get(handler)).layer(CatchPanicLayer::custom(panicked));
        let (status, body) = ask(router).await;
        assert_eq!(status, 500);
        assert!(body.contains("\"internal\"") && !body.contains("rahasia"), "{body}");
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_given_up() {
        let limit = middleware::from_fn_with_state(Duration::ZERO, within);
        let router = Router::new().route("/", get(std::future::pending::<()>)).layer(limit);
        let (status, body) = ask(router).await;
        assert!(status == 503 && body.contains("took_too_long"), "{body}");
    }

    #[tokio::test]
    async fn a_turn_is_given_back() {
        let turns: Turns = Arc::new(Semaphore::new(1));
        let layer = middleware::from_fn_with_state(Arc::clone(&turns), turn);
        let router = Router::new().route("/", get(async || "done")).layer(layer);
        for _ in 0..3 {
            assert_eq!(ask(router.clone()).await.0, 200);
        }
        let _taken = turns.acquire().await.unwrap();
        let (status, body) = ask(router).await;
        assert!(status == 503 && body.contains("busy"), "{body}");
    }
}
