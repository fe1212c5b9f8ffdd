//! Tenants: the internet service providers on this platform.
//!
//! A tenant's *status* is about the panel and the contract with the platform. It never touches the service of the
//! tenant's subscribers: that is [`set_service_stopped`], an act of its own.
//!
//! `saas_plan` what the platform sells to it · `feature` which modules it may use · `limit` how many of a thing it may have ·
//! `grant` what add-ons add to both · `settings` what holds for the platform as a whole · `standing` its status, and why its
//! panel is locked ·
//! `jobs` compares the limits' counters with what is there.

mod calendar;
mod context;
mod create;
mod directory;
mod event;
pub mod feature;
mod grant;
pub mod jobs;
pub mod limit;
mod profile;
pub mod saas_plan;
mod settings;
mod spec;
mod standing;
mod store;
mod update;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use base::{
    Currency, Platform, SaasPlanId, Scope, TenantId, Timestamp, page,
    page::{Page, PageRequest},
};
pub use calendar::{Calendar, calendar};
pub use context::{PlanName, TenantContext, context};
pub use create::{CreateError, create, create_on_plan};
pub use directory::{ReadError, directory_entries, directory_entry};
pub use event::{TenantCreated, TenantIsolated, TenantLifted};
pub use feature::{Feature, FeatureSet, features};
use foundation::{
    Conn,
    db::{self, Error},
};
pub use grant::{Grants, grants, set_grants};
pub use limit::Limit;
pub use profile::{IsolirProfile, KeptAttribute};
pub use settings::{
    Handling, MAX_DAYS, PlatformSettings, SettingsError, StoredSettings, platform_settings,
    set_platform_settings,
};
pub use spec::TenantSpec;
pub use standing::{isolate, lift, lock, set_status};
pub use update::{UpdateError, set_isolir_profile, set_service_stopped, update};

use super::values::Version;

base::text_enum! {
    /// Why a tenant's panel is locked. Each reason comes and goes by itself; the panel is open when none is left.
    pub enum IsolationReason {
        /// Invoices of the platform are unpaid: their payment lifts it.
        Unpaid = "unpaid",
        /// The super admin's word, which nothing else takes back.
        Manual = "manual",
    }
}

base::text_enum! {
    /// How the tenant stands with the platform.
    pub enum TenantStatus {
        /// Trying the platform out.
        Trial = "trial",
        /// In good standing.
        Active = "active",
        /// Its panel is locked; its routers and subscribers are served on.
        Isolated = "isolated",
        /// Has left: nobody of it may sign in.
        Disabled = "disabled",
    }
}

impl TenantStatus {
    /// May its people use the panel and its programs the API?
    #[must_use]
    pub const fn panel_is_open(self) -> bool {
        matches!(self, Self::Trial | Self::Active)
    }
}

/// An internet service provider.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// What people may change of it.
    #[serde(flatten)]
    pub spec: TenantSpec,
    /// What the platform sells to it.
    #[serde(rename = "saasPlanId")]
    pub saas_plan: SaasPlanId,
    /// How it stands with the platform.
    pub status: TenantStatus,
    /// How it stands when nothing locks its panel.
    pub standing: TenantStatus,
    /// Why its panel is locked.
    pub isolation: BTreeSet<IsolationReason>,
    /// Its subscribers are turned away.
    pub service_stopped: bool,
    /// What an isolated subscriber gets.
    pub isolir_profile: IsolirProfile,
    /// Rises with each change.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The scope's tenant.
///
/// # Errors
/// [`Error::RowNotFound`] when there is none.
pub async fn load(conn: &mut Conn, scope: &Scope) -> db::Result<Tenant> {
    store::tenant::find(conn, scope.tenant()).await?.ok_or(Error::RowNotFound)
}

/// The tenant with this id, for the super admin.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(conn: &mut Conn, _platform: &Platform, id: TenantId) -> db::Result<Option<Tenant>> {
    store::tenant::find(conn, id).await
}

/// The tenant with this short name.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_by_slug(conn: &mut Conn, _platform: &Platform, slug: &str) -> db::Result<Option<Tenant>> {
    store::tenant::find_by_slug(conn, slug).await
}

/// All tenants in the order of their making, for the super admin.
///
/// # Errors
/// When the database cannot be read or the page's cursor is none of ours.
pub async fn list(
    conn: &mut Conn,
    _platform: &Platform,
    request: &PageRequest,
) -> Result<Page<Tenant>, ListError> {
    let after = request.after().map(str::parse).transpose().map_err(|_| ListError::Cursor)?;
    let limit = i64::from(request.limit().min(page::MAX_LIMIT)) + 1;
    let rows = store::tenant::list(conn, after, limit).await?;
    Ok(Page::cut(rows, request, |tenant| tenant.id.to_string()))
}

/// Why a list cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The cursor does not come from an earlier page.
    #[error("the page's cursor does not come from an earlier page")]
    Cursor,
    /// The database cannot be read.
    #[error("the list cannot be read")]
    Database(#[from] Error),
}

/// The currency when nothing else is said.
pub const DEFAULT_CURRENCY: Currency = Currency::IDR;
