//! The live stream of events (server-sent events): who listens gets what is committed, as it is committed.
//!
//! A listener has a position in the tenant's stream and reads on from it, so it can be resumed anywhere, and a slow one
//! holds a position and a few frames, never a growing queue. `frame` is what is sent, `listener` the task behind
//! one connection.

mod frame;
mod listener;

use std::{sync::Arc, time::Duration};

pub(super) use frame::EventView;
pub(super) use listener::{Listening, Watched, open};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::problem::{Code, Problem};

/// Connections that may listen at the same time: each costs a task, a query a second or two and a socket.
const STREAMS: usize = 256;
/// How long a listener may keep a frame waiting before it is cut.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who listens to events.
#[derive(Clone, Debug)]
pub struct Streams {
    turns: Arc<Semaphore>,
    /// The daemon stops: everybody is told, and no connection holds it up.
    stop: CancellationToken,
    patience: Duration,
}

impl Streams {
    /// Nobody yet; all end with `stop`.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self { turns: Arc::new(Semaphore::new(STREAMS)), stop, patience: PATIENCE }
    }

    /// The same, with another patience for listeners that do not take what they are sent.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How many listen.
    #[must_use]
    pub fn listening(&self) -> usize {
        STREAMS - self.turns.available_permits()
    }

    fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.turns)
            .try_acquire_owned()
            .map_err(|_| Problem::new(Code::TooManyStreams).retry_after(PATIENCE))
    }
}
