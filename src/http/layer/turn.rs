//! A request has its turn while it is worked on, not while its body arrives: whoever sends one octet by octet keeps nobody
//! else waiting, and is cut off.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{Request, State as Extracted},
    middleware::Next,
    response::Response,
};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    super::problem::{Code, Problem},
    protect::BUSY_RETRY,
};

/// Bodies that may be on their way for each turn: what has arrived of them is kept in memory.
const BODIES_FOR_A_TURN: usize = 4;

/// Octets a second with which a body may take longer than it may else: a table of subscribers from an office far away.
const STEADY: u64 = 64 * 1024;

/// How many requests may be worked on, and how their bodies arrive.
#[derive(Debug)]
pub(in super::super) struct Turns {
    working: Arc<Semaphore>,
    arriving: Semaphore,
    body_within: Duration,
}

impl Turns {
    pub(in super::super) fn new(at_once: usize, body_within: Duration) -> Self {
        Self {
            working: Arc::new(Semaphore::new(at_once)),
            arriving: Semaphore::new(at_once.saturating_mul(BODIES_FOR_A_TURN).min(Semaphore::MAX_PERMITS)),
            body_within,
        }
    }

    fn work(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.working).try_acquire_owned().map_err(|_| busy())
    }
}

/// A request's own turn, to be found among its extensions.
#[derive(Clone, Debug)]
pub(in super::super) struct Turn {
    turns: Arc<Turns>,
    held: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

/// Sends away who comes when all turns are taken.
pub(in super::super) async fn take(
    Extracted(turns): Extracted<Arc<Turns>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let held = Arc::new(Mutex::new(Some(turns.work()?)));
    request.extensions_mut().insert(Turn { turns, held: Arc::clone(&held) });
    let answer = next.run(request).await;
    drop(held.lock().take());
    Ok(answer)
}

impl Turn {
    /// Waits for a body, of which `received` counts the octets, and gives the turn to others meanwhile.
    ///
    /// # Errors
    /// When the body comes too slowly, or too many are on their way; and when all turns are taken once it is there.
    pub(in super::super) async fn receive<T>(
        &self,
        body: impl Future<Output = T>,
        received: &AtomicU64,
    ) -> Result<T, Problem> {
        let arriving = self.turns.arriving.try_acquire().map_err(|_| busy())?;
        drop(self.held.lock().take());
        let (mut waited, mut body) = (Duration::ZERO, pin!(body));
        let arrived = loop {
            let steadily = Duration::from_millis(received.load(Ordering::Relaxed) * 1_000 / STEADY);
            let left = (self.turns.body_within + steadily).saturating_sub(waited);
            if left.is_zero() {
                return Err(Problem::new(Code::BodyTooSlow));
            }
            match tokio::time::timeout(left, body.as_mut()).await {
                Ok(arrived) => break arrived,
                Err(_) => waited += left,
            }
        };
        drop(arriving);
        *self.held.lock() = Some(self.turns.work()?);
        Ok(arrived)
    }
}

fn busy() -> Problem {
    Problem::new(Code::Busy).retry_after(BUSY_RETRY)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{
        Router,
        body::{Body, Bytes},
        extract::DefaultBodyLimit,
        middleware,
        routing::{get, post},
    };
    use futures_util::stream;
    use tower::ServiceExt as _;

    use super::*;
    use crate::http::body;

    const WITHIN: Duration = Duration::from_secs(10);

    fn router(at_once: usize) -> Router {
        let turns = Arc::new(Turns::new(at_once, WITHIN));
        Router::new()
            .route("/", get(async || "done"))
            .route(
                "/",
                post(async |request: Request| {
                    body::octets(request, &()).await.map(|octets| octets.len().to_string())
                }),
            )
            .layer(DefaultBodyLimit::max(4 << 20))
            .layer(middleware::from_fn_with_state(turns, take))
    }

    /// So many parts of so many octets, one a second.
    fn slowly(parts: usize, octets: usize) -> Body {
        Body::from_stream(stream::unfold(parts, move |left| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            (left > 0).then(|| (Ok::<_, Infallible>(Bytes::from(vec![b'x'; octets])), left - 1))
        }))
    }

    async fn ask(router: &Router, method: &str, body: Body) -> (u16, String) {
        let request = Request::builder().method(method).uri("/").body(body).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_cut_off_and_keeps_nobody_waiting() {
        let router = router(1);
        let trickles: Vec<_> = (0..BODIES_FOR_A_TURN)
            .map(|_| {
                let router = router.clone();
                tokio::spawn(async move { ask(&router, "POST", slowly(3_600, 1)).await })
            })
            .collect();
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(ask(&router, "GET", Body::empty()).await.0, 200, "the only turn is free");
        }
        let (status, text) = ask(&router, "POST", slowly(1, 1)).await;
        assert!(status == 503 && text.contains("\"busy\""), "too many bodies are on their way: {text}");
        for trickle in trickles {
            let ended = tokio::time::timeout(WITHIN, trickle).await.expect("its time is over");
            let (status, text) = ended.unwrap();
            assert!(status == 408 && text.contains("\"body_too_slow\""), "{status} {text}");
        }
        assert_eq!(ask(&router, "POST", slowly(1, 1)).await, (200, "1".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_may_take_its_time() {
        let router = router(1);
        assert_eq!(ask(&router, "POST", slowly(30, 100_000)).await, (200, "3000000".to_owned()));
        let (status, _) = ask(&router, "POST", slowly(30, 10_000)).await;
        assert_eq!(status, 408, "slower than is steady");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_come_waits_for_no_turn() {
        let router = router(1);
        let working = {
            let router = router.clone();
            tokio::spawn(async move { ask(&router, "POST", slowly(2, 1)).await })
        };
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(ask(&router, "GET", Body::empty()).await.0, 200);
        assert_eq!(working.await.unwrap().0, 200);
    }
}
