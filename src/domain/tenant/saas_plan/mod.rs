//! SaaS plans: what the platform sells to providers. Each tenant has exactly one.
//!
//! A plan is changed for all who have it, at their next request; it is archived, never removed.

mod archive;
mod assign;
mod create;
mod cycle;
mod spec;
mod update;

use base::{
    Platform, SaasPlanId, Timestamp,
    page::{Page, PageRequest},
};
use foundation::{Conn, db};

pub use archive::{ArchiveError, archive};
pub use assign::{AssignError, TenantPlanChanged, assign};
pub use create::{CreateError, create};
#[cfg(test)]
pub(crate) use cycle::any;
pub use cycle::{Cycle, Period};
pub use spec::{SaasPlanSpec, code};
pub use update::{SaasPlanChanged, UpdateError, update};

use super::{super::values::Version, ListError, store};

/// The plan of a tenant that is made without another word: every database has it from the start.
pub const TRIAL: SaasPlanId = SaasPlanId::from_bytes([0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1]);

/// What the platform sells to providers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaasPlan {
    /// Its id.
    pub id: SaasPlanId,
    /// What people may change of it.
    #[serde(flatten)]
    pub spec: SaasPlanSpec,
    /// Since when nobody new gets it.
    pub archived_at: Option<Timestamp>,
    /// Rises with each change.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The plan with this id.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(conn: &mut Conn, _platform: &Platform, id: SaasPlanId) -> db::Result<Option<SaasPlan>> {
    store::saas_plan::find(conn, id).await
}

/// The plan with this short name.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_by_code(conn: &mut Conn, _platform: &Platform, code: &str) -> db::Result<Option<SaasPlan>> {
    store::saas_plan::find_by_code(conn, code).await
}

/// All plans in the order of their making, archived ones too.
///
/// # Errors
/// As [`ListError`] says.
pub async fn list(
    conn: &mut Conn,
    _platform: &Platform,
    request: &PageRequest,
) -> Result<Page<SaasPlan>, ListError> {
    let after = request.after().map(str::parse).transpose().map_err(|_| ListError::Cursor)?;
    let rows = store::saas_plan::list(conn, after, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(rows, request, |plan| plan.id.to_string()))
}
