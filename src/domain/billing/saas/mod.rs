//! What a tenant owes the platform: invoices for its plan and its add-ons.
//!
//! `account` how far the plan is charged · `plan_charge`, `change_plan` what it costs · `issue` makes an invoice · `settle` it is paid, or void · `set_status` when a tenant becomes active · `isolate` who does not pay is locked out, and comes in again ·
//! `lock` what is told to who is locked out · `round` what is due on one of a tenant's days · `jobs` does that for all.

mod account;
mod change_plan;
mod event;
mod isolate;
mod issue;
pub mod jobs;
mod lock;
mod plan_charge;
mod round;
mod set_status;
mod settle;
mod store;

#[cfg(test)]
mod tests;

use base::{
    Currency, Minor, Platform, SaasChargeId, SaasInvoiceId, Scope, TenantId, Timestamp,
    page::{Page, PageRequest},
};
pub use change_plan::{ChangePlanError, change_plan};
pub use event::{InvoiceCreated, InvoicePaid, InvoiceVoided};
use foundation::{Conn, db};
pub use isolate::{IsolateError, isolate};
pub use issue::{IssueError, issue};
pub use lock::{PanelLock, UnpaidInvoice, panel_lock, unpaid};
use serde::Serialize;
pub use set_status::{SetStatusError, set_status};
pub use settle::{SettleError, pay, void};

use super::super::values::{Day, Invalid, Version};

base::text_enum! {
    /// How an invoice stands.
    pub enum InvoiceStatus {
        /// It is to be paid.
        Open = "open",
        /// It was paid.
        Paid = "paid",
        /// It was a mistake; what it asked for may stand on another one.
        Void = "void",
    }
}

/// An invoice of the platform to a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaasInvoice {
    /// Its id.
    pub id: SaasInvoiceId,
    /// Its number on the platform, such as `SAAS-2026-000001`: without gaps within a year.
    pub number: String,
    /// The first day of the month that it is for.
    pub period_from: Day,
    /// The day behind its last one.
    pub period_until: Day,
    /// The last day on which it may be paid.
    pub due_on: Day,
    /// The currency of its amounts.
    pub currency: Currency,
    /// What is owed.
    pub amount: Minor,
    /// How it stands.
    pub status: InvoiceStatus,
    /// How it was paid, or why it is void.
    pub note: String,
    /// What it asks for.
    pub lines: Vec<InvoiceLine>,
    /// Rises with each change.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SaasInvoiceLine)]
pub struct InvoiceLine {
    /// What for.
    pub description: String,
    /// How much.
    pub amount: Minor,
    /// For which charge, the first one where an add-on's units were bought one after the other on a day; null for what is
    /// carried over to the next invoice.
    #[serde(rename = "chargeId")]
    pub charge: Option<SaasChargeId>,
}

/// Why invoices cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such invoice.
    #[error("there is no such invoice")]
    NotFound,
    /// The page's cursor does not come from an earlier page.
    #[error("the page cannot be found")]
    Invalid(#[from] Invalid),
    /// The database cannot be read.
    #[error("the invoice cannot be read")]
    Database(#[from] db::Error),
}

/// The tenant's invoice with this id.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn load(conn: &mut Conn, scope: &Scope, id: SaasInvoiceId) -> Result<SaasInvoice, LoadError> {
    store::invoice::find(conn, scope, id).await?.ok_or(LoadError::NotFound)
}

/// Whose invoice it is, if there is one: the platform settles it by its id alone.
///
/// # Errors
/// When the database cannot be read.
pub async fn tenant_of(
    conn: &mut Conn,
    platform: &Platform,
    id: SaasInvoiceId,
) -> db::Result<Option<TenantId>> {
    store::invoice::tenant_of(conn, platform, id).await
}

/// The tenant's invoices in the order of their making.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn list(
    conn: &mut Conn,
    scope: &Scope,
    request: &PageRequest,
) -> Result<Page<SaasInvoice>, LoadError> {
    let after =
        request.after().map(str::parse).transpose().map_err(|_| Invalid::new("after", "is no cursor"))?;
    let rows = store::invoice::list(conn, scope, after, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(rows, request, |invoice| invoice.id.to_string()))
}
