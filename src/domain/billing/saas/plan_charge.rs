//! What a tenant's plan costs: charged ahead with each cycle, and evened out when the plan changes within one.

use base::{Currency, Minor, SaasChargeId, Scope};
use foundation::{Tx, db};

use super::{
    account::{Account, Paid},
    store,
};
use crate::domain::{
    addon::{self, ChargeError, PlanCharge},
    tenant::{
        Calendar,
        saas_plan::{Cycle, Period, SaasPlan},
    },
    values::Day,
};

/// Whether what begins today must be charged at once: the round of a month's last day may be over, and the next month's invoice
/// looks back at no day.
pub(super) fn is_last_day(calendar: &Calendar, today: Day) -> bool {
    today == calendar.period(Cycle::Monthly, today).last()
}

/// Charges what is not charged of the plan's cycle that `today` lies in. A free plan costs nothing, and nothing is recorded.
pub(super) async fn charge_cycle(
    tx: &mut Tx,
    scope: &Scope,
    plan: &SaasPlan,
    calendar: &Calendar,
    today: Day,
) -> Result<Option<SaasChargeId>, ChargeError> {
    let mut account = retract(tx, scope, today).await?;
    let cycle = calendar.period(plan.spec.cycle, today);
    let Some(days) = account.uncharged(cycle, calendar.first(), cycle.until) else { return Ok(None) };
    if plan.spec.price == Minor::ZERO {
        return Ok(None);
    }
    let mut paid = ahead(plan, cycle, days.from);
    paid.charge = record(tx, scope, plan, &paid, days, "", paid.whole()?).await?;
    let charge = paid.charge;
    account.charge(paid);
    store::account::put(tx, scope, &account).await?;
    Ok(charge)
}

/// Evens out a change from one plan to another at `today`. What is charged ahead for the old one is given back, and the rest
/// of the cycle is charged for the new one. Where nothing is charged ahead, the old one's days are charged up to today, and the
/// month's invoice asks for the rest; where that was made already, such as for a free plan's add-ons, the rest is charged now:
/// no other invoice would look back at it.
pub(super) async fn even_out(
    tx: &mut Tx,
    scope: &Scope,
    (from, to): (&SaasPlan, &SaasPlan),
    calendar: &Calendar,
    today: Day,
) -> Result<(), ChargeError> {
    let mut account = retract(tx, scope, today).await?;
    if let Some(old) = account.ahead(today) {
        let days = Period { from: today.max(old.from), until: old.cycle.until };
        let back = Minor::ZERO.checked_sub(old.rest(today)?)?;
        record(tx, scope, from, old, days, " given back", back).await?;
        account.charge(charge_rest(tx, scope, to, calendar, today).await?);
    } else {
        let cycle = calendar.period(from.spec.cycle, today);
        if let Some(days) = account.uncharged(cycle, calendar.first(), today) {
            let old = ahead(from, cycle, days.from);
            let amount = cycle.share(old.price, days.from, days.until)?;
            record(tx, scope, from, &old, days, "", amount).await?;
        }
        account.paid = None;
        account.settle(today);
        let month = calendar.period(Cycle::Monthly, today);
        if store::invoice::is_issued(tx, scope, month.from).await? {
            account.charge(charge_rest(tx, scope, to, calendar, today).await?);
        }
    }
    Ok(store::account::put(tx, scope, &account).await?)
}

/// The account, without the charge of a cycle that goes on when its invoice became void: that is made anew, at the price that
/// holds now. After a change of the plan, which was reckoned from it, and when the cycle is over it stays as it is.
pub(super) async fn retract(tx: &mut Tx, scope: &Scope, today: Day) -> db::Result<Account> {
    let mut account = store::account::find(tx, scope).await?;
    if let Some(charge) = account.charge_ahead(today)
        && store::invoice::write_off(tx, scope, charge).await?
    {
        account.forget();
        store::account::put(tx, scope, &account).await?;
    }
    Ok(account)
}

/// Charges the rest of a new plan's cycle, today with it.
async fn charge_rest(
    tx: &mut Tx,
    scope: &Scope,
    plan: &SaasPlan,
    calendar: &Calendar,
    today: Day,
) -> Result<Paid, ChargeError> {
    let cycle = calendar.period(plan.spec.cycle, today);
    let paid = ahead(plan, cycle, today);
    let days = Period { from: today, until: cycle.until };
    record(tx, scope, plan, &paid, days, "", paid.whole()?).await?;
    Ok(paid)
}

/// Records what stands on no invoice because it would fall below nothing.
pub(super) async fn carry(
    tx: &mut Tx,
    scope: &Scope,
    plan: &SaasPlan,
    month: Period,
    (description, amount): (String, Minor),
) -> db::Result<()> {
    let (plan, currency, price) = (plan.id, plan.spec.currency, Minor::ZERO);
    let charge = PlanCharge { plan, description, price, currency, amount, cycle: month, days: month };
    addon::record_plan_charge(tx, scope, charge).await.map(drop)
}

/// The plan, charged from a day of a cycle to its end.
const fn ahead(plan: &SaasPlan, cycle: Period, from: Day) -> Paid {
    let currency: Currency = plan.spec.currency;
    Paid { price: plan.spec.price, currency, cycle, from, charge: None }
}

/// Nothing is recorded of nothing.
async fn record(
    tx: &mut Tx,
    scope: &Scope,
    plan: &SaasPlan,
    paid: &Paid,
    days: Period,
    what: &str,
    amount: Minor,
) -> db::Result<Option<SaasChargeId>> {
    if amount == Minor::ZERO {
        return Ok(None);
    }
    let charge = PlanCharge {
        plan: plan.id,
        description: format!("{}{what}, {} – {}", plan.spec.name, days.from, days.last()),
        price: paid.price,
        currency: paid.currency,
        amount,
        cycle: paid.cycle,
        days,
    };
    Ok(Some(addon::record_plan_charge(tx, scope, charge).await?.id))
}
