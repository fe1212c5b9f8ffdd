//! Commits a second: plain transactions, and such with a stream head, on both databases.
//!
//! `cargo bench -p rrnetd-foundation --bench commit -- [SECONDS]` (1 a round, at most 5). PostgreSQL is the server of `TEST_DATABASE_URL`; say
//! whether it keeps its promises (`scripts/test-servers.sh --durable`). Each way runs in five interleaved rounds; shown are
//! the medians.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench reports on the terminal and ends on an error"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use base::{Clock, Scope, TenantId};
use foundation::{
    Db,
    audit::Entry,
    change::Change,
    event::Event,
    testing::{NOW, TestDb, on_postgres, on_sqlite},
};
use serde::Serialize;
use uuid::Uuid;

/// Transactions at a time, as many requests that people wait for.
const CLIENTS: usize = 16;
const ROUNDS: usize = 5;
const TENANTS: usize = 500;

#[derive(Serialize)]
struct Happened {
    id: i64,
}

impl Event for Happened {
    const KIND: &'static str = "happened";
}

/// What a transaction does beside its one row.
#[derive(Clone, Copy)]
enum Way {
    /// Nothing.
    Plain,
    /// An event in one of 500 tenants' streams.
    Event,
    /// An event, an audit entry and a change in one of 500 tenants' streams.
    Full,
    /// The same, all in one tenant's stream.
    Hot,
}

const WAYS: [(Way, &str); 4] = [
    (Way::Plain, "plain"),
    (Way::Event, "event, 500 tenants"),
    (Way::Full, "event + audit + change, 500 tenants"),
    (Way::Hot, "event + audit + change, one tenant"),
];

fn main() {
    let seconds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1);
    on_sqlite(move |db| measure("SQLite", db, Duration::from_secs(seconds)));
    on_postgres(move |db| measure("PostgreSQL", db, Duration::from_secs(seconds)));
}

async fn measure(name: &'static str, test: TestDb, time: Duration) {
    let db = test.open_for_load(u32::try_from(CLIENTS).unwrap()).await;
    let mut tx = db.begin().await.unwrap();
    tx.query("CREATE TABLE line (id BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL)")
        .execute()
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let tenants: Arc<[Scope]> =
        (0..TENANTS).map(|_| test.platform().within(TenantId::generate(NOW))).collect();
    let next = Arc::new(AtomicI64::new(0));
    let mut rates = vec![Vec::new(); WAYS.len()];
    for _ in 0..ROUNDS {
        for (rates, (way, _)) in rates.iter_mut().zip(WAYS) {
            rates.push(rate(&db, way, &tenants, &next, time).await);
        }
    }
    println!("{name}, {CLIENTS} clients");
    for (mut rates, (_, name)) in rates.into_iter().zip(WAYS) {
        rates.sort_by(f64::total_cmp);
        println!(
            "  {name:<36} {:>7.0} commits/s  ({:.0} to {:.0})",
            rates[ROUNDS / 2],
            rates[0],
            rates[ROUNDS - 1]
        );
    }
    println!("  {:?}", db.holds());
    db.close().await;
}

async fn rate(db: &Db, way: Way, tenants: &Arc<[Scope]>, next: &Arc<AtomicI64>, time: Duration) -> f64 {
    let clock = Clock::system();
    let begun = clock.now().monotonic;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (db, tenants, next, clock) = (db.clone(), Arc::clone(tenants), Arc::clone(next), clock.clone());
        clients.spawn(async move {
            let mut commits = 0_u32;
            while clock.now().monotonic.saturating_sub(begun) < time {
                let id = next.fetch_add(1, Relaxed);
                let tenant = match way {
                    Way::Hot => &tenants[0],
                    _ => &tenants[usize::try_from(id).unwrap() % TENANTS],
                };
                commit(&db, way, tenant, id).await;
                commits += 1;
            }
            commits
        });
    }
    let commits: u32 = clients.join_all().await.into_iter().sum();
    f64::from(commits) / clock.now().monotonic.saturating_sub(begun).as_secs_f64()
}

async fn commit(db: &Db, way: Way, tenant: &Scope, id: i64) {
    let mut tx = db.begin().await.unwrap();
    tx.query("INSERT INTO line (id, text) VALUES ($1, 'twenty octets or so')")
        .bind(id)
        .execute_one()
        .await
        .unwrap();
    if !matches!(way, Way::Plain) {
        tx.publish(tenant, &Happened { id });
    }
    if matches!(way, Way::Full | Way::Hot) {
        tx.audit(tenant, Entry::new("row.create", "row", id).after(&Happened { id }));
        tx.changed(tenant, Change::new("row", Uuid::from_u128(1)));
    }
    tx.commit().await.unwrap();
}
