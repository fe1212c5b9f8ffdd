//! The SQL of charges: written once, read by invoices and by whoever compares.

use base::{Currency, Minor, SaasChargeId, SaasPlanId, Scope, TenantAddonId, Timestamp};
use foundation::{Conn, db::Result};

use super::super::SaasCharge;
use crate::domain::values::Day;

#[derive(sqlx::FromRow)]
struct Row {
    id: SaasChargeId,
    tenant_addon_id: Option<TenantAddonId>,
    saas_plan_id: Option<SaasPlanId>,
    description: String,
    units: i64,
    unit_price: Minor,
    currency: Currency,
    amount: Minor,
    cycle_from: Day,
    from_day: Day,
    until_day: Day,
    created_at: Timestamp,
}

impl From<Row> for SaasCharge {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            tenant_addon: row.tenant_addon_id,
            saas_plan: row.saas_plan_id,
            description: row.description,
            units: row.units,
            unit_price: row.unit_price,
            currency: row.currency,
            amount: row.amount,
            cycle_from: row.cycle_from,
            from_day: row.from_day,
            until_day: row.until_day,
            created_at: row.created_at,
        }
    }
}

const SELECT: &str = "SELECT id, tenant_addon_id, saas_plan_id, description, units, unit_price, currency, amount, \
                      cycle_from, from_day, until_day, created_at FROM saas_charge c WHERE tenant_id = $1 AND ";

pub(in super::super) async fn insert(conn: &mut Conn, scope: &Scope, charge: &SaasCharge) -> Result<()> {
    conn.query(
        "INSERT INTO saas_charge (tenant_id, id, tenant_addon_id, saas_plan_id, description, units, unit_price, currency, \
         amount, cycle_from, from_day, until_day, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(scope.tenant())
    .bind(charge.id)
    .bind(charge.tenant_addon)
    .bind(charge.saas_plan)
    .bind(&charge.description)
    .bind(charge.units)
    .bind(charge.unit_price)
    .bind(charge.currency)
    .bind(charge.amount)
    .bind(charge.cycle_from)
    .bind(charge.from_day)
    .bind(charge.until_day)
    .bind(charge.created_at)
    .execute_one()
    .await
}

/// All of one add-on, oldest first.
pub(in super::super) async fn list(
    conn: &mut Conn,
    scope: &Scope,
    of: TenantAddonId,
) -> Result<Vec<SaasCharge>> {
    let query = conn.query(SELECT).push("tenant_addon_id = $2 ORDER BY id").bind(scope.tenant()).bind(of);
    Ok(query.fetch_all::<Row>().await?.into_iter().map(SaasCharge::from).collect())
}

/// Those of a currency that stand on no invoice: `own`, then the plans', then the add-ons', each oldest first.
pub(in super::super) async fn open_of(
    conn: &mut Conn,
    scope: &Scope,
    currency: Currency,
    own: Option<SaasChargeId>,
    limit: i64,
) -> Result<Vec<SaasCharge>> {
    let rows: Vec<Row> = conn
        .query(SELECT)
        .push(
            "currency = $2 AND NOT EXISTS \
             (SELECT 1 FROM saas_charge_invoiced i WHERE i.tenant_id = c.tenant_id AND i.charge_id = c.id) \
             ORDER BY CASE WHEN id = $3 THEN 0 WHEN saas_plan_id IS NOT NULL THEN 1 ELSE 2 END, id LIMIT $4",
        )
        .bind(scope.tenant())
        .bind(currency)
        .bind(own)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(SaasCharge::from).collect())
}

/// Is something of this currency owed, not given back, and on no invoice?
pub(in super::super) async fn is_owed(conn: &mut Conn, scope: &Scope, currency: Currency) -> Result<bool> {
    let found: Option<(SaasChargeId,)> = conn
        .query(
            "SELECT id FROM saas_charge c WHERE tenant_id = $1 AND currency = $2 AND amount > 0 AND NOT EXISTS \
             (SELECT 1 FROM saas_charge_invoiced i WHERE i.tenant_id = c.tenant_id AND i.charge_id = c.id) LIMIT 1",
        )
        .bind(scope.tenant())
        .bind(currency)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// Those that stand on no invoice, oldest first.
pub(in super::super) async fn open(conn: &mut Conn, scope: &Scope, limit: i64) -> Result<Vec<SaasCharge>> {
    let rows: Vec<Row> = conn
        .query(SELECT)
        .push(
            "NOT EXISTS (SELECT 1 FROM saas_charge_invoiced i WHERE i.tenant_id = c.tenant_id AND i.charge_id = c.id) \
             ORDER BY id LIMIT $2",
        )
        .bind(scope.tenant())
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(SaasCharge::from).collect())
}

/// Is there an open charge, or an active add-on, in another currency?
pub(in super::super) async fn is_open_other_than(
    conn: &mut Conn,
    scope: &Scope,
    currency: Currency,
) -> Result<bool> {
    let (count,): (i64,) = conn
        .query(
            "SELECT (SELECT COUNT(*) FROM saas_charge c WHERE tenant_id = $1 AND currency <> $2 AND NOT EXISTS \
             (SELECT 1 FROM saas_charge_invoiced i WHERE i.tenant_id = c.tenant_id AND i.charge_id = c.id)) \
             + (SELECT COUNT(*) FROM tenant_addon WHERE tenant_id = $1 AND status = 'active' AND currency <> $2)",
        )
        .bind(scope.tenant())
        .bind(currency)
        .fetch_one()
        .await?;
    Ok(count > 0)
}
