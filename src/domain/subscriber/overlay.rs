//! Why a subscriber is isolated, as far as this domain knows: it shows the reasons and hands them to the directory.
//! `domain::isolir` sets and lifts them.

use std::fmt;

use base::{Scope, SubscriberId};
use foundation::{Tx, db};
use serde::Serialize;

use super::store;

base::text_enum! {
    /// Why a subscriber is isolated, in the order of precedence: the first that holds is the one to show and to act on.
    pub enum OverlayReason {
        /// It harms others; staff lift it.
        Abuse = "abuse",
        /// Staff have their reasons.
        Manual = "manual",
        /// An invoice is past its grace; a payment lifts it.
        Unpaid = "unpaid",
        /// The period's quota is used up; the next period or a larger quota lifts it.
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

/// The subscriber turned from free to isolated or back: its generation rises by one and is returned. For whoever writes the
/// overlay, in the same transaction, who also tells the directory.
///
/// # Errors
/// [`db::Error::RowNotFound`] when there is no such subscriber.
pub async fn bump_overlay_generation(tx: &mut Tx, scope: &Scope, id: SubscriberId) -> db::Result<i64> {
    store::subscriber::bump_overlay_generation(tx, scope, id).await
}
