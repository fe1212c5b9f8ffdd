//! What is told to somebody whose tenant is isolated: what is unpaid, and how to pay it.

use base::{Currency, Minor, Scope};
use foundation::{Conn, db};
use serde::Serialize;

use super::{SaasInvoice, store};
use crate::domain::{
    tenant::{self, TenantStatus},
    values::Day,
};

/// Unpaid invoices that are named; who owes more is asked for these first.
const MAX_NAMED: i64 = 24;

/// Why somebody is locked out, and what opens the door again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PanelLock {
    /// What is unpaid, the longest due first.
    pub invoices: Vec<UnpaidInvoice>,
    /// How to pay the platform, in its own words.
    pub how_to_pay: String,
}

/// An invoice that is to be paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnpaidInvoice {
    /// Its number.
    pub number: String,
    /// The last day on which it may be paid.
    pub due_on: Day,
    /// What is owed.
    pub amount: Minor,
    /// The amount's currency.
    pub currency: Currency,
}

/// What is told to the people of an isolated tenant; `None` when it is not isolated.
///
/// # Errors
/// When there is no such tenant, or the database cannot be read.
pub async fn panel_lock(conn: &mut Conn, scope: &Scope) -> db::Result<Option<PanelLock>> {
    if tenant::load(conn, scope).await?.status != TenantStatus::Isolated {
        return Ok(None);
    }
    let invoices = unpaid(conn, scope).await?.into_iter().map(|invoice| UnpaidInvoice {
        number: invoice.number,
        due_on: invoice.due_on,
        amount: invoice.amount,
        currency: invoice.currency,
    });
    let invoices = invoices.collect();
    let how_to_pay = tenant::platform_settings(conn).await?.settings.payment_instructions;
    Ok(Some(PanelLock { invoices, how_to_pay }))
}

/// What the tenant has not paid, the longest due first.
///
/// # Errors
/// When the database cannot be read.
pub async fn unpaid(conn: &mut Conn, scope: &Scope) -> db::Result<Vec<SaasInvoice>> {
    store::invoice::open(conn, scope, MAX_NAMED).await
}
