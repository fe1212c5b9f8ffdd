//! An invoice is paid, or void; a matter of the super admin.

use base::{Platform, SaasInvoiceId, TenantId};
use foundation::{Tx, audit, db};

use super::{InvoicePaid, InvoiceStatus, InvoiceVoided, SaasInvoice, isolate::lift_settled, store};
use crate::domain::{
    tenant::{self, UpdateError},
    values::{Invalid, text},
};

/// Why an invoice stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// There is no such invoice.
    #[error("there is no such invoice")]
    NotFound,
    /// It was settled before.
    #[error("the invoice is {0} already")]
    NotOpen(InvoiceStatus),
    /// A value cannot be accepted.
    #[error("the note cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The tenant's panel cannot be opened.
    #[error(transparent)]
    Tenant(#[from] UpdateError),
    /// The database refused.
    #[error("the invoice cannot be stored")]
    Database(#[from] db::Error),
}

/// Notes that an invoice was paid, and how. The panel is open at the next request when it was the last one that locked it;
/// what else locks it does so on.
///
/// # Errors
/// As [`SettleError`] says.
pub async fn pay(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    id: SaasInvoiceId,
    note: &str,
) -> Result<SaasInvoice, SettleError> {
    let invoice = settle(tx, platform, tenant, id, InvoiceStatus::Paid, note).await?;
    tx.publish(&platform.within(tenant), &InvoicePaid { invoice: id });
    lift_settled(tx, &platform.within(tenant)).await?;
    Ok(invoice)
}

/// Declares an invoice void, and says why. Its cycle may have another one, on which its charges stand. A panel that it
/// locked is open at the next request, as after a payment.
///
/// # Errors
/// As [`SettleError`] says.
pub async fn void(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    id: SaasInvoiceId,
    note: &str,
) -> Result<SaasInvoice, SettleError> {
    let invoice = settle(tx, platform, tenant, id, InvoiceStatus::Void, note).await?;
    // The plan's price is looked up anew by whoever charges its cycle next.
    store::invoice::release_charges(tx, &platform.within(tenant), id).await?;
    tx.publish(&platform.within(tenant), &InvoiceVoided { invoice: id });
    lift_settled(tx, &platform.within(tenant)).await?;
    Ok(invoice)
}

async fn settle(
    tx: &mut Tx,
    platform: &Platform,
    tenant: TenantId,
    id: SaasInvoiceId,
    status: InvoiceStatus,
    note: &str,
) -> Result<SaasInvoice, SettleError> {
    let scope = platform.within(tenant);
    tenant::lock(tx, &scope).await?;
    store::invoice::lock(tx, &scope, id).await?;
    let before = store::invoice::find(tx, &scope, id).await?.ok_or(SettleError::NotFound)?;
    if before.status != InvoiceStatus::Open {
        return Err(SettleError::NotOpen(before.status));
    }
    let after = SaasInvoice {
        status,
        note: text::note("note", note)?,
        version: before.version.next(),
        updated_at: platform.now(),
        ..before.clone()
    };
    store::invoice::update(tx, &scope, &after, before.version).await?;
    let act = if status == InvoiceStatus::Paid { "saas_invoice.pay" } else { "saas_invoice.void" };
    tx.audit(&scope, audit::Entry::new(act, "saas_invoice", id).before(&before).after(&after));
    Ok(after)
}
