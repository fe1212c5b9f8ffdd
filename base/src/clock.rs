//! The one place that reads the time. Everything else takes a [`Clock`] or a [`Now`] as a parameter.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::Timestamp;

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall time, UTC. May jump when an operator or NTP sets the clock.
    pub wall: Timestamp,
    /// Time since an arbitrary origin. Never goes back; use it for timeouts.
    pub monotonic: Duration,
}

/// A source of time: the system's, or one that a test turns by hand.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { origin: Instant },
    Mock(Arc<Mutex<Now>>),
}

impl Clock {
    /// The system's clocks; the monotonic origin is this call.
    #[expect(clippy::disallowed_methods, reason = "this is the place where time is read")]
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System { origin: Instant::now() })
    }

    /// A clock that stands still at `wall` until its [`MockClock`] turns it.
    #[must_use]
    pub fn mock(wall: Timestamp) -> (Self, MockClock) {
        let shared = Arc::new(Mutex::new(Now { wall, monotonic: Duration::from_secs(1) }));
        (Self(Source::Mock(Arc::clone(&shared))), MockClock(shared))
    }

    /// Reads both clocks.
    #[expect(clippy::disallowed_methods, reason = "this is the place where time is read")]
    #[must_use]
    pub fn now(&self) -> Now {
        match &self.0 {
            Source::System { origin } => Now {
                wall: SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(Timestamp::EPOCH, |since| Timestamp::EPOCH.saturating_add(since)),
                monotonic: origin.elapsed(),
            },
            Source::Mock(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Reads the wall clock alone.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.now().wall
    }
}

/// Turns a mock [`Clock`].
#[derive(Clone, Debug)]
pub struct MockClock(Arc<Mutex<Now>>);

impl MockClock {
    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.wall = now.wall.saturating_add(by);
        now.monotonic += by;
    }

    /// Sets the wall clock alone, as an operator or NTP does.
    pub fn set_wall(&self, wall: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).wall = wall;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mock_clock_moves_only_by_hand() {
        let (clock, hand) = Clock::mock(Timestamp::from_millis(1_000));
        let before = clock.now();
        assert_eq!(clock.now(), before);
        hand.advance(Duration::from_millis(250));
        assert_eq!(clock.wall(), Timestamp::from_millis(1_250));
        hand.set_wall(Timestamp::from_millis(5));
        assert_eq!(clock.wall(), Timestamp::from_millis(5));
        assert_eq!(clock.now().monotonic - before.monotonic, Duration::from_millis(250));
    }

    #[test]
    fn the_system_clock_is_monotonic() {
        let clock = Clock::system();
        let first = clock.now();
        assert!(clock.now().monotonic >= first.monotonic);
        assert!(first.wall > Timestamp::from_millis(1_700_000_000_000));
    }
}
