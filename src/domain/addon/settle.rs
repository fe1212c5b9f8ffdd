//! Puts an add-on of a tenant right: what the turn of a cycle brings, and what was lost.
//!
//! At each moment an active add-on has the grants of its units, and charges for all of its units in every cycle since it is
//! active. What is missing of that is made: the charge of a new cycle in the ordinary way, that of an old one because it
//! was lost. Money is never taken back here: what was charged too much is told.

use base::{Scope, TenantAddonId, money::AmountOutOfRange};
use foundation::{Conn, Tx, audit, db};
use serde::Serialize;

use super::{
    super::{
        tenant::{self, Calendar, Grants, saas_plan::Period},
        values::Day,
    },
    Addon, AddonDeactivated, AddonStatus, AddonUnitsChanged, SaasCharge, TenantAddon,
    charge::{self, ChargeError},
    store,
};

/// Cycles that are looked at behind the present one: who was down for longer is told.
const MAX_CYCLES: usize = 36;

/// What was put right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// Charges of a cycle that had just begun.
    pub renewed: usize,
    /// Charges that were missing although their cycle was charged before, or is over.
    pub missing: usize,
    /// What was scheduled came into force.
    pub changed: bool,
    /// The grants were others than those of the units.
    pub regranted: bool,
    /// Units that were charged too much in the present cycle: for the super admin to look at.
    pub overcharged: i64,
}

impl Settled {
    /// Nothing was to be done.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// There is something to be written.
    #[must_use]
    pub const fn needs_work(&self) -> bool {
        self.renewed > 0 || self.missing > 0 || self.changed || self.regranted
    }

    /// Something was wrong, beyond what each cycle brings.
    #[must_use]
    pub const fn is_drift(&self) -> bool {
        self.missing > 0 || self.regranted || self.overcharged > 0
    }
}

/// What is to be charged.
struct Owed {
    period: Period,
    from: Day,
    units: i64,
    is_renewal: bool,
}

/// What is to be done.
struct Review {
    owed: Vec<Owed>,
    is_due: bool,
    settled: Settled,
}

/// What [`settle`] would put right, read without a lock.
///
/// # Errors
/// When the database cannot be read.
pub async fn review(conn: &mut Conn, scope: &Scope, id: TenantAddonId) -> db::Result<Settled> {
    let Some(row) = store::tenant_addon::find(conn, scope, id).await? else { return Ok(Settled::default()) };
    let Some((_, review)) = look(conn, scope, &row).await? else { return Ok(Settled::default()) };
    Ok(review.settled)
}

/// Why an add-on cannot be put right.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Nobody can pay that.
    #[error("the amount is out of range")]
    Amount(#[from] AmountOutOfRange),
    /// The database refused.
    #[error("the add-on cannot be settled")]
    Database(#[from] db::Error),
}

impl From<ChargeError> for SettleError {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Amount(error) => Self::Amount(error),
            ChargeError::Database(error) => Self::Database(error),
        }
    }
}

/// Puts an add-on of the tenant right, under its lock. Doing it twice, or on several nodes at once, does no harm.
///
/// # Errors
/// As [`SettleError`] says.
pub async fn settle(tx: &mut Tx, scope: &Scope, id: TenantAddonId) -> Result<Settled, SettleError> {
    let Some(before) = store::tenant_addon::lock(tx, scope, id).await? else { return Ok(Settled::default()) };
    let Some((addon, review)) = look(tx, scope, &before).await? else {
        return Ok(Settled::default());
    };
    for owed in &review.owed {
        charge::record(tx, scope, &addon, &before, owed.units, owed.period, owed.from).await?;
    }
    let after = if review.is_due { turn(tx, scope, &addon, &before).await? } else { before };
    if review.is_due || review.settled.regranted {
        tenant::set_grants(tx, scope, id, &wanted_grants(&addon, &after)).await?;
    }
    if review.settled.missing > 0 || review.settled.regranted {
        let entry = audit::Entry::new("addon.settle", "tenant_addon", id).after(&review.settled);
        tx.audit(scope, entry);
    }
    Ok(review.settled)
}

/// Puts all active add-ons of the tenant right: before an invoice, so that it asks for the cycle that has just begun.
///
/// # Errors
/// As [`SettleError`] says.
pub async fn settle_all(tx: &mut Tx, scope: &Scope) -> Result<(), SettleError> {
    for id in store::tenant_addon::active(tx, scope).await? {
        if review(tx, scope, id).await?.needs_work() {
            settle(tx, scope, id).await?;
        }
    }
    Ok(())
}

async fn look(conn: &mut Conn, scope: &Scope, row: &TenantAddon) -> db::Result<Option<(Addon, Review)>> {
    let (AddonStatus::Active, Some(active_from)) = (row.status, row.active_from) else { return Ok(None) };
    let Some(addon) = store::catalogue::find(conn, row.addon).await? else { return Ok(None) };
    let calendar = tenant::calendar(conn, scope).await?;
    let charges = store::charge::list(conn, scope, row.id).await?;
    let granted = tenant::grants(conn, scope, row.id).await?;
    let today = calendar.today(scope.now());
    let is_due = row.next_at.is_some_and(|at| at <= scope.now());
    let mut review = Review {
        owed: owed(&calendar, row, &charges, active_from, today),
        is_due,
        settled: Settled { changed: is_due, ..Settled::default() },
    };
    // What comes into force now brings its grants with it.
    review.settled.regranted = !is_due && granted != wanted_grants(&addon, row);
    review.settled.renewed = review.owed.iter().filter(|owed| owed.is_renewal).count();
    review.settled.missing = review.owed.len() - review.settled.renewed;
    let period = calendar.period(row.cycle, today);
    let surplus = charged(&charges, period) - units_in(row, period);
    review.settled.overcharged = surplus.max(0);
    Ok(Some((addon, review)))
}

/// What is missing of the charges, oldest first.
fn owed(
    calendar: &Calendar,
    row: &TenantAddon,
    charges: &[SaasCharge],
    active_from: Day,
    today: Day,
) -> Vec<Owed> {
    let mut owed = Vec::new();
    let mut period = calendar.period(row.cycle, today);
    let current = period;
    for _ in 0..MAX_CYCLES {
        let (units, charged) = (units_in(row, period), charged(charges, period));
        if units > charged {
            let since = if charged == 0 { active_from } else { row.units_from.unwrap_or(active_from) };
            // The first one of a cycle is the ordinary one, unless the add-on began in it: then it was charged at once.
            let is_renewal = charged == 0 && active_from < period.from && period == current;
            let from = since.max(period.from);
            // More units since this very cycle leave nothing to charge for a cycle before them.
            if from < period.until {
                owed.push(Owed { period, from, units: units - charged, is_renewal });
            }
        }
        if active_from >= period.from {
            break;
        }
        period = calendar.period(row.cycle, period.from.yesterday());
    }
    owed.reverse();
    owed
}

/// Units that were charged in a cycle.
fn charged(charges: &[SaasCharge], period: Period) -> i64 {
    charges.iter().filter(|charge| charge.cycle_from == period.from).map(|charge| charge.units).sum()
}

/// Units that hold at the end of a cycle.
fn units_in(row: &TenantAddon, period: Period) -> i64 {
    match (row.next_units, row.next_from) {
        (Some(units), Some(from)) if from <= period.from => units,
        _ => row.units,
    }
}

fn wanted_grants(addon: &Addon, row: &TenantAddon) -> Grants {
    if row.status == AddonStatus::Active { addon.grants(row.units) } else { Grants::default() }
}

/// What was scheduled comes into force.
async fn turn(tx: &mut Tx, scope: &Scope, addon: &Addon, before: &TenantAddon) -> db::Result<TenantAddon> {
    let (Some(units), Some(from)) = (before.next_units, before.next_from) else { return Ok(before.clone()) };
    let after = before.changed(scope, |row| {
        row.forget_next();
        if units == 0 {
            row.status = AddonStatus::Ended;
        } else {
            row.units = units;
            row.units_from = Some(from);
        }
    });
    store::tenant_addon::update(tx, scope, &after, before.version).await?;
    if units == 0 {
        tx.publish(scope, &AddonDeactivated { tenant_addon: after.id, addon: addon.id });
    } else {
        let event =
            AddonUnitsChanged { tenant_addon: after.id, addon: addon.id, from: before.units, to: units };
        tx.publish(scope, &event);
    }
    let act = if units == 0 { "addon.deactivate" } else { "addon.reduce" };
    tx.audit(scope, audit::Entry::new(act, "tenant_addon", after.id).before(before).after(&after));
    Ok(after)
}
