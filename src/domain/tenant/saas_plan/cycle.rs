//! Cycles of payment, and the share of a price that a part of one costs.
//!
//! A month is a calendar month; a year begins with the month in which the tenant was made. Shares are counted in days of the
//! tenant's calendar. They are rounded half away from zero, once: each is the difference of two rounded sums from the
//! cycle's start, so that the parts of a cycle, however it is cut, cost together exactly what the whole costs.

use base::{Minor, money::AmountOutOfRange};
use jiff::ToSpan as _;
use rust_decimal::Decimal;

use crate::domain::values::Day;

base::text_enum! {
    /// How often something is paid.
    pub enum Cycle {
        /// Each calendar month.
        Monthly = "monthly",
        /// Each year.
        Yearly = "yearly",
    }
}

/// One cycle: the days from `from` up to and without `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
pub struct Period {
    /// Its first day.
    pub from: Day,
    /// The day behind its last one.
    pub until: Day,
}

impl Cycle {
    /// The cycle that `day` lies in. `first` is the tenant's first day: its month begins each year.
    #[must_use]
    pub fn period(self, first: Day, day: Day) -> Period {
        let start = day.date().first_of_month();
        let (from, span) = match self {
            Self::Monthly => (start, 1.month()),
            Self::Yearly => {
                let months = i32::from(day.date().month()) - i32::from(first.date().month());
                (start.saturating_sub(months.rem_euclid(12).months()), 1.year())
            }
        };
        Period { from: Day::new(from), until: Day::new(from.saturating_add(span)) }
    }
}

impl Period {
    /// Its last day.
    #[must_use]
    pub fn last(self) -> Day {
        self.until.yesterday()
    }

    /// Its days.
    #[must_use]
    pub fn days(self) -> i64 {
        self.from.days_until(self.until)
    }

    /// What the days from `from` up to and without `until` cost when all of them cost `price`. Days outside of the cycle
    /// cost nothing.
    ///
    /// # Errors
    /// When the amount is out of range.
    pub fn share(self, price: Minor, from: Day, until: Day) -> Result<Minor, AmountOutOfRange> {
        if from >= until {
            return Ok(Minor::ZERO);
        }
        self.until_day(price, until)?.checked_sub(self.until_day(price, from)?)
    }

    /// What the days before `day` cost, rounded.
    fn until_day(self, price: Minor, day: Day) -> Result<Minor, AmountOutOfRange> {
        let days = self.from.days_until(day).clamp(0, self.days());
        // 63 bits of price by nine of days stay within the 96 bits of a decimal: nothing is lost before the division.
        Minor::from_decimal(price.to_decimal() * Decimal::from(days) / Decimal::from(self.days().max(1)))
    }
}

/// Days and cycles for tests of properties.
#[cfg(test)]
pub(crate) mod any {
    use jiff::civil::Date;
    use proptest::prelude::*;

    use super::{Cycle, Day};

    pub(crate) fn day() -> impl Strategy<Value = Day> {
        (2020_i16..2040, 1_i8..=12, 1_i8..=28)
            .prop_map(|(year, month, day)| Day::new(Date::new(year, month, day).unwrap()))
    }

    pub(crate) fn cycle() -> impl Strategy<Value = Cycle> {
        prop_oneof![Just(Cycle::Monthly), Just(Cycle::Yearly)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn period(cycle: Cycle, first: &str, at: &str) -> (String, String) {
        let period = cycle.period(day(first), day(at));
        (period.from.to_string(), period.until.to_string())
    }

    #[test]
    fn months_are_calendar_months_and_years_begin_with_the_tenant() {
        let text = |from: &str, until: &str| (from.to_owned(), until.to_owned());
        assert_eq!(period(Cycle::Monthly, "2026-03-15", "2028-02-29"), text("2028-02-01", "2028-03-01"));
        assert_eq!(period(Cycle::Monthly, "2026-03-15", "2026-12-31"), text("2026-12-01", "2027-01-01"));
        assert_eq!(period(Cycle::Yearly, "2026-11-23", "2026-11-23"), text("2026-11-01", "2027-11-01"));
        assert_eq!(period(Cycle::Yearly, "2026-11-23", "2027-10-31"), text("2026-11-01", "2027-11-01"));
        assert_eq!(period(Cycle::Yearly, "2026-11-23", "2027-11-01"), text("2027-11-01", "2028-11-01"));
        assert_eq!(period(Cycle::Yearly, "2026-02-28", "2028-01-31"), text("2027-02-01", "2028-02-01"));
    }

    #[test]
    fn the_day_of_the_purchase_is_paid() {
        let month = Cycle::Monthly.period(day("2026-11-01"), day("2026-11-23"));
        let share =
            |price: i64, from: &str| month.share(Minor::new(price), day(from), month.until).unwrap().units();
        assert_eq!(share(300_000, "2026-11-01"), 300_000);
        assert_eq!(share(300_000, "2026-11-23"), 80_000, "eight of thirty days");
        assert_eq!(share(300_000, "2026-11-30"), 10_000);
        assert_eq!(share(300_000, "2026-12-01"), 0);
        assert_eq!(share(300_000, "2026-10-01"), 300_000, "what lies before the cycle is not part of it");
        // 29/30 of 5 is 4.83, and what is left of 5 is nothing: the parts are the whole.
        assert_eq!(share(5, "2026-11-30"), 0);
        assert_eq!(share(15, "2026-11-30"), 0, "14.5 is rounded up to 15 before the last day");
        assert_eq!(share(i64::MAX, "2026-11-01"), i64::MAX);
    }

    proptest! {
        #[test]
        fn cycles_follow_each_other_without_gap(cycle in any::cycle(), first in any::day(), at in any::day()) {
            let period = cycle.period(first, at);
            prop_assert!(period.from <= at && at < period.until);
            prop_assert_eq!(cycle.period(first, period.until).from, period.until);
            prop_assert_eq!(cycle.period(first, period.from), period);
        }

        #[test]
        fn the_parts_cost_what_the_whole_costs(
            cycle in any::cycle(), first in any::day(), at in any::day(),
            price in 0_i64..1_000_000_000_000, mut cuts in prop::collection::vec(0_i64..366, 0..8),
        ) {
            let period = cycle.period(first, at);
            let price = Minor::new(price);
            let at = |days: i64| Day::new(period.from.date().saturating_add(days.min(period.days()).days()));
            cuts.extend([0, 366]);
            cuts.sort_unstable();
            let mut sum = Minor::ZERO;
            for pair in cuts.windows(2) {
                let part = period.share(price, at(pair[0]), at(pair[1])).unwrap();
                prop_assert!(part >= Minor::ZERO);
                // No part is off by more than one unit.
                let days = at(pair[0]).days_until(at(pair[1]));
                let exact = i128::from(price.units()) * i128::from(days);
                let counted = i128::from(part.units()) * i128::from(period.days());
                prop_assert!((exact - counted).abs() <= i128::from(period.days()));
                sum = sum.checked_add(part).unwrap();
            }
            prop_assert_eq!(sum, price);
        }
    }
}
