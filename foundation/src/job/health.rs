//! How the queue is: for each kind, lane and tenant what waits and since when, what runs, what failed, and how fast it goes.

use std::{collections::BTreeMap, time::Duration};

use base::{TenantId, Timestamp};

use super::{
    pause::{self, Pause},
    time::database_time,
};
use crate::{
    Conn,
    db::{Query, Result},
};

/// The span over which finished jobs are counted.
pub const THROUGHPUT_SPAN: Duration = Duration::from_secs(300);

/// Which part of the queue is looked at.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant alone.
    pub tenant: Option<TenantId>,
    /// Of this kind alone.
    pub kind: Option<String>,
    /// In lanes of this name alone.
    pub lane: Option<String>,
}

base::text_enum! {
    /// What parts are told apart by.
    pub enum By {
        /// Each kind of each lane of each tenant.
        All = "all",
        /// Kinds.
        Kind = "kind",
        /// Tenants.
        Tenant = "tenant",
        /// Lanes of tenants.
        Lane = "lane",
    }
}

/// A part of the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Of which tenant, where parts are told apart by it.
    pub tenant: Option<TenantId>,
    /// In which lane.
    pub lane: Option<String>,
    /// Of which kind.
    pub kind: Option<String>,
    /// Jobs that may run now.
    pub available: i64,
    /// Since when the oldest of them may.
    pub oldest: Option<Timestamp>,
    /// Jobs that wait for their time, those that failed included.
    pub scheduled: i64,
    /// Jobs that run now.
    pub running: i64,
    /// Jobs that failed and are to be tried again.
    pub failed: i64,
    /// Jobs that are dead.
    pub dead: i64,
    /// Jobs that were done within the last [`THROUGHPUT_SPAN`].
    pub done_lately: i64,
    /// The newest error of those that failed or are dead, with the number of its job.
    pub last_error: Option<(i64, String)>,
}

impl Part {
    /// How long the oldest job that may run has been waiting.
    #[must_use]
    pub fn oldest_age(&self, now: Timestamp) -> Option<Duration> {
        self.oldest.map(|oldest| now.since(oldest))
    }

    /// Jobs that are still to come to an end.
    #[must_use]
    pub const fn depth(&self) -> i64 {
        self.available + self.scheduled + self.running
    }

    fn add(&mut self, other: &Self) {
        self.available += other.available;
        self.oldest = match (self.oldest, other.oldest) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        self.scheduled += other.scheduled;
        self.running += other.running;
        self.failed += other.failed;
        self.dead += other.dead;
        self.done_lately += other.done_lately;
        if other.last_error.as_ref().map(|(job, _)| *job) > self.last_error.as_ref().map(|(job, _)| *job) {
            self.last_error.clone_from(&other.last_error);
        }
    }
}

/// How the queue is.
#[derive(Clone, Debug)]
pub struct Report {
    /// When it was looked at, by the database's clock.
    pub at: Timestamp,
    /// Each kind of each lane of each tenant that has anything to show.
    pub parts: Vec<Part>,
    /// What is paused.
    pub pauses: Vec<Pause>,
}

impl Report {
    /// Parts told apart by less, those with the oldest job first.
    #[must_use]
    pub fn by(&self, by: By) -> Vec<Part> {
        let mut parts: BTreeMap<_, Part> = BTreeMap::new();
        for part in &self.parts {
            let (tenant, lane, kind) = (part.tenant, part.lane.clone(), part.kind.clone());
            let key = match by {
                By::All => (tenant, lane, kind),
                By::Kind => (None, None, kind),
                By::Tenant => (tenant, None, None),
                By::Lane => (tenant, lane, None),
            };
            let (tenant, lane, kind) = key.clone();
            parts.entry(key).or_insert_with(|| Part { tenant, lane, kind, ..Part::default() }).add(part);
        }
        let mut parts: Vec<Part> = parts.into_values().collect();
        parts.sort_by_key(|part| (part.oldest.is_none(), part.oldest, -part.depth()));
        parts
    }

    /// Everything together.
    #[must_use]
    pub fn total(&self) -> Part {
        let mut total = Part::default();
        self.parts.iter().for_each(|part| total.add(part));
        total
    }
}

/// Counts of one state.
type Count = (TenantId, String, String, i64, Option<Timestamp>);

/// Looks at the queue. Costs as much as it is long: for people and gauges, some hundred milliseconds for a million jobs.
///
/// # Errors
/// When the database cannot be read.
pub async fn read(conn: &mut Conn, filter: &Filter) -> Result<Report> {
    let at = database_time(conn).await?;
    let mut parts: BTreeMap<(TenantId, String, String), Part> = BTreeMap::new();
    let mut add = |rows: Vec<Count>, put: fn(&mut Part, i64, Option<Timestamp>)| {
        for (tenant, lane, kind, count, oldest) in rows {
            let part = parts.entry((tenant, lane.clone(), kind.clone())).or_insert_with(|| Part {
                tenant: Some(tenant),
                lane: Some(lane),
                kind: Some(kind),
                ..Part::default()
            });
            put(part, count, oldest);
        }
    };
    let available =
        conn.query("SELECT tenant_id, lane, kind, COUNT(*), MIN(run_at) FROM job WHERE state = 'available'");
    add(grouped(available, filter).await?, |part, count, oldest| {
        (part.available, part.oldest) = (count, oldest);
    });
    let scheduled =
        conn.query("SELECT tenant_id, lane, kind, COUNT(*), MIN(run_at) FROM job WHERE state = 'scheduled'");
    add(grouped(scheduled, filter).await?, |part, count, _| part.scheduled = count);
    let failed = conn.query(
        "SELECT tenant_id, lane, kind, COUNT(*), MIN(run_at) FROM job WHERE state = 'scheduled' AND attempt > 0",
    );
    add(grouped(failed, filter).await?, |part, count, _| part.failed = count);
    let running =
        conn.query("SELECT tenant_id, lane, kind, COUNT(*), MIN(run_at) FROM job WHERE state = 'running'");
    add(grouped(running, filter).await?, |part, count, _| part.running = count);
    let dead = conn.query(
        "SELECT tenant_id, lane, kind, COUNT(*), MIN(run_at) FROM job WHERE state = 'dead' AND finished_at IS NOT NULL",
    );
    add(grouped(dead, filter).await?, |part, count, _| part.dead = count);
    let done = conn
        .query(
            "SELECT tenant_id, lane, kind, COUNT(*), MIN(run_at) FROM job WHERE state = 'done' AND finished_at > $1",
        )
        .bind(at.saturating_sub(THROUGHPUT_SPAN));
    add(grouped(done, filter).await?, |part, count, _| part.done_lately = count);
    for (tenant, lane, kind, job, error) in last_errors(conn, filter).await? {
        if let Some(part) = parts.get_mut(&(tenant, lane, kind)) {
            let known = part.last_error.as_ref().map(|(job, _)| *job);
            if known < Some(job) {
                part.last_error = Some((job, error.unwrap_or_default()));
            }
        }
    }
    Ok(Report { at, parts: parts.into_values().collect(), pauses: pause::list(conn).await? })
}

fn filtered<'c>(mut query: Query<'c>, filter: &Filter) -> Query<'c> {
    if let Some(tenant) = filter.tenant {
        query = query.push(" AND tenant_id = ").push_bind(tenant);
    }
    if let Some(kind) = &filter.kind {
        query = query.push(" AND kind = ").push_bind(kind.clone());
    }
    if let Some(lane) = &filter.lane {
        query = query.push(" AND lane = ").push_bind(lane.clone());
    }
    query
}

async fn grouped(query: Query<'_>, filter: &Filter) -> Result<Vec<Count>> {
    filtered(query, filter).push(" GROUP BY tenant_id, lane, kind").fetch_all().await
}

/// The newest failed and the newest dead job of each part, with its error.
async fn last_errors(
    conn: &mut Conn,
    filter: &Filter,
) -> Result<Vec<(TenantId, String, String, i64, Option<String>)>> {
    let mut errors = Vec::new();
    for newest in [
        "SELECT tenant_id, lane, kind, id, last_error FROM job WHERE id IN (SELECT MAX(id) FROM job \
         WHERE state = 'scheduled' AND attempt > 0",
        "SELECT tenant_id, lane, kind, id, last_error FROM job WHERE id IN (SELECT MAX(id) FROM job \
         WHERE state = 'dead' AND finished_at IS NOT NULL",
    ] {
        let query = filtered(conn.query(newest), filter).push(" GROUP BY tenant_id, lane, kind)");
        errors.extend(query.fetch_all::<(TenantId, String, String, i64, Option<String>)>().await?);
    }
    Ok(errors)
}
