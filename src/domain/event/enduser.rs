//! Invoices of a provider to its customers. Published by billing.

use base::{CustomerId, EnduserInvoiceId, Minor, SubscriberId, Timestamp};
use foundation::event::Event;
use serde::{Deserialize, Serialize};

/// A customer has a new invoice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnduserInvoiceCreated {
    /// Which.
    #[serde(rename = "invoiceId")]
    pub invoice: EnduserInvoiceId,
    /// Whose.
    #[serde(rename = "customerId")]
    pub customer: CustomerId,
    /// How much, in the tenant's currency.
    pub amount: Minor,
    /// By when it is to be paid.
    pub due_at: Timestamp,
}

impl Event for EnduserInvoiceCreated {
    const KIND: &'static str = "enduser_invoice_created";
}

/// An invoice was not paid in time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnduserInvoiceOverdue {
    /// Which.
    #[serde(rename = "invoiceId")]
    pub invoice: EnduserInvoiceId,
    /// Whose.
    #[serde(rename = "customerId")]
    pub customer: CustomerId,
    /// What is still owed, in the tenant's currency.
    pub amount: Minor,
    /// The services that the cut-off policy wants isolated for it.
    #[serde(rename = "subscriberIds")]
    pub subscribers: Vec<SubscriberId>,
}

impl Event for EnduserInvoiceOverdue {
    const KIND: &'static str = "enduser_invoice_overdue";
}

/// An invoice is paid in full.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnduserInvoicePaid {
    /// Which.
    #[serde(rename = "invoiceId")]
    pub invoice: EnduserInvoiceId,
    /// Whose.
    #[serde(rename = "customerId")]
    pub customer: CustomerId,
    /// How much it was, in the tenant's currency.
    pub amount: Minor,
}

impl Event for EnduserInvoicePaid {
    const KIND: &'static str = "enduser_invoice_paid";
}
