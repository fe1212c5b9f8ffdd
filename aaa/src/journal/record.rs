//! What the journal keeps: records, their kinds and their positions.

use std::fmt;

use base::{RouterId, TenantId, Timestamp};

/// The longest payload in octets: four times the longest RADIUS packet (RFC 2865 §3: 4096), so that later kinds have
/// room. It bounds what a reader buffers; a longer one is refused by `append`.
pub const MAX_PAYLOAD_LEN: usize = 16 * 1024;

/// The number of a record in its journal. The first record is 1; each one after it is one higher, for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first record: nothing is durable, or nothing is applied.
    pub const NONE: Self = Self(0);
    /// The first record of a journal.
    pub const FIRST: Self = Self(1);

    /// From a number saved elsewhere.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, to be saved elsewhere.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The position behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The position before this one; none before the first.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How many records lie behind `earlier` up to and including this one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a record is about. A kind that this version does not know survives reading and is the reader's to refuse.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub u16);

impl Kind {
    /// An Accounting-Request as it arrived (RFC 2866 §4.1). Payload: the datagram.
    pub const ACCOUNTING: Self = Self(1);
    /// The first use of a subscriber's login, for MAC learning and later vouchers. Payload: the Access-Request.
    pub const FIRST_USE: Self = Self(2);
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ACCOUNTING => f.write_str("ACCOUNTING"),
            Self::FIRST_USE => f.write_str("FIRST_USE"),
            Self(other) => write!(f, "Kind({other})"),
        }
    }
}

/// One record, its payload borrowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is about.
    pub kind: Kind,
    /// The version of the payload's meaning, counted for each kind on its own.
    pub version: u16,
    /// When the datagram arrived.
    pub received_at: Timestamp,
    /// Whose router it came from.
    pub tenant: TenantId,
    /// The router.
    pub router: RouterId,
    /// The raw datagram; at most [`MAX_PAYLOAD_LEN`] octets.
    pub payload: &'a [u8],
}

impl fmt::Debug for Record<'_> {
    /// The payload may hold passwords and names: its length alone is printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("kind", &self.kind)
            .field("version", &self.version)
            .field("received_at", &self.received_at)
            .field("tenant", &self.tenant)
            .field("router", &self.router)
            .field("payload_octets", &self.payload.len())
            .finish()
    }
}

/// A record with its place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    /// Its place.
    pub position: Position,
    /// The record.
    pub record: Record<'a>,
}
