//! Protects the daemon from its own answers: those that take too long, that panic, and too many at once.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State as Extracted},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio::sync::Semaphore;

use super::super::problem::{Code, Problem};

/// When to come back if too much is going on.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Requests that may be worked on at a time.
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
