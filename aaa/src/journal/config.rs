//! The journal's settings, their defaults and their limits.

use std::{path::PathBuf, time::Duration};

use base::DatabaseId;

use super::{frame, record::Position, segment};

/// The largest segment: offsets stay far from 32 bits, and losing one file loses at most this much.
pub const MAX_SEGMENT_OCTETS: u64 = 1 << 30;

/// The smallest group: the longest record fits.
pub const MIN_GROUP_OCTETS: usize = frame::MAX_FRAME_LEN;

/// How a journal is kept. [`Config::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// The journal's folder; made if it is missing. Nothing else may lie in it.
    pub folder: PathBuf,
    /// The database that the journal is drained into. Segments of another database are refused.
    pub database: DatabaseId,
    /// Positions up to here are taken: the position that the drainer has saved, where the database could be asked at
    /// start, else [`Position::NONE`]. It matters only when a disk lost what it had confirmed.
    pub floor: Position,
    /// The size of a segment file, reserved at once. Default 64 MiB: about two seconds at the highest rate measured,
    /// hours on a small ISP; deleting one is quick. At most [`MAX_SEGMENT_OCTETS`], at least a group and its header.
    pub segment_octets: u64,
    /// The size of a group, which is also what may wait in memory while the disk is busy. Default 4 MiB: 100 ms of
    /// 100,000 records a second. Beyond it `append` refuses. At least [`MIN_GROUP_OCTETS`].
    pub group_octets: usize,
    /// All segments together. Default 16 GiB: 13 hours of 1,000 records a second with the database down. When it is
    /// reached, and no applied segment is left to delete, `append` refuses. At least two segments.
    pub total_octets: u64,
    /// How long an applied segment is kept, for a database restored from a backup. Default 24 hours.
    pub keep_for: Duration,
    /// The size of the applied segments that are kept; beyond it the oldest go earlier. Default 4 GiB.
    pub keep_octets: u64,
    /// How long the writer waits before it tries a failing disk again. Default 500 ms: soon enough for a router that
    /// retransmits, rare enough for a log.
    pub retry_every: Duration,
}

/// Why settings make no journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// `group_octets` is below [`MIN_GROUP_OCTETS`].
    #[error("the group size is below {MIN_GROUP_OCTETS} octets")]
    GroupTooSmall,
    /// A segment could not take a whole group.
    #[error("the segment size is below the group size and {} octets", segment::HEADER_LEN)]
    SegmentTooSmall,
    /// `segment_octets` is above [`MAX_SEGMENT_OCTETS`].
    #[error("the segment size is above {MAX_SEGMENT_OCTETS} octets")]
    SegmentTooLarge,
    /// `total_octets` is less than two segments.
    #[error("the total size is below that of two segments")]
    TotalTooSmall,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, database: DatabaseId) -> Self {
        Self {
            folder: folder.into(),
            database,
            floor: Position::NONE,
            segment_octets: 64 << 20,
            group_octets: 4 << 20,
            total_octets: 16 << 30,
            keep_for: Duration::from_hours(24),
            keep_octets: 4 << 30,
            retry_every: Duration::from_millis(500),
        }
    }

    /// Checks the limits against each other.
    ///
    /// # Errors
    /// Names the first setting that is out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.group_octets < MIN_GROUP_OCTETS {
            return Err(ConfigError::GroupTooSmall);
        }
        if self.segment_octets < (self.group_octets + segment::HEADER_LEN) as u64 {
            return Err(ConfigError::SegmentTooSmall);
        }
        if self.segment_octets > MAX_SEGMENT_OCTETS {
            return Err(ConfigError::SegmentTooLarge);
        }
        if self.total_octets < self.segment_octets.saturating_mul(2) {
            return Err(ConfigError::TotalTooSmall);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_each_limit_is_checked() {
        let config = || Config::new("journal", DatabaseId::from_bytes([1; 16]));
        assert_eq!(config().check(), Ok(()));
        let check = |change: fn(&mut Config)| {
            let mut config = config();
            change(&mut config);
            config.check().unwrap_err()
        };
        assert_eq!(check(|config| config.group_octets = MIN_GROUP_OCTETS - 1), ConfigError::GroupTooSmall);
        assert_eq!(check(|config| config.segment_octets = 4 << 20), ConfigError::SegmentTooSmall);
        assert_eq!(check(|config| config.segment_octets = 2 << 30), ConfigError::SegmentTooLarge);
        assert_eq!(check(|config| config.total_octets = 127 << 20), ConfigError::TotalTooSmall);
    }
}
