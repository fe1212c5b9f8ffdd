//! Invoices of the platform to its tenants. Published by billing.

use base::SaasInvoiceId;
use foundation::event::Event;
use serde::{Deserialize, Serialize};

/// A tenant did not pay the platform in time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceOverdue {
    /// Which.
    #[serde(rename = "invoiceId")]
    pub invoice: SaasInvoiceId,
}

impl Event for InvoiceOverdue {
    const KIND: &'static str = "invoice_overdue";
}
