//! What the client counts, for metrics.

use super::Dropped;

/// Events since the client was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests taken.
    pub submitted: u64,
    /// Datagrams given out to be sent, copies too.
    pub sent: u64,
    /// Copies among them.
    pub retransmitted: u64,
    /// Requests that were acknowledged.
    pub acknowledged: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests without an answer.
    pub timed_out: u64,
    /// Requests that were given up by the caller.
    pub cancelled: u64,
    /// Datagrams dropped as [`Dropped::Malformed`].
    pub dropped_malformed: u64,
    /// Datagrams dropped as [`Dropped::Unexpected`].
    pub dropped_unexpected: u64,
    /// Datagrams dropped as [`Dropped::WrongCode`].
    pub dropped_wrong_code: u64,
    /// Datagrams dropped as [`Dropped::Forged`].
    pub dropped_forged: u64,
    /// Datagrams dropped as [`Dropped::Unsigned`].
    pub dropped_unsigned: u64,
}

impl Counters {
    pub(super) fn drop(&mut self, reason: Dropped) {
        let counter = match reason {
            Dropped::Malformed => &mut self.dropped_malformed,
            Dropped::Unexpected => &mut self.dropped_unexpected,
            Dropped::WrongCode => &mut self.dropped_wrong_code,
            Dropped::Forged => &mut self.dropped_forged,
            Dropped::Unsigned => &mut self.dropped_unsigned,
        };
        *counter += 1;
    }
}
