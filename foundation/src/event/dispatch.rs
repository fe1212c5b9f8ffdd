//! Hands events to their subscribers: woken by commits, a few tenants at a time, each tenant by one node at a time.
//!
//! What it costs depends on what is new, never on how long the streams are: a wake-up names its tenant, and events are
//! read behind a position.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use base::{Clock, TenantId};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Backlog,
    cursor::{self, Passed},
    subscriber::Subscribers,
    turn::Turned,
};
use crate::{Db, db::Result, wake::Woken};

/// How often what is due again is looked for, and what was passed over is noted.
const POLL: Duration = Duration::from_secs(1);
/// How many polls from one look at every tenant to the next: for what no wake-up told.
const POLLS_TO_LOOK: u32 = 30;
/// How many polls from one count of the backlog to the next.
const POLLS_TO_COUNT: u32 = 10;
/// How many polls from one note that this daemon knows its subscribers to the next: often enough for any retention.
const POLLS_TO_REGISTER: u32 = 3_600;
/// Rows that are due again, looked at in one poll.
const DUE: u32 = 256;

/// How it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Tenants whose turn it is at the same time. SQLite has one writer; on PostgreSQL each takes a connection.
    pub workers: usize,
    /// How long a subscriber may take for one event.
    pub patience: Duration,
}

impl Settings {
    /// What fits to the database.
    #[must_use]
    pub fn of(db: &Db) -> Self {
        Self { workers: if db.is_sqlite() { 1 } else { 3 }, patience: Duration::from_secs(5) }
    }
}

/// Hands events to their subscribers.
#[derive(Clone)]
pub struct Dispatcher(Arc<Shared>);

pub(super) struct Shared {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) subscribers: Subscribers,
    pub(super) settings: Settings,
    names: Vec<&'static str>,
    /// What was passed over and is not noted in the database yet: it is written once a second, not for each event.
    passed: Mutex<HashMap<(TenantId, &'static str), Passed>>,
    /// Which waiting for a newer daemon was told.
    told: Mutex<HashMap<(TenantId, &'static str), i64>>,
    /// The database is away, and the log knows.
    away: AtomicBool,
}

/// Tenants whose turn is to come.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<TenantId>,
    queued: HashSet<TenantId>,
    busy: HashMap<Id, TenantId>,
    /// Woken while they were busy.
    again: HashSet<TenantId>,
    /// To be looked at with the next poll.
    later: BTreeSet<TenantId>,
}

impl Queue {
    fn push(&mut self, tenant: TenantId) {
        if self.busy.values().any(|busy| *busy == tenant) {
            self.again.insert(tenant);
        } else if self.queued.insert(tenant) {
            self.waiting.push_back(tenant);
        }
    }

    fn pop(&mut self) -> Option<TenantId> {
        let tenant = self.waiting.pop_front()?;
        self.queued.remove(&tenant);
        Some(tenant)
    }

    /// The tenant's turn ended.
    fn ended(&mut self, task: Id, outcome: Option<Turned>) {
        let Some(tenant) = self.busy.remove(&task) else { return };
        let woken = self.again.remove(&tenant);
        match outcome {
            Some(turned) if turned.more || woken => self.push(tenant),
            Some(turned) if !turned.again => {}
            _ => drop(self.later.insert(tenant)),
        }
    }
}

impl Dispatcher {
    /// A dispatcher of `db`'s events to `subscribers`.
    #[must_use]
    pub fn new(db: Db, clock: Clock, subscribers: Subscribers, settings: Settings) -> Self {
        let names = subscribers.names().map(|(name, _)| name).collect();
        Self(Arc::new(Shared {
            db,
            clock,
            subscribers,
            settings,
            names,
            passed: Mutex::default(),
            told: Mutex::default(),
            away: AtomicBool::new(false),
        }))
    }

    /// Dispatches until `stop`. While the database is away it waits.
    pub async fn run(self, stop: CancellationToken) {
        // Before the first look, so that nothing falls between.
        let mut follower = self.0.db.wake().follow();
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut registered = false;
        let mut polls = 0_u32;
        let mut queue = Queue::default();
        let mut turns: JoinSet<Result<Turned>> = JoinSet::new();
        loop {
            while registered && turns.len() < self.0.settings.workers {
                let Some(tenant) = queue.pop() else { break };
                let shared = Arc::clone(&self.0);
                let task = turns.spawn(async move { shared.turn(tenant).await });
                queue.busy.insert(task.id(), tenant);
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = turns.join_next_with_id() => match ended {
                    Ok((task, outcome)) => queue.ended(task, self.0.heed(outcome)),
                    Err(error) => {
                        tracing::error!(%error, "a turn of the dispatcher panicked");
                        queue.ended(error.id(), None);
                    }
                },
                woken = follower.woken() => match woken {
                    Woken::Tenant(tenant) => queue.push(tenant),
                    // With the next poll.
                    Woken::All => polls = 0,
                },
                _ = poll.tick() => {
                    let look = polls.is_multiple_of(POLLS_TO_LOOK);
                    if !registered || polls.is_multiple_of(POLLS_TO_REGISTER) {
                        registered = self.0.heed(self.register().await).is_some() || registered;
                    }
                    let found = match registered {
                        true => self.0.heed(self.0.poll(look, polls.is_multiple_of(POLLS_TO_COUNT)).await),
                        false => None,
                    };
                    let Some(found) = found else { continue };
                    polls = polls.wrapping_add(1);
                    std::mem::take(&mut queue.later).into_iter().chain(found).for_each(|tenant| queue.push(tenant));
                }
            }
        }
        while turns.join_next().await.is_some() {}
        self.0.heed(self.0.note_passed().await);
    }

    /// Makes the subscribers known to the database; [`Dispatcher::run`] does so by itself.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn register(&self) -> Result<()> {
        cursor::register(&self.0.db, &self.0.subscribers, self.0.clock.wall()).await
    }

    /// Handles everything that can be handled now, in this task, and says how many transactions it took.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn settle(&self) -> Result<u64> {
        self.register().await?;
        let mut handled = 0;
        loop {
            let before = handled;
            for tenant in self.0.poll(true, false).await? {
                loop {
                    let turned = self.0.turn(tenant).await?;
                    handled += turned.handled;
                    if !turned.more {
                        break;
                    }
                }
            }
            self.0.note_passed().await?;
            if handled == before {
                return Ok(handled);
            }
        }
    }

    /// What is to be done by each subscriber, over all tenants.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn backlog(&self) -> Result<Vec<Backlog>> {
        cursor::backlog(&mut self.0.db.conn().await?, &self.0.names).await
    }
}

impl Shared {
    /// Tenants to look at: those that are due again, and with `look` every one in which something is not done.
    async fn poll(&self, look: bool, count: bool) -> Result<BTreeSet<TenantId>> {
        self.note_passed().await?;
        let mut conn = self.db.conn().await?;
        let mut found = cursor::due(&mut conn, &self.names, self.clock.wall(), DUE).await?;
        if look {
            found.extend(cursor::behind(&mut conn, &self.names).await?);
        }
        if count {
            for Backlog { subscriber, parked, most, events } in
                cursor::backlog(&mut conn, &self.names).await?
            {
                let set = |name: &'static str, value: i64| {
                    let value = u32::try_from(value).unwrap_or(u32::MAX);
                    metrics::gauge!(name, "subscriber" => subscriber.clone()).set(value);
                };
                set("rrnetd_event_parked", parked);
                set("rrnetd_event_lag", events);
                set("rrnetd_event_lag_most", most);
            }
        }
        Ok(found)
    }

    /// Says what went wrong with the database, once an outage.
    fn heed<T>(&self, outcome: Result<T>) -> Option<T> {
        match outcome {
            Ok(value) => {
                if self.away.swap(false, Relaxed) {
                    tracing::info!("events are dispatched again");
                }
                Some(value)
            }
            Err(error) => {
                metrics::counter!("rrnetd_event_dispatch_failures_total").increment(1);
                if !self.away.swap(true, Relaxed) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "events cannot be dispatched at the moment; it is tried again");
                }
                None
            }
        }
    }

    /// How far the subscriber has looked without finding anything, if its row still says `stored`.
    pub(super) fn passed(
        &self,
        tenant: TenantId,
        subscriber: &'static str,
        stored: Option<i64>,
    ) -> Option<i64> {
        let passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed
            .get(&(tenant, subscriber))
            .filter(|passed| passed.stored == stored)
            .map(|passed| passed.through)
    }

    pub(super) fn note(&self, passed: Passed) {
        let mut all = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((passed.tenant, passed.subscriber), passed);
    }

    async fn note_passed(&self) -> Result<()> {
        let mut passed: Vec<Passed> = {
            let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *passed).into_values().collect()
        };
        // In one order on all nodes. What fails to be noted is looked at again.
        passed.sort_unstable();
        cursor::pass(&self.db, &passed).await
    }

    pub(super) fn is_told(&self, tenant: TenantId, subscriber: &'static str, position: i64) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&(tenant, subscriber)) == Some(&position)
    }

    pub(super) fn tell(&self, tenant: TenantId, subscriber: &'static str, position: i64) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert((tenant, subscriber), position);
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("subscribers", &self.0.subscribers).finish_non_exhaustive()
    }
}
