//! Dates of the proleptic Gregorian calendar in UTC, as far as 32 bits of seconds reach: 1970 to 2106.

/// Seconds of a day.
const DAY: u32 = 86_400;

/// Days before each month of a common year.
const DAYS_BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Days from 1970-01-01 to the first of January of `year`, 1970 or later.
fn days_before_year(year: u32) -> u32 {
    // Leap years before `year`, less the 477 before 1970.
    let past = year - 1;
    (year - 1970) * 365 + (past / 4 - past / 100 + past / 400) - 477
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// The day of the year on which `month` (1 to 12) begins, from 0; the year's length for 13.
fn day_of_month_start(year: u32, month: u32) -> u32 {
    let leap = u32::from(is_leap(year));
    let place = usize::try_from(month.saturating_sub(1)).unwrap_or(usize::MAX);
    match DAYS_BEFORE.get(place) {
        Some(&days) => days + if month > 2 { leap } else { 0 },
        None => 365 + leap,
    }
}

/// `2026-11-22T15:38:58Z` from seconds since 1970 (RFC 3339 §5.6).
pub(super) fn compose(seconds: u32) -> String {
    let (days, time) = (seconds / DAY, seconds % DAY);
    // A year has at most 366 days, so this never overshoots; it is at most one short.
    let mut year = 1970 + days / 366;
    while days_before_year(year + 1) <= days {
        year += 1;
    }
    let day = days - days_before_year(year);
    let month = (1..=12).rev().find(|&month| day_of_month_start(year, month) <= day).unwrap_or(1);
    let day = day - day_of_month_start(year, month) + 1;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads what [`compose`] writes.
pub(super) fn parse(text: &str) -> Option<u32> {
    let octets: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if separators.iter().any(|&(place, separator)| octets[place] != separator) {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<u32> {
        octets.get(from..to)?.iter().try_fold(0, |number: u32, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let good = (1970..=2106).contains(&year) && (1..=12).contains(&month);
    if !good || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (start, end) = (day_of_month_start(year, month), day_of_month_start(year, month + 1));
    let day_of_year = start + day.checked_sub(1)?;
    if day_of_year >= end {
        return None;
    }
    let days = days_before_year(year) + day_of_year;
    days.checked_mul(DAY)?.checked_add(hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{compose, parse};

    #[test]
    fn known_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (978_307_199, "2000-12-31T23:59:59Z"),
            (1_000_000_000, "2001-09-09T01:46:40Z"),
            (1_795_361_938, "2026-11-22T15:38:58Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (u32::MAX, "2106-02-07T06:28:15Z"),
        ] {
            assert_eq!(compose(seconds), text);
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn impossible_dates() {
        for text in [
            "1969-12-31T23:59:59Z",
            "2106-02-07T06:28:16Z",
            "2100-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:0éZ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_second_comes_back(seconds: u32) {
            prop_assert_eq!(parse(&compose(seconds)), Some(seconds));
        }

        /// The order of the text is that of time: no month or year is off by a day.
        #[test]
        fn later_reads_later(seconds in 0..u32::MAX) {
            prop_assert!(compose(seconds) < compose(seconds + 1));
        }
    }
}
