//! Why a subscriber is isolated, as far as this domain knows: it shows the reasons and hands them to the directory.
//! `domain::isolir` sets and lifts them.

use std::fmt;

use base::{Scope, SubscriberId};
use foundation::{Tx, db};
use serde::Serialize;

use super::{super::values::Entry, store};

base::text_enum! {
    /// One reason to isolate a subscriber.
    pub enum OverlayReason {
        /// Abuse, set by staff.
        Abuse = "abuse",
        /// Set by staff for another reason.
        Manual = "manual",
        /// An invoice past its grace.
        Unpaid = "unpaid",
        /// The quota of the period is used up.
        Quota = "quota",
    }
}

/// A set of reasons, one bit each, as in the directory.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct OverlayReasons(u8);

impl OverlayReason {
    /// Its bit in the directory.
    #[must_use]
    pub const fn bit(self) -> u8 {
        use aaa::directory::entry::OverlayReasons as Bits;
        match self {
            Self::Abuse => Bits::ABUSE,
            Self::Manual => Bits::MANUAL,
            Self::Unpaid => Bits::UNPAID,
            Self::Quota => Bits::QUOTA,
        }
    }
}

impl OverlayReasons {
    /// The set of `reasons`.
    #[must_use]
    pub fn of(reasons: impl IntoIterator<Item = OverlayReason>) -> Self {
        Self(reasons.into_iter().fold(0, |bits, reason| bits | reason.bit()))
    }

    /// Whether there is any reason.
    #[must_use]
    pub const fn isolated(self) -> bool {
        self.0 != 0
    }

    /// The reasons, in the order of declaration.
    pub fn iter(self) -> impl Iterator<Item = OverlayReason> {
        OverlayReason::ALL.iter().copied().filter(move |reason| self.0 & reason.bit() != 0)
    }

    /// As the directory holds them.
    #[must_use]
    pub const fn directory_entry(self) -> aaa::directory::entry::OverlayReasons {
        aaa::directory::entry::OverlayReasons(self.0)
    }
}

impl fmt::Debug for OverlayReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(OverlayReason::as_str)).finish()
    }
}

impl Serialize for OverlayReasons {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Tells that the overlay of a subscriber changed: its generation rises by one and is returned, and the directory reads it
/// anew. For whoever writes the overlay, in the same transaction.
///
/// # Errors
/// [`db::Error::RowNotFound`] when there is no such subscriber.
pub async fn bump_overlay_generation(tx: &mut Tx, scope: &Scope, id: SubscriberId) -> db::Result<i64> {
    let generation = store::subscriber::bump_overlay_generation(tx, scope, id).await?;
    tx.changed(scope, Entry::Subscriber(id).into());
    Ok(generation)
}
