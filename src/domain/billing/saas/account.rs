//! How far a tenant's plan is charged, and what is given back of it: pure arithmetic.

use base::{Currency, Minor, SaasChargeId, money::AmountOutOfRange};

use crate::domain::{tenant::saas_plan::Period, values::Day};

/// How far a tenant's plan is charged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// Up to and without this day the plan is charged, or was free.
    pub(super) settled_until: Option<Day>,
    /// What was charged last, for the plan that the tenant has.
    pub(super) paid: Option<Paid>,
    /// The day on which its invoices were last looked at.
    pub(super) looked_on: Option<Day>,
}

/// Days of a cycle that are charged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paid {
    /// Of the whole cycle.
    pub(super) price: Minor,
    pub(super) currency: Currency,
    pub(super) cycle: Period,
    /// The first day that is charged for; the last one is the cycle's.
    pub(super) from: Day,
    /// The charge; `None` after a change of the plan, which has two.
    pub(super) charge: Option<SaasChargeId>,
}

impl Account {
    /// What of the cycle in which `today` lies is not charged yet; `None` when all of it is.
    pub(super) fn uncharged(&self, cycle: Period, first: Day, until: Day) -> Option<Period> {
        let from = self.settled_until.into_iter().fold(cycle.from.max(first), Day::max);
        (from < until).then_some(Period { from, until })
    }

    /// What is charged for days that are still to come, from `today` on.
    pub(super) fn ahead(&self, today: Day) -> Option<&Paid> {
        self.paid.as_ref().filter(|paid| today < paid.cycle.until)
    }

    /// The days of `paid` are charged.
    pub(super) fn charge(&mut self, paid: Paid) {
        self.settled_until = Some(paid.cycle.until);
        self.paid = Some(paid);
    }

    /// The days before `day` are charged, or were free; nothing is charged ahead.
    pub(super) fn settle(&mut self, day: Day) {
        self.settled_until = self.settled_until.max(Some(day));
    }

    /// The charge of a cycle that is not over at `today`: it may be made anew when its invoice was a mistake.
    pub(super) fn charge_ahead(&self, today: Day) -> Option<SaasChargeId> {
        self.ahead(today)?.charge
    }

    /// The last charge was a mistake: its days are to be charged anew.
    pub(super) fn forget(&mut self) {
        if let Some(paid) = self.paid.take() {
            self.settled_until = Some(paid.from);
        }
    }
}

impl Paid {
    /// What the days from `today` on cost.
    pub(super) fn rest(&self, today: Day) -> Result<Minor, AmountOutOfRange> {
        self.cycle.share(self.price, today.max(self.from), self.cycle.until)
    }

    /// What all days cost that are charged for.
    pub(super) fn whole(&self) -> Result<Minor, AmountOutOfRange> {
        self.rest(self.from)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::tenant::saas_plan::{Cycle, any};

    fn paid(price: i64, cycle: Cycle, first: Day, day: Day) -> Paid {
        let (price, currency, cycle) = (Minor::new(price), Currency::IDR, cycle.period(first, day));
        Paid { price, currency, cycle, from: day.max(cycle.from), charge: None }
    }

    fn after(day: Day, days: i64) -> Day {
        Day::new(day.date().saturating_add(days.days()))
    }

    /// What a change costs at `today`: what is given back, and what the new plan takes.
    fn change(account: &mut Account, to: Paid, today: Day) -> i64 {
        let back = account.ahead(today).map_or(Minor::ZERO, |paid| paid.rest(today).unwrap());
        let takes = to.whole().unwrap();
        account.charge(to);
        takes.checked_sub(back).unwrap().units()
    }

    proptest! {
        /// However often plans change within a cycle, the parts cost no more than the dearest plan, no less than the
        /// cheapest one, and what each plan's days cost together.
        #[test]
        fn parts_never_exceed_the_whole(
            start in any::day(), price in 0_i64..1_000_000_000,
            mut steps in prop::collection::vec((0_i64..31, 0_i64..1_000_000_000), 0..8),
        ) {
            steps.sort_by_key(|(days, _)| *days);
            let month = Cycle::Monthly.period(start, start);
            let mut account = Account::default();
            let mut sum = change(&mut account, paid(price, Cycle::Monthly, start, month.from), month.from);
            let mut exact = 0;
            let (mut since, mut current) = (month.from, price);
            let mut prices = vec![price];
            for (days, price) in steps {
                let day = after(month.from, days).min(month.last());
                sum += change(&mut account, paid(price, Cycle::Monthly, start, day), day);
                exact += month.share(Minor::new(current), since, day).unwrap().units();
                (since, current) = (day, price);
                prices.push(price);
            }
            exact += month.share(Minor::new(current), since, month.until).unwrap().units();
            prop_assert_eq!(sum, exact);
            let roundings = i64::try_from(prices.len()).unwrap();
            prop_assert!(sum <= prices.iter().max().unwrap() + roundings, "{} of {:?}", sum, prices);
            prop_assert!(sum + roundings >= *prices.iter().min().unwrap(), "{} of {:?}", sum, prices);
            if prices.iter().all(|other| *other == price) {
                prop_assert_eq!(sum, price);
            }
        }

        /// There and back on one day costs nothing, whatever the cycles.
        #[test]
        fn there_and_back_costs_nothing(
            first in any::day(), start in any::day(), days in 0_i64..366,
            prices in prop::collection::vec((0_i64..1_000_000_000, any::cycle()), 2..6),
        ) {
            let (price, cycle) = prices[0];
            let mut account = Account::default();
            change(&mut account, paid(price, cycle, first, start), start);
            let today = after(start, days);
            prop_assume!(account.ahead(today).is_some());
            let rest = account.ahead(today).unwrap().rest(today).unwrap();
            let round = prices.iter().skip(1).chain([&prices[0]]);
            let cost: i64 =
                round.map(|(price, cycle)| change(&mut account, paid(*price, *cycle, first, today), today)).sum();
            prop_assert_eq!(cost, 0);
            prop_assert_eq!(account.ahead(today).unwrap().rest(today).unwrap(), rest);
        }
    }

    #[test]
    fn what_is_charged_is_not_charged_again() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let (first, month) = (day("2026-11-22"), Cycle::Monthly.period(day("2026-11-22"), day("2026-11-25")));
        let mut account = Account::default();
        let span = |account: &Account, until: &str| {
            account.uncharged(month, first, day(until)).map(|span| (span.from, span.until))
        };
        assert_eq!(span(&account, "2026-12-01"), Some((first, day("2026-12-01"))));
        account.settle(day("2026-11-24"));
        account.settle(day("2026-11-23"));
        assert_eq!(span(&account, "2026-12-01"), Some((day("2026-11-24"), day("2026-12-01"))));
        assert_eq!(span(&account, "2026-11-24"), None);
        let charge = SaasChargeId::generate(base::Timestamp::EPOCH);
        let paid = Paid { charge: Some(charge), ..paid(300_000, Cycle::Monthly, first, day("2026-11-24")) };
        account.charge(paid);
        assert_eq!(span(&account, "2026-12-01"), None);
        assert_eq!(account.charge_ahead(day("2026-11-30")), Some(charge));
        assert_eq!(account.charge_ahead(day("2026-12-01")), None, "of a cycle that is over");
        account.forget();
        assert_eq!(span(&account, "2026-12-01"), Some((day("2026-11-24"), day("2026-12-01"))));
    }
}
