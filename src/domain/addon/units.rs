//! More units at once; fewer, or none, from the next cycle on.

use base::{Scope, TenantAddonId, money::AmountOutOfRange};
use foundation::{Tx, audit, db};

use super::{
    super::{
        tenant,
        values::{Invalid, Stale, Version},
    },
    AddonChangeScheduled, AddonKind, AddonStatus, AddonUnitsChanged, TenantAddon,
    charge::{self, ChargeError},
    order::{turn, units_fit},
    store,
};

/// Why the units cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum UnitsError {
    /// The tenant has no such add-on.
    #[error("there is no such add-on")]
    NotFound,
    /// It was changed since the caller read it.
    #[error("the add-on was changed meanwhile")]
    Stale(#[from] Stale),
    /// A value cannot be accepted.
    #[error("the change cannot be accepted")]
    Invalid(#[from] Invalid),
    /// Only what is active has units to change.
    #[error("the add-on is {0}")]
    NotActive(AddonStatus),
    /// More of a custom one is the super admin's to give.
    #[error("more of a custom add-on is a matter of the platform")]
    NeedsApproval,
    /// Nobody can pay that.
    #[error("the amount is out of range")]
    Amount(#[from] AmountOutOfRange),
    /// The database refused.
    #[error("the add-on cannot be stored")]
    Database(#[from] db::Error),
}

impl From<ChargeError> for UnitsError {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Amount(error) => Self::Amount(error),
            ChargeError::Database(error) => Self::Database(error),
        }
    }
}

/// Sets how many units the tenant wants. More are there at once, and cost what is left of the cycle. Fewer hold from the next
/// cycle on, and 0 ends it then: until then everything stays, and is paid. The present number takes back what was
/// scheduled. `approved` is the super admin's word.
///
/// # Errors
/// As [`UnitsError`] says.
pub async fn set_units(
    tx: &mut Tx,
    scope: &Scope,
    id: TenantAddonId,
    seen: Option<Version>,
    units: i64,
    approved: bool,
) -> Result<TenantAddon, UnitsError> {
    let before = store::tenant_addon::lock(tx, scope, id).await?.ok_or(UnitsError::NotFound)?;
    before.version.expect(seen)?;
    if before.status != AddonStatus::Active {
        return Err(UnitsError::NotActive(before.status));
    }
    let addon = store::catalogue::find(tx, before.addon).await?.ok_or(UnitsError::NotFound)?;
    if units > before.units {
        units_fit(&addon, units)?;
        if addon.spec.kind == AddonKind::Custom && !approved {
            return Err(UnitsError::NeedsApproval);
        }
    } else if units < 0 {
        return Err(Invalid::new("units", "must not be negative").into());
    }
    let calendar = tenant::calendar(tx, scope).await?;
    let today = calendar.today(scope.now());
    let after = before.changed(scope, |row| {
        row.forget_next();
        if units > row.units {
            row.units = units;
            row.units_from = Some(today);
        } else if units < row.units {
            let (day, at) = turn(&calendar, row, today);
            (row.next_units, row.next_from, row.next_at) = (Some(units), Some(day), Some(at));
        }
    });
    if (after.units, after.next_units) == (before.units, before.next_units) {
        return Ok(before);
    }
    store::tenant_addon::update(tx, scope, &after, before.version).await?;
    if after.units > before.units {
        tenant::set_grants(tx, scope, id, &addon.grants(after.units)).await?;
        let event =
            AddonUnitsChanged { tenant_addon: id, addon: addon.id, from: before.units, to: after.units };
        tx.publish(scope, &event);
        let period = calendar.period(after.cycle, today);
        charge::record(tx, scope, &addon, &after, after.units - before.units, period, today).await?;
    } else {
        let next_units = after.next_units.unwrap_or(after.units);
        tx.publish(scope, &AddonChangeScheduled { tenant_addon: id, addon: addon.id, next_units });
    }
    let entry = audit::Entry::new("addon.set_units", "tenant_addon", id);
    tx.audit(scope, entry.before(&before).after(&after));
    Ok(after)
}
