//! Caches are stale at once on the node that commits, soon on others, and soon enough where a notification is lost.

use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::Duration,
};

use base::{Clock, TenantId};
use foundation::{
    Db,
    audit::Entry,
    cache::TenantCache,
    db,
    testing::{TestDb, on_postgres},
    wake::{Woken, relay, watch},
};
use tokio_util::sync::CancellationToken;

foundation::battery! {
    the_next_request_of_this_node_sees_a_commit,
    a_value_that_was_overtaken_while_it_was_loaded_is_not_used,
}

/// What a request asks for: the number of the tenant's last audit entry, from the cache.
async fn ask(db: &Db, cache: &TenantCache<i64>, tenant: TenantId, loads: &AtomicI64) -> i64 {
    let load = async {
        loads.fetch_add(1, Relaxed);
        last(db, tenant).await
    };
    cache.find_or_load(db, tenant, load).await.unwrap()
}

async fn last(db: &Db, tenant: TenantId) -> db::Result<i64> {
    let mut conn = db.conn().await?;
    let row: Option<(i64,)> = conn
        .query("SELECT audit_sequence FROM stream_head WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_optional()
        .await?;
    Ok(row.map_or(0, |(last,)| last))
}

async fn change(db: &TestDb, at: &Db, tenant: TenantId) {
    let mut tx = at.begin().await.unwrap();
    tx.audit(&db.platform().within(tenant), Entry::new("test.act", "thing", 1));
    tx.commit().await.unwrap();
}

async fn the_next_request_of_this_node_sees_a_commit(db: TestDb) {
    let (cache, loads) = (TenantCache::new("test"), AtomicI64::new(0));
    let (one, two) = (db.scope().tenant(), db.scope().tenant());
    for expected in 0..5 {
        for _ in 0..3 {
            assert_eq!(ask(&db, &cache, one, &loads).await, expected);
            assert_eq!(ask(&db, &cache, two, &loads).await, 0);
        }
        change(&db, &db, one).await;
    }
    assert_eq!(loads.load(Relaxed), 6, "five for the one that changes, one for the other");
    // What the platform decides may concern everybody.
    change(&db, &db, TenantId::PLATFORM).await;
    ask(&db, &cache, two, &loads).await;
    assert_eq!(loads.load(Relaxed), 7);
}

async fn a_value_that_was_overtaken_while_it_was_loaded_is_not_used(db: TestDb) {
    let (cache, loads) = (TenantCache::new("test"), AtomicI64::new(0));
    let tenant = db.scope().tenant();
    let overtaken = async {
        let value = last(&db, tenant).await?;
        change(&db, &db, tenant).await;
        Ok::<_, db::Error>(value)
    };
    assert_eq!(cache.find_or_load(&db, tenant, overtaken).await.unwrap(), 0, "as good as its moment");
    assert_eq!(ask(&db, &cache, tenant, &loads).await, 1);
}

/// Waits until the other node's cache gives the new value, and says how long that took.
async fn until_seen(db: &Db, cache: &TenantCache<i64>, tenant: TenantId, expected: i64) -> Duration {
    let clock = Clock::system();
    let began = clock.now().monotonic;
    while ask(db, cache, tenant, &AtomicI64::new(0)).await != expected {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    clock.now().monotonic - began
}

#[test]
fn another_node_sees_it_when_it_is_told() {
    on_postgres(|db| async move {
        let other = db.open_again().await;
        let stop = CancellationToken::new();
        let mut follower = other.wake().follow();
        let mut relays = tokio::task::JoinSet::new();
        for node in [(*db).clone(), other.clone()] {
            let stop = stop.clone();
            relays.spawn(async move { relay(&node, &stop).await });
        }
        assert_eq!(follower.woken().await, Woken::All);
        let cache = TenantCache::new("test");
        let tenant = db.scope().tenant();
        let mut took = Vec::new();
        for expected in 1..=11 {
            assert_eq!(ask(&other, &cache, tenant, &AtomicI64::new(0)).await, expected - 1);
            change(&db, &db, tenant).await;
            took.push(until_seen(&other, &cache, tenant, expected).await);
        }
        took.sort_unstable();
        println!("another node saw a commit after {:?}, at most {:?}", took[5], took[10]);
        // Nothing but the notification tells it here: without one this would not end.
        assert!(took[5] < Duration::from_millis(100), "{took:?}");
        stop.cancel();
        relays.join_all().await;
        other.close().await;
    });
}

#[test]
fn another_node_sees_it_although_no_notification_comes() {
    on_postgres(|db| async move {
        let other = db.open_again().await;
        let stop = CancellationToken::new();
        let mut follower = other.wake().follow();
        // No relay at all: every notification is lost.
        let watching = tokio::spawn({
            let (other, stop) = (other.clone(), stop.clone());
            async move { watch(&other, &stop).await }
        });
        assert_eq!(follower.woken().await, Woken::All);
        let cache = TenantCache::new("test");
        let tenant = db.scope().tenant();
        for expected in 1..=3 {
            assert_eq!(ask(&other, &cache, tenant, &AtomicI64::new(0)).await, expected - 1);
            change(&db, &db, tenant).await;
            let took = until_seen(&other, &cache, tenant, expected).await;
            assert!(took < Duration::from_secs(2), "{took:?}");
        }
        stop.cancel();
        watching.await.unwrap();
        other.close().await;
    });
}
