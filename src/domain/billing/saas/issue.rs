//! Making an invoice: the plan's price, and the charges that stand on none yet.

use base::{Minor, Platform, SaasChargeId, SaasInvoiceId, TenantId, money::AmountOutOfRange};
use foundation::{Tx, audit, db};
use jiff::ToSpan as _;

use super::{InvoiceCreated, InvoiceLine, InvoicePaid, InvoiceStatus, SaasInvoice, plan_charge, store};
use crate::domain::{
    addon::{self, ChargeError},
    tenant::{
        self,
        saas_plan::{self, Cycle},
    },
    values::{Day, Invalid, Version, invalid::ensure},
};

/// The line that takes off an invoice what it cannot give back.
const CARRIED: &str = "Carried over to the next invoice";
/// The note on an invoice of nothing.
const SETTLED: &str = "Settled by what was given back";

/// Why an invoice cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    UnknownTenant,
    /// The month has its invoice.
    #[error("there is an invoice for the month from {0} on")]
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

impl From<ChargeError> for IssueError {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Amount(error) => Self::Amount(error),
            ChargeError::Database(error) => Self::Database(error),
        }
    }
}

impl From<addon::SettleError> for IssueError {
    fn from(error: addon::SettleError) -> Self {
        match error {
            addon::SettleError::Amount(error) => Self::Amount(error),
            addon::SettleError::Database(error) => Self::Database(error),
        }
    }
}

/// Makes the tenant's invoice for the month that it is in: what is not charged of the plan's cycle, and every charge that
/// stands on no invoice. The first cycle of a tenant is paid from its first day on. Each month has one invoice, however many
/// ask. What is given back beyond what is asked for is carried over to the next one.
///
/// # Errors
/// As [`IssueError`] says. After [`IssueError::NothingOwed`] the transaction may be committed.
pub async fn issue(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    due_in_days: Option<i64>,
) -> Result<SaasInvoice, IssueError> {
    let days = match due_in_days {
        Some(days) => days,
        None => tenant::platform_settings(tx).await?.settings.invoice_due_days,
    };
    ensure((0..=tenant::MAX_DAYS).contains(&days), "dueInDays", "must be from 0 to 90")?;
    let scope = platform.within(tenant);
    tenant::lock(tx, &scope).await?;
    let found = tenant::find(tx, platform, tenant).await?.ok_or(IssueError::UnknownTenant)?;
    let plan = saas_plan::find(tx, platform, found.saas_plan).await?.ok_or(IssueError::UnknownTenant)?;
    let calendar = tenant::calendar(tx, &scope).await?;
    let today = calendar.today(platform.now());
    let month = calendar.period(Cycle::Monthly, today);
    if store::invoice::is_issued(tx, &scope, month.from).await? {
        return Err(IssueError::AlreadyIssued(month.from));
    }
    addon::settle_all(tx, &scope).await?;
    let own = plan_charge::charge_cycle(tx, &scope, &plan, &calendar, today).await?;
    if !addon::owes(tx, &scope, plan.spec.currency).await? {
        return Err(IssueError::NothingOwed);
    }
    let items = addon::invoice_charges(tx, &scope, plan.spec.currency, own).await?;
    let charges: Vec<SaasChargeId> =
        items.iter().flat_map(|item| &item.charges).map(|charge| charge.id).collect();
    let lines = items.into_iter().map(|item| {
        let charge = item.charges.first().map(|charge| charge.id);
        Ok(InvoiceLine { amount: item.amount()?, description: item.description, charge })
    });
    let mut lines = lines.collect::<Result<Vec<InvoiceLine>, AmountOutOfRange>>()?;
    let sum = lines.iter().try_fold(Minor::ZERO, |sum, line| sum.checked_add(line.amount))?;
    let year = today.date().year();
    let number = store::invoice::next_number(tx, i64::from(year)).await?;
    let number = format!("SAAS-{year}-{number:06}");
    if sum < Minor::ZERO {
        let rest = Minor::ZERO.checked_sub(sum)?;
        lines.push(InvoiceLine { description: CARRIED.to_owned(), amount: rest, charge: None });
        let carried = (format!("Carried over from {number}"), sum);
        plan_charge::carry(tx, &scope, &plan, month, carried).await?;
    }
    let amount = sum.max(Minor::ZERO);
    let is_settled = amount == Minor::ZERO;
    let invoice = SaasInvoice {
        id: SaasInvoiceId::generate(platform.now()),
        number,
        period_from: month.from,
        period_until: month.until,
        due_on: Day::new(today.date().saturating_add(days.days())),
        currency: plan.spec.currency,
        amount,
        status: if is_settled { InvoiceStatus::Paid } else { InvoiceStatus::Open },
        note: if is_settled { SETTLED.to_owned() } else { String::new() },
        lines,
        version: Version::FIRST,
        created_at: platform.now(),
        updated_at: platform.now(),
    };
    // The number is given back with the transaction, which the caller drops.
    if !store::invoice::insert(tx, &scope, &invoice).await? {
        return Err(IssueError::AlreadyIssued(month.from));
    }
    store::invoice::insert_lines(tx, &scope, &invoice).await?;
    store::invoice::take_charges(tx, &scope, invoice.id, &charges).await?;
    tx.publish(&scope, &InvoiceCreated { invoice: invoice.id });
    if is_settled {
        tx.publish(&scope, &InvoicePaid { invoice: invoice.id });
    }
    tx.audit(&scope, audit::Entry::new("saas_invoice.issue", "saas_invoice", invoice.id).after(&invoice));
    Ok(invoice)
}
