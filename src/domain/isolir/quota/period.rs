//! When the period began that a quota counts in, and when it ends. Pure.

use base::Timestamp;
use jiff::{ToSpan as _, civil::Date, tz::TimeZone};

use crate::domain::plan::{QuotaPeriod, Validity};

/// What of a subscriber bears on its periods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bought {
    /// When it was made.
    pub(super) created_at: Timestamp,
    /// Until when it is paid; `None` for ever.
    pub(super) expires_at: Option<Timestamp>,
    /// How long the plan lasts once it is bought.
    pub(super) validity: Validity,
}

/// The start of the period that `now` lies in: calendar days, weeks and months begin at the tenant's midnight. A period of
/// validity began so long before its end; one without an end, with the subscriber.
pub(super) fn start(period: QuotaPeriod, zone: &TimeZone, now: Timestamp, bought: &Bought) -> Timestamp {
    let Some(today) = local(zone, now) else { return now };
    match period {
        QuotaPeriod::Day => midnight(zone, today),
        QuotaPeriod::Week => {
            let since_monday = i64::from(today.weekday().to_monday_zero_offset());
            today.checked_sub(since_monday.days()).ok().and_then(|monday| midnight(zone, monday))
        }
        QuotaPeriod::Month => midnight(zone, today.first_of_month()),
        QuotaPeriod::Validity => validity_began(zone, bought),
    }
    .unwrap_or(bought.created_at)
}

/// The end of the period that `now` lies in, at which the next one begins; `None` where nothing ends it.
pub(super) fn end(
    period: QuotaPeriod,
    zone: &TimeZone,
    now: Timestamp,
    bought: &Bought,
) -> Option<Timestamp> {
    let today = local(zone, now)?;
    let next = match period {
        QuotaPeriod::Day => today.tomorrow(),
        QuotaPeriod::Week => {
            today.checked_add((7 - i64::from(today.weekday().to_monday_zero_offset())).days())
        }
        QuotaPeriod::Month => today.first_of_month().checked_add(1.month()),
        QuotaPeriod::Validity => return bought.expires_at,
    };
    midnight(zone, next.ok()?)
}

fn validity_began(zone: &TimeZone, bought: &Bought) -> Option<Timestamp> {
    let Bought { expires_at, validity, .. } = *bought;
    if validity == Validity::default() {
        return None;
    }
    let end = jiff::Timestamp::from_millisecond(expires_at?.as_millis()).ok()?;
    let span = i64::from(validity.months).months().days(i64::from(validity.days));
    let began = zone.to_datetime(end).checked_sub(span).ok()?;
    let began = zone.to_ambiguous_timestamp(began).earlier().ok()?;
    Some(Timestamp::from_millis(began.as_millisecond()).max(bought.created_at))
}

fn local(zone: &TimeZone, at: Timestamp) -> Option<Date> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(zone.to_datetime(at).date())
}

fn midnight(zone: &TimeZone, date: Date) -> Option<Timestamp> {
    let start = zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).earlier().ok()?;
    Some(Timestamp::from_millis(start.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn began(period: QuotaPeriod, now: &str) -> Timestamp {
        let bought = Bought {
            created_at: at("2026-01-01T00:00:00Z"),
            expires_at: Some(at("2026-11-30T05:00:00Z")),
            validity: Validity { months: 1, days: 0 },
        };
        start(period, &TimeZone::get("Asia/Jakarta").unwrap(), at(now), &bought)
    }

    #[test]
    fn periods_begin_at_the_tenants_midnight() {
        // 17:30 UTC is half past midnight in Jakarta: Monday the 23rd there, Sunday the 22nd in Greenwich.
        let now = "2026-11-22T17:30:00Z";
        assert_eq!(began(QuotaPeriod::Day, now), at("2026-11-22T17:00:00Z"));
        assert_eq!(began(QuotaPeriod::Week, now), at("2026-11-22T17:00:00Z"));
        assert_eq!(began(QuotaPeriod::Week, "2026-11-22T16:59:59Z"), at("2026-11-15T17:00:00Z"));
        assert_eq!(began(QuotaPeriod::Month, now), at("2026-10-31T17:00:00Z"));
        assert_eq!(began(QuotaPeriod::Month, "2026-11-30T17:00:00Z"), at("2026-11-30T17:00:00Z"));
    }

    #[test]
    fn periods_end_where_the_next_ones_begin() {
        let zone = TimeZone::get("Asia/Jakarta").unwrap();
        let expires_at = Some(at("2026-11-30T05:00:00Z"));
        let bought =
            Bought { created_at: at("2026-01-01T00:00:00Z"), expires_at, validity: Validity::default() };
        let ends = |period, now| end(period, &zone, at(now), &bought);
        let now = "2026-11-22T17:30:00Z";
        assert_eq!(ends(QuotaPeriod::Day, now), Some(at("2026-11-23T17:00:00Z")));
        assert_eq!(ends(QuotaPeriod::Week, now), Some(at("2026-11-29T17:00:00Z")), "the next Monday");
        assert_eq!(ends(QuotaPeriod::Week, "2026-11-22T16:59:59Z"), Some(at("2026-11-22T17:00:00Z")));
        assert_eq!(ends(QuotaPeriod::Month, now), Some(at("2026-11-30T17:00:00Z")));
        assert_eq!(ends(QuotaPeriod::Validity, now), expires_at);
        assert_eq!(end(QuotaPeriod::Validity, &zone, at(now), &Bought { expires_at: None, ..bought }), None);
        for period in [QuotaPeriod::Day, QuotaPeriod::Week, QuotaPeriod::Month] {
            let end = ends(period, now).unwrap();
            assert_eq!(start(period, &zone, end, &bought), end, "{period:?}");
        }
    }

    #[test]
    fn a_validity_began_so_long_before_its_end() {
        assert_eq!(began(QuotaPeriod::Validity, "2026-11-22T17:30:00Z"), at("2026-10-30T05:00:00Z"));
        let zone = TimeZone::get("Asia/Jakarta").unwrap();
        let created_at = at("2026-11-20T03:00:00Z");
        let of = |expires_at, validity| {
            let bought = Bought { created_at, expires_at, validity };
            start(QuotaPeriod::Validity, &zone, at("2026-11-22T17:30:00Z"), &bought)
        };
        let month = Validity { months: 1, days: 0 };
        assert_eq!(of(Some(at("2026-11-30T05:00:00Z")), month), created_at, "not before the subscriber");
        assert_eq!(of(None, month), created_at);
        assert_eq!(of(Some(at("2026-11-30T05:00:00Z")), Validity::default()), created_at);
    }
}
