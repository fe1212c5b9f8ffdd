//! Transactions: what a rollback leaves, who waits for whom, how long they are held.

use std::{pin::pin, time::Duration};

use foundation::{
    audit::{self, Entry},
    change::{self, Change, Following},
    db::{Error, HOLD_LIMIT, ROWS_LIMIT, Sql, bulk, dialect},
    event::{Event, events_after},
    testing::{TestDb, on_postgres},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{create, is_pending};

foundation::battery! {
    a_rollback_leaves_nothing,
    what_cannot_be_serialised_stops_the_commit,
    after_a_failure_nothing_but_a_rollback_is_left,
    a_cancelled_statement_ends_its_transaction,
    bulk_work_stands_in_line_once,
    bulk_work_holds_the_writer_shortly,
}

const TALLY: Sql = dialect(
    "CREATE TABLE tally (id INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT",
    "CREATE TABLE tally (id BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL)",
);

#[derive(Serialize)]
struct Happened {
    id: Uuid,
}

impl Event for Happened {
    const KIND: &'static str = "happened";
}

async fn a_rollback_leaves_nothing(db: TestDb) {
    create(&db, &[TALLY]).await;
    let scope = db.scope();
    let mut follower = db.wake().follow();
    for by_drop in [true, false] {
        let mut tx = db.begin().await.unwrap();
        tx.query("INSERT INTO tally (id, text) VALUES (1, 'x')").execute_one().await.unwrap();
        tx.publish(&scope, &Happened { id: Uuid::nil() });
        tx.audit(&scope, Entry::new("test.act", "thing", 1));
        tx.changed(&scope, Change::new("thing", Uuid::nil()));
        if by_drop {
            drop(tx);
        } else {
            tx.rollback().await.unwrap();
        }
    }
    // The write lock is free again, and the numbers start at one.
    let mut tx = db.begin().await.unwrap();
    tx.publish(&scope, &Happened { id: Uuid::nil() });
    tx.commit().await.unwrap();
    let mut conn = db.conn().await.unwrap();
    let (rows,): (i64,) = conn.query("SELECT COUNT(*) FROM tally").fetch_one().await.unwrap();
    assert_eq!(rows, 0);
    let events = events_after(&mut conn, scope.tenant(), 0, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1]);
    let changes = change::changes_after(&mut conn, scope.tenant(), 0, 10).await.unwrap();
    assert_eq!(changes, Following::Changes(vec![]));
    assert_eq!(audit::verify(&mut conn, scope.tenant(), &[]).await.unwrap().entries, 0);
    // One commit woke us, and two rollbacks did not.
    follower.woken().await;
    assert!(is_pending(pin!(follower.woken())));
}

struct Broken;

impl Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("on purpose"))
    }
}

impl Event for Broken {
    const KIND: &'static str = "broken";
}

async fn what_cannot_be_serialised_stops_the_commit(db: TestDb) {
    create(&db, &[TALLY]).await;
    let scope = db.scope();
    for kind in ["event", "entry"] {
        let mut tx = db.begin().await.unwrap();
        tx.query("INSERT INTO tally (id, text) VALUES (1, 'x')").execute_one().await.unwrap();
        match kind {
            "event" => tx.publish(&scope, &Broken),
            _ => tx.audit(&scope, Entry::new("test.act", "thing", 1).after(&Broken)),
        }
        assert!(tx.commit().await.unwrap_err().is_refusal(), "{kind}");
    }
    let mut conn = db.conn().await.unwrap();
    let (rows,): (i64,) = conn.query("SELECT COUNT(*) FROM tally").fetch_one().await.unwrap();
    assert_eq!(rows, 0);
}

/// Without this, PostgreSQL answers a commit with a silent rollback, and SQLite commits the rest.
async fn after_a_failure_nothing_but_a_rollback_is_left(db: TestDb) {
    create(&db, &[TALLY]).await;
    let insert = "INSERT INTO tally (id, text) VALUES ($1, 'x')";
    let mut tx = db.begin().await.unwrap();
    tx.query(insert).bind(1_i64).execute_one().await.unwrap();
    assert!(tx.query(insert).bind(1_i64).execute_one().await.unwrap_err().is_unique_violation());
    let next = tx.query(insert).bind(2_i64).execute_one().await;
    assert!(matches!(next, Err(Error::Aborted)), "{next:?}");
    let end = tx.commit().await;
    assert!(matches!(end, Err(Error::Aborted)), "{end:?}");

    // Rows that are missing or too many are the caller's to judge.
    let mut tx = db.begin().await.unwrap();
    assert!(tx.query("UPDATE tally SET text = 'y'").execute_one().await.is_err());
    assert!(tx.query("SELECT id FROM tally").fetch_one::<(i64,)>().await.is_err());
    tx.query(insert).bind(3_i64).execute_one().await.unwrap();
    assert!(tx.query("SELECT text FROM tally").fetch_one::<(i64,)>().await.is_err(), "text is no number");
    tx.commit().await.unwrap();

    // Outside of a transaction each statement stands alone.
    let mut conn = db.conn().await.unwrap();
    assert!(conn.query("SELECT nothing FROM nowhere").fetch_one::<(i64,)>().await.is_err());
    let rows: Vec<(i64,)> = conn.query("SELECT id FROM tally").fetch_all().await.unwrap();
    assert_eq!(rows, [(3,)]);
}

async fn a_cancelled_statement_ends_its_transaction(db: TestDb) {
    create(&db, &[TALLY]).await;
    let mut tx = db.begin().await.unwrap();
    // Long enough to be cancelled in the middle.
    let count = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT COUNT(*) FROM n";
    assert!(is_pending(pin!(tx.query(count).fetch_one::<(i64,)>())));
    assert!(matches!(tx.commit().await, Err(Error::Aborted)));
    let mut tx = db.begin().await.unwrap();
    tx.query("INSERT INTO tally (id, text) VALUES (1, 'x')").execute_one().await.unwrap();
    tx.commit().await.unwrap();
}

async fn bulk_work_stands_in_line_once(db: TestDb) {
    // PostgreSQL has four connections here, and bulk work two of them.
    let mut held = vec![db.begin_bulk().await.unwrap()];
    if !db.is_sqlite() {
        held.push(db.begin_bulk().await.unwrap());
    }
    let mut waiting = pin!(db.begin_bulk());
    assert!(is_pending(waiting.as_mut()));
    let mut person = pin!(db.begin());
    if db.is_sqlite() {
        assert!(is_pending(person.as_mut()));
        drop(held);
        // The person was first in line for the writer: bulk work asks for it only now.
        let tx = person.await.unwrap();
        assert!(is_pending(waiting.as_mut()));
        tx.rollback().await.unwrap();
    } else {
        person.await.unwrap().rollback().await.unwrap();
        assert!(is_pending(waiting.as_mut()));
        drop(held);
    }
    waiting.await.unwrap().rollback().await.unwrap();
}

/// Bulk work in chunks of the limit, beside people's small writes. The time holds for the median alone, because other
/// processes share the machine; the rows hold always.
async fn bulk_work_holds_the_writer_shortly(db: TestDb) {
    create(&db, &[TALLY]).await;
    let rows: Vec<i64> = (0..20_000).collect();
    let bulk_work = async {
        for chunk in rows.chunks(usize::try_from(ROWS_LIMIT).unwrap()) {
            let mut tx = db.begin_bulk().await.unwrap();
            bulk::insert(&mut tx, "INSERT INTO tally (id, text)", "", chunk, |values, id| {
                values.push(*id);
                values.push("twenty octets or so");
            })
            .await
            .unwrap();
            tx.commit().await.unwrap();
        }
    };
    let people = async {
        for id in 0..20_i64 {
            let mut tx = db.begin().await.unwrap();
            tx.query("INSERT INTO tally (id, text) VALUES ($1, 'x')")
                .bind(-1 - id)
                .execute_one()
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
    };
    tokio::join!(bulk_work, people);
    let holds = db.holds();
    assert_eq!(holds.most_rows, ROWS_LIMIT);
    assert!(holds.transactions >= 40);
    let median = holds.percentile(50).unwrap_or(Duration::MAX);
    assert!(median <= HOLD_LIMIT, "half of the transactions were held longer than {HOLD_LIMIT:?}: {holds:?}");
}

#[test]
fn a_lock_that_does_not_come_is_a_conflict() {
    on_postgres(|db| async move {
        create(&db, &[TALLY]).await;
        let insert = "INSERT INTO tally (id, text) VALUES (1, 'x') ON CONFLICT (id) DO NOTHING";
        let mut first = db.begin().await.unwrap();
        first.query(insert).execute_one().await.unwrap();
        let mut second = db.begin().await.unwrap();
        second.query("SET LOCAL lock_timeout = '50ms'").execute().await.unwrap();
        let lost = second.query(insert).execute_optional().await.unwrap_err();
        assert!(matches!(lost, Error::Conflict(_)) && lost.is_transient() && !lost.is_refusal(), "{lost:?}");
        first.commit().await.unwrap();
        drop(second);
        // The same transaction again sees what won.
        let mut again = db.begin().await.unwrap();
        assert!(!again.query(insert).execute_optional().await.unwrap());
        again.commit().await.unwrap();
    });
}
