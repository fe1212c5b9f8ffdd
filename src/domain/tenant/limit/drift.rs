//! Comparing the counters with what is really there.

use base::Scope;
use foundation::{Conn, Tx, audit, db};
use serde::Serialize;

use super::{super::store, Limit};

/// A counter that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Of which limit.
    pub limit: Limit,
    /// What the counter says.
    pub counted: i64,
    /// What is there.
    pub actual: i64,
}

/// The tenant's counters that are wrong. The connection must see one moment ([`Db::snapshot`](foundation::Db::snapshot)):
/// at each moment the counters fit, because they change in the transactions of the rows.
///
/// # Errors
/// When the database cannot be read.
pub async fn drifts(snapshot: &mut Conn, scope: &Scope) -> db::Result<Vec<Drift>> {
    let mut found = Vec::new();
    for limit in Limit::ALL {
        // Without a counter nobody has asked yet: the first one counts.
        let Some(counted) = store::limit::used(snapshot, scope, *limit).await? else { continue };
        let Some(actual) = store::limit::count(snapshot, scope, *limit).await? else { continue };
        if counted != actual {
            found.push(Drift { limit: *limit, counted, actual });
        }
    }
    Ok(found)
}

/// Puts a counter right, by the difference that was found; `false` when the counter has moved since, and the next look
/// decides.
///
/// # Errors
/// When the database cannot be used.
pub async fn mend(tx: &mut Tx, scope: &Scope, drift: &Drift) -> db::Result<bool> {
    if store::limit::lock(tx, scope, drift.limit).await? != drift.counted {
        return Ok(false);
    }
    store::limit::add(tx, scope, drift.limit, drift.actual - drift.counted).await?;
    tx.audit(scope, audit::Entry::new("limit.mend", "limit", drift.limit).after(drift));
    Ok(true)
}
