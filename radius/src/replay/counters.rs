//! What the duplicate cache counts, for the worker's metrics.

/// Events since the cache was made. Each check raises exactly one of `new`, `in_progress` and `replayed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests seen for the first time.
    pub new: u64,
    /// Retransmissions dropped because the first copy was in progress.
    pub in_progress: u64,
    /// Retransmissions answered with the kept reply.
    pub replayed: u64,
    /// Entries replaced by a new request with the same identifier.
    pub superseded: u64,
    /// Entries that ended with their time.
    pub expired: u64,
    /// Entries that their handler gave up.
    pub forgotten: u64,
    /// Answered entries that made room for a new request before their time: more slots would help.
    pub evicted: u64,
    /// Requests in progress that made room for a new one: their retransmissions will be handled twice.
    pub evicted_in_progress: u64,
    /// Answered entries that made room for the octets of a new reply.
    pub evicted_for_octets: u64,
    /// Replies that are longer than all the room there is.
    pub oversized: u64,
}
