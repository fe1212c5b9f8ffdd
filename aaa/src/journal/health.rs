//! What is wrong with a journal, as alarms.

use std::{collections::VecDeque, io, sync::Arc};

use base::Timestamp;

use super::record::Position;

/// How many places of damage are remembered one by one; the rest is only counted.
pub const MAX_DAMAGE_LISTED: usize = 64;

/// A state that somebody should look at. All but [`Alarm::Damaged`] and [`Alarm::Stopped`] end by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Alarm {
    /// The disk is full: nothing is accepted until there is room again.
    DiskFull,
    /// The disk refuses writes: nothing is accepted until it takes them again.
    WriteFailed,
    /// The disk does not confirm writes: nothing is accepted until it does again.
    SyncFailed,
    /// The journal has reached its own limit because the database lags: nothing is accepted until it catches up.
    SizeLimit,
    /// Records within the journal were unreadable and have been set aside.
    Damaged,
    /// The writer has ended unexpectedly: nothing is accepted until the daemon is started again.
    Stopped,
}

impl Alarm {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::DiskFull, Self::WriteFailed, Self::SyncFailed, Self::SizeLimit, Self::Damaged, Self::Stopped];

    /// Its name in metrics and over the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::WriteFailed => "write_failed",
            Self::SyncFailed => "sync_failed",
            Self::SizeLimit => "size_limit",
            Self::Damaged => "damaged",
            Self::Stopped => "stopped",
        }
    }
}

/// A stretch of a segment that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment's number.
    pub segment: u64,
    /// Where it starts in the file.
    pub offset: u64,
    /// Its length in octets; zero when records are missing between sound ones.
    pub octets: u64,
    /// The first record lost.
    pub first_lost: Position,
    /// The last record lost.
    pub last_lost: Position,
}

impl Damage {
    /// How many records were lost.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.last_lost.next().since(self.first_lost)
    }
}

/// Why nothing is accepted at present.
#[derive(Clone, Debug)]
pub struct Failing {
    /// The kind of trouble.
    pub alarm: Alarm,
    /// Since when.
    pub since: Timestamp,
    /// What the system said; none when the limit is our own.
    pub cause: Option<Arc<io::Error>>,
}

/// The state of a journal.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Set while nothing is accepted.
    pub failing: Option<Failing>,
    /// The damage found since the start, the oldest first; at most [`MAX_DAMAGE_LISTED`].
    pub damage: VecDeque<Damage>,
    /// How many files with damaged stretches or whole damaged segments lie aside in the folder. The alarm lasts until
    /// an operator has moved them away and the daemon was started again.
    pub set_aside: usize,
    /// How often the disk failed to take or confirm a group since the start.
    pub failures: u64,
}

impl Health {
    /// Everything that is wrong.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        let damaged = (self.set_aside > 0 || !self.damage.is_empty()).then_some(Alarm::Damaged);
        self.failing.as_ref().map(|failing| failing.alarm).into_iter().chain(damaged).collect()
    }

    /// Remembers damage; says whether it is new.
    pub(crate) fn add_damage(&mut self, damage: Damage) -> bool {
        if self.damage.iter().any(|known| (known.segment, known.offset) == (damage.segment, damage.offset)) {
            return false;
        }
        if self.damage.len() == MAX_DAMAGE_LISTED {
            self.damage.pop_front();
        }
        self.damage.push_back(damage);
        true
    }
}
