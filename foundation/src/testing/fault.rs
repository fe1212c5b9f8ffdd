//! Faults between any two statements of a flow: the proof that whatever is cut off is done in the end, and once.
//!
//! ```text
//! for point in 1.. {
//!     let … = a fresh tenant;
//!     db.faults().arm(point);
//!     the flow, whose errors are expected;
//!     if db.faults().disarm() { break }        // the flow has fewer points: all of them were tried
//!     the flow once more, as after a restart; then check its effects
//! }
//! ```
//!
//! A point stands before each statement, before each connection is taken, before each commit, and after it: the
//! database has committed, and nobody was told. What happens at a point is what a broken connection does.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

/// The fault points of one [`Db`](crate::Db), over all of its connections.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<AtomicU64>);

impl Faults {
    /// Makes the database fail once, at the `point`-th point from now; 1 is the very next.
    pub fn arm(&self, point: u64) {
        self.0.store(point, SeqCst);
    }

    /// Takes the fault back; true when it has not struck.
    #[must_use]
    pub fn disarm(&self) -> bool {
        self.0.swap(0, SeqCst) != 0
    }

    /// Passes a point, and says whether it is the one.
    pub(crate) fn fires(&self) -> bool {
        let before = self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        before == Ok(1)
    }
}
