//! Access hours: may the subscriber be online now, and until when?

use base::Timestamp;
use jiff::{ToSpan as _, tz::TimeZone};

/// Minutes of a week.
const WEEK: u16 = 7 * 24 * 60;

/// What the hours say of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// Online, with no end in sight.
    Always,
    /// Online until then.
    Until(Timestamp),
    /// Not now.
    Outside,
}

/// Judges `now` by `hours` (minutes of the week as half-open ranges, see
/// [`AccessHours`](crate::directory::entry::AccessHours)) in the tenant's time zone. Ranges that follow one another, also
/// over the end of the week, are one. Where a clock change makes the end ambiguous, the earlier moment counts.
#[must_use]
pub fn judge(hours: &[(u16, u16)], zone: &TimeZone, now: Timestamp) -> Within {
    if hours.is_empty() {
        return Within::Always;
    }
    let Ok(instant) = jiff::Timestamp::from_millisecond(now.as_millis()) else { return Within::Outside };
    let local = zone.to_datetime(instant);
    let day = u16::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
    let minute_of_day = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
    let minute = day * 24 * 60 + minute_of_day;
    let Some(end) = end_of(hours, minute) else { return Within::Outside };
    let left = i64::from(end) - i64::from(minute);
    if left >= i64::from(WEEK) {
        return Within::Always;
    }
    let whole_minute = local.with().second(0).subsec_nanosecond(0).build();
    let until = whole_minute
        .and_then(|start| start.checked_add(left.minutes()))
        .and_then(|end| zone.to_ambiguous_timestamp(end).earlier());
    match until {
        Ok(until) => Within::Until(Timestamp::from_millis(until.as_millisecond())),
        Err(_) => Within::Outside,
    }
}

/// The minute at which the range around `minute` ends, counted on into the next week.
fn end_of(hours: &[(u16, u16)], minute: u16) -> Option<u16> {
    let at = |minute: u16| hours.iter().find(|(from, to)| (*from..*to).contains(&minute)).map(|(_, to)| *to);
    let mut end = at(minute)?;
    // Each step takes one range; after all of them the whole week is one.
    for _ in 0..=hours.len() {
        match at(end % WEEK) {
            Some(next) if end < WEEK => end = next,
            Some(next) => end = WEEK.saturating_add(next),
            None => return Some(end),
        }
        if end >= minute.saturating_add(WEEK) {
            break;
        }
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn hours_are_the_tenants_own() {
        // Monday 18:00 to 22:00.
        let hours = [(18 * 60, 22 * 60)];
        let jakarta = zone("Asia/Jakarta");
        let end = Within::Until(at("2026-11-23T15:00:00Z"));
        assert_eq!(judge(&hours, &jakarta, at("2026-11-23T11:00:00Z")), end);
        assert_eq!(judge(&hours, &jakarta, at("2026-11-23T14:59:59.999Z")), end);
        assert_eq!(judge(&hours, &jakarta, at("2026-11-23T15:00:00Z")), Within::Outside);
        assert_eq!(judge(&hours, &jakarta, at("2026-11-23T10:59:59Z")), Within::Outside);
        assert_eq!(judge(&hours, &jakarta, at("2026-11-24T11:00:00Z")), Within::Outside, "Tuesday");
        assert_eq!(judge(&[], &jakarta, at("2026-11-24T11:00:00Z")), Within::Always);
    }

    #[test]
    fn ranges_that_follow_one_another_are_one() {
        // Saturday all day, Sunday all day, Monday to 06:00.
        let hours = [(0, 360), (7_200, 8_640), (8_640, 10_080)];
        let jakarta = zone("Asia/Jakarta");
        let end = Within::Until(at("2026-11-22T23:00:00Z"));
        assert_eq!(judge(&hours, &jakarta, at("2026-11-21T03:00:00Z")), end, "Saturday");
        assert_eq!(judge(&hours, &jakarta, at("2026-11-22T20:00:00Z")), end, "Monday 03:00");
        assert_eq!(judge(&[(0, 10_080)], &jakarta, at("2026-11-22T20:00:00Z")), Within::Always);
        assert_eq!(judge(&[(0, 60), (60, 10_080)], &jakarta, at("2026-11-22T20:00:00Z")), Within::Always);
    }

    #[test]
    fn a_clock_change_moves_the_end() {
        // Berlin, the night to 2026-10-25 has 25 hours: Saturday 20:00 to Sunday 06:00.
        let hours = [(5 * 1_440 + 1_200, 6 * 1_440), (6 * 1_440, 6 * 1_440 + 360)];
        let berlin = zone("Europe/Berlin");
        assert_eq!(
            judge(&hours, &berlin, at("2026-10-24T19:00:00Z")),
            Within::Until(at("2026-10-25T05:00:00Z"))
        );
    }
}
