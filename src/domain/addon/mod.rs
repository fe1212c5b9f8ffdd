//! Add-ons: what a tenant buys besides its plan. Each unit raises limits or switches features on.
//!
//! `catalogue` what there is · `order` asking for one · `decide` the super admin's answer to a custom one · `units` more, fewer
//! or none · `settle` what the turn of a cycle brings · `charge` what is owed for it · `invoice_line` what of that stands on an invoice ·
//! `jobs` sees to both for all tenants.

mod catalogue;
mod charge;
mod decide;
mod event;
mod invoice_line;
pub mod jobs;
mod order;
mod settle;
mod spec;
mod store;
mod units;

#[cfg(test)]
mod tests;

use base::{
    AddonId, Currency, Minor, Platform, Scope, TenantAddonId, TenantId, Timestamp,
    page::{Page, PageRequest},
};
pub use catalogue::{CatalogueError, archive, create, find, find_by_code, list, offers, update};
pub use charge::{
    ChargeError, PlanCharge, SaasCharge, charges, open_charges, owes_other_than, record_plan_charge,
};
pub use decide::{DecideError, approve, reject};
pub use event::{
    AddonActivated, AddonChangeScheduled, AddonDeactivated, AddonPendingApproval, AddonRejected,
    AddonUnitsChanged, SaasChargeRecorded,
};
use foundation::{Conn, db};
pub use invoice_line::{InvoiceCharges, invoice_charges, owes};
pub use order::{Order, OrderError, activate, order};
pub use settle::{SettleError, Settled, review, settle, settle_all};
pub use spec::AddonSpec;
pub use units::{UnitsError, set_units};

use super::{
    tenant::{Feature, Grants, saas_plan::Cycle},
    values::{Day, Invalid, Version},
};

base::text_enum! {
    /// How a tenant gets it.
    pub enum AddonKind {
        /// It is active at once.
        Official = "official",
        /// The super admin approves it first.
        Custom = "custom",
    }
}

/// An add-on of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Addon {
    /// Its id.
    pub id: AddonId,
    /// What people may change of it.
    #[serde(flatten)]
    pub spec: AddonSpec,
    /// Since when nobody new gets it.
    pub archived_at: Option<Timestamp>,
    /// Rises with each change.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Addon {
    /// What `units` of it add to a tenant's plan.
    #[must_use]
    pub fn grants(&self, units: i64) -> Grants {
        let limits = self.spec.limits.iter().map(|(limit, amount)| (*limit, amount.saturating_mul(units)));
        let features: Vec<Feature> = self.spec.features.iter().copied().collect();
        Grants { limits: limits.collect(), features }
    }
}

base::text_enum! {
    /// How a tenant's add-on stands.
    pub enum AddonStatus {
        /// The super admin has not decided yet.
        Pending = "pending",
        /// It holds.
        Active = "active",
        /// The super admin refused it.
        Rejected = "rejected",
        /// It is over.
        Ended = "ended",
    }
}

/// An add-on that a tenant asked for or has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantAddon {
    /// Its id.
    pub id: TenantAddonId,
    /// What of the catalogue.
    #[serde(rename = "addonId")]
    pub addon: AddonId,
    /// How it stands.
    pub status: AddonStatus,
    /// How many.
    pub units: i64,
    /// Of one unit for one cycle, in the currency's minor unit, as agreed.
    pub unit_price: Minor,
    /// The currency of the price.
    pub currency: Currency,
    /// How often it is paid.
    pub cycle: Cycle,
    /// What the tenant wrote.
    pub note: String,
    /// Who decided on it, as the audit trail names it.
    pub decided_by: Option<String>,
    /// Why.
    pub decision: Option<String>,
    /// The first day on which it was active.
    pub active_from: Option<Day>,
    /// The first day with these units.
    pub units_from: Option<Day>,
    /// Fewer units from the next cycle on; 0 ends it.
    pub next_units: Option<i64>,
    /// The first day with those.
    pub next_from: Option<Day>,
    /// When that day begins.
    pub next_at: Option<Timestamp>,
    /// Rises with each change.
    pub version: Version,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl TenantAddon {
    /// The same after a change at the scope's moment.
    fn changed(&self, scope: &Scope, change: impl FnOnce(&mut Self)) -> Self {
        let mut after = Self { version: self.version.next(), updated_at: scope.now(), ..self.clone() };
        change(&mut after);
        after
    }

    /// Leaves the number of units as it is at the turn of the cycle.
    const fn forget_next(&mut self) {
        self.next_units = None;
        self.next_from = None;
        self.next_at = None;
    }
}

/// Why something cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such add-on.
    #[error("there is no such add-on")]
    NotFound,
    /// The page's cursor does not come from an earlier page.
    #[error("the page cannot be found")]
    Invalid(#[from] Invalid),
    /// The database cannot be read.
    #[error("the add-on cannot be read")]
    Database(#[from] db::Error),
}

/// The tenant's add-on with this id.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn load(conn: &mut Conn, scope: &Scope, id: TenantAddonId) -> Result<TenantAddon, LoadError> {
    store::tenant_addon::find(conn, scope, id).await?.ok_or(LoadError::NotFound)
}

/// What the tenant asked for and has, in the order of asking.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn list_of_tenant(
    conn: &mut Conn,
    scope: &Scope,
    request: &PageRequest,
) -> Result<Page<TenantAddon>, LoadError> {
    let after = cursor(request)?;
    let rows = store::tenant_addon::list(conn, scope, after, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(rows, request, |row| row.id.to_string()))
}

/// Whose add-on it is, if there is one: the platform decides about it by its id alone.
///
/// # Errors
/// When the database cannot be read.
pub async fn tenant_of(
    conn: &mut Conn,
    platform: &Platform,
    id: TenantAddonId,
) -> db::Result<Option<TenantId>> {
    store::tenant_addon::tenant_of(conn, platform, id).await
}

/// What waits for the super admin, of all tenants, in the order of asking.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn list_pending(
    conn: &mut Conn,
    _platform: &Platform,
    request: &PageRequest,
) -> Result<Page<(TenantId, TenantAddon)>, LoadError> {
    let after = cursor(request)?;
    let rows = store::tenant_addon::list_pending(conn, after, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(rows, request, |(_, row)| row.id.to_string()))
}

/// The active add-ons of all tenants behind `after`, at most `limit`, for whoever looks through them.
///
/// # Errors
/// When the database cannot be read.
pub async fn list_active(
    conn: &mut Conn,
    _platform: &Platform,
    after: Option<(TenantId, TenantAddonId)>,
    limit: u32,
) -> db::Result<Vec<(TenantId, TenantAddonId)>> {
    store::tenant_addon::list_active(conn, after, i64::from(limit)).await
}

fn cursor(request: &PageRequest) -> Result<Option<TenantAddonId>, Invalid> {
    request.after().map(str::parse).transpose().map_err(|_| Invalid::new("after", "is no cursor"))
}
