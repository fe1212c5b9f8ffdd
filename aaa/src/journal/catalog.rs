//! The list of segments: where a position lies, what may be deleted, how far the database lags.

use std::{collections::VecDeque, time::Duration};

use base::Timestamp;

use super::{queue::Group, record::Position, segment};

/// Receipt times are noted at most this often.
pub(crate) const MARK_EVERY: Duration = Duration::from_secs(1);

/// How many receipt times are remembered; when there are more, every second one is forgotten, so the age of the
/// oldest record grows coarse only when the lag is long.
const MAX_MARKS: usize = 1024;

/// A segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// The position of the last record before it.
    pub(crate) after: Position,
    /// The position of its first record.
    pub(crate) first: Position,
    pub(crate) created_at: Timestamp,
    /// The offset behind its last durable frame.
    pub(crate) end: u64,
    /// The octets that it takes on the disk.
    pub(crate) size: u64,
}

/// How far a segment may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Frames lie before this offset.
    pub(crate) end: u64,
    /// The position of its last durable record.
    pub(crate) last: Position,
    /// The segment behind it; this one is complete once there is one.
    pub(crate) next: Option<Segment>,
}

/// How far the database is behind the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Durable records that are not in the database yet.
    pub records: u64,
    /// Their octets in the journal; within a segment estimated from its average.
    pub octets: u64,
    /// The age of the oldest of them, by its receipt time; up to a second too long, more after a long lag.
    pub age: Duration,
}

/// All segments, the oldest first, and the position up to which the database has the records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    segments: VecDeque<Segment>,
    last: Position,
    applied: Position,
    marks: VecDeque<(Position, Timestamp)>,
}

impl Catalog {
    /// A list of these segments, which end with the record at `last`.
    pub(crate) fn new(segments: impl IntoIterator<Item = Segment>, last: Position) -> Self {
        let mut catalog = Self { last, ..Self::default() };
        for segment in segments {
            catalog.note(segment.first, segment.created_at);
            catalog.segments.push_back(segment);
        }
        catalog
    }

    pub(crate) fn applied(&self) -> Position {
        self.applied
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    /// The octets of all segments on the disk.
    pub(crate) fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// The segments, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter()
    }

    /// The first position that is still there.
    pub(crate) fn oldest(&self) -> Option<Position> {
        self.segments.front().map(|segment| segment.first)
    }

    /// The segment that holds the position, or will.
    pub(crate) fn find(&self, position: Position) -> Option<&Segment> {
        self.segments.iter().rev().find(|segment| segment.first <= position)
    }

    /// How far the segment may be read now.
    pub(crate) fn bounds(&self, number: u64) -> Option<Bounds> {
        let index = self.segments.iter().position(|segment| segment.number == number)?;
        let next = self.segments.get(index + 1).copied();
        let last = next.map_or(self.last, |next| next.after);
        Some(Bounds { end: self.segments[index].end, last, next })
    }

    pub(crate) fn push(&mut self, segment: Segment) {
        self.segments.push_back(segment);
    }

    /// Takes note that a group is durable: the last segment reaches up to `end` now.
    pub(crate) fn grow(&mut self, end: u64, group: &Group) {
        if let Some(segment) = self.segments.back_mut() {
            segment.end = end;
        }
        self.last = group.last();
        self.note(group.first, group.received_at);
    }

    /// Takes note that the file was cut to its durable end.
    pub(crate) fn cut(&mut self, number: u64) {
        if let Some(segment) = self.segments.iter_mut().find(|segment| segment.number == number) {
            segment.size = segment.size.min(segment.end);
        }
    }

    /// Takes the segment off the list; false when it was not on it.
    pub(crate) fn remove(&mut self, number: u64) -> bool {
        let before = self.segments.len();
        self.segments.retain(|segment| segment.number != number);
        self.segments.len() < before
    }

    /// Takes note that the database has everything up to `position`. Never goes back.
    pub(crate) fn apply(&mut self, position: Position) {
        self.applied = self.applied.max(position);
        while self.marks.get(1).is_some_and(|(next, _)| *next <= self.applied.next()) {
            self.marks.pop_front();
        }
    }

    /// Takes off the list the applied segments that are kept no longer: because they are old, or the oldest ones
    /// because all applied ones together are larger than `keep_octets`.
    pub(crate) fn take_expired(&mut self, now: Timestamp, keep_for: Duration, keep_octets: u64) -> Vec<u64> {
        let applied = self.applied_segments();
        let mut kept: u64 = self.segments.iter().take(applied).map(|segment| segment.size).sum();
        let mut expired = 0;
        while expired < applied {
            let closed_at = self.segments[expired + 1].created_at;
            if kept <= keep_octets && now.since(closed_at) < keep_for {
                break;
            }
            kept -= self.segments[expired].size;
            expired += 1;
        }
        self.segments.drain(..expired).map(|segment| segment.number).collect()
    }

    /// Takes applied segments off the list, the oldest first, until all together are at most `limit` octets. The
    /// second value says whether that was possible.
    pub(crate) fn take_to_fit(&mut self, limit: u64) -> (Vec<u64>, bool) {
        let mut taken = Vec::new();
        while self.size() > limit {
            if self.applied_segments() == 0 {
                return (taken, false);
            }
            taken.extend(self.segments.pop_front().map(|segment| segment.number));
        }
        (taken, true)
    }

    /// How far the database lags.
    pub(crate) fn lag(&self, now: Timestamp) -> Lag {
        let (mut records, mut octets) = (0, 0);
        for (index, segment) in self.segments.iter().enumerate() {
            let last = self.segments.get(index + 1).map_or(self.last, |next| next.after);
            let all = last.since(segment.first.previous());
            let open = last.since(self.applied.max(segment.first.previous()));
            let size = segment.end.saturating_sub(segment::HEADER_LEN as u64);
            records += open;
            octets += u128::from(size) * u128::from(open) / u128::from(all.max(1));
        }
        if records == 0 {
            return Lag::default();
        }
        let oldest = self.marks.iter().take_while(|(position, _)| *position <= self.applied.next()).last();
        Lag {
            records,
            octets: u64::try_from(octets).unwrap_or(u64::MAX),
            age: oldest
                .or(self.marks.front())
                .map_or(Duration::ZERO, |(_, received_at)| now.since(*received_at)),
        }
    }

    /// Remembers when the record was received.
    pub(crate) fn note(&mut self, position: Position, received_at: Timestamp) {
        if self.marks.back().is_some_and(|(_, last)| received_at.since(*last) < MARK_EVERY) {
            return;
        }
        if self.marks.len() == MAX_MARKS {
            let mut odd = false;
            self.marks.retain(|_| {
                odd = !odd;
                odd
            });
        }
        self.marks.push_back((position, received_at));
    }

    /// How many of the oldest segments hold only applied records. The last segment is never among them.
    fn applied_segments(&self) -> usize {
        self.segments.iter().skip(1).take_while(|next| next.after <= self.applied).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let segments = (0..4).map(|index| Segment {
            number: 10 + index,
            after: Position::new(100 * index),
            first: Position::new(1 + 100 * index),
            created_at: Timestamp::from_millis(i64::try_from(index).unwrap() * 60_000),
            end: 4096 + 1000,
            size: 4096 + 1000,
        });
        Catalog::new(segments, Position::new(400))
    }

    #[test]
    fn positions_lead_to_segments() {
        let catalog = catalog();
        assert_eq!(catalog.find(Position::NONE), None);
        assert_eq!(catalog.find(Position::new(100)).unwrap().number, 10);
        assert_eq!(catalog.find(Position::new(101)).unwrap().number, 11);
        assert_eq!(catalog.find(Position::new(9_999)).unwrap().number, 13);
        let bounds = catalog.bounds(11).unwrap();
        assert_eq!((bounds.end, bounds.last), (5096, Position::new(200)));
        assert_eq!(bounds.next.map(|next| next.number), Some(12));
        assert_eq!(catalog.bounds(13), Some(Bounds { end: 5096, last: Position::new(400), next: None }));
        assert_eq!(catalog.bounds(14), None);
    }

    #[test]
    fn only_applied_segments_expire() {
        let late = Timestamp::from_millis(3_600_000);
        let mut catalog = catalog();
        assert_eq!(catalog.take_expired(late, Duration::ZERO, 0), [0; 0]);
        catalog.apply(Position::new(199));
        assert_eq!(catalog.take_expired(late, Duration::ZERO, 0), [10]);
        catalog.apply(Position::new(200));
        assert_eq!(catalog.take_expired(late, Duration::ZERO, 0), [11]);
        catalog.apply(Position::new(400));
        assert_eq!(catalog.take_expired(late, Duration::ZERO, 0), [12], "the last one stays");
    }

    #[test]
    fn applied_segments_are_kept_for_a_time_and_a_size() {
        let mut catalog = catalog();
        catalog.apply(Position::new(400));
        let minute = Duration::from_secs(60);
        assert_eq!(catalog.take_expired(Timestamp::from_millis(119_999), minute, u64::MAX), [0; 0]);
        assert_eq!(catalog.take_expired(Timestamp::from_millis(120_000), minute, u64::MAX), [10]);
        assert_eq!(catalog.take_expired(Timestamp::from_millis(120_000), minute, 2 * 5096), [0; 0]);
        assert_eq!(catalog.take_expired(Timestamp::from_millis(120_000), minute, 2 * 5096 - 1), [11]);
    }

    #[test]
    fn room_is_made_of_applied_segments_alone() {
        let mut catalog = catalog();
        catalog.apply(Position::new(200));
        assert_eq!(catalog.take_to_fit(3 * 5096), (vec![10], true));
        assert_eq!(catalog.take_to_fit(5096), (vec![11], false));
    }

    #[test]
    fn lag_counts_records_octets_and_age() {
        let mut catalog = catalog();
        let now = Timestamp::from_millis(200_000);
        assert_eq!(catalog.lag(now), Lag { records: 400, octets: 4_000, age: Duration::from_secs(200) });
        catalog.apply(Position::new(250));
        assert_eq!(catalog.lag(now), Lag { records: 150, octets: 1_500, age: Duration::from_secs(80) });
        catalog.apply(Position::new(400));
        assert_eq!(catalog.lag(now), Lag::default());
    }

    #[test]
    fn marks_are_bounded() {
        let mut catalog = Catalog::default();
        for second in 0..10_000 {
            catalog.note(
                Position::new(second + 1),
                Timestamp::from_millis(i64::try_from(second).unwrap() * 1_000),
            );
            assert!(catalog.marks.len() <= MAX_MARKS);
        }
        assert_eq!(catalog.marks.front(), Some(&(Position::new(1), Timestamp::EPOCH)));
    }
}
