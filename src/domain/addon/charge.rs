//! What a tenant owes for its add-ons and its plan: a row for units and days of one cycle, written once.

use base::{
    Currency, Minor, SaasChargeId, SaasPlanId, Scope, TenantAddonId, Timestamp, money::AmountOutOfRange,
};
use foundation::{Conn, Tx, audit, db};
use serde::Serialize;

use super::{
    super::{tenant::saas_plan::Period, values::Day},
    Addon, SaasChargeRecorded, TenantAddon, store,
};

/// What a tenant owes for units of an add-on, or for its plan, and days of one cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaasCharge {
    /// Its id.
    pub id: SaasChargeId,
    /// For which of the tenant's add-ons; null for a plan.
    #[serde(rename = "tenantAddonId")]
    pub tenant_addon: Option<TenantAddonId>,
    /// For which plan; null for an add-on.
    #[serde(rename = "saasPlanId")]
    pub saas_plan: Option<SaasPlanId>,
    /// What stands on the invoice.
    pub description: String,
    /// How many units; 1 of a plan.
    pub units: i64,
    /// Of one unit for one whole cycle.
    pub unit_price: Minor,
    /// The currency of both.
    pub currency: Currency,
    /// What is owed; below 0 for what is given back.
    pub amount: Minor,
    /// The first day of the cycle.
    pub cycle_from: Day,
    /// The first day that is paid.
    pub from_day: Day,
    /// The day behind the last one that is paid.
    pub until_day: Day,
    /// When it was recorded.
    pub created_at: Timestamp,
}

/// Why an add-on or a plan cannot be charged.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    /// Nobody can pay that.
    #[error(transparent)]
    Amount(#[from] AmountOutOfRange),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Records what `units` cost from `from` to the end of `period`.
pub(super) async fn record(
    tx: &mut Tx,
    scope: &Scope,
    addon: &Addon,
    of: &TenantAddon,
    units: i64,
    period: Period,
    from: Day,
) -> Result<SaasCharge, ChargeError> {
    let price = of.unit_price.units().checked_mul(units).map(Minor::new).ok_or(AmountOutOfRange)?;
    let from = from.max(period.from);
    let charge = SaasCharge {
        id: SaasChargeId::generate(scope.now()),
        tenant_addon: Some(of.id),
        saas_plan: None,
        description: describe(&addon.spec.name, units, Period { from, until: period.until }),
        units,
        unit_price: of.unit_price,
        currency: of.currency,
        amount: period.share(price, from, period.until)?,
        cycle_from: period.from,
        from_day: from,
        until_day: period.until,
        created_at: scope.now(),
    };
    store::charge::insert(tx, scope, &charge).await?;
    let event = SaasChargeRecorded { tenant_addon: of.id, addon: addon.id, charge: charge.id };
    tx.publish(scope, &event);
    tx.audit(scope, audit::Entry::new("saas_charge.record", "saas_charge", charge.id).after(&charge));
    Ok(charge)
}

/// What stands on the invoice for units of an add-on.
pub(super) fn describe(name: &str, units: i64, days: Period) -> String {
    format!("{name} × {units}, {} – {}", days.from, days.last())
}

/// What a plan costs for days of one cycle.
#[derive(Clone, Debug)]
pub struct PlanCharge {
    /// Which plan.
    pub plan: SaasPlanId,
    /// What stands on the invoice.
    pub description: String,
    /// Of the whole cycle.
    pub price: Minor,
    /// The currency of both.
    pub currency: Currency,
    /// What is owed; below 0 for what is given back.
    pub amount: Minor,
    /// The cycle.
    pub cycle: Period,
    /// The first day that is meant, up to and without the last one.
    pub days: Period,
}

/// Records what the tenant owes for its plan, or gets back.
///
/// # Errors
/// When the database cannot be used.
pub async fn record_plan_charge(tx: &mut Tx, scope: &Scope, of: PlanCharge) -> db::Result<SaasCharge> {
    let charge = SaasCharge {
        id: SaasChargeId::generate(scope.now()),
        tenant_addon: None,
        saas_plan: Some(of.plan),
        description: of.description,
        units: 1,
        unit_price: of.price,
        currency: of.currency,
        amount: of.amount,
        cycle_from: of.cycle.from,
        from_day: of.days.from,
        until_day: of.days.until,
        created_at: scope.now(),
    };
    store::charge::insert(tx, scope, &charge).await?;
    tx.audit(scope, audit::Entry::new("saas_charge.record", "saas_charge", charge.id).after(&charge));
    Ok(charge)
}

/// Whether the tenant owes something, or will, in another currency than this one.
///
/// # Errors
/// When the database cannot be read.
pub async fn owes_other_than(conn: &mut Conn, scope: &Scope, currency: Currency) -> db::Result<bool> {
    store::charge::is_open_other_than(conn, scope, currency).await
}

/// What the tenant was charged for one of its add-ons, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn charges(conn: &mut Conn, scope: &Scope, of: TenantAddonId) -> db::Result<Vec<SaasCharge>> {
    store::charge::list(conn, scope, of).await
}

/// What the tenant was charged and stands on no invoice yet, oldest first, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn open_charges(conn: &mut Conn, scope: &Scope, limit: u32) -> db::Result<Vec<SaasCharge>> {
    store::charge::open(conn, scope, i64::from(limit)).await
}
