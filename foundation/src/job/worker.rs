//! Runs jobs: claims what there is room for, runs each on a task of its own, keeps the leases alive, and settles what came
//! of them.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use base::{Clock, TenantId};
use metrics::{counter, histogram};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    JobContext, JobError, Priority, Registry,
    claim::{self, Claimed, Claimer, Room},
    context::Shared,
    error::Chain,
    lease::{LEASE, Lease},
    rescue::{self, Left},
    settle::{self, Outcome, Run},
    time::database_time,
};
use crate::{Db, db};

/// How often the queue is looked at although nothing woke us: for jobs of other nodes.
const POLL: Duration = Duration::from_secs(1);
/// How soon lanes are looked at again that another node was just taking from.
const BUSY: Duration = Duration::from_millis(5);
/// How often leases are renewed: several heartbeats may fail before one is lost.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long running jobs may take to end when the daemon stops; then they are given back.
const PATIENCE: Duration = Duration::from_secs(10);
/// First and longest wait between attempts to settle a run while the database is away.
const SETTLE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How a node works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name: in logs, and at the jobs that it runs. No other node has it, and after a restart it is the same: what is
    /// found running under it then was left behind by the process before, and does not wait for its lease to end.
    pub node: String,
    /// Jobs that it runs at a time, at least 1. Each may take a connection to the database. Half of them may be bulk work,
    /// three quarters anything that is not urgent, half one tenant's.
    pub at_once: usize,
}

/// A node's workers.
#[derive(Debug)]
pub struct Workers {
    crew: Arc<Crew>,
    claimer: Claimer,
    tasks: JoinSet<()>,
    /// What the process before left behind was put back.
    is_settled: bool,
}

#[derive(Debug)]
struct Crew {
    db: Db,
    registry: Arc<Registry>,
    clock: Clock,
    settings: Settings,
    active: Mutex<HashMap<Lease, Active>>,
    /// Running jobs are to end and to be given back.
    stopping: CancellationToken,
}

/// A job that runs here.
#[derive(Debug)]
struct Active {
    tenant: TenantId,
    priority: Priority,
    shared: Arc<Shared>,
    /// Monotonic time of the last renewal.
    renewed: Duration,
    lost: CancellationToken,
}

impl Workers {
    /// Workers for the kinds of `registry`.
    #[must_use]
    pub fn new(db: Db, registry: Arc<Registry>, clock: Clock, settings: Settings) -> Self {
        let crew = Crew {
            db,
            registry,
            clock,
            settings,
            active: Mutex::new(HashMap::new()),
            stopping: CancellationToken::new(),
        };
        Self { crew: Arc::new(crew), claimer: Claimer::default(), tasks: JoinSet::new(), is_settled: false }
    }

    /// Works until `shutdown`. What runs then may end within ten seconds; the rest is given back.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let crew = Arc::clone(&self.crew);
        let ended = CancellationToken::new();
        let work = async {
            self.work(&shutdown).await;
            ended.cancel();
        };
        tokio::join!(work, crew.keep_alive(&ended));
    }

    async fn work(&mut self, shutdown: &CancellationToken) {
        let crew = Arc::clone(&self.crew);
        let mut is_failing = false;
        while !shutdown.is_cancelled() {
            let pause = match self.round().await {
                Ok(pause) => {
                    if std::mem::take(&mut is_failing) {
                        tracing::info!("jobs are claimed again");
                    }
                    pause
                }
                Err(error) => {
                    counter!("rrnetd_job_queue_failures_total", "step" => "claim").increment(1);
                    // Told once in an outage: the counter tells how long it lasts.
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = &error as &dyn std::error::Error, "jobs cannot be claimed");
                    }
                    POLL
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = crew.db.wake().jobs() => {}
                () = tokio::time::sleep(pause) => {}
                _ = self.tasks.join_next(), if !self.tasks.is_empty() => {}
            }
        }
        let tasks = &mut self.tasks;
        let patience = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, patience).await.is_err() {
            crew.stopping.cancel();
            while self.tasks.join_next().await.is_some() {}
        }
    }

    /// Starts what is due and has room; how long to sleep unless something wakes us.
    async fn round(&mut self) -> db::Result<Duration> {
        // Before the first claim, when nothing of this name can run yet.
        if !self.is_settled {
            let crew = &self.crew;
            let left = Left::Of(&crew.settings.node);
            rescue::rescue(&crew.db, &crew.registry, left, crew.clock.wall()).await?;
            self.is_settled = true;
        }
        loop {
            while self.tasks.try_join_next().is_some() {}
            if self.tasks.len() >= self.crew.settings.at_once.max(1) {
                return Ok(POLL);
            }
            let (next, now) = claim::promote(&self.crew.db).await?;
            let (claimed, more) = self.claim().await?;
            let nothing = claimed.is_empty();
            for job in claimed {
                self.start(job);
            }
            if !more {
                return Ok(next.map_or(POLL, |next| next.since(now).min(POLL)));
            }
            if nothing {
                return Ok(BUSY);
            }
        }
    }

    async fn claim(&mut self) -> db::Result<(Vec<Claimed>, bool)> {
        let crew = &self.crew;
        let room = crew.room();
        self.claimer.claim(&crew.db, &crew.registry, &crew.settings.node, room).await
    }

    fn start(&mut self, job: Claimed) {
        let crew = Arc::clone(&self.crew);
        let lease = Lease { job: job.id, token: job.lease_token };
        let (shared, lost) = (Arc::new(Shared::default()), CancellationToken::new());
        let active = Active {
            tenant: job.tenant_id,
            priority: job.priority,
            shared: Arc::clone(&shared),
            renewed: crew.clock.now().monotonic,
            lost: lost.clone(),
        };
        crew.active().insert(lease, active);
        self.tasks.spawn(async move {
            crew.run(job, shared, lost).await;
            crew.active().remove(&lease);
        });
    }

    /// Runs everything that is due to its end, and says how many runs that were: for tests, and for commands that work off
    /// a queue.
    ///
    /// # Errors
    /// When jobs cannot be claimed.
    pub async fn run_due(&mut self) -> db::Result<usize> {
        let mut runs = 0;
        loop {
            let (next, now) = claim::promote(&self.crew.db).await?;
            let (claimed, more) = self.claim().await?;
            runs += claimed.len();
            let nothing = claimed.is_empty();
            for job in claimed {
                self.start(job);
            }
            while self.tasks.join_next().await.is_some() {}
            match (nothing, more || next.is_some_and(|next| next <= now)) {
                (true, false) => return Ok(runs),
                (true, true) => tokio::time::sleep(BUSY).await,
                (false, _) => {}
            }
        }
    }
}

impl Crew {
    fn active(&self) -> std::sync::MutexGuard<'_, HashMap<Lease, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self) -> Room {
        let places = self.settings.at_once.max(1);
        let mut of_priority = [places, (places * 3 / 4).max(1), (places / 2).max(1)];
        let mut taken: HashMap<TenantId, usize> = HashMap::new();
        for active in self.active().values() {
            *taken.entry(active.tenant).or_default() += 1;
            for room in of_priority.iter_mut().take(active.priority.index() + 1) {
                *room = room.saturating_sub(1);
            }
        }
        Room { of_priority, of_tenant: (places / 2).max(1), taken }
    }

    /// One run, from its claim to its outcome in the database.
    async fn run(&self, job: Claimed, shared: Arc<Shared>, lost: CancellationToken) {
        let Some(kind) = self.registry.find(&job.kind) else { return };
        let run = Run {
            lease: Lease { job: job.id, token: job.lease_token },
            kind: kind.name,
            tenant: job.tenant_id,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
        };
        let context = JobContext {
            db: self.db.clone(),
            clock: self.clock.clone(),
            lease: run.lease,
            kind: kind.name,
            tenant: job.tenant_id,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            progress: job.progress.map(|progress| Arc::new(progress.0)),
            shared: Arc::clone(&shared),
        };
        let began = self.clock.now();
        histogram!("rrnetd_job_wait_seconds", "kind" => kind.name)
            .record(began.wall.since(job.run_at).as_secs_f64());
        let mut task = tokio::spawn((kind.run)(job.args.0, context));
        let ended = tokio::select! {
            ended = &mut task => Some(ended.unwrap_or_else(|error| Err(self.broken(kind.name, error)))),
            () = tokio::time::sleep(kind.time_limit) => {
                let limit = format!("the run took longer than {:.0?}", kind.time_limit);
                Some(Err(JobError::Retry(limit.into())))
            }
            () = lost.cancelled() => Some(Err(JobError::LeaseLost)),
            () = self.stopping.cancelled() => None,
        };
        if !task.is_finished() {
            // What it holds of the database is let go of before its outcome is written.
            task.abort();
            let _ended = task.await;
        }
        let took = self.clock.now().monotonic.saturating_sub(began.monotonic);
        histogram!("rrnetd_job_run_seconds", "kind" => kind.name).record(took.as_secs_f64());
        let outcome = match ended {
            _ if shared.finished.load(Ordering::Acquire) => Some(Outcome::Done),
            None => Some(Outcome::Release),
            Some(ended) => self.outcome(&run, ended),
        };
        let settled = match &outcome {
            Some(Outcome::Done) if shared.finished.load(Ordering::Acquire) => true,
            Some(outcome) => {
                let (level, text) = settle::last_line(&run, outcome);
                shared.log.add(self.clock.wall(), level, &text);
                self.settle(&run, outcome, &shared).await
            }
            None => false,
        };
        let label = outcome.as_ref().filter(|_| settled).map_or("lost", Outcome::as_str);
        counter!("rrnetd_job_runs_total", "kind" => kind.name, "outcome" => label).increment(1);
    }

    /// `None` when the run has no say any more.
    fn outcome(&self, run: &Run<'_>, ended: Result<(), JobError>) -> Option<Outcome> {
        Some(match ended {
            Ok(()) => Outcome::Done,
            Err(JobError::Retry(error)) => {
                let seed = run.lease.job.0.cast_unsigned();
                let wait = self.registry.backoff(run.kind).wait(run.attempt, seed);
                Outcome::Retry { wait, error: Chain(&*error).to_string() }
            }
            Err(JobError::Snooze { wait, reason }) => Outcome::Snooze { wait, reason },
            Err(JobError::Discard { reason }) => Outcome::Discard { reason },
            Err(JobError::Fatal(error)) => Outcome::Dead { error: Chain(&*error).to_string() },
            Err(JobError::LeaseLost) => return None,
        })
    }

    /// A task that ended with a panic.
    fn broken(&self, kind: &'static str, error: tokio::task::JoinError) -> JobError {
        let text = match error.try_into_panic() {
            Ok(panic) => format!("it panicked: {}", words(&*panic)),
            Err(error) => error.to_string(),
        };
        counter!("rrnetd_job_panics_total", "kind" => kind).increment(1);
        tracing::error!(job.kind = kind, error = text, "a job panicked: a defect, please report it");
        JobError::Retry(text.into())
    }

    /// Writes the outcome; while the database is away, until the lease would be over anyway. False when it was lost.
    async fn settle(&self, run: &Run<'_>, outcome: &Outcome, shared: &Shared) -> bool {
        let began = self.clock.now().monotonic;
        let mut pause = SETTLE.0;
        loop {
            let wall = self.clock.wall();
            let lines = shared.log.last(wall);
            match settle::settle(&self.db, run, outcome, &lines, wall).await {
                Ok(settled) => return settled,
                Err(error) => {
                    counter!("rrnetd_job_queue_failures_total", "step" => "settle").increment(1);
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        job.id = %run.lease.job,
                        "what came of a job cannot be written; it is tried again until its lease is over"
                    );
                }
            }
            if self.clock.now().monotonic.saturating_sub(began) > LEASE {
                return false;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(SETTLE.1);
        }
    }

    /// Renews the leases of what runs, until `ended`.
    async fn keep_alive(&self, ended: &CancellationToken) {
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                () = tokio::time::sleep(HEARTBEAT) => {}
            }
            if let Err(error) = self.heartbeat().await {
                counter!("rrnetd_job_queue_failures_total", "step" => "heartbeat").increment(1);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the leases of jobs cannot be renewed"
                );
            }
        }
    }

    /// Renews every lease, and writes what the runs logged meanwhile. A run whose lease is lost is ended.
    async fn heartbeat(&self) -> db::Result<()> {
        let now = self.clock.now().monotonic;
        let runs: Vec<(Lease, Arc<Shared>)> = {
            let mut active = self.active();
            // Without word from the database others will take them for dead, and so do we.
            for run in active.values_mut().filter(|run| now.saturating_sub(run.renewed) > LEASE) {
                run.lost.cancel();
            }
            active.iter().map(|(lease, run)| (*lease, Arc::clone(&run.shared))).collect()
        };
        if runs.is_empty() {
            return Ok(());
        }
        for (lease, shared) in runs {
            let mut tx = self.db.begin().await?;
            let at = database_time(&mut tx).await?;
            let holds = lease.renew(&mut tx, at).await?;
            let lines = shared.log.waiting();
            if holds && !lines.is_empty() {
                lines.write(&mut tx, lease.job, lease.token).await?;
            }
            tx.commit().await?;
            shared.log.written(&lines);
            if let Some(run) = self.active().get_mut(&lease) {
                if holds {
                    run.renewed = self.clock.now().monotonic;
                } else if !shared.finished.load(Ordering::Acquire) {
                    run.lost.cancel();
                }
            }
        }
        Ok(())
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}
