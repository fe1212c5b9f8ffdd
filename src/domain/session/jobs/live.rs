//! The live table against the database: who is online by the one and not by the other.
//!
//! Both follow the journal, the table at once and the database behind the drain. So what differs is looked at again when
//! the database has everything that was acknowledged by then; what differs still is drift.

use std::{collections::HashMap, time::Duration};

use aaa::live::Filter;
use base::{SessionId, SubscriberId, TenantId};
use foundation::job::{JobContext, JobError};

use super::{
    super::{
        housekeeping::{patience, restore, start},
        store::{
            days,
            ends::{self, Open},
            lists,
        },
    },
    Accountant, drifted,
};

/// Sessions of one read.
const CHUNK: i64 = 1_000;
/// How often the drain is looked at, and how long it is waited for.
const DRAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// Compares both ways. A session that is open in the database, was heard a short time ago and is not in the table is put
/// back, where this node is the only one; one that only the table has is reported, and its next packet mends it.
pub(super) async fn compare(accountant: &Accountant, context: &JobContext) -> Result<(), JobError> {
    accountant.check_lag()?;
    let only_stored = only_stored(accountant, context).await?;
    let only_live = only_live(accountant, context).await?;
    wait_for_drain(accountant).await?;
    let mended = put_back(accountant, context, &only_stored).await?;
    let missing = still_missing(accountant, context, only_live).await?;
    match (mended, missing) {
        (0, 0) => context.log("the live table and the database tell of the same sessions"),
        _ => context.warn(format!(
            "{mended} sessions were not in the live table, and {missing} not open in the database"
        )),
    }
    drifted_if("live_session_missing", mended);
    drifted_if("stored_session_missing", missing);
    Ok(())
}

fn drifted_if(what: &'static str, count: u64) {
    if count > 0 {
        drifted(what, count);
    }
}

fn is_live(accountant: &Accountant, context: &JobContext, row: &Open) -> bool {
    let now = context.clock().now();
    match row.subscriber_id {
        // One look into its shard; by its id alone it would be a look into each.
        Some(subscriber) => {
            accountant.live.of_subscriber(now, subscriber).iter().any(|session| session.id == row.id)
        }
        None => accountant.live.find(now, row.tenant_id, row.id).is_some(),
    }
}

/// Open rows, heard within their patience, that the live table does not have.
async fn only_stored(accountant: &Accountant, context: &JobContext) -> Result<Vec<Open>, JobError> {
    let mut conn = context.db().conn().await?;
    let mut after = start();
    let mut found = Vec::new();
    loop {
        let rows = ends::open_in_short(&mut conn, after, CHUNK).await?;
        let Some(last) = rows.last() else { return Ok(found) };
        after = (last.tenant_id, last.router_id, last.started_at, last.id);
        let now = context.now();
        found.extend(rows.iter().filter(|row| {
            row.updated_at.saturating_add(patience(row.subscriber_id, &accountant.directory)) >= now
                && !is_live(accountant, context, row)
        }));
    }
}

/// Live sessions that have no open row.
async fn only_live(
    accountant: &Accountant,
    context: &JobContext,
) -> Result<Vec<(TenantId, Option<SubscriberId>, SessionId)>, JobError> {
    let mut conn = context.db().conn().await?;
    let mut found = Vec::new();
    for tenant in accountant.directory.all_tenants().iter().map(|tenant| tenant.id) {
        if accountant.live.tenant_sessions(tenant) == 0 {
            continue;
        }
        let filter = Filter { tenant, router: None, address: None };
        let mut after = None;
        loop {
            let limit = usize::try_from(CHUNK).unwrap_or(1);
            let (sessions, next) = accountant.live.page(context.clock().now(), &filter, after, limit);
            let ids: Vec<SessionId> = sessions.iter().map(|session| session.id).collect();
            let ends: HashMap<SessionId, _> = days::ends_of(&mut conn, &ids).await?.into_iter().collect();
            found.extend(
                sessions
                    .iter()
                    .filter(|session| !matches!(ends.get(&session.id), Some(None)))
                    .map(|session| (tenant, session.subscriber, session.id)),
            );
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

/// Waits until the database has what is durable now.
async fn wait_for_drain(accountant: &Accountant) -> Result<(), JobError> {
    let goal = accountant.journal.durable();
    let drained = async {
        while accountant.journal.applied() < goal {
            tokio::time::sleep(DRAIN.0).await;
        }
    };
    tokio::time::timeout(DRAIN.1, drained)
        .await
        .map_err(|_| JobError::snooze(DRAIN.1, "the drain does not get on"))
}

async fn put_back(accountant: &Accountant, context: &JobContext, rows: &[Open]) -> Result<u64, JobError> {
    let mut conn = context.db().conn().await?;
    let mut count = 0;
    for row in rows {
        let Some(found) = lists::find(&mut conn, row.tenant_id, row.id).await? else { continue };
        if found.ended_at.is_some() || is_live(accountant, context, row) {
            continue;
        }
        count += 1;
        // Of several nodes another one may have it in its table.
        let is_back = context.db().is_sqlite()
            && restore(&found, &accountant.live, &accountant.directory, context.clock());
        let what =
            if is_back { "was put back into the live table" } else { "is not in this node's live table" };
        context.warn(format!("session {} of tenant {} {what}", row.id, row.tenant_id));
    }
    Ok(count)
}

async fn still_missing(
    accountant: &Accountant,
    context: &JobContext,
    mut found: Vec<(TenantId, Option<SubscriberId>, SessionId)>,
) -> Result<u64, JobError> {
    found.retain(|(tenant, _, id)| accountant.live.find(context.clock().now(), *tenant, *id).is_some());
    let ids: Vec<SessionId> = found.iter().map(|(.., id)| *id).collect();
    let ends: HashMap<SessionId, _> =
        days::ends_of(&mut context.db().conn().await?, &ids).await?.into_iter().collect();
    let mut count = 0;
    for (tenant, _, id) in found {
        let what = match ends.get(&id) {
            Some(None) => continue,
            Some(Some(_)) => "is over in the database and online in the live table",
            None => "is in the live table alone",
        };
        count += 1;
        context.warn(format!("session {id} of tenant {tenant} {what}: its next packet mends that"));
    }
    Ok(count)
}
