//! Taking places and giving them back, under the lock of the counter.

use base::Scope;
use foundation::{Tx, db};

use super::{super::store, Limit};

/// No place is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit {limit} is reached: {used} of {maximum} are used")]
pub struct LimitReached {
    /// Which limit.
    pub limit: Limit,
    /// Places that are taken.
    pub used: i64,
    /// Places that there are.
    pub maximum: i64,
    /// The super admin has set the maximum: no plan and no add-on raises it.
    pub is_overridden: bool,
}

/// Why no place is given.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// There is none.
    #[error(transparent)]
    Reached(#[from] LimitReached),
    /// The database cannot be used.
    #[error("the limit cannot be read")]
    Database(#[from] db::Error),
}

/// Takes `places` places, all or none, and locks the counter until the commit. Call it before the rows are written, and
/// nowhere behind the lock of another of the tenant's rows: everybody locks in this order. A transaction that was refused is
/// still good.
///
/// # Errors
/// As [`TakeError`] says.
pub async fn take(tx: &mut Tx, scope: &Scope, limit: Limit, places: u32) -> Result<(), TakeError> {
    let (free, reached) = look(tx, scope, limit).await?;
    if places > free
        && let Some(reached) = reached
    {
        return Err(reached.into());
    }
    Ok(store::limit::add(tx, scope, limit, i64::from(places)).await?)
}

/// Takes as many of `places` as there are, and says how many, and why not all: for work in bulk.
///
/// # Errors
/// When the database cannot be used.
pub async fn take_available(
    tx: &mut Tx,
    scope: &Scope,
    limit: Limit,
    places: u32,
) -> db::Result<(u32, Option<LimitReached>)> {
    let (free, reached) = look(tx, scope, limit).await?;
    let taken = places.min(free);
    store::limit::add(tx, scope, limit, i64::from(taken)).await?;
    let full = |reached: LimitReached| LimitReached { used: reached.maximum.max(reached.used), ..reached };
    Ok((taken, reached.filter(|_| taken < places).map(full)))
}

/// Locks the counter until the commit: for who decides by the rows whether places are given back.
///
/// # Errors
/// When the database cannot be used.
pub async fn hold(tx: &mut Tx, scope: &Scope, limit: Limit) -> db::Result<()> {
    store::limit::lock(tx, scope, limit).await.map(drop)
}

/// Gives places back. Call it before the rows are removed.
///
/// # Errors
/// When the database cannot be used.
pub async fn give_back(tx: &mut Tx, scope: &Scope, limit: Limit, places: u32) -> db::Result<()> {
    store::limit::lock(tx, scope, limit).await?;
    store::limit::add(tx, scope, limit, -i64::from(places)).await
}

/// Locks the counter; how many places are free, and what is said when they do not suffice.
async fn look(tx: &mut Tx, scope: &Scope, limit: Limit) -> db::Result<(u32, Option<LimitReached>)> {
    let used = store::limit::lock(tx, scope, limit).await?;
    // Read behind the lock: who waited for it sees what changed meanwhile.
    let said = store::limit::maximum(tx, scope, limit).await?;
    let Some(maximum) = said.get() else { return Ok((u32::MAX, None)) };
    let free = u32::try_from(maximum.saturating_sub(used).max(0)).unwrap_or(u32::MAX);
    Ok((free, Some(LimitReached { limit, used, maximum, is_overridden: said.overridden.is_some() })))
}
