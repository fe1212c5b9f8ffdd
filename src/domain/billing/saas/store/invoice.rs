//! The SQL of the platform's invoices.

use std::collections::HashMap;

use base::{Currency, Minor, Platform, SaasChargeId, SaasInvoiceId, Scope, TenantId, Timestamp};
use foundation::{
    Conn,
    db::{Result, bulk, dialect},
};

use super::super::{InvoiceLine, InvoiceStatus, SaasInvoice};
use crate::domain::values::{Day, Version};

#[derive(sqlx::FromRow)]
struct Row {
    id: SaasInvoiceId,
    number: String,
    period_from: Day,
    period_until: Day,
    due_on: Day,
    currency: Currency,
    amount: Minor,
    status: InvoiceStatus,
    note: String,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
}

const SELECT: &str = "SELECT id, number, period_from, period_until, due_on, currency, amount, status, note, version, \
                      created_at, updated_at FROM saas_invoice WHERE tenant_id = $1 AND ";

/// The next number of the year. Whoever takes one holds it until the commit, so that a rollback leaves no gap.
pub(in super::super) async fn next_number(conn: &mut Conn, year: i64) -> Result<i64> {
    let (number,): (i64,) = conn
        .query(
            "INSERT INTO saas_invoice_number (year, last) VALUES ($1, 1) \
             ON CONFLICT (year) DO UPDATE SET last = saas_invoice_number.last + 1 RETURNING last",
        )
        .bind(year)
        .fetch_one()
        .await?;
    conn.count_written(1);
    Ok(number)
}

/// `false` when the cycle has its invoice.
pub(in super::super) async fn insert(conn: &mut Conn, scope: &Scope, invoice: &SaasInvoice) -> Result<bool> {
    conn.query(
        "INSERT INTO saas_invoice (tenant_id, id, number, period_from, period_until, due_on, currency, amount, status, \
         note, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
    )
    .bind(scope.tenant())
    .bind(invoice.id)
    .bind(&invoice.number)
    .bind(invoice.period_from)
    .bind(invoice.period_until)
    .bind(invoice.due_on)
    .bind(invoice.currency)
    .bind(invoice.amount)
    .bind(invoice.status)
    .bind(&invoice.note)
    .bind(invoice.version)
    .bind(invoice.created_at)
    .bind(invoice.updated_at)
    .execute_optional()
    .await
}

/// Its lines.
pub(in super::super) async fn insert_lines(
    conn: &mut Conn,
    scope: &Scope,
    invoice: &SaasInvoice,
) -> Result<()> {
    let lines: Vec<(i64, &InvoiceLine)> = (1..).zip(&invoice.lines).collect();
    bulk::insert(
        conn,
        "INSERT INTO saas_invoice_line (tenant_id, invoice_id, position, description, amount, charge_id)",
        "",
        &lines,
        |values, (position, line)| {
            values.push(scope.tenant());
            values.push(invoice.id);
            values.push(*position);
            values.push(&line.description);
            values.push(line.amount);
            values.push(line.charge);
        },
    )
    .await
    .map(drop)
}

/// These charges stand on it: one that stands on another one is refused by its key.
pub(in super::super) async fn take_charges(
    conn: &mut Conn,
    scope: &Scope,
    id: SaasInvoiceId,
    charges: &[SaasChargeId],
) -> Result<()> {
    bulk::insert(
        conn,
        "INSERT INTO saas_charge_invoiced (tenant_id, charge_id, invoice_id)",
        "",
        charges,
        |values, charge| {
            values.push(scope.tenant());
            values.push(*charge);
            values.push(id);
        },
    )
    .await
    .map(drop)
}

/// Lets go of the charges of an invoice.
pub(in super::super) async fn release_charges(
    conn: &mut Conn,
    scope: &Scope,
    id: SaasInvoiceId,
) -> Result<u64> {
    conn.query("DELETE FROM saas_charge_invoiced WHERE tenant_id = $1 AND invoice_id = $2")
        .bind(scope.tenant())
        .bind(id)
        .execute()
        .await
}

/// A charge that an invoice has let go of stands on that one for good: it is void with it. `false` when none has.
pub(in super::super) async fn write_off(
    conn: &mut Conn,
    scope: &Scope,
    charge: SaasChargeId,
) -> Result<bool> {
    let written = conn
        .query(
            "INSERT INTO saas_charge_invoiced (tenant_id, charge_id, invoice_id) \
             SELECT tenant_id, charge_id, invoice_id FROM saas_invoice_line WHERE tenant_id = $1 AND charge_id = $2 \
             AND NOT EXISTS (SELECT 1 FROM saas_charge_invoiced WHERE tenant_id = $1 AND charge_id = $2) \
             ORDER BY invoice_id DESC LIMIT 1",
        )
        .bind(scope.tenant())
        .bind(charge)
        .execute()
        .await?;
    Ok(written > 0)
}

/// Has the month that begins on `from` an invoice?
pub(in super::super) async fn is_issued(conn: &mut Conn, scope: &Scope, from: Day) -> Result<bool> {
    let found: Option<(SaasInvoiceId,)> = conn
        .query("SELECT id FROM saas_invoice WHERE tenant_id = $1 AND period_from = $2 AND status <> 'void'")
        .bind(scope.tenant())
        .bind(from)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// Marks open invoices that were due before `today` as overdue: gives those that were not before.
pub(in super::super) async fn mark_overdue(
    conn: &mut Conn,
    scope: &Scope,
    today: Day,
) -> Result<Vec<SaasInvoiceId>> {
    let rows: Vec<(SaasInvoiceId,)> = conn
        .query(
            "UPDATE saas_invoice SET overdue_at = $2 \
             WHERE tenant_id = $1 AND status = 'open' AND overdue_at IS NULL AND due_on < $3 RETURNING id",
        )
        .bind(scope.tenant())
        .bind(scope.now())
        .bind(today)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Marks open invoices that were due before `day` (`None` for all) and never locked the panel; says how many.
pub(in super::super) async fn mark_causes(conn: &mut Conn, scope: &Scope, day: Option<Day>) -> Result<u64> {
    let mut query = conn
        .query(
            "UPDATE saas_invoice SET isolated_at = $2 \
             WHERE tenant_id = $1 AND status = 'open' AND isolated_at IS NULL",
        )
        .bind(scope.tenant())
        .bind(scope.now());
    if let Some(day) = day {
        query = query.push(" AND due_on < ").push_bind(day);
    }
    query.execute().await
}

/// Is an invoice unpaid that locked the panel?
pub(in super::super) async fn has_causes(conn: &mut Conn, scope: &Scope) -> Result<bool> {
    let found: Option<(SaasInvoiceId,)> = conn
        .query(
            "SELECT id FROM saas_invoice WHERE tenant_id = $1 AND status = 'open' AND isolated_at IS NOT NULL LIMIT 1",
        )
        .bind(scope.tenant())
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// Nobody else changes the invoice until the commit.
pub(in super::super) async fn lock(conn: &mut Conn, scope: &Scope, id: SaasInvoiceId) -> Result<()> {
    let text = "SELECT id FROM saas_invoice WHERE tenant_id = $1 AND id = $2";
    let _found: Option<(SaasInvoiceId,)> = conn
        .query(dialect(text, "SELECT id FROM saas_invoice WHERE tenant_id = $1 AND id = $2 FOR UPDATE"))
        .bind(scope.tenant())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(())
}

pub(in super::super) async fn update(
    conn: &mut Conn,
    scope: &Scope,
    invoice: &SaasInvoice,
    version: Version,
) -> Result<()> {
    conn.query(
        "UPDATE saas_invoice SET status = $4, note = $5, version = $6, updated_at = $7 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3",
    )
    .bind(scope.tenant())
    .bind(invoice.id)
    .bind(version)
    .bind(invoice.status)
    .bind(&invoice.note)
    .bind(invoice.version)
    .bind(invoice.updated_at)
    .execute_one()
    .await
}

pub(in super::super) async fn find(
    conn: &mut Conn,
    scope: &Scope,
    id: SaasInvoiceId,
) -> Result<Option<SaasInvoice>> {
    let query = conn.query(SELECT).push("id = $2").bind(scope.tenant()).bind(id);
    let row: Option<Row> = query.fetch_optional().await?;
    Ok(with_lines(conn, scope, row.into_iter().collect()).await?.pop())
}

/// Whose it is, for the platform.
pub(in super::super) async fn tenant_of(
    conn: &mut Conn,
    _platform: &Platform,
    id: SaasInvoiceId,
) -> Result<Option<TenantId>> {
    let query = conn.query("SELECT tenant_id FROM saas_invoice WHERE id = $1").bind(id);
    Ok(query.fetch_optional::<(TenantId,)>().await?.map(|(tenant,)| tenant))
}

pub(in super::super) async fn list(
    conn: &mut Conn,
    scope: &Scope,
    after: Option<SaasInvoiceId>,
    limit: i64,
) -> Result<Vec<SaasInvoice>> {
    let mut query = conn.query(SELECT).push("TRUE").bind(scope.tenant());
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all().await?;
    with_lines(conn, scope, rows).await
}

/// Those that are to be paid, the longest due first.
pub(in super::super) async fn open(conn: &mut Conn, scope: &Scope, limit: i64) -> Result<Vec<SaasInvoice>> {
    let query = conn.query(SELECT).push("status = 'open' ORDER BY due_on, id LIMIT $2");
    let rows = query.bind(scope.tenant()).bind(limit).fetch_all().await?;
    with_lines(conn, scope, rows).await
}

#[derive(sqlx::FromRow)]
struct LineRow {
    invoice_id: SaasInvoiceId,
    description: String,
    amount: Minor,
    charge_id: Option<SaasChargeId>,
}

async fn with_lines(conn: &mut Conn, scope: &Scope, rows: Vec<Row>) -> Result<Vec<SaasInvoice>> {
    let ids: Vec<SaasInvoiceId> = rows.iter().map(|row| row.id).collect();
    let mut lines: HashMap<SaasInvoiceId, Vec<InvoiceLine>> = HashMap::new();
    for chunk in ids.chunks(bulk::CHUNK) {
        let found: Vec<LineRow> = conn
            .query(
                "SELECT invoice_id, description, amount, charge_id FROM saas_invoice_line \
                 WHERE tenant_id = $1 AND invoice_id IN ",
            )
            .bind(scope.tenant())
            .push_list(chunk)
            .push(" ORDER BY invoice_id, position")
            .fetch_all()
            .await?;
        for line in found {
            let (description, amount) = (line.description, line.amount);
            let line_of = InvoiceLine { description, amount, charge: line.charge_id };
            lines.entry(line.invoice_id).or_default().push(line_of);
        }
    }
    Ok(rows
        .into_iter()
        .map(|row| SaasInvoice {
            id: row.id,
            number: row.number,
            period_from: row.period_from,
            period_until: row.period_until,
            due_on: row.due_on,
            currency: row.currency,
            amount: row.amount,
            status: row.status,
            note: row.note,
            lines: lines.remove(&row.id).unwrap_or_default(),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
        .collect())
}
