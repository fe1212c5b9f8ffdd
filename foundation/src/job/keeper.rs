//! What the queue needs beside its workers, on every node: rescue, schedules, retention and metrics.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use base::{Clock, TenantId};
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;

use super::{
    Registry, Schedule, health,
    rescue::{self, Left},
    retention, schedule,
};
use crate::{Db, db};

/// How often leases that are over are looked for.
const RESCUE: Duration = Duration::from_secs(5);
/// How often schedules are looked at: none of them is meant to the second.
const FIRE: Duration = Duration::from_secs(1);
/// How often the tenants and their time zones are read.
const SETTLE: Duration = Duration::from_secs(60);
/// How often old jobs are forgotten.
const SWEEP: Duration = Duration::from_secs(600);
/// Steps of one sweep for each state: what is left waits for the next one, so that a backlog does not fill the database.
const SWEEP_STEPS: u32 = 50;
/// How often the gauges are set: they count the queue.
const MEASURE: Duration = Duration::from_secs(15);

/// How long jobs are kept after their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Those that are done.
    pub done: Duration,
    /// Those that are dead or were taken out.
    pub dead: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { done: Duration::from_secs(3 * 24 * 3_600), dead: Duration::from_secs(30 * 24 * 3_600) }
    }
}

type Zones = Pin<Box<dyn Future<Output = db::Result<Vec<(TenantId, String)>>> + Send>>;

/// The keeper of a node.
pub struct Keeper {
    db: Db,
    registry: Arc<Registry>,
    clock: Clock,
    schedules: Vec<Schedule>,
    retention: Retention,
    zones: Box<dyn Fn(Db) -> Zones + Send + Sync>,
}

impl Keeper {
    /// Keeps the queue of `db`. `zones` reads the tenants with the names of their time zones.
    pub fn new<F>(
        db: Db,
        registry: Arc<Registry>,
        clock: Clock,
        schedules: Vec<Schedule>,
        retention: Retention,
        zones: impl Fn(Db) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = db::Result<Vec<(TenantId, String)>>> + Send + 'static,
    {
        let zones = Box::new(move |db| Box::pin(zones(db)) as Zones);
        Self { db, registry, clock, schedules, retention, zones }
    }

    /// Keeps until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let every = |period| {
            let mut interval = tokio::time::interval(period);
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            interval
        };
        let (mut settle, mut fire) = (every(SETTLE), every(FIRE));
        let (mut rescue, mut sweep, mut measure) = (every(RESCUE), every(SWEEP), every(MEASURE));
        let mut is_failing = false;
        loop {
            let (step, result) = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                _ = rescue.tick() => ("rescue", self.rescue().await.map(drop)),
                _ = settle.tick() => ("schedules", self.settle().await),
                _ = fire.tick() => ("schedules", self.fire().await.map(drop)),
                _ = measure.tick() => ("metrics", self.measure().await),
                _ = sweep.tick() => ("retention", self.sweep().await.map(drop)),
            };
            let Err(error) = result else {
                is_failing = false;
                continue;
            };
            counter!("rrnetd_job_queue_failures_total", "step" => step).increment(1);
            // Told once in an outage: the counter tells how long it lasts.
            if !std::mem::replace(&mut is_failing, true) {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    step,
                    "the job queue cannot be kept; it is tried again"
                );
            }
        }
    }

    /// Puts jobs back whose lease is over, and says how many.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn rescue(&self) -> db::Result<u64> {
        rescue::rescue(&self.db, &self.registry, Left::Over, self.clock.wall()).await
    }

    /// Brings the schedules to the tenants as they are.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn settle(&self) -> db::Result<()> {
        let tenants = (self.zones)(self.db.clone()).await?;
        schedule::settle(&self.db, &self.schedules, &tenants).await
    }

    /// Enqueues what is due by the calendar, and says how many jobs that were.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn fire(&self) -> db::Result<u64> {
        schedule::fire(&self.db, &self.schedules, self.clock.wall()).await
    }

    /// Forgets old jobs, and says how many.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn sweep(&self) -> db::Result<u64> {
        let gone = retention::sweep(&self.db, &self.retention, SWEEP_STEPS).await?;
        retention::sweep_notices(&self.db).await?;
        Ok(gone)
    }

    /// Sets the gauges: for each kind that this node knows, and all others together.
    async fn measure(&self) -> db::Result<()> {
        let report = health::read(&mut self.db.conn().await?, &health::Filter::default()).await?;
        let kinds = report.by(health::By::Kind);
        let set = |kind: &'static str, parts: &[&health::Part]| {
            let sum = |of: fn(&health::Part) -> i64| parts.iter().map(|part| of(part)).sum::<i64>();
            for (state, count) in [
                ("available", sum(|part| part.available)),
                ("scheduled", sum(|part| part.scheduled)),
                ("running", sum(|part| part.running)),
                ("failed", sum(|part| part.failed)),
                ("dead", sum(|part| part.dead)),
            ] {
                #[expect(clippy::cast_precision_loss, reason = "a gauge is a double: exact up to 2^53")]
                gauge!("rrnetd_jobs", "kind" => kind, "state" => state).set(count as f64);
            }
            let age = parts.iter().filter_map(|part| part.oldest_age(report.at)).max().unwrap_or_default();
            gauge!("rrnetd_job_oldest_seconds", "kind" => kind).set(age.as_secs_f64());
        };
        for name in self.registry.names() {
            let own: Vec<_> = kinds.iter().filter(|part| part.kind.as_deref() == Some(name)).collect();
            set(name, &own);
        }
        let others: Vec<_> = kinds
            .iter()
            .filter(|part| part.kind.as_deref().is_some_and(|kind| self.registry.find(kind).is_none()))
            .collect();
        set("other", &others);
        gauge!("rrnetd_job_pauses").set(u32::try_from(report.pauses.len()).unwrap_or(u32::MAX));
        Ok(())
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("schedules", &self.schedules).finish_non_exhaustive()
    }
}
