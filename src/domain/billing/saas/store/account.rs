//! The SQL of how far tenants' plans are charged. Whoever changes a row holds the lock of its tenant.

use std::collections::HashMap;

use base::{Currency, Minor, SaasChargeId, Scope, TenantId};
use foundation::{Conn, db::Result};

use super::super::account::{Account, Paid};
use crate::domain::{tenant::saas_plan::Period, values::Day};

#[derive(sqlx::FromRow)]
struct Row {
    settled_until: Option<Day>,
    paid_price: Option<Minor>,
    paid_currency: Option<Currency>,
    paid_cycle_from: Option<Day>,
    paid_cycle_until: Option<Day>,
    paid_from: Option<Day>,
    paid_charge_id: Option<SaasChargeId>,
    looked_on: Option<Day>,
}

impl From<Row> for Account {
    fn from(row: Row) -> Self {
        let cycle = row.paid_cycle_from.zip(row.paid_cycle_until).map(|(from, until)| Period { from, until });
        let money = row.paid_price.zip(row.paid_currency);
        let paid = money.zip(cycle.zip(row.paid_from)).map(|((price, currency), (cycle, from))| Paid {
            price,
            currency,
            cycle,
            from,
            charge: row.paid_charge_id,
        });
        Self { settled_until: row.settled_until, paid, looked_on: row.looked_on }
    }
}

/// The tenant's account; an empty one where nothing was charged yet.
pub(in super::super) async fn find(conn: &mut Conn, scope: &Scope) -> Result<Account> {
    let row: Option<Row> = conn
        .query(
            "SELECT settled_until, paid_price, paid_currency, paid_cycle_from, paid_cycle_until, paid_from, \
             paid_charge_id, looked_on FROM saas_account WHERE tenant_id = $1",
        )
        .bind(scope.tenant())
        .fetch_optional()
        .await?;
    Ok(row.map_or_else(Account::default, Account::from))
}

pub(in super::super) async fn put(conn: &mut Conn, scope: &Scope, account: &Account) -> Result<()> {
    let paid = account.paid.as_ref();
    conn.query(
        "INSERT INTO saas_account (tenant_id, settled_until, paid_price, paid_currency, paid_cycle_from, \
         paid_cycle_until, paid_from, paid_charge_id, looked_on) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (tenant_id) DO UPDATE SET settled_until = excluded.settled_until, \
         paid_price = excluded.paid_price, paid_currency = excluded.paid_currency, \
         paid_cycle_from = excluded.paid_cycle_from, paid_cycle_until = excluded.paid_cycle_until, \
         paid_from = excluded.paid_from, paid_charge_id = excluded.paid_charge_id, looked_on = excluded.looked_on",
    )
    .bind(scope.tenant())
    .bind(account.settled_until)
    .bind(paid.map(|paid| paid.price))
    .bind(paid.map(|paid| paid.currency))
    .bind(paid.map(|paid| paid.cycle.from))
    .bind(paid.map(|paid| paid.cycle.until))
    .bind(paid.map(|paid| paid.from))
    .bind(paid.and_then(|paid| paid.charge))
    .bind(account.looked_on)
    .execute_one()
    .await
}

/// On which day each of these tenants was last looked at.
pub(in super::super) async fn looked_on(
    conn: &mut Conn,
    tenants: &[TenantId],
) -> Result<HashMap<TenantId, Day>> {
    let rows: Vec<(TenantId, Option<Day>)> = conn
        .query("SELECT tenant_id, looked_on FROM saas_account WHERE tenant_id IN ")
        .push_list(tenants)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().filter_map(|(tenant, day)| Some((tenant, day?))).collect())
}
