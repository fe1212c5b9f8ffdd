//! Values, errors and bulk statements.

use std::error::Error as _;

use base::{DatabaseId, RouterId, Timestamp};
use foundation::{
    db::{Error, ROWS_LIMIT, Sql, bulk, dialect},
    testing::{NOW, TestDb},
};
use sqlx::types::Json;

use crate::create;

foundation::battery! {
    values_come_back_as_they_went_in,
    text_and_lists_are_appended,
    row_counts_are_checked,
    violations_are_told_apart,
    a_value_that_cannot_be_read_is_a_decode_error,
    rows_arrive_one_by_one,
    bulk_inserts_every_row_once,
    bulk_keeps_within_the_parameter_limit,
    readers_cannot_write_on_sqlite,
    a_snapshot_stands_still,
}

const DEVICE: Sql = dialect(
    "CREATE TABLE device (id BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, seen INTEGER, \
     trusted INTEGER NOT NULL CHECK (trusted IN (0, 1)), notes TEXT NOT NULL, octets INTEGER NOT NULL CHECK (octets >= 0), \
     parent BLOB REFERENCES device (id)) STRICT",
    "CREATE TABLE device (id UUID NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, seen BIGINT, \
     trusted BOOLEAN NOT NULL, notes JSONB NOT NULL, octets BIGINT NOT NULL CHECK (octets >= 0), \
     parent UUID REFERENCES device (id))",
);
const INSERT: &str =
    "INSERT INTO device (id, name, seen, trusted, notes, octets, parent) VALUES ($1, $2, $3, $4, $5, $6, $7)";

base::text_enum! {
    /// How a row is noted.
    enum Tone {
        /// Well.
        Kind = "kind",
        /// Badly.
        Harsh = "harsh",
    }
}

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Device {
    id: RouterId,
    name: String,
    seen: Option<Timestamp>,
    trusted: bool,
    notes: Json<Vec<Tone>>,
    octets: i64,
    parent: Option<RouterId>,
}

fn device(name: &str) -> Device {
    Device {
        id: RouterId::generate(NOW),
        name: name.to_owned(),
        seen: Some(NOW),
        trusted: true,
        notes: Json(vec![Tone::Kind, Tone::Harsh]),
        octets: i64::MAX,
        parent: None,
    }
}

async fn insert(db: &TestDb, device: &Device) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    tx.query(INSERT)
        .bind(device.id)
        .bind(&device.name)
        .bind(device.seen)
        .bind(device.trusted)
        .bind(&device.notes)
        .bind(device.octets)
        .bind(device.parent)
        .execute_one()
        .await?;
    tx.commit().await
}

async fn values_come_back_as_they_went_in(db: TestDb) {
    create(&db, &[DEVICE]).await;
    let full = device("full");
    let bare = Device {
        seen: None,
        trusted: false,
        notes: Json(vec![]),
        octets: 0,
        parent: Some(full.id),
        ..device("bare")
    };
    for device in [&full, &bare] {
        insert(&db, device).await.unwrap();
    }
    let mut conn = db.conn().await.unwrap();
    let rows: Vec<Device> = conn.query("SELECT * FROM device ORDER BY name DESC").fetch_all().await.unwrap();
    assert_eq!(rows, [full, bare]);
    let sum = "SELECT CAST(COALESCE(SUM(octets), 0) AS BIGINT), notes ->> 0 FROM device WHERE trusted = TRUE GROUP BY 2";
    let row: (i64, String) = conn.query(sum).fetch_one().await.unwrap();
    assert_eq!(row, (i64::MAX, "kind".to_owned()));
}

async fn text_and_lists_are_appended(db: TestDb) {
    create(&db, &[DEVICE]).await;
    let devices: Vec<Device> = ["a", "b", "c", "d", "e", "f"].into_iter().map(device).collect();
    for device in &devices {
        insert(&db, device).await.unwrap();
    }
    let mut conn = db.conn().await.unwrap();
    let ids: Vec<RouterId> = devices.iter().map(|device| device.id).collect();
    for count in [0, 1, 3, 5] {
        let found: Vec<(String,)> = conn
            .query("SELECT name FROM device WHERE trusted = $1 AND id IN ")
            .bind(true)
            .push_list(&ids[..count])
            .push(" AND seen = ")
            .push_bind(NOW)
            .push(" ORDER BY name")
            .fetch_all()
            .await
            .unwrap();
        let names: Vec<&String> = found.iter().map(|(name,)| name).collect();
        assert_eq!(names, devices[..count].iter().map(|device| &device.name).collect::<Vec<_>>());
    }
}

async fn row_counts_are_checked(db: TestDb) {
    create(&db, &[DEVICE]).await;
    for name in ["a", "b"] {
        insert(&db, &device(name)).await.unwrap();
    }
    let mut tx = db.begin().await.unwrap();
    let update = "UPDATE device SET octets = 1 WHERE name < $1";
    for (bound, rows) in [("a", 0), ("b", 1), ("c", 2)] {
        assert_eq!(tx.query(update).bind(bound).execute().await.unwrap(), rows);
        let one = tx.query(update).bind(bound).execute_one().await;
        let optional = tx.query(update).bind(bound).execute_optional().await;
        match rows {
            0 => {
                assert!(matches!(one, Err(Error::RowCount { expected: 1, actual: 0 })), "{one:?}");
                assert!(!optional.unwrap());
            }
            1 => {
                one.unwrap();
                assert!(optional.unwrap());
            }
            _ => {
                assert!(matches!(one, Err(Error::RowCount { expected: 1, actual: 2 })), "{one:?}");
                assert!(matches!(optional, Err(Error::RowCount { expected: 1, actual: 2 })), "{optional:?}");
            }
        }
    }
    let none = tx.query("SELECT octets FROM device WHERE name = 'z'").fetch_one::<(i64,)>().await;
    assert!(matches!(none, Err(Error::RowNotFound)), "{none:?}");
}

async fn violations_are_told_apart(db: TestDb) {
    create(&db, &[DEVICE]).await;
    let first = device("a");
    insert(&db, &first).await.unwrap();
    let twice = insert(&db, &device("a")).await.unwrap_err();
    assert!(twice.is_unique_violation() && twice.is_refusal() && !twice.is_transient(), "{twice:?}");
    assert!(twice.source().is_some());
    let twice = insert(&db, &Device { name: "b".into(), ..first }).await.unwrap_err();
    assert!(twice.is_unique_violation(), "the primary key: {twice:?}");
    let orphan = Device { parent: Some(RouterId::generate(NOW)), ..device("c") };
    let orphan = insert(&db, &orphan).await.unwrap_err();
    assert!(orphan.is_foreign_key_violation() && orphan.is_refusal(), "{orphan:?}");
    let negative = insert(&db, &Device { octets: -1, ..device("d") }).await.unwrap_err();
    assert!(matches!(negative, Error::Refused(_)) && negative.is_refusal(), "{negative:?}");
    let mut tx = db.begin().await.unwrap();
    let null = tx
        .query("INSERT INTO device (id) VALUES ($1)")
        .bind(RouterId::generate(NOW))
        .execute()
        .await
        .unwrap_err();
    assert!(matches!(null, Error::Refused(_)), "{null:?}");
    drop(tx);
    let mut tx = db.begin().await.unwrap();
    let defect = tx.query("SELECT nothing FROM nowhere").execute().await.unwrap_err();
    assert!(
        matches!(defect, Error::Statement(_)) && !defect.is_refusal() && !defect.is_transient(),
        "{defect:?}"
    );
}

async fn a_value_that_cannot_be_read_is_a_decode_error(db: TestDb) {
    let mut conn = db.conn().await.unwrap();
    let unknown = conn.query("SELECT 'rude'").fetch_one::<(Tone,)>().await.unwrap_err();
    assert!(matches!(unknown, Error::Decode(_)), "{unknown:?}");
}

async fn rows_arrive_one_by_one(db: TestDb) {
    create(&db, &[DEVICE]).await;
    for name in ["a", "b", "c"] {
        insert(&db, &device(name)).await.unwrap();
    }
    let mut names = String::new();
    let mut conn = db.conn().await.unwrap();
    conn.query("SELECT name FROM device ORDER BY name")
        .for_each(|(name,): (String,)| names.push_str(&name))
        .await
        .unwrap();
    assert_eq!(names, "abc");
    assert!(conn.query("SELECT name FROM nowhere").for_each(|_: (String,)| ()).await.is_err());
}

const TALLY: Sql = dialect(
    "CREATE TABLE tally (id INTEGER NOT NULL PRIMARY KEY, count INTEGER NOT NULL) STRICT",
    "CREATE TABLE tally (id BIGINT NOT NULL PRIMARY KEY, count BIGINT NOT NULL)",
);

async fn bulk_inserts_every_row_once(db: TestDb) {
    create(&db, &[TALLY]).await;
    let rows: Vec<i64> = (0..990).collect();
    // 3 × 256, 3 × 64, 1 × 16, 1 × 14; then the same again as updates.
    for round in 1..=2 {
        let mut tx = db.begin_bulk().await.unwrap();
        let written = bulk::insert(
            &mut tx,
            "INSERT INTO tally (id, count)",
            "ON CONFLICT (id) DO UPDATE SET count = tally.count + 1",
            &rows,
            |values, id| {
                values.push(*id);
                values.push(1_i64);
            },
        )
        .await
        .unwrap();
        assert_eq!(written, 990);
        tx.commit().await.unwrap();
        let sums: (i64, i64, i64) = db
            .conn()
            .await
            .unwrap()
            .query("SELECT COUNT(*), CAST(SUM(id) AS BIGINT), CAST(SUM(count) AS BIGINT) FROM tally")
            .fetch_one()
            .await
            .unwrap();
        assert_eq!(sums, (990, 990 * 989 / 2, 990 * round));
    }
    let mut tx = db.begin().await.unwrap();
    assert_eq!(bulk::insert(&mut tx, "INSERT INTO tally (id)", "", &[], |_, _: &i64| ()).await.unwrap(), 0);
    assert!(db.holds().most_rows <= ROWS_LIMIT);
}

async fn bulk_keeps_within_the_parameter_limit(db: TestDb) {
    // 256 rows of 130 columns would be 33,280 parameters; SQLite takes 32,766.
    const COLUMNS: usize = 130;
    let columns: Vec<String> = (0..COLUMNS).map(|at| format!("c{at}")).collect();
    let columns: &'static str = columns.join(" BIGINT NOT NULL, ").leak();
    let sqlite =
        format!("CREATE TABLE wide ({columns} INTEGER NOT NULL)").replace("BIGINT", "INTEGER").leak();
    let postgres = format!("CREATE TABLE wide ({columns} BIGINT NOT NULL)").leak();
    create(&db, &[dialect(sqlite, postgres)]).await;
    let rows: Vec<i64> = (0..300).collect();
    let mut tx = db.begin().await.unwrap();
    let written = bulk::insert(&mut tx, "INSERT INTO wide", "", &rows, |values, row| {
        for _ in 0..COLUMNS {
            values.push(*row);
        }
    });
    assert_eq!(written.await.unwrap(), 300);
    let (sum,): (i64,) = tx.query("SELECT CAST(SUM(c129) AS BIGINT) FROM wide").fetch_one().await.unwrap();
    assert_eq!(sum, 300 * 299 / 2);
}

async fn readers_cannot_write_on_sqlite(db: TestDb) {
    let identity = db.identity().await.unwrap();
    let mut snapshot = db.snapshot().await.unwrap();
    let refused = snapshot.query("UPDATE meta SET created_at = 0").execute().await;
    assert!(refused.is_err(), "a snapshot wrote");
    drop(snapshot);
    if db.is_sqlite() {
        let refused = db.conn().await.unwrap().query("UPDATE meta SET created_at = 0").execute().await;
        assert!(refused.is_err(), "a reader wrote");
    }
    assert_eq!(db.identity().await.unwrap(), identity);
}

async fn a_snapshot_stands_still(db: TestDb) {
    let created = "SELECT created_at FROM meta";
    let mut snapshot = db.snapshot().await.unwrap();
    let before: (Timestamp,) = snapshot.query(created).fetch_one().await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.query("UPDATE meta SET created_at = $1, database_id = $2")
        .bind(Timestamp::EPOCH)
        .bind(DatabaseId::generate(NOW))
        .execute_one()
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(snapshot.query(created).fetch_one::<(Timestamp,)>().await.unwrap(), before);
    let mut conn = db.conn().await.unwrap();
    assert_eq!(conn.query(created).fetch_one::<(Timestamp,)>().await.unwrap(), (Timestamp::EPOCH,));
}
