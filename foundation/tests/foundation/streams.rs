//! The streams: no gaps, no row behind a cursor, and everybody is woken.

use std::collections::HashMap;

use base::{Scope, TenantId};
use foundation::{
    Db,
    audit::{self, Entry},
    change::{self, Change, Following, changes_after},
    db::{Sql, dialect},
    event::{Envelope, Event, events_after},
    testing::{NOW, TestDb},
    wake::{Woken, relay},
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::create;

foundation::battery! {
    a_late_commit_is_not_skipped,
    concurrent_commits_leave_no_gap,
    an_event_says_what_happened,
    a_row_is_told_once,
    a_trimmed_stream_tells_its_followers,
    nodes_wake_each_other,
}

#[derive(Serialize)]
struct Happened {
    publisher: i64,
    round: i64,
}

impl Event for Happened {
    const KIND: &'static str = "happened";
    const VERSION: i64 = 3;
}

const LOG: Sql = dialect(
    "CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, publisher INTEGER NOT NULL) STRICT",
    "CREATE TABLE log (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, publisher BIGINT NOT NULL)",
);

/// A reader that keeps a position, as subscribers and the feeder do. It refuses a gap and a number that it has seen.
struct Reader {
    tenant: TenantId,
    position: i64,
    seen: Vec<Envelope>,
}

impl Reader {
    fn new(tenant: TenantId) -> Self {
        Self { tenant, position: 0, seen: Vec::new() }
    }

    async fn read(&mut self, db: &Db) -> usize {
        let mut conn = db.conn().await.unwrap();
        let events = events_after(&mut conn, self.tenant, self.position, 7).await.unwrap();
        for event in &events {
            assert_eq!(event.sequence, self.position + 1, "a gap or a repetition");
            self.position = event.sequence;
        }
        let count = events.len();
        self.seen.extend(events);
        count
    }
}

async fn publish(tx: &mut foundation::Tx, scope: &Scope, publisher: i64, round: i64) {
    tx.query("INSERT INTO log (publisher) VALUES ($1)").bind(publisher).execute_one().await.unwrap();
    tx.publish(scope, &Happened { publisher, round });
}

/// The first publisher gets its row's identity first and commits last: a cursor over identities would skip it. (SQLite
/// has one writer, so there the second waits for the first, and the order of commits is that of beginning.)
async fn a_late_commit_is_not_skipped(db: TestDb) {
    create(&db, &[LOG]).await;
    let scope = db.scope();
    let mut reader = Reader::new(scope.tenant());
    let mut first = db.begin().await.unwrap();
    publish(&mut first, &scope, 1, 0).await;
    if db.is_sqlite() {
        let second = async {
            let mut second = db.begin().await.unwrap();
            publish(&mut second, &scope, 2, 0).await;
            second.commit().await.unwrap();
        };
        let first = async {
            assert_eq!(reader.read(&db).await, 0);
            first.commit().await.unwrap();
        };
        tokio::join!(second, first);
    } else {
        let mut second = db.begin().await.unwrap();
        publish(&mut second, &scope, 2, 0).await;
        second.commit().await.unwrap();
        assert_eq!(reader.read(&db).await, 1);
        first.commit().await.unwrap();
    }
    while reader.read(&db).await > 0 {}
    let mut publishers: Vec<i64> =
        reader.seen.iter().map(|event| event.body["publisher"].as_i64().unwrap()).collect();
    if !db.is_sqlite() {
        assert_eq!(publishers, [2, 1], "the order of commits");
    }
    publishers.sort_unstable();
    assert_eq!(publishers, [1, 2]);
}

/// Publishers on two nodes write to three tenants at once, some to two in one transaction and in either order, some roll
/// back; readers follow meanwhile.
async fn concurrent_commits_leave_no_gap(db: TestDb) {
    const PUBLISHERS: i64 = 6;
    const ROUNDS: i64 = 25;
    create(&db, &[LOG]).await;
    let scopes = [db.scope(), db.scope(), db.scope()];
    let node = db.open_again().await;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let db = if publisher % 2 == 0 { (*db).clone() } else { node.clone() };
        let scopes = scopes.clone();
        publishers.spawn(async move {
            for round in 0..ROUNDS {
                let at = usize::try_from(publisher + round).unwrap();
                let (one, two) = (&scopes[at % 3], &scopes[(at / 2) % 3]);
                let mut tx = db.begin().await.unwrap();
                publish(&mut tx, one, publisher, round).await;
                tx.publish(two, &Happened { publisher, round });
                tx.audit(one, Entry::new("test.act", "thing", round));
                tx.changed(two, Change::new("thing", Uuid::from_u128(at as u128)));
                if round % 5 == 4 { drop(tx) } else { tx.commit().await.unwrap() }
            }
        });
    }
    let reading = scopes.clone().map(|scope| {
        let db = (*db).clone();
        tokio::spawn(async move {
            let mut follower = db.wake().follow();
            let mut reader = Reader::new(scope.tenant());
            while reader.read(&db).await > 0 || !ended(&reader.seen, &scope) {
                // What the other node commits wakes nobody here: polling is the safety net.
                let _ = tokio::time::timeout(std::time::Duration::from_millis(5), follower.woken()).await;
            }
            reader.seen
        })
    });
    while let Some(done) = publishers.join_next().await {
        done.unwrap();
    }
    let mut last = db.begin().await.unwrap();
    for scope in &scopes {
        last.publish(scope, &Happened { publisher: -1, round: 0 });
    }
    last.commit().await.unwrap();

    let mut told: HashMap<(i64, i64), u32> = HashMap::new();
    for (reading, scope) in reading.into_iter().zip(&scopes) {
        let mut rounds: HashMap<i64, i64> = HashMap::new();
        for event in reading.await.unwrap() {
            let body = |name: &str| event.body[name].as_i64().unwrap();
            assert!(
                rounds.insert(body("publisher"), body("round")).is_none_or(|before| before <= body("round"))
            );
            *told.entry((body("publisher"), body("round"))).or_default() += 1;
        }
        let mut conn = db.conn().await.unwrap();
        let trail = audit::verify(&mut conn, scope.tenant(), &[]).await.unwrap();
        assert!(trail.entries > 0);
        let changes = changes_after(&mut conn, scope.tenant(), 0, 10_000).await.unwrap();
        let Following::Changes(changes) = changes else { panic!("{changes:?}") };
        let numbers: Vec<i64> = changes.iter().map(|change| change.sequence).collect();
        assert_eq!(numbers, (1..=i64::try_from(changes.len()).unwrap()).collect::<Vec<_>>());
    }
    assert_eq!(told.remove(&(-1, 0)), Some(3));
    assert!(told.values().all(|times| *times == 2), "each was published twice: {told:?}");
    assert_eq!(told.len(), usize::try_from(PUBLISHERS * ROUNDS * 4 / 5).unwrap());
    node.close().await;
}

fn ended(seen: &[Envelope], _: &Scope) -> bool {
    seen.last().is_some_and(|event| event.body["publisher"] == -1)
}

async fn an_event_says_what_happened(db: TestDb) {
    let scope = db.scope();
    let mut tx = db.begin().await.unwrap();
    tx.publish(&scope, &Happened { publisher: 1, round: 2 });
    tx.publish(&db.platform(), &Happened { publisher: 3, round: 4 });
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    for (tenant, body) in [
        (scope.tenant(), serde_json::json!({ "publisher": 1, "round": 2 })),
        (TenantId::PLATFORM, serde_json::json!({ "publisher": 3, "round": 4 })),
    ] {
        let expected = Envelope { tenant, sequence: 1, kind: "happened".into(), version: 3, at: NOW, body };
        assert_eq!(events_after(&mut conn, tenant, 0, 10).await.unwrap(), [expected]);
    }
}

async fn a_row_is_told_once(db: TestDb) {
    let scope = db.scope();
    let [router, plan] = [Change::new("router", Uuid::from_u128(1)), Change::new("plan", Uuid::from_u128(1))];
    let mut tx = db.begin().await.unwrap();
    for change in [&router, &plan, &router] {
        tx.changed(&scope, change.clone());
    }
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let Following::Changes(changes) = changes_after(&mut conn, scope.tenant(), 0, 10).await.unwrap() else {
        panic!("the stream begins at its start");
    };
    assert_eq!(changes.iter().map(|numbered| &numbered.change).collect::<Vec<_>>(), [&router, &plan]);
    let heads = change::heads(&mut conn).await.unwrap();
    let [head] = heads.as_slice() else { panic!("{heads:?}") };
    assert_eq!((head.tenant_id, head.sequence, head.trimmed), (scope.tenant(), 2, 0));
}

async fn a_trimmed_stream_tells_its_followers(db: TestDb) {
    let scope = db.scope();
    let tenant = scope.tenant();
    for part in 0..4 {
        let mut tx = db.begin().await.unwrap();
        for id in 0..500 {
            tx.changed(&scope, Change::new("thing", Uuid::from_u128(part * 500 + id)));
        }
        tx.commit().await.unwrap();
    }
    // 2,000 changes, of which 100 stay; at most 900 go at a time.
    for (expected, trimmed) in [(900, 900), (900, 1_800), (100, 1_900), (0, 1_900)] {
        let mut tx = db.begin_bulk().await.unwrap();
        assert_eq!(change::trim(&mut tx, tenant, 100).await.unwrap(), expected);
        tx.commit().await.unwrap();
        let mut conn = db.conn().await.unwrap();
        assert_eq!(change::heads(&mut conn).await.unwrap()[0].trimmed, trimmed);
        let behind = changes_after(&mut conn, tenant, trimmed - 1, 10).await.unwrap();
        assert_eq!(behind, Following::Lost);
        let Following::Changes(next) = changes_after(&mut conn, tenant, trimmed, 1).await.unwrap() else {
            panic!("{trimmed} is still in the stream");
        };
        assert_eq!(next[0].sequence, trimmed + 1);
    }
    let mut conn = db.conn().await.unwrap();
    assert_eq!(changes_after(&mut conn, tenant, 2_000, 10).await.unwrap(), Following::Changes(vec![]));
    // Ahead of the head: an older state of the database was restored.
    assert_eq!(changes_after(&mut conn, tenant, 2_001, 10).await.unwrap(), Following::Lost);
    drop(conn);
    let mut tx = db.begin().await.unwrap();
    assert_eq!(change::trim(&mut tx, tenant, 0).await.unwrap(), 100);
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    assert_eq!(changes_after(&mut conn, tenant, 1_999, 10).await.unwrap(), Following::Lost);
    assert_eq!(changes_after(&mut conn, tenant, 2_000, 10).await.unwrap(), Following::Changes(vec![]));
}

async fn nodes_wake_each_other(db: TestDb) {
    let stop = CancellationToken::new();
    if db.is_sqlite() {
        relay(&db, &stop).await;
        return;
    }
    let other = db.open_again().await;
    let mut relays = tokio::task::JoinSet::new();
    let (mut here, mut there) = (db.wake().follow(), other.wake().follow());
    for node in [(*db).clone(), other.clone()] {
        let stop = stop.clone();
        relays.spawn(async move { relay(&node, &stop).await });
    }
    // Each relay says so when it listens.
    assert_eq!(here.woken().await, Woken::All);
    assert_eq!(there.woken().await, Woken::All);
    for _ in 0..3 {
        let scope = db.scope();
        let mut tx = db.begin().await.unwrap();
        tx.changed(&scope, Change::new("thing", Uuid::nil()));
        tx.commit().await.unwrap();
        assert_eq!(here.woken().await, Woken::Tenant(scope.tenant()), "at once, in this process");
        assert_eq!(there.woken().await, Woken::Tenant(scope.tenant()), "by way of the server");
    }
    // And once only: what the other node says next is the next that is heard here.
    let scope = db.scope();
    let mut tx = other.begin().await.unwrap();
    tx.changed(&scope, Change::new("thing", Uuid::nil()));
    tx.commit().await.unwrap();
    assert_eq!(here.woken().await, Woken::Tenant(scope.tenant()));
    stop.cancel();
    while let Some(ended) = relays.join_next().await {
        ended.unwrap();
    }
    other.close().await;
}
