//! The safety net under the wake-ups: looks once a second how far every stream reaches, and wakes where one grew. What is
//! lost on the way between nodes is late by that, and no more.

use std::{collections::HashMap, time::Duration};

use base::TenantId;
use tokio_util::sync::CancellationToken;

use super::Woken;
use crate::{Db, db::Result};

/// How often: a lost notification is made good within two seconds.
const EVERY: Duration = Duration::from_secs(1);

/// How far the streams of a tenant reach: events, audit entries, changes.
type Reach = (i64, i64, i64);

/// Looks until `stop`. It costs a read of one row a tenant; while the database is away it does nothing.
pub async fn watch(db: &Db, stop: &CancellationToken) {
    let mut known: Option<HashMap<TenantId, Reach>> = None;
    loop {
        if let Ok(found) = heads(db).await {
            match &known {
                // Whatever grew before the first look.
                None => db.wake().deliver(Woken::All),
                Some(known) => {
                    for (tenant, _) in found.iter().filter(|(tenant, reach)| known.get(tenant) != Some(reach))
                    {
                        db.wake().deliver(Woken::Tenant(*tenant));
                    }
                }
            }
            known = Some(found);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn heads(db: &Db) -> Result<HashMap<TenantId, Reach>> {
    let mut heads = HashMap::new();
    db.conn()
        .await?
        .query("SELECT tenant_id, event_sequence, audit_sequence, change_sequence FROM stream_head")
        .for_each(|(tenant, events, entries, changes): (TenantId, i64, i64, i64)| {
            heads.insert(tenant, (events, entries, changes));
        })
        .await?;
    Ok(heads)
}
