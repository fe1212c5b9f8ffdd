//! The bounds of a duplicate cache and how they were chosen.

use core::time::Duration;

/// How long an answered request is remembered. RFC 5080 §2.2.2 asks for 5 to 30 seconds; RouterOS stops after three copies
/// within 3.3 seconds, so the least is enough and keeps memory small.
const LIFETIME: Duration = Duration::from_secs(5);

/// How long a request may be in progress before its entry frees itself: the upper end of RFC 5080 §2.2.2, beyond which no
/// router still sends copies. It matters only when a handler loses its slot.
const IN_PROGRESS: Duration = Duration::from_secs(30);

/// Requests remembered by one worker: 5 seconds at 13,000 requests a second, at about 150 octets each.
const SLOTS: usize = 65_536;

/// Octets of kept replies for one worker: 256 for each slot, while a usual Accept takes 100 to 200.
const OCTETS: usize = 16 * 1024 * 1024;

/// The largest number of slots: the table packs an index into 32 bits, and nobody needs more.
const MOST_SLOTS: usize = 1 << 24;

/// Bounds of one cache. Beyond them the oldest entry makes room, which is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most requests remembered at once (at least 1, at most 16,777,216; other values are moved to the nearest).
    pub slots: usize,
    /// Most octets of kept replies. A single reply longer than this is not kept.
    pub octets: usize,
    /// How long after its reply a request is remembered.
    pub lifetime: Duration,
    /// How long after its arrival an unanswered request is remembered.
    pub in_progress: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { slots: SLOTS, octets: OCTETS, lifetime: LIFETIME, in_progress: IN_PROGRESS }
    }
}

impl Limits {
    pub(super) fn clamped(self) -> Self {
        Self { slots: self.slots.clamp(1, MOST_SLOTS), ..self }
    }
}
