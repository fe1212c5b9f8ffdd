//! Jobs a second, and how long an urgent job of a small tenant waits, beside a short queue and a long one, on both databases.
//!
//! `cargo bench -p rrnetd-foundation --bench job -- [JOBS]`: JOBS wait in the long queue, 20,000 unless something else is said;
//! the long form is `-- 1000000`, and takes some minutes to fill each database; `-- --smoke` is a few seconds, for whether all
//! works. PostgreSQL is the server of
//! `TEST_DATABASE_URL`; say whether it keeps its promises (`scripts/test-servers.sh --durable`).
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench reports on the terminal and ends on an error"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use base::{Clock, Scope, TenantId};
use foundation::{
    Db,
    job::{self, Job, JobContext, JobError, Options, Priority, Registry, Settings, Work, Workers, health},
    testing::{NOW, TestDb, on_postgres, on_sqlite},
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// Tenants that share the queue; half of it is the first one's.
const TENANTS: usize = 200;
/// Jobs put in by one transaction, at most.
const CHUNK: usize = 900;

/// How much is done.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Jobs of the short queue.
    short: usize,
    /// Jobs of the long queue.
    long: usize,
    /// Jobs that are run to measure.
    run: usize,
    /// Urgent jobs that are measured, one at a time.
    probes: usize,
}

impl Size {
    fn of_arguments() -> Self {
        if std::env::args().any(|argument| argument == "--smoke") {
            return Self { short: 1_000, long: 5_000, run: 300, probes: 20 };
        }
        let long = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(20_000);
        Self { short: 1_000, long, run: 2_000, probes: 60 }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Filler {}

impl Job for Filler {
    const KIND: &'static str = "filler";
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Probe {}

impl Job for Probe {
    const KIND: &'static str = "probe";
    const PRIORITY: Priority = Priority::Urgent;
}

#[derive(Clone, Debug, Default)]
struct Hand {
    fillers: Arc<AtomicUsize>,
    probed: Arc<tokio::sync::Notify>,
}

impl Work<Filler> for Hand {
    async fn run(&self, _: Filler, _: &JobContext) -> Result<(), JobError> {
        self.fillers.fetch_add(1, Relaxed);
        Ok(())
    }
}

impl Work<Probe> for Hand {
    async fn run(&self, _: Probe, _: &JobContext) -> Result<(), JobError> {
        self.probed.notify_one();
        Ok(())
    }
}

fn main() {
    let size = Size::of_arguments();
    on_sqlite(move |db| measure("SQLite", db, size));
    on_postgres(move |db| measure("PostgreSQL", db, size));
}

async fn measure(name: &'static str, test: TestDb, size: Size) {
    let db = test.open_for_load(16).await;
    let tenants: Vec<Scope> = (0..TENANTS).map(|_| test.platform().within(TenantId::generate(NOW))).collect();
    println!("{name}");
    let mut waiting = 0;
    for goal in [size.short, size.long] {
        let clock = Clock::system();
        let began = clock.now().monotonic;
        let filled = (goal + size.run * 2).saturating_sub(waiting);
        fill(&db, &tenants, filled).await;
        let filling = filled as f64 / (clock.now().monotonic - began).as_secs_f64();
        let (rate, mut waits) = run(&db, &tenants[TENANTS - 1], size).await;
        let began = clock.now().monotonic;
        let report = health::read(&mut db.conn().await.unwrap(), &health::Filter::default()).await.unwrap();
        let viewed = clock.now().monotonic - began;
        waiting = usize::try_from(report.total().available).unwrap();
        waits.sort_unstable();
        println!(
            "  {waiting:>9} waiting: {filling:>6.0} enqueued/s, {rate:>5.0} done/s, urgent job starts after p50 {:>6.1?} \
             p99 {:>6.1?}, health view {viewed:.0?}",
            waits[waits.len() / 2],
            waits[waits.len() * 99 / 100],
        );
    }
    println!("  {:?}", db.holds());
    db.close().await;
}

async fn fill(db: &Db, tenants: &[Scope], count: usize) {
    let mut left = count;
    let mut turn = 0;
    // Few jobs are spread over as many tenants as many: the claim's cost goes by tenants, and the length is what is compared.
    let chunk = (count / (2 * TENANTS)).clamp(1, CHUNK);
    while left > 0 {
        let size = left.min(chunk);
        let tenant = if turn % 2 == 0 { &tenants[0] } else { &tenants[turn / 2 % tenants.len()] };
        let mut tx = db.begin_bulk().await.unwrap();
        job::enqueue_all(&mut tx, tenant, &vec![Filler {}; size], &Options::default()).await.unwrap();
        tx.commit().await.unwrap();
        (left, turn) = (left - size, turn + 1);
    }
}

/// Runs jobs, then probes beside them; jobs a second, and how long each probe waited from its commit to its start.
async fn run(db: &Db, tenant: &Scope, size: Size) -> (f64, Vec<Duration>) {
    let hand = Hand::default();
    let mut registry = Registry::new();
    registry.register::<Filler>(hand.clone()).unwrap();
    registry.register::<Probe>(hand.clone()).unwrap();
    let clock = Clock::system();
    let settings = Settings { node: "bench".into(), at_once: 8 };
    let workers = Workers::new(db.clone(), Arc::new(registry), clock.clone(), settings);
    let stop = CancellationToken::new();
    let began = clock.now().monotonic;
    let task = tokio::spawn(workers.run(stop.clone()));
    while hand.fillers.load(Relaxed) < size.run {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let rate = size.run as f64 / (clock.now().monotonic - began).as_secs_f64();
    let mut waits = Vec::new();
    for _ in 0..size.probes {
        let mut tx = db.begin().await.unwrap();
        job::enqueue(&mut tx, tenant, &Probe {}, Options::default()).await.unwrap();
        tx.commit().await.unwrap();
        let committed = clock.now().monotonic;
        hand.probed.notified().await;
        waits.push(clock.now().monotonic - committed);
    }
    stop.cancel();
    task.await.unwrap();
    (rate, waits)
}
