//! Applies accounting events to stored sessions, by the rules that the live table uses. Applying the same events again
//! gives the same rows; the caller's transaction also moves the journal's position, so that usage is added once.

use std::{
    collections::{HashMap, HashSet},
    hash::Hasher as _,
};

use aaa::live::{
    AccountingEvent, ClosedSession, EndCause, Status, Usage,
    identity::{self, Relation},
};
use base::{RouterId, SessionId, SubscriberId, TenantId, Timestamp};
use foundation::{Tx, db::Result};

use super::{
    row::{Row, stored},
    store::{self, UsageRow},
};

/// How far before an event that does not tell its session's start the session is looked for. A router whose sessions
/// last longer sends Interims with their session time, which does tell.
const LOOK_BACK_MILLIS: i64 = 62 * 24 * 3_600 * 1_000;

/// What a start may lie before what is computed from one packet: the tolerance of the identity rules, and a margin.
const MARGIN_MILLIS: i64 = 24 * 3_600 * 1_000;

const HOUR_MILLIS: i64 = 3_600 * 1_000;

/// An event with its origin.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) tenant: TenantId,
    pub(super) router: RouterId,
    /// The subscriber by the directory, where the event has no cookie.
    pub(super) subscriber: Option<SubscriberId>,
    pub(super) event: AccountingEvent<'a>,
}

/// Applies `items` in order.
pub(super) async fn apply(tx: &mut Tx, items: &[Item<'_>]) -> Result<()> {
    let mut working = Working::load(tx, items).await?;
    for item in items {
        working.take(item);
    }
    working.store(tx).await
}

/// Ends stored sessions that the live table has closed by inference. Those that have ended meanwhile stay as they are.
pub(super) async fn close(tx: &mut Tx, closed: &[ClosedSession]) -> Result<()> {
    let ids: Vec<SessionId> = closed.iter().map(|closed| closed.id).collect();
    let since = closed.iter().map(|closed| closed.progress.started.as_millis() - MARGIN_MILLIS).min().unwrap_or(0);
    let ends: HashMap<SessionId, _> = closed.iter().filter_map(|closed| Some((closed.id, closed.progress.end?))).collect();
    let mut rows = store::lock_by_id(tx, &ids, Timestamp::from_millis(since)).await?;
    rows.retain_mut(|row| {
        ends.get(&row.id).is_some_and(|end| {
            // What came after the live table gave the session up shows that it lives.
            row.updated_at <= end.at && row.presume_ended(end.at, end.cause)
        })
    });
    store::upsert(tx, &rows.iter().collect::<Vec<_>>()).await
}

/// Closes some sessions of a router that restarted, at most `limit`; false when no restart is left to deal with.
pub(super) async fn close_restarted(tx: &mut Tx, limit: i64) -> Result<bool> {
    let Some((tenant, router, at)) = store::pending_restart(tx).await? else { return Ok(false) };
    let mut rows = store::lock_open_before(tx, tenant, router, at, limit).await?;
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) < limit {
        store::restart_done(tx, tenant, router, at).await?;
    }
    for row in &mut rows {
        row.presume_ended(at, EndCause::RouterRestarted);
    }
    store::upsert(tx, &rows.iter().collect::<Vec<_>>()).await?;
    Ok(true)
}

/// The hash of router and Acct-Session-Id. No secret: it is stored, and a collision costs one comparison.
pub(super) fn name_hash(router: RouterId, session_id: &[u8]) -> i64 {
    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(router.as_bytes());
    hasher.write(session_id);
    hasher.finish().cast_signed()
}

/// The rows that a batch touches.
struct Working {
    rows: Vec<Row>,
    dirty: HashSet<usize>,
    by_name: HashMap<i64, Vec<usize>>,
    by_id: HashMap<SessionId, usize>,
    usage: HashMap<(TenantId, SubscriberId, i64), Usage>,
    restarts: HashMap<(TenantId, RouterId), Timestamp>,
}

impl Working {
    async fn load(tx: &mut Tx, items: &[Item<'_>]) -> Result<Self> {
        let mut hashes: Vec<i64> = Vec::new();
        let mut ids: Vec<SessionId> = Vec::new();
        let mut since = i64::MAX;
        for Item { router, event, .. } in items {
            if matches!(event.status, Status::Start | Status::Interim | Status::Stop) {
                hashes.push(name_hash(*router, event.session_id));
                ids.extend(event.cookie.map(|cookie| cookie.session));
                let started = event.started().map_or(event.at.as_millis() - LOOK_BACK_MILLIS, Timestamp::as_millis);
                since = since.min(started.saturating_sub(MARGIN_MILLIS));
            }
        }
        hashes.sort_unstable();
        hashes.dedup();
        let since = Timestamp::from_millis(since);
        let mut working = Self {
            rows: Vec::new(),
            dirty: HashSet::new(),
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            usage: HashMap::new(),
            restarts: HashMap::new(),
        };
        for row in store::lock_by_name(tx, &hashes, since).await? {
            working.insert(row);
        }
        ids.retain(|id| !working.by_id.contains_key(id));
        ids.sort_unstable();
        ids.dedup();
        for row in store::lock_by_id(tx, &ids, since).await? {
            working.insert(row);
        }
        Ok(working)
    }

    fn insert(&mut self, row: Row) -> usize {
        let index = self.rows.len();
        self.by_name.entry(row.name_hash).or_default().push(index);
        self.by_id.insert(row.id, index);
        self.rows.push(row);
        index
    }

    fn take(&mut self, item: &Item<'_>) {
        let Item { tenant, router, event, .. } = item;
        match event.status {
            Status::On | Status::Off => {
                let at = self.restarts.entry((*tenant, *router)).or_insert(event.at);
                *at = event.at.max(*at);
                return;
            }
            Status::Other(_) => return,
            Status::Start | Status::Interim | Status::Stop => {}
        }
        let (index, added) = match self.find(item) {
            Some(index) => (index, self.rows[index].take(event)),
            None => self.open(item),
        };
        self.dirty.insert(index);
        let row = &mut self.rows[index];
        row.subscriber_id = row.subscriber_id.or(event.cookie.map(|cookie| cookie.subscriber)).or(item.subscriber);
        if let Some(subscriber) = row.subscriber_id
            && added != Usage::default()
        {
            let hour = event.at.as_millis().div_euclid(HOUR_MILLIS);
            let sum = self.usage.entry((*tenant, subscriber, hour)).or_default();
            sum.upload += added.upload;
            sum.download += added.download;
        }
    }

    /// The session that the event belongs to. Sessions that it proves over are closed on the way.
    fn find(&mut self, Item { tenant, router, event, .. }: &Item<'_>) -> Option<usize> {
        if let Some(cookie) = &event.cookie
            && let Some(&index) = self.by_id.get(&cookie.session)
        {
            let row = &self.rows[index];
            // A Class that is echoed under two Acct-Session-Ids at once makes two sessions.
            if row.tenant_id == *tenant && row.router_id == *router && row.session_id() == event.session_id {
                return Some(index);
            }
        }
        let namesakes = self.by_name.get(&name_hash(*router, event.session_id))?.clone();
        for index in namesakes {
            let row = &mut self.rows[index];
            if row.tenant_id != *tenant || row.router_id != *router || row.session_id() != event.session_id {
                continue;
            }
            match identity::relate(&row.known(), event) {
                Relation::Same => return Some(index),
                Relation::Later => {
                    if row.presume_ended(row.updated_at, EndCause::Superseded) {
                        self.dirty.insert(index);
                    }
                }
                Relation::Earlier | Relation::Sibling => {}
            }
        }
        None
    }

    fn open(&mut self, Item { tenant, router, event, .. }: &Item<'_>) -> (usize, Usage) {
        let id = event
            .cookie
            .map(|cookie| cookie.session)
            .filter(|id| !self.by_id.contains_key(id))
            .unwrap_or_else(|| identity::derive(*router, event));
        if let Some(&index) = self.by_id.get(&id) {
            return (index, self.rows[index].take(event));
        }
        let (row, added) = Row::open(*tenant, *router, id, name_hash(*router, event.session_id), event);
        (self.insert(row), added)
    }

    async fn store(self, tx: &mut Tx) -> Result<()> {
        let mut dirty: Vec<usize> = self.dirty.into_iter().collect();
        dirty.sort_unstable();
        let rows: Vec<&Row> = dirty.into_iter().filter_map(|index| self.rows.get(index)).collect();
        store::upsert(tx, &rows).await?;
        let mut usage: Vec<UsageRow> = self
            .usage
            .into_iter()
            .map(|((tenant, subscriber, hour), usage)| UsageRow {
                tenant,
                subscriber,
                hour,
                upload: stored(usage.upload),
                download: stored(usage.download),
            })
            .collect();
        // In the order of the key: two nodes that add to the same rows then wait for each other, never in a circle.
        usage.sort_unstable_by_key(|row| (row.tenant, row.subscriber, row.hour));
        store::add_usage(tx, &usage).await?;
        for ((tenant, router), at) in self.restarts {
            store::restarted(tx, tenant, router, at).await?;
        }
        Ok(())
    }
}
