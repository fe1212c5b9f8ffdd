//! Events: how long from a commit until its reaction has done its work (its own commit follows), and how many a second, with
//! an empty and with a long stream, and beside a reaction that panics at each event of one tenant.
//!
//! `cargo bench -p rrnetd-foundation --bench event -- [EVENTS]`: events that lie in the stream beforehand, 20,000 unless said;
//! the whole is 10,000,000 (some minutes and 3 GB a database); `-- --smoke` is a few seconds, for whether all works. PostgreSQL is the server of `TEST_DATABASE_URL`; say whether
//! it keeps its promises (`scripts/test-servers.sh --durable`). Both streams are measured in one run, in five interleaved rounds;
//! shown are medians.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench reports on the terminal and ends on an error"
)]

use std::time::Duration;

use base::{Clock, Scope, TenantId, Timestamp};
use foundation::{
    Db, Tx,
    db::{Sql, dialect},
    event::{Dispatcher, Envelope, Event, Failure, Kind, Settings, Subscriber, Subscribers},
    testing::{NOW, TestDb, on_postgres, on_sqlite},
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Tenants of the long stream.
const TENANTS: usize = 100;

/// How much is done.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Events of the long stream.
    events: i64,
    rounds: usize,
    /// Events of one round whose way is timed, one after the other.
    timed: usize,
    /// Events of one round that are published at once.
    burst: usize,
}

impl Size {
    fn of_arguments() -> Self {
        if std::env::args().any(|argument| argument == "--smoke") {
            return Self { events: 5_000, rounds: 1, timed: 50, burst: 300 };
        }
        let events = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(20_000);
        Self { events, rounds: 5, timed: 100, burst: 2_000 }
    }
}

#[derive(Serialize, Deserialize)]
struct Happened {
    number: i64,
}

impl Event for Happened {
    const KIND: &'static str = "happened";
}

const TALLY: Sql = dialect(
    "CREATE TABLE tally (tenant_id BLOB NOT NULL PRIMARY KEY, events INTEGER NOT NULL) STRICT",
    "CREATE TABLE tally (tenant_id UUID NOT NULL PRIMARY KEY, events BIGINT NOT NULL)",
);

/// Fills the stream with what nobody wants, as fast as the database takes it.
const FILL: Sql = dialect(
    "WITH RECURSIVE n(i) AS (SELECT $2 UNION ALL SELECT i + 1 FROM n WHERE i < $3) \
     INSERT INTO event (tenant_id, sequence, kind, version, at, body) \
     SELECT $1, i, 'filler', 1, $4, '{\"subscriber\":\"0192d3b0-0000-7000-8000-000000000000\"}' FROM n",
    "INSERT INTO event (tenant_id, sequence, kind, version, at, body) \
     SELECT $1, i, 'filler', 1, $4, '{\"subscriber\":\"0192d3b0-0000-7000-8000-000000000000\"}' \
     FROM generate_series($2::bigint, $3::bigint) AS i",
);

/// Counts, and says that it did.
struct Counter(mpsc::UnboundedSender<()>);

impl Subscriber for Counter {
    const NAME: &'static str = "bench.counter";
    const KINDS: &'static [Kind] = &[Kind::of::<Happened>()];

    async fn handle(&self, tx: &mut Tx, _: &Scope, envelope: &Envelope) -> Result<(), Failure> {
        tx.query(
            "INSERT INTO tally (tenant_id, events) VALUES ($1, 1) \
             ON CONFLICT (tenant_id) DO UPDATE SET events = tally.events + 1",
        )
        .bind(envelope.tenant)
        .execute_one()
        .await?;
        let _ = self.0.send(());
        Ok(())
    }
}

/// Panics at each event of one tenant.
struct Panicking(TenantId);

impl Subscriber for Panicking {
    const NAME: &'static str = "bench.panicking";
    const KINDS: &'static [Kind] = &[Kind::of::<Happened>()];

    async fn handle(&self, _: &mut Tx, _: &Scope, envelope: &Envelope) -> Result<(), Failure> {
        assert!(envelope.tenant != self.0, "as it is meant to be");
        Ok(())
    }
}

fn main() {
    let size = Size::of_arguments();
    on_sqlite(move |db| measure("SQLite", db, size));
    on_postgres(move |db| measure("PostgreSQL", db, size));
}

async fn measure(name: &'static str, test: TestDb, size: Size) {
    let db = test.open_for_load(8).await;
    let mut tx = db.begin().await.unwrap();
    tx.query(TALLY).execute().await.unwrap();
    tx.commit().await.unwrap();
    let scope = |_| test.platform().within(TenantId::generate(NOW));
    let long: Vec<Scope> = (0..TENANTS).map(scope).collect();
    fill(&db, &long, size.events).await;
    let short: Vec<Scope> = (0..TENANTS).map(scope).collect();
    let (told, mut heard) = mpsc::unbounded_channel();
    let stricken = scope(0);
    let subscribers = Subscribers::new().with(Counter(told)).with(Panicking(stricken.tenant()));
    let dispatcher = Dispatcher::new(db.clone(), Clock::system(), subscribers, Settings::of(&db));
    dispatcher.register().await.unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(dispatcher.run(stop.clone()));
    let mut results = [const { (Vec::new(), Vec::new(), Vec::new()) }; 3];
    for round in 0..2 * size.rounds {
        // In the second half one tenant's events wait for a reaction that panics, and more of them come.
        let sets: &[(&[Scope], usize)] =
            if round < size.rounds { &[(&short, 0), (&long, 1)] } else { &[(&short, 2)] };
        if round >= size.rounds {
            publish(&db, &stricken, round).await;
            heard.recv().await.unwrap();
        }
        for &(scopes, result) in sets {
            let result = &mut results[result];
            let mut ways = ways(&db, scopes, &mut heard, size.timed).await;
            ways.sort_unstable();
            result.0.push(ways[size.timed / 2]);
            result.1.push(ways[size.timed * 99 / 100]);
            result.2.push(rate(&db, scopes, &mut heard, size.burst).await);
        }
    }
    stop.cancel();
    running.await.unwrap();
    let streams = ["an empty stream", "a long stream", "beside a panic"];
    for ((p50, p99, rates), stream) in results.iter_mut().zip(streams) {
        p50.sort_unstable();
        p99.sort_unstable();
        rates.sort_by(f64::total_cmp);
        let before = if stream == "a long stream" { size.events } else { 0 };
        println!(
            "{name}, {stream}, {before:>8} events before: commit to reaction p50 {:?}, p99 {:?}; {:.0} events/s published and handled",
            p50[size.rounds / 2],
            p99[size.rounds / 2],
            rates[size.rounds / 2]
        );
    }
    db.close().await;
}

async fn fill(db: &Db, scopes: &[Scope], events: i64) {
    const CHUNK: i64 = 50_000;
    let each = events / i64::try_from(scopes.len()).unwrap();
    for scope in scopes {
        let mut from = 1;
        while from <= each {
            let through = (from + CHUNK - 1).min(each);
            let mut tx = db.begin().await.unwrap();
            let filled = tx.query(FILL).bind(scope.tenant()).bind(from).bind(through).bind(Timestamp::EPOCH);
            filled.execute().await.unwrap();
            tx.commit().await.unwrap();
            from = through + 1;
        }
        let mut tx = db.begin().await.unwrap();
        tx.query(
            "INSERT INTO stream_head (tenant_id, event_sequence, audit_sequence, change_sequence, audit_hash) \
             VALUES ($1, $2, 0, 0, $3)",
        )
        .bind(scope.tenant())
        .bind(each)
        .bind([0_u8; 32].as_slice())
        .execute_one()
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
}

async fn publish(db: &Db, scope: &Scope, number: usize) {
    let mut tx = db.begin().await.unwrap();
    tx.publish(scope, &Happened { number: i64::try_from(number).unwrap() });
    tx.commit().await.unwrap();
}

/// Commits one event after the other, each when the one before was reacted to.
async fn ways(
    db: &Db,
    scopes: &[Scope],
    heard: &mut mpsc::UnboundedReceiver<()>,
    timed: usize,
) -> Vec<Duration> {
    let clock = Clock::system();
    let mut ways = Vec::with_capacity(timed);
    for number in 0..timed {
        publish(db, &scopes[number % TENANTS], number).await;
        let committed = clock.now().monotonic;
        heard.recv().await.unwrap();
        ways.push(clock.now().monotonic.saturating_sub(committed));
    }
    ways
}

/// Publishes many at once, four at a time, until all are reacted to.
async fn rate(db: &Db, scopes: &[Scope], heard: &mut mpsc::UnboundedReceiver<()>, burst: usize) -> f64 {
    let clock = Clock::system();
    let began = clock.now().monotonic;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..4 {
        let (db, scopes) = (db.clone(), scopes.to_vec());
        publishers.spawn(async move {
            for number in (publisher..burst).step_by(4) {
                publish(&db, &scopes[number % TENANTS], number).await;
            }
        });
    }
    for _ in 0..burst {
        heard.recv().await.unwrap();
    }
    publishers.join_all().await;
    burst as f64 / (clock.now().monotonic - began).as_secs_f64()
}
