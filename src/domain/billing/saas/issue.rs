//! Making an invoice: the plan's price for the present cycle, and the charges that stand on none yet.

use base::{Platform, SaasInvoiceId, TenantId, money::AmountOutOfRange};
use foundation::{Tx, audit, db};
use jiff::ToSpan as _;

use super::{InvoiceCreated, InvoiceLine, InvoiceStatus, SaasInvoice, store};
use crate::domain::{
    addon,
    tenant::{self, saas_plan},
    values::{Day, Invalid, Version, invalid::ensure},
};

/// Days to pay in when nothing else is said.
const DUE_IN_DAYS: i64 = 7;
/// The most days to pay in.
const MAX_DUE_IN_DAYS: i64 = 90;
/// Charges on one invoice; more of them stand on the next one.
const MAX_CHARGES: u32 = 200;

/// Why an invoice cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    UnknownTenant,
    /// The cycle has its invoice.
    #[error("there is an invoice for the cycle from {0} on")]
    AlreadyIssued(Day),
    /// Plan and add-ons cost nothing.
    #[error("nothing is owed")]
    NothingOwed,
    /// A value cannot be accepted.
    #[error("the invoice cannot be accepted")]
    Invalid(#[from] Invalid),
    /// Nobody can pay that.
    #[error("the amount is out of range")]
    Amount(#[from] AmountOutOfRange),
    /// The database refused.
    #[error("the invoice cannot be stored")]
    Database(#[from] db::Error),
}

/// Makes the tenant's invoice for the cycle of its plan that it is in, and with it for every charge that stands on no
/// invoice. The first cycle of a tenant is paid from its first day on. Each cycle has one invoice, however many ask.
///
/// # Errors
/// As [`IssueError`] says.
pub async fn issue(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    due_in_days: Option<i64>,
) -> Result<SaasInvoice, IssueError> {
    let days = due_in_days.unwrap_or(DUE_IN_DAYS);
    ensure((0..=MAX_DUE_IN_DAYS).contains(&days), "dueInDays", "must be from 0 to 90")?;
    let found = tenant::find(tx, platform, tenant).await?.ok_or(IssueError::UnknownTenant)?;
    let scope = platform.within(tenant);
    let plan = saas_plan::find(tx, platform, found.saas_plan).await?.ok_or(IssueError::UnknownTenant)?;
    let calendar = tenant::calendar(tx, &scope).await?;
    let today = calendar.today(platform.now());
    let period = calendar.period(plan.spec.cycle, today);
    let from = period.from.max(calendar.first());

    let mut lines = Vec::new();
    let price = period.share(plan.spec.price, from, period.until)?;
    if price.units() > 0 {
        let description = format!("{}, {from} – {}", plan.spec.name, period.last());
        lines.push(InvoiceLine { description, amount: price, charge: None });
    }
    for charge in addon::open_charges(tx, &scope, MAX_CHARGES).await? {
        if charge.currency == plan.spec.currency {
            let (description, amount) = (charge.description, charge.amount);
            lines.push(InvoiceLine { description, amount, charge: Some(charge.id) });
        }
    }
    let sum = lines.iter().try_fold(base::Minor::ZERO, |sum, line| sum.checked_add(line.amount))?;
    if sum.units() == 0 {
        return Err(IssueError::NothingOwed);
    }
    let year = today.date().year();
    let invoice = SaasInvoice {
        id: SaasInvoiceId::generate(platform.now()),
        number: format!("SAAS-{year}-{:06}", store::next_number(tx, i64::from(year)).await?),
        period_from: period.from,
        period_until: period.until,
        due_on: Day::new(today.date().saturating_add(days.days())),
        currency: plan.spec.currency,
        amount: sum,
        status: InvoiceStatus::Open,
        note: String::new(),
        lines,
        version: Version::FIRST,
        created_at: platform.now(),
        updated_at: platform.now(),
    };
    // The number is given back with the transaction, which the caller drops.
    if !store::insert(tx, &scope, &invoice).await? {
        return Err(IssueError::AlreadyIssued(period.from));
    }
    store::insert_lines(tx, &scope, &invoice).await?;
    tx.publish(&scope, &InvoiceCreated { invoice: invoice.id });
    tx.audit(&scope, audit::Entry::new("saas_invoice.issue", "saas_invoice", invoice.id).after(&invoice));
    Ok(invoice)
}
