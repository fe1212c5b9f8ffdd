//! Wakes those who follow the streams when a transaction committed. A hint, never the truth: whoever sleeps on it reads
//! the streams from the own position, and polls as well.

use base::TenantId;
use tokio::sync::broadcast;

/// Wake-ups that a slow follower may fall behind before it is told to look at every stream.
const BACKLOG: usize = 1_024;

/// Where followers sign up.
#[derive(Debug)]
pub struct Wake(broadcast::Sender<Woken>);

/// Which streams grew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// This tenant's.
    Tenant(TenantId),
    /// Perhaps all of them: the follower fell behind, or another node was out of touch.
    All,
}

/// One follower's queue of wake-ups.
#[derive(Debug)]
pub struct Follower(broadcast::Receiver<Woken>);

impl Wake {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    /// Follows from now on. Sign up first, then read the streams, so that nothing falls between.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower(self.0.subscribe())
    }

    pub(crate) fn send(&self, woken: Woken) {
        // Nobody follows: nobody is to be woken.
        let _ = self.0.send(woken);
    }
}

impl Follower {
    /// Waits until a stream grew. Safe to cancel.
    pub async fn woken(&mut self) -> Woken {
        match self.0.recv().await {
            Ok(woken) => woken,
            Err(broadcast::error::RecvError::Lagged(_)) => Woken::All,
            // The database handle is gone; the follower's own token ends it.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
