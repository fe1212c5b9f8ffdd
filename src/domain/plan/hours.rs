//! When subscribers of a plan may be online: ranges of the week, in the tenant's time zone.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::super::values::{Invalid, invalid::ensure};

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Minutes of a week.
const WEEK: u16 = 7 * DAY;
/// Ranges of one plan: every day of the week in four pieces.
const MAX_RANGES: usize = 28;

base::text_enum! {
    /// A day of the week.
    pub enum Weekday {
        /// Monday, where the week starts.
        Monday = "mon",
        /// Tuesday.
        Tuesday = "tue",
        /// Wednesday.
        Wednesday = "wed",
        /// Thursday.
        Thursday = "thu",
        /// Friday.
        Friday = "fri",
        /// Saturday.
        Saturday = "sat",
        /// Sunday.
        Sunday = "sun",
    }
}

/// A time of day to the minute, 00:00 to 24:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

/// The text is no time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day such as 07:30")]
pub struct ParseTimeError;

impl TimeOfDay {
    /// Minutes since midnight, 0 to 1,440.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for TimeOfDay {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        let (hours, minutes) = text.split_once(':').ok_or(ParseTimeError)?;
        let two_digits = |part: &str| {
            let digits = part.len() == 2 && part.bytes().all(|octet| octet.is_ascii_digit());
            digits.then(|| part.parse::<u8>().ok()).flatten()
        };
        let hours = u16::from(two_digits(hours).ok_or(ParseTimeError)?);
        let minutes = u16::from(two_digits(minutes).ok_or(ParseTimeError)?);
        let time = hours * 60 + minutes;
        if minutes < 60 && time <= DAY { Ok(Self(time)) } else { Err(ParseTimeError) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

base::text_value!(TimeOfDay);

/// A range of hours on some days. One that ends at or before its start goes on into the next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hours {
    /// On which days it starts.
    pub days: Vec<Weekday>,
    /// When it starts.
    pub from: TimeOfDay,
    /// When it ends; this minute is not in it any more.
    pub to: TimeOfDay,
}

/// Checks the hours of a plan.
///
/// # Errors
/// When a range has no day, starts at 24:00, or there are too many.
pub(super) fn validate(ranges: &[Hours]) -> Result<(), Invalid> {
    ensure(ranges.len() <= MAX_RANGES, "hours", "has more than 28 ranges")?;
    for range in ranges {
        ensure(!range.days.is_empty(), "hours", "has a range without days")?;
        ensure(range.from.0 < DAY, "hours", "has a range that starts at 24:00")?;
        ensure(
            range.from != range.to,
            "hours",
            "has a range that ends where it starts; a whole day is 00:00 to 24:00",
        )?;
    }
    Ok(())
}

/// The ranges as minutes of the week (0 = Monday 00:00), half open, in order, merged where they touch. Empty when there is
/// no range, or when they cover the whole week: then there is nothing to watch.
#[must_use]
pub fn minutes_of_week(ranges: &[Hours]) -> Box<[(u16, u16)]> {
    let mut pieces = Vec::new();
    for range in ranges {
        for &day in &range.days {
            let start = day as u16 * DAY + range.from.0;
            let end = day as u16 * DAY + range.to.0 + if range.to <= range.from { DAY } else { 0 };
            // Sunday night goes on on Monday morning.
            pieces.push((start, end.min(WEEK)));
            if end > WEEK {
                pieces.push((0, end - WEEK));
            }
        }
    }
    pieces.sort_unstable();
    let mut merged: Vec<(u16, u16)> = Vec::with_capacity(pieces.len());
    for (start, end) in pieces {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    if merged == [(0, WEEK)] {
        merged.clear();
    }
    merged.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(days: &[Weekday], from: &str, to: &str) -> Hours {
        Hours { days: days.to_vec(), from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    #[test]
    fn ranges_of_the_week() {
        use Weekday::{Friday, Monday, Sunday};
        assert_eq!(*minutes_of_week(&[hours(&[Monday], "08:00", "22:00")]), [(480, 1_320)]);
        let overnight = minutes_of_week(&[hours(&[Friday], "22:00", "06:00")]);
        assert_eq!(*overnight, [(4 * 1_440 + 1_320, 5 * 1_440 + 360)]);
        let over_the_week = minutes_of_week(&[hours(&[Sunday], "22:00", "06:00")]);
        assert_eq!(*over_the_week, [(0, 360), (6 * 1_440 + 1_320, 10_080)]);
        let touching = [hours(&[Monday], "00:00", "12:00"), hours(&[Monday], "12:00", "24:00")];
        assert_eq!(*minutes_of_week(&touching), [(0, 1_440)]);
        assert!(minutes_of_week(&[hours(Weekday::ALL, "00:00", "24:00")]).is_empty(), "always");
        assert!(minutes_of_week(&[]).is_empty());
    }

    #[test]
    fn times_are_written_with_two_digits() {
        for text in ["00:00", "07:05", "24:00"] {
            assert_eq!(text.parse::<TimeOfDay>().unwrap().to_string(), text);
        }
        for text in ["7:05", "07:60", "24:01", "25:00", "", "0705", "+7:00", "07:5"] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(ParseTimeError), "{text}");
        }
        assert!(validate(&[hours(&[], "00:00", "24:00")]).is_err());
        assert!(validate(&[hours(&[Weekday::Monday], "08:00", "08:00")]).is_err());
        assert!(validate(&[hours(&[Weekday::Monday], "24:00", "08:00")]).is_err());
    }

    fn ranges() -> impl Strategy<Value = Vec<Hours>> {
        let day = proptest::sample::subsequence(Weekday::ALL.to_vec(), 1..=7);
        let range = (day, 0..DAY, 0..=DAY)
            .prop_filter("a whole day is 00:00 to 24:00", |(_, from, to)| from != to)
            .prop_map(|(days, from, to)| Hours { days, from: TimeOfDay(from), to: TimeOfDay(to) });
        proptest::collection::vec(range, 0..6)
    }

    proptest! {
        #[test]
        fn every_minute_is_in_exactly_when_a_range_has_it(ranges in ranges()) {
            let mut wanted = vec![false; usize::from(WEEK)];
            for range in &ranges {
                prop_assert_eq!(validate(std::slice::from_ref(range)), Ok(()));
                for day in &range.days {
                    let mut minute = range.from.0;
                    loop {
                        wanted[usize::from((*day as u16 * DAY + minute) % WEEK)] = true;
                        minute += 1;
                        if minute % DAY == range.to.0 % DAY { break }
                    }
                }
            }
            let merged = minutes_of_week(&ranges);
            prop_assert!(merged.windows(2).all(|pair| pair[0].1 < pair[1].0), "in order and apart: {merged:?}");
            let open = merged.is_empty() && wanted.iter().all(|inside| *inside) && !ranges.is_empty();
            for (minute, inside) in (0_u16..).zip(wanted) {
                let found = open || merged.iter().any(|(start, end)| (*start..*end).contains(&minute));
                prop_assert_eq!(found, inside, "minute {}", minute);
            }
        }
    }
}
