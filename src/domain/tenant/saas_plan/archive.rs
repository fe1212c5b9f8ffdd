//! Archiving a SaaS plan: who has it keeps it, nobody new gets it.

use base::{Platform, SaasPlanId};
use foundation::{Tx, audit, db};

use super::{
    super::{
        super::values::{Stale, Version},
        store,
    },
    SaasPlan, TRIAL,
};

/// Why a plan cannot be archived, or brought back.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// There is no such plan.
    #[error("there is no such plan")]
    NotFound,
    /// It was changed since the caller read it.
    #[error("the plan was changed meanwhile")]
    Stale(#[from] Stale),
    /// New tenants start with it.
    #[error("new tenants start with the plan trial: it cannot be archived")]
    Trial,
    /// The database refused.
    #[error("the plan cannot be stored")]
    Database(#[from] db::Error),
}

/// Archives a plan, or brings it back. Doing it twice does no harm.
///
/// # Errors
/// As [`ArchiveError`] says.
pub async fn archive(
    tx: &mut Tx,
    platform: &Platform,
    id: SaasPlanId,
    seen: Option<Version>,
    archived: bool,
) -> Result<SaasPlan, ArchiveError> {
    let before = store::saas_plan::find(tx, id).await?.ok_or(ArchiveError::NotFound)?;
    before.version.expect(seen)?;
    if archived && id == TRIAL {
        return Err(ArchiveError::Trial);
    }
    if before.archived_at.is_some() == archived {
        return Ok(before);
    }
    let after = SaasPlan {
        archived_at: archived.then_some(platform.now()),
        version: before.version.next(),
        updated_at: platform.now(),
        ..before.clone()
    };
    if !store::saas_plan::update(tx, &after, before.version).await? {
        return Err(Stale { seen: before.version, current: after.version }.into());
    }
    let act = if archived { "saas_plan.archive" } else { "saas_plan.restore" };
    tx.audit(platform, audit::Entry::new(act, "saas_plan", id).before(&before).after(&after));
    Ok(after)
}
