//! Asking for an add-on: an official one is active at once, a custom one waits for the super admin.

use base::{AddonId, Platform, Scope, TenantAddonId, TenantId, money::AmountOutOfRange};
use foundation::{Tx, audit, db};

use super::{
    super::{
        tenant::{self, limit, saas_plan},
        values::{Day, Invalid, Version, text},
    },
    Addon, AddonActivated, AddonKind, AddonPendingApproval, AddonStatus, TenantAddon,
    charge::{self, ChargeError},
    store,
};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// What of the catalogue.
    pub addon: AddonId,
    /// How many.
    pub units: i64,
    /// Words to the super admin.
    pub note: String,
}

/// Why an add-on cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// A value cannot be accepted.
    #[error("the order cannot be accepted")]
    Invalid(#[from] Invalid),
    /// There is no such add-on in the catalogue.
    #[error("there is no such add-on to be had")]
    UnknownAddon,
    /// There is no such tenant.
    #[error("there is no such tenant")]
    UnknownTenant,
    /// The tenant has it, or has asked for it.
    #[error("the tenant has this add-on, or has asked for it: change its units instead")]
    AlreadyThere,
    /// An invoice has one currency.
    #[error("the add-on is sold in another currency than the tenant's plan")]
    Currency,
    /// Nothing would change, and it would have to be paid.
    #[error(
        "what the add-on raises is unlimited for the tenant, or set by the super admin: it would change nothing"
    )]
    WithoutEffect,
    /// Nobody can pay that.
    #[error("the amount is out of range")]
    Amount(#[from] AmountOutOfRange),
    /// The database refused.
    #[error("the add-on cannot be stored")]
    Database(#[from] db::Error),
}

impl From<ChargeError> for OrderError {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Amount(error) => Self::Amount(error),
            ChargeError::Database(error) => Self::Database(error),
        }
    }
}

/// Asks for an add-on in the name of the tenant. Limits and features of an official one are in force at the next request,
/// and what it costs to the end of the cycle is recorded.
///
/// # Errors
/// As [`OrderError`] says.
pub async fn order(tx: &mut Tx, scope: &Scope, order: Order) -> Result<TenantAddon, OrderError> {
    open(tx, scope, order, false).await
}

/// Gives a tenant an add-on, official or custom, at once; a matter of the super admin.
///
/// # Errors
/// As [`OrderError`] says.
pub async fn activate(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    order: Order,
) -> Result<TenantAddon, OrderError> {
    open(tx, &platform.within(tenant), order, true).await
}

async fn open(tx: &mut Tx, scope: &Scope, order: Order, at_once: bool) -> Result<TenantAddon, OrderError> {
    let addon = store::catalogue::hold(tx, order.addon).await?;
    let addon = addon.filter(|addon| addon.archived_at.is_none()).ok_or(OrderError::UnknownAddon)?;
    units_fit(&addon, order.units)?;
    ensure_sensible(tx, scope, &addon).await?;
    let is_active = at_once || addon.spec.kind == AddonKind::Official;
    let row = TenantAddon {
        id: TenantAddonId::generate(scope.now()),
        addon: addon.id,
        status: AddonStatus::Pending,
        units: order.units,
        unit_price: addon.spec.unit_price,
        currency: addon.spec.currency,
        cycle: addon.spec.cycle,
        note: text::note("note", &order.note)?,
        decided_by: None,
        decision: None,
        active_from: None,
        units_from: None,
        next_units: None,
        next_from: None,
        next_at: None,
        version: Version::FIRST,
        created_at: scope.now(),
        updated_at: scope.now(),
    };
    // Of two who ask together the second one waits here, and finds that it is there.
    if !store::tenant_addon::insert(tx, scope, &row).await? {
        return Err(OrderError::AlreadyThere);
    }
    if is_active {
        return Ok(start(tx, scope, &addon, &row, "addon.activate").await?);
    }
    let event = AddonPendingApproval { tenant_addon: row.id, addon: addon.id, units: row.units };
    tx.publish(scope, &event);
    tx.audit(scope, audit::Entry::new("addon.request", "tenant_addon", row.id).after(&row));
    Ok(row)
}

/// Makes a pending one active: grants, the charge to the end of the cycle, and word of it.
pub(super) async fn start(
    tx: &mut Tx,
    scope: &Scope,
    addon: &Addon,
    before: &TenantAddon,
    act: &'static str,
) -> Result<TenantAddon, ChargeError> {
    let calendar = tenant::calendar(tx, scope).await?;
    let today = calendar.today(scope.now());
    let after = before.changed(scope, |row| {
        row.status = AddonStatus::Active;
        row.active_from = Some(today);
        row.units_from = Some(today);
    });
    store::tenant_addon::update(tx, scope, &after, before.version).await?;
    tenant::set_grants(tx, scope, after.id, &addon.grants(after.units)).await?;
    let event = AddonActivated { tenant_addon: after.id, addon: addon.id, units: after.units };
    tx.publish(scope, &event);
    tx.audit(scope, audit::Entry::new(act, "tenant_addon", after.id).after(&after));
    let period = calendar.period(after.cycle, today);
    charge::record(tx, scope, addon, &after, after.units, period, today).await?;
    Ok(after)
}

/// Whether a tenant may have so many.
pub(super) fn units_fit(addon: &Addon, units: i64) -> Result<(), Invalid> {
    if (1..=addon.spec.max_units).contains(&units) {
        return Ok(());
    }
    Err(Invalid::new("units", format!("must be from 1 to {}", addon.spec.max_units)))
}

/// Whether it would change anything, and be paid in the plan's currency.
async fn ensure_sensible(tx: &mut Tx, scope: &Scope, addon: &Addon) -> Result<(), OrderError> {
    let found = tenant::find(tx, scope.act(), scope.tenant()).await?.ok_or(OrderError::UnknownTenant)?;
    let plan = saas_plan::find(tx, scope.act(), found.saas_plan).await?.ok_or(OrderError::UnknownTenant)?;
    if plan.spec.currency != addon.spec.currency {
        return Err(OrderError::Currency);
    }
    if !addon.spec.features.is_empty() {
        return Ok(());
    }
    for raised in addon.spec.limits.keys() {
        let state = limit::state(tx, scope, *raised).await?;
        if state.base.is_some() && !state.overridden {
            return Ok(());
        }
    }
    Err(OrderError::WithoutEffect)
}

/// The day on which what is scheduled begins, and when that is.
pub(super) fn turn(calendar: &tenant::Calendar, of: &TenantAddon, today: Day) -> (Day, base::Timestamp) {
    let day = calendar.period(of.cycle, today).until;
    (day, calendar.begin(day))
}
