//! Applies accounting events to stored sessions, by the rules that the live table uses: all packets of a session fold into
//! one write of its row. Applying the same events again gives the same rows, and adds no usage: what a row counts already
//! is not counted twice, for usage is written with the row that it comes from.

use std::{collections::HashMap, hash::Hasher as _};

use aaa::live::{
    AccountingEvent, EndCause, Status, Usage,
    identity::{self, Relation},
};
use base::{RouterId, SessionId, SubscriberId, TenantId, Timestamp};
use foundation::{Conn, Tx, db::Result};
use metrics::counter;

use super::{
    row::{Row, Touched, stored},
    store::{
        ends,
        rows::{self, UsageRow},
    },
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

/// Applies `items` in order to what is stored, in memory. Whoever writes a row meanwhile is found out by [`Part::write`].
pub(super) async fn fold(conn: &mut Conn, items: &[Item<'_>]) -> Result<Folded> {
    let mut working = Working::load(conn, items).await?;
    for item in items {
        working.take(item);
    }
    Ok(working.finish())
}

/// What a batch changes.
#[derive(Debug)]
pub(super) struct Folded {
    /// Changed rows with the traffic that they gained, those of one name together.
    changed: Vec<Changed>,
    told: Vec<((TenantId, RouterId), Timestamp)>,
}

/// A changed row, and its usage by the hour.
type Changed = (Row, Vec<UsageRow>);

/// What one transaction may write: rows and their usage.
#[derive(Debug, Default)]
pub(super) struct Part {
    rows: Vec<Row>,
    usage: Vec<UsageRow>,
}

impl Folded {
    /// Cuts it into parts of at most `most` rows each, sessions and hours of usage; they are made as they are asked for.
    /// Rows of one name are never apart: which session a packet belongs to depends on its namesakes, so a part may be
    /// written, and the batch applied again after a crash, to the same end. `None` when the sessions of one name are more
    /// than that.
    pub(super) fn cut(self, most: usize) -> Option<(impl Iterator<Item = Part> + Send, Restarts)> {
        let is_one_name = |one: &Changed, next: &Changed| one.0.name_hash == next.0.name_hash;
        let rows_of = |group: &[Changed]| group.iter().map(|(_, usage)| 1 + usage.len()).sum::<usize>();
        let groups: Vec<(usize, usize)> =
            self.changed.chunk_by(is_one_name).map(|group| (group.len(), rows_of(group))).collect();
        if groups.iter().any(|(_, rows)| *rows > most) {
            return None;
        }
        let (mut changed, mut groups) = (self.changed.into_iter(), groups.into_iter().peekable());
        let parts = std::iter::from_fn(move || {
            let (mut part, mut rows) = (Part::default(), 0);
            while let Some((sessions, more)) = groups.next_if(|(_, more)| rows + more <= most) {
                part.extend(changed.by_ref().take(sessions));
                rows += more;
            }
            (rows > 0).then_some(part)
        });
        Some((parts, Restarts(self.told)))
    }

    /// All of it as one part.
    pub(super) fn whole(self) -> (Part, Restarts) {
        let mut whole = Part::default();
        whole.extend(self.changed);
        (whole, Restarts(self.told))
    }
}

impl Part {
    fn extend(&mut self, changed: impl IntoIterator<Item = Changed>) {
        for (row, usage) in changed {
            self.rows.push(row);
            self.usage.extend(usage);
        }
    }

    /// Writes it. False when somebody else wrote one of its sessions since it was read: then the transaction must not
    /// commit, and the batch is to be folded anew.
    pub(super) async fn write(mut self, tx: &mut Tx) -> Result<bool> {
        // In the order of the key, as the usage below: two nodes that write the same rows then wait for each other, never in
        // a circle.
        self.rows.sort_unstable_by_key(|row| (row.touched, row.tenant_id, row.started_at, row.id));
        let mut rows = self.rows;
        while let Some(touched) = rows.first().map(|row| row.touched) {
            let others = rows.split_off(rows.partition_point(|row| row.touched == touched));
            let wanted = rows.len() as u64;
            if rows::write(tx, rows).await? < wanted {
                return Ok(false);
            }
            rows = others;
        }
        self.usage.sort_unstable_by_key(UsageRow::key);
        self.usage.dedup_by(|next, kept| {
            let is_same = next.key() == kept.key();
            if is_same {
                kept.upload = kept.upload.saturating_add(next.upload);
                kept.download = kept.download.saturating_add(next.download);
            }
            is_same
        });
        rows::add_usage(tx, &self.usage).await?;
        Ok(true)
    }
}

/// Restarts of routers that a batch tells of. To be written with the journal's position, behind all parts.
#[derive(Debug)]
pub(super) struct Restarts(Vec<((TenantId, RouterId), Timestamp)>);

impl Restarts {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Writes them.
    pub(super) async fn write(self, tx: &mut Tx) -> Result<()> {
        for ((tenant, router), at) in self.0 {
            ends::restarted(tx, tenant, router, at).await?;
        }
        Ok(())
    }
}

/// No session that the event may belong to started before this.
fn earliest(event: &AccountingEvent<'_>) -> i64 {
    let accepted = event.cookie.and_then(|cookie| named_at(cookie.session));
    let started = event.started().map(Timestamp::as_millis);
    let known = accepted.into_iter().chain(started).min();
    known.unwrap_or(event.at.as_millis().saturating_sub(LOOK_BACK_MILLIS)).saturating_sub(MARGIN_MILLIS)
}

/// When the id was made: for one of ours the moment of the Accept.
fn named_at(id: SessionId) -> Option<i64> {
    let (seconds, nanos) = id.as_uuid().get_timestamp()?.to_unix();
    i64::try_from(seconds).ok()?.checked_mul(1_000)?.checked_add(i64::from(nanos / 1_000_000))
}

fn distinct<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

/// The key of router and Acct-Session-Id: a hash, but for the id's last octets, which stay as they are. Routers count their
/// ids up, so sessions of one time stand near each other in the index, and a batch writes few of its pages instead of one
/// for each session. No secret: it is stored, and a collision costs one comparison.
pub(super) fn name_hash(router: RouterId, session_id: &[u8]) -> i64 {
    const AS_THEY_ARE: usize = 3;
    let (most, last) = session_id.split_at(session_id.len().saturating_sub(AS_THEY_ARE));
    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(router.as_bytes());
    hasher.write(most);
    let last = last.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
    (hasher.finish() << (8 * AS_THEY_ARE) | last).cast_signed()
}

/// The rows that a batch touches.
struct Working {
    rows: Vec<Row>,
    by_name: HashMap<i64, Vec<usize>>,
    by_id: HashMap<SessionId, usize>,
    /// Traffic that a row gained, by the hour.
    usage: HashMap<(usize, i64), Usage>,
    /// The latest restart of each router, as far as it is stored.
    restarts: HashMap<(TenantId, RouterId), Timestamp>,
    /// Those that this batch tells of.
    told: HashMap<(TenantId, RouterId), Timestamp>,
}

impl Working {
    async fn load(conn: &mut Conn, items: &[Item<'_>]) -> Result<Self> {
        let mut hashes: Vec<i64> = Vec::new();
        let mut ids: Vec<SessionId> = Vec::new();
        let mut routers: Vec<(TenantId, RouterId)> = Vec::new();
        let mut since = i64::MAX;
        for Item { tenant, router, event, .. } in items {
            if matches!(event.status, Status::Start | Status::Interim | Status::Stop) {
                hashes.push(name_hash(*router, event.session_id));
                ids.extend(event.cookie.map(|cookie| cookie.session));
                routers.push((*tenant, *router));
                since = since.min(earliest(event));
            }
        }
        let since = Timestamp::from_millis(since);
        let mut working = Self {
            rows: Vec::new(),
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            usage: HashMap::new(),
            restarts: HashMap::new(),
            told: HashMap::new(),
        };
        distinct(&mut hashes);
        let (rows, is_cut) = rows::by_name(conn, &hashes, since).await?;
        if is_cut {
            // A router that calls every session alike. What is opened now must not be written over what is there.
            counter!("rrnetd_session_namesakes_cut_total").increment(1);
            ids.extend(items.iter().map(|item| identity::derive(item.router, &item.event)));
        }
        working.extend(rows);
        ids.retain(|id| !working.by_id.contains_key(id));
        distinct(&mut ids);
        working.extend(rows::by_id(conn, &ids, since).await?);
        distinct(&mut routers);
        working.restarts = ends::restarts(conn, &routers).await?;
        Ok(working)
    }

    /// Takes stored rows over, the oldest first: an event then ends what is before its session before it finds its own.
    fn extend(&mut self, mut rows: Vec<Row>) {
        rows.sort_unstable_by_key(|row| (row.started_at, row.id));
        for row in rows {
            self.insert(row);
        }
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
                let at = self.told.entry((*tenant, *router)).or_insert(event.at);
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
        let row = &mut self.rows[index];
        row.belongs_to(event.cookie.map(|cookie| cookie.subscriber).or(item.subscriber));
        // Late word of a session from before a restart; those that were stored by then are closed in small steps.
        let origin = (*tenant, *router);
        if let Some(&at) = self.restarts.get(&origin).max(self.told.get(&origin))
            && row.updated_at < at
        {
            row.presume_ended(at, EndCause::RouterRestarted);
        }
        if row.subscriber_id.is_some() && added != Usage::default() {
            let hour = event.at.as_millis().div_euclid(HOUR_MILLIS);
            let sum = self.usage.entry((index, hour)).or_default();
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
        let namesakes = self.by_name.get(&name_hash(*router, event.session_id))?;
        for &index in namesakes {
            let row = &mut self.rows[index];
            if row.tenant_id != *tenant || row.router_id != *router || row.session_id() != event.session_id {
                continue;
            }
            match identity::relate(&row.known(), event) {
                Relation::Same => return Some(index),
                Relation::Later => {
                    row.presume_ended(row.updated_at, EndCause::Superseded);
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

    /// What was changed, the sessions of one name together.
    fn finish(self) -> Folded {
        // A subscriber's rows near each other: they share pages of the indexes by subscriber and of the usage, which then are
        // written in one part, once.
        let owner = |row: &Row| {
            let first = self.by_name.get(&row.name_hash).and_then(|namesakes| namesakes.first());
            first.map(|&first| (self.rows[first].tenant_id, self.rows[first].subscriber_id))
        };
        let owners: Vec<_> = self.rows.iter().map(owner).collect();
        let mut usage: Vec<_> = self.usage.into_iter().collect();
        usage.sort_unstable_by_key(|(key, _)| *key);
        let mut usage = usage.into_iter().peekable();
        let mut changed = Vec::new();
        for (index, row) in self.rows.into_iter().enumerate() {
            let mut hours = Vec::new();
            while let Some(((_, hour), gained)) = usage.next_if(|((of, _), _)| *of == index) {
                if let Some(subscriber) = row.subscriber_id {
                    let (upload, download) = (stored(gained.upload), stored(gained.download));
                    hours.push(UsageRow { tenant: row.tenant_id, subscriber, hour, upload, download });
                }
            }
            if row.touched != Touched::Nothing {
                changed.push((owners[index], (row, hours)));
            }
        }
        changed.sort_unstable_by_key(|(owner, (row, _))| {
            (*owner, row.name_hash, row.tenant_id, row.started_at, row.id)
        });
        let changed = changed.into_iter().map(|(_, changed)| changed).collect();
        let mut told: Vec<_> = self.told.into_iter().collect();
        told.sort_unstable();
        Folded { changed, told }
    }
}
