//! When a schedule is due: pure arithmetic of the calendar, in a time zone.

use std::{fmt, time::Duration};

use base::Timestamp;
use jiff::{civil, tz::TimeZone};

/// How often something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// In steps from 1970-01-01T00:00:00Z, whatever the time zone.
    Every(Duration),
    /// Once on each local day at this time. Where the clocks skip it, at the first moment after; where it comes twice, the
    /// first time.
    Daily {
        /// 0 to 23.
        hour: i8,
        /// 0 to 59.
        minute: i8,
    },
    /// Once in each month on this local day at this time; in a month without it on the last day.
    Monthly {
        /// 1 to 31.
        day: i8,
        /// 0 to 23.
        hour: i8,
        /// 0 to 59.
        minute: i8,
    },
}

/// Days looked at for the next daily occasion, and months for a monthly one: the very next ones, with one to spare where
/// a zone skipped a whole day.
const LOOKED_AT: usize = 4;

impl Cadence {
    /// The first occasion after `after` in `zone`; `None` beyond the calendar's end.
    #[must_use]
    pub fn next_after(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        match *self {
            Self::Every(step) => {
                let step = i64::try_from(step.as_millis()).ok().filter(|step| *step > 0)?;
                let steps = after.as_millis().div_euclid(step) + 1;
                steps.checked_mul(step).map(Timestamp::from_millis)
            }
            Self::Daily { hour, minute } => {
                let time = civil::Time::new(hour, minute, 0, 0).ok()?;
                let mut date = local_date(zone, after)?;
                for _ in 0..LOOKED_AT {
                    if let Some(at) = moment(date, time, zone).filter(|at| *at > after) {
                        return Some(at);
                    }
                    date = date.tomorrow().ok()?;
                }
                None
            }
            Self::Monthly { day, hour, minute } => {
                let time = civil::Time::new(hour, minute, 0, 0).ok()?;
                let mut month = local_date(zone, after)?.first_of_month();
                for _ in 0..LOOKED_AT {
                    let date = month.with().day(day.clamp(1, month.days_in_month())).build().ok()?;
                    if let Some(at) = moment(date, time, zone).filter(|at| *at > after) {
                        return Some(at);
                    }
                    month = month.last_of_month().tomorrow().ok()?;
                }
                None
            }
        }
    }
}

fn local_date(zone: &TimeZone, at: Timestamp) -> Option<civil::Date> {
    Some(jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(zone.clone()).date())
}

fn moment(date: civil::Date, time: civil::Time, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
    Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

impl fmt::Display for Cadence {
    /// As it is stored, to notice that a newer version has another one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(step) => write!(f, "every {step:?}"),
            Self::Daily { hour, minute } => write!(f, "daily at {hour:02}:{minute:02}"),
            Self::Monthly { day, hour, minute } => {
                write!(f, "monthly on the {day}. at {hour:02}:{minute:02}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn next(cadence: Cadence, zone: &str, after: &str) -> Timestamp {
        cadence.next_after(&TimeZone::get(zone).unwrap(), at(after)).unwrap()
    }

    #[test]
    fn a_day_is_the_local_one() {
        let midnight = Cadence::Daily { hour: 0, minute: 0 };
        assert_eq!(next(midnight, "Asia/Jakarta", "2026-11-22T16:59:59Z"), at("2026-11-22T17:00:00Z"));
        assert_eq!(next(midnight, "Asia/Jakarta", "2026-11-22T17:00:00Z"), at("2026-11-23T17:00:00Z"));
        assert_eq!(next(midnight, "Asia/Jayapura", "2026-11-22T16:00:00Z"), at("2026-11-23T15:00:00Z"));
        assert_eq!(next(midnight, "Asia/Kathmandu", "2026-11-22T00:00:00Z"), at("2026-11-22T18:15:00Z"));
    }

    #[test]
    fn a_skipped_hour_is_made_up_for_and_a_repeated_one_counts_once() {
        let early = Cadence::Daily { hour: 2, minute: 30 };
        // Clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
        assert_eq!(next(early, "Europe/Berlin", "2026-03-28T12:00:00Z"), at("2026-03-29T01:30:00Z"));
        assert_eq!(next(early, "Europe/Berlin", "2026-03-29T01:30:00Z"), at("2026-03-30T00:30:00Z"));
        assert_eq!(next(early, "Europe/Berlin", "2026-10-24T12:00:00Z"), at("2026-10-25T00:30:00Z"));
        assert_eq!(next(early, "Europe/Berlin", "2026-10-25T00:30:00Z"), at("2026-10-26T01:30:00Z"));
        assert_eq!(next(early, "Europe/Berlin", "2026-10-25T01:15:00Z"), at("2026-10-26T01:30:00Z"));
        // Where midnight itself is skipped.
        let midnight = Cadence::Daily { hour: 0, minute: 0 };
        assert_eq!(next(midnight, "Asia/Beirut", "2026-03-28T12:00:00Z"), at("2026-03-28T22:00:00Z"));
    }

    #[test]
    fn a_month_without_the_day_has_its_last_one() {
        let last = Cadence::Monthly { day: 31, hour: 0, minute: 0 };
        assert_eq!(next(last, "Asia/Jakarta", "2027-01-31T00:00:00Z"), at("2027-02-27T17:00:00Z"));
        assert_eq!(next(last, "Asia/Jakarta", "2027-02-27T17:00:00Z"), at("2027-03-30T17:00:00Z"));
        assert_eq!(next(last, "Asia/Jakarta", "2028-02-01T00:00:00Z"), at("2028-02-28T17:00:00Z"));
        let first = Cadence::Monthly { day: 1, hour: 1, minute: 0 };
        assert_eq!(next(first, "UTC", "2026-12-01T01:00:00Z"), at("2027-01-01T01:00:00Z"));
    }

    #[test]
    fn steps_are_the_same_for_all_nodes() {
        let hourly = Cadence::Every(Duration::from_secs(3_600));
        assert_eq!(next(hourly, "Asia/Kathmandu", "2026-11-22T08:00:00Z"), at("2026-11-22T09:00:00Z"));
        assert_eq!(Cadence::Every(Duration::ZERO).next_after(&TimeZone::UTC, Timestamp::EPOCH), None);
    }

    proptest! {
        /// One occasion for each local day and month, wherever one is, and never two at once.
        #[test]
        fn occasions_follow_one_another(
            zone in prop::sample::select(vec!["Asia/Jakarta", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe"]),
            start in 0_i64..4_000_000_000_000, day in 1_i8..=31, hour in 0_i8..24, minute in 0_i8..60,
        ) {
            let zone = TimeZone::get(zone).unwrap();
            for cadence in [Cadence::Daily { hour, minute }, Cadence::Monthly { day, hour, minute }] {
                let mut after = Timestamp::from_millis(start);
                let mut dates = Vec::new();
                for _ in 0..40 {
                    let next = cadence.next_after(&zone, after).unwrap();
                    prop_assert!(next > after);
                    dates.push(local_date(&zone, next).unwrap());
                    after = next;
                }
                dates.dedup();
                prop_assert_eq!(dates.len(), 40, "no day twice");
                if matches!(cadence, Cadence::Monthly { .. }) {
                    let months: Vec<i32> = dates.iter().map(|date| i32::from(date.year()) * 12 + i32::from(date.month())).collect();
                    prop_assert!(months.windows(2).all(|pair| pair[1] - pair[0] == 1), "no month left out: {dates:?}");
                }
            }
        }
    }
}
