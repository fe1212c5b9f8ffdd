//! The database goes away and comes back: callers are told so, and nothing has to be started again.

use std::time::Duration;

use foundation::{
    Db,
    change::Change,
    db::{Config, DatabaseUrl, Error, OpenError, Sql, dialect},
    testing::{TestDb, on_postgres, on_sqlite},
    wake::{Woken, relay},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::create;

/// Short, because these tests wait it out.
const PATIENCE: Duration = Duration::from_millis(300);

const TALLY: Sql = dialect(
    "CREATE TABLE tally (id INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT",
    "CREATE TABLE tally (id BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL)",
);

async fn insert(db: &Db, id: i64, text: &str) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    tx.query("INSERT INTO tally (id, text) VALUES ($1, $2)").bind(id).bind(text).execute_one().await?;
    tx.commit().await
}

async fn count(db: &Db) -> Result<i64, Error> {
    let (count,) = db.conn().await?.query("SELECT COUNT(*) FROM tally").fetch_one().await?;
    Ok(count)
}

#[test]
fn a_server_that_is_away_is_unavailable_until_it_is_back() {
    on_postgres(|db| async move {
        create(&db, &[TALLY]).await;
        let (cable, config) = db.cable().await;
        let far = Db::open(&Config { acquire_timeout: PATIENCE, ..config.clone() }).await.unwrap();
        insert(&far, 1, "before").await.unwrap();

        let mut cut = far.begin().await.unwrap();
        cut.query("INSERT INTO tally (id, text) VALUES (2, 'lost')").execute_one().await.unwrap();
        cable.pull().await;
        let lost = cut.commit().await.unwrap_err();
        assert!(lost.is_unavailable() && lost.is_transient() && !lost.is_refusal(), "{lost:?}");
        for _ in 0..3 {
            let down = insert(&far, 3, "while away").await.unwrap_err();
            assert!(down.is_unavailable(), "{down:?}");
            let down = count(&far).await.unwrap_err();
            assert!(down.is_unavailable(), "{down:?}");
        }
        // It can even be opened: the daemon starts while its database is away.
        let late = Db::open(&Config { acquire_timeout: PATIENCE, ..config }).await.unwrap();
        assert!(late.identity().await.unwrap_err().is_unavailable());

        cable.plug().await;
        insert(&far, 4, "after").await.unwrap();
        assert_eq!(count(&far).await.unwrap(), 2);
        assert_eq!(late.identity().await.unwrap(), db.identity().await.unwrap());
        far.close().await;
        late.close().await;
    });
}

#[test]
fn nodes_are_in_touch_again_after_an_outage() {
    on_postgres(|db| async move {
        let (cable, config) = db.cable().await;
        let far = Db::open(&config).await.unwrap();
        let stop = CancellationToken::new();
        let mut follower = far.wake().follow();
        let relaying = tokio::spawn({
            let (far, stop) = (far.clone(), stop.clone());
            async move { relay(&far, &stop).await }
        });
        let near = tokio::spawn({
            let (near, stop) = ((*db).clone(), stop.clone());
            async move { relay(&near, &stop).await }
        });
        assert_eq!(follower.woken().await, Woken::All);
        cable.pull().await;
        let scope = db.scope();
        let mut tx = db.begin().await.unwrap();
        tx.changed(&scope, Change::new("thing", Uuid::nil()));
        tx.commit().await.unwrap();
        cable.plug().await;
        // What was missed is among "all"; what comes next has its name again.
        while follower.woken().await != Woken::All {}
        let mut tx = db.begin().await.unwrap();
        tx.changed(&scope, Change::new("thing", Uuid::nil()));
        tx.commit().await.unwrap();
        while follower.woken().await != Woken::Tenant(scope.tenant()) {}
        stop.cancel();
        relaying.await.unwrap();
        near.await.unwrap();
        far.close().await;
    });
}

#[test]
fn a_file_that_somebody_holds_is_unavailable_until_it_is_free() {
    on_sqlite(|db| async move {
        create(&db, &[TALLY]).await;
        let impatient = Db::open(&Config { acquire_timeout: PATIENCE, ..db.config().clone() }).await.unwrap();
        let held = impatient.begin().await.unwrap();
        let busy = insert(&impatient, 1, "too early").await.unwrap_err();
        assert!(busy.is_unavailable(), "{busy:?}");
        assert_eq!(count(&impatient).await.unwrap(), 0, "readers do not wait for the writer");
        drop(held);
        insert(&impatient, 2, "in time").await.unwrap();
        assert_eq!(count(&impatient).await.unwrap(), 1);
        impatient.close().await;
    });
}

/// SQLite rolls back by itself when there is no room, while the driver believes the transaction open.
#[test]
fn a_full_disk_ends_the_transaction_and_no_more() {
    on_sqlite(|db| async move {
        create(&db, &[TALLY]).await;
        let mut tx = db.begin().await.unwrap();
        // The disk is full for this connection, which is not used again.
        let _: Option<(i64,)> = tx.query("PRAGMA max_page_count = 1").fetch_optional().await.unwrap();
        tx.commit().await.unwrap();
        let full = insert(&db, 1, &"x".repeat(1_000_000)).await.unwrap_err();
        assert!(full.is_unavailable() && !full.is_refusal(), "{full:?}");
        for id in 2..5 {
            insert(&db, id, "room again").await.unwrap();
        }
        assert_eq!(count(&db).await.unwrap(), 3);
    });
}

#[test]
fn what_is_no_database_is_refused_with_its_name() {
    on_sqlite(|db: TestDb| async move {
        drop(db);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        std::fs::write(&path, "Dear customer,\n".repeat(100)).unwrap();
        for path in [path, folder.path().join("missing/rrnetd.db"), folder.path().to_owned()] {
            let url = format!("sqlite:{}", path.display()).parse().unwrap();
            let refused =
                Db::open(&Config { acquire_timeout: PATIENCE, ..Config::new(url) }).await.unwrap_err();
            assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
        }
    });
}

#[test]
fn a_missing_file_is_made_only_where_it_may_be() {
    on_sqlite(|_| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let config = Config { acquire_timeout: PATIENCE, ..Config::new(DatabaseUrl::sqlite(&path)) };
        let known = Config { may_make: false, ..config.clone() };
        let missing = Db::open(&known).await.unwrap_err();
        assert!(matches!(&missing, OpenError::Missing { path: named } if *named == path), "{missing:?}");

        let db = Db::open(&Config { may_wait: true, ..known.clone() }).await.unwrap();
        let down = insert(&db, 1, "while away").await.unwrap_err();
        assert!(down.is_unavailable(), "{down:?}");
        let down = count(&db).await.unwrap_err();
        assert!(down.is_unavailable(), "{down:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");

        let first = Db::open(&config).await.unwrap();
        let mut tx = first.begin().await.unwrap();
        tx.query(TALLY).execute().await.unwrap();
        tx.commit().await.unwrap();
        first.close().await;
        insert(&db, 1, "after").await.unwrap();
        assert_eq!(count(&db).await.unwrap(), 1);
        db.close().await;
        Db::open(&known).await.unwrap().close().await;
    });
}

#[test]
fn a_file_that_was_made_for_nothing_is_taken_back() {
    on_sqlite(|_| async {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::new(DatabaseUrl::sqlite(folder.path().join("a.db")));
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        let db = Db::open(&config).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.query(TALLY).execute().await.unwrap();
        tx.commit().await.unwrap();
        db.take_back().await;
        assert_eq!(files(), 0);

        let db = Db::open(&config).await.unwrap();
        db.close().await;
        Db::open(&config).await.unwrap().take_back().await;
        assert_eq!(files(), 1, "one that was there stays");
    });
}

#[test]
fn who_reads_alone_sees_what_another_writes_and_writes_nothing() {
    on_sqlite(|db: TestDb| async move {
        create(&db, &[TALLY]).await;
        insert(&db, 1, "before").await.unwrap();
        let reader =
            Db::open(&Config { reads_alone: true, may_make: false, ..db.config().clone() }).await.unwrap();
        insert(&db, 2, "meanwhile").await.unwrap();
        assert_eq!(count(&reader).await.unwrap(), 2);
        assert!(insert(&reader, 3, "refused").await.is_err());
        reader.close().await;
        assert_eq!(count(&db).await.unwrap(), 2);
    });
}

#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    on_sqlite(|db: TestDb| async move {
        insert(&db, 1, "x").await.unwrap_err();
        let path = db.config().url.to_string();
        let path = path.strip_prefix("sqlite:").unwrap();
        for file in [path.to_owned(), format!("{path}-wal"), format!("{path}-shm")] {
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    });
}

#[test]
fn a_file_whose_disk_is_away_is_unavailable_until_it_is_back() {
    on_sqlite(|_| async {
        let home = tempfile::tempdir().unwrap();
        let (disk, away) = (home.path().join("disk"), home.path().join("away"));
        std::fs::create_dir(&disk).unwrap();
        let config =
            Config { acquire_timeout: PATIENCE, ..Config::new(DatabaseUrl::sqlite(disk.join("a.db"))) };
        let first = Db::open(&config).await.unwrap();
        let mut tx = first.begin().await.unwrap();
        tx.query(TALLY).execute().await.unwrap();
        tx.commit().await.unwrap();
        first.close().await;
        std::fs::rename(&disk, &away).unwrap();

        assert!(Db::open(&config).await.is_err(), "unless it is told to wait");
        let db = Db::open(&Config { may_wait: true, ..config.clone() }).await.unwrap();
        let down = insert(&db, 1, "while away").await.unwrap_err();
        assert!(down.is_unavailable(), "{down:?}");
        let down = count(&db).await.unwrap_err();
        assert!(down.is_unavailable(), "{down:?}");
        std::fs::rename(&away, &disk).unwrap();
        insert(&db, 1, "after").await.unwrap();
        assert_eq!(count(&db).await.unwrap(), 1);
        db.close().await;
    });
}
