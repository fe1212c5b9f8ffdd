//! Days of the calendar, without a time: what is paid is counted in them.

use std::{fmt, str::FromStr};

use base::Timestamp;
use jiff::{civil::Date, tz::TimeZone};

/// A day of the calendar, such as `2026-11-23`, wherever the clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

/// The text is no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day such as 2026-11-23")]
pub struct ParseDayError;

impl Day {
    /// The day of a date.
    #[must_use]
    pub const fn new(date: Date) -> Self {
        Self(date)
    }

    /// The day that it is at `time` in `zone`.
    #[must_use]
    pub fn at(time: Timestamp, zone: &TimeZone) -> Self {
        let time = jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or_default();
        Self(zone.to_datetime(time).date())
    }

    /// The day before it.
    #[must_use]
    pub fn yesterday(self) -> Self {
        self.0.yesterday().map_or(self, Self)
    }

    /// Its date.
    #[must_use]
    pub const fn date(self) -> Date {
        self.0
    }

    /// When it begins in `zone`: midnight, or the first moment after it where the clock skips midnight.
    #[must_use]
    pub fn begin(self, zone: &TimeZone) -> Timestamp {
        let begin = self.0.to_zoned(zone.clone()).map(|time| time.timestamp().as_millisecond());
        begin.map_or(Timestamp::EPOCH, Timestamp::from_millis)
    }

    /// Days from this one to `later`; negative when that is before.
    #[must_use]
    pub fn days_until(self, later: Self) -> i64 {
        i64::from((later.0 - self.0).get_days())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Day {
    type Err = ParseDayError;

    fn from_str(text: &str) -> Result<Self, ParseDayError> {
        // The reader would take a time behind the day as well.
        let day = text.parse().map(Self).map_err(|_| ParseDayError)?;
        if text.len() == 10 { Ok(day) } else { Err(ParseDayError) }
    }
}

base::text_value!(Day);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_that_of_the_zone() {
        let time: Timestamp = "2026-11-30T18:00:00Z".parse().unwrap();
        let zone = |name: &str| TimeZone::get(name).unwrap();
        assert_eq!(Day::at(time, &zone("Asia/Jakarta")).to_string(), "2026-12-01");
        assert_eq!(Day::at(time, &zone("UTC")).to_string(), "2026-11-30");
        let day: Day = "2026-12-01".parse().unwrap();
        assert_eq!(day.begin(&zone("Asia/Jakarta")).to_string(), "2026-11-30T17:00:00Z");
        assert_eq!("2026-11-30".parse::<Day>().unwrap().days_until(day), 1);
        // Midnight of this day never was: the clock went from 23:59:59 to 01:00:00.
        let skipped: Day = "2018-11-04".parse().unwrap();
        assert_eq!(skipped.begin(&zone("America/Sao_Paulo")).to_string(), "2018-11-04T03:00:00Z");
        for text in ["2026-13-01", "2026-11-23T00:00", "today", ""] {
            assert_eq!(text.parse::<Day>(), Err(ParseDayError), "{text}");
        }
    }
}
