//! What other domains are told of the platform's invoices.

use base::SaasInvoiceId;
use foundation::event::Event;
use serde::{Deserialize, Serialize};

/// Declares events that hold an invoice's id.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct $name {
            /// Which.
            #[serde(rename = "invoiceId")]
            pub invoice: SaasInvoiceId,
        }

        impl Event for $name {
            const KIND: &'static str = $kind;
        }
    )*};
}

events! {
    /// The platform sent a tenant an invoice.
    InvoiceCreated = "invoice_created";
    /// A tenant paid an invoice of the platform.
    InvoicePaid = "invoice_paid";
    /// An invoice of the platform was a mistake.
    InvoiceVoided = "invoice_voided";
}
