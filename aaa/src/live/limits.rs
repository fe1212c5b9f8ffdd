//! The bounds of the live table, and how they were chosen.

use std::time::Duration;

/// Shards of the table, each behind a lock of its own that is held for well under a microsecond: with 64 workers two
/// meet in one shard about once in a thousand packets. A power of two.
pub const SHARDS: usize = 1_024;

/// Most sessions online by default: at under 400 octets each it bounds the table to 1.6 GB. Beyond it a new session is
/// answered and recorded as always, but not watched live, which is counted.
pub const MAX_SESSIONS: usize = 4_000_000;

/// How long an Accept holds its place until its Start comes: PPP negotiates addresses within seconds, and RouterOS repeats
/// a Start for 3.3 s at most.
pub const RESERVATION_LIFETIME: Duration = Duration::from_secs(30);

/// Most reservations of one shard: two million in all, of which every subscriber of the largest network may hold one at once;
/// shards are filled unevenly, and none of them must be full before. Beyond it requests are left unanswered, so that the
/// router asks again.
pub(super) const RESERVATIONS_PER_SHARD: usize = 2_048;

/// How long an ended session is remembered, so that a late packet does not bring it back to life: longer than any
/// retransmission of a router (RFC 5080 §2.2.1: 30 s), shorter than what a bigger table would cost.
pub const ENDED_LIFETIME: Duration = Duration::from_secs(300);

/// Most ended sessions that one shard remembers: half a million in all, the ends of 300 s at 1,700 a second. Beyond it the
/// oldest is forgotten early, which is counted; a late packet may then show an ended session until it falls silent.
pub(super) const ENDED_PER_SHARD: usize = 512;

/// After how many missed interims a session counts as ended. Three in a row are no lost packets: each is sent up to three
/// times.
pub const MISSED_INTERIMS: u32 = 3;

/// What a session is allowed on top of its missed interims: retransmissions and the router's own jitter.
pub const SILENCE_SLACK: Duration = Duration::from_secs(60);

/// How long a session may be silent at a router that sends no interims at all. Its Stop is then the only word; a day
/// bounds how long a lost one shows a ghost.
pub const PATIENCE_WITHOUT_INTERIMS: Duration = Duration::from_secs(24 * 3_600);

/// Sessions of one router under one Acct-Session-Id that are told apart. More than a few is a broken router.
pub(super) const NAMESAKES: usize = 8;

/// Most sessions that one answer lists.
pub const MAX_PAGE: usize = 1_000;
