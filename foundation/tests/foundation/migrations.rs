//! Both databases have the same schema, in the types that both can hold, and a newer one is not touched.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use foundation::{
    Db,
    db::{MigrateError, Migrated},
    testing::{NOW, TestDb, on_postgres, on_sqlite},
};

foundation::battery! {
    migrating_twice_changes_nothing,
    nodes_may_migrate_at_once,
    a_newer_schema_is_refused,
    an_altered_migration_is_refused,
    columns_have_the_types_that_both_databases_hold,
}

#[test]
fn both_folders_hold_the_same_migrations() {
    let names = |database: &str| -> BTreeSet<String> {
        let folder = format!("{}/../migrations/{database}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(sqlite.contains("0001_foundation.sql"));
    assert_eq!(sqlite, postgres);
    let numbers: BTreeSet<&str> =
        sqlite.iter().filter_map(|name| name.split_once('_')).map(|(number, _)| number).collect();
    assert_eq!(numbers.len(), sqlite.len(), "two migrations have one number");
    assert!(numbers.iter().all(|number| number.len() == 4 && number.parse::<u32>().is_ok()), "{numbers:?}");
}

/// Tables with their columns; `true` where the column may be null.
type Schema = BTreeMap<String, BTreeMap<String, bool>>;

#[test]
fn both_databases_have_the_same_tables() {
    let (send, receive) = std::sync::mpsc::channel();
    let to_compare = send.clone();
    on_sqlite(|db| async move { to_compare.send(sqlite_schema(&db).await).unwrap() });
    on_postgres(|db| async move { send.send(postgres_schema(&db).await).unwrap() });
    let sqlite = receive.recv().unwrap();
    assert!(sqlite.contains_key("stream_head"));
    // Nothing comes where PostgreSQL may be absent.
    if let Ok(postgres) = receive.recv() {
        assert_eq!(sqlite, postgres);
    }
}

async fn sqlite_schema(db: &Db) -> Schema {
    let mut conn = db.conn().await.unwrap();
    let columns: Vec<(String, String, bool)> = conn
        .query(
            "SELECT t.name, c.name, c.\"notnull\" = 0 FROM sqlite_schema t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '_sqlx_migrations'",
        )
        .fetch_all()
        .await
        .unwrap();
    fold(columns)
}

async fn postgres_schema(db: &Db) -> Schema {
    let mut conn = db.conn().await.unwrap();
    // Partitions are their parents' storage, no tables of their own.
    let columns: Vec<(String, String, bool)> = conn
        .query(
            "SELECT c.table_name::text, c.column_name::text, c.is_nullable = 'YES' FROM information_schema.columns c \
             JOIN pg_class p ON p.relname = c.table_name AND p.relnamespace = current_schema()::regnamespace \
             WHERE c.table_schema = current_schema() AND NOT p.relispartition AND p.relkind IN ('r', 'p') \
             AND c.table_name <> '_sqlx_migrations'",
        )
        .fetch_all()
        .await
        .unwrap();
    fold(columns)
}

fn fold(columns: Vec<(String, String, bool)>) -> Schema {
    let mut schema = Schema::new();
    for (table, column, nullable) in columns {
        schema.entry(table).or_default().insert(column, nullable);
    }
    schema
}

async fn columns_have_the_types_that_both_databases_hold(db: TestDb) {
    let mut conn = db.conn().await.unwrap();
    if db.is_sqlite() {
        let loose: Vec<(String,)> = conn
            .query(
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 \
                 AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations'",
            )
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(loose, [], "not STRICT");
        let foreign: Vec<(String, String, String)> = conn
            .query(
                "SELECT t.name, c.name, c.type FROM pragma_table_list t, pragma_table_info(t.name) c \
                 WHERE t.schema = 'main' AND t.strict = 1 AND c.type NOT IN ('INTEGER', 'TEXT', 'BLOB')",
            )
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(foreign, []);
    } else {
        let foreign: Vec<(String, String, String)> = conn
            .query(
                "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations' \
                 AND data_type NOT IN ('bigint', 'text', 'uuid', 'boolean', 'jsonb', 'bytea')",
            )
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(foreign, []);
    }
}

async fn migrating_twice_changes_nothing(db: TestDb) {
    let database = db.identity().await.unwrap();
    assert_eq!(db.migrate(Timestamp::EPOCH).await.unwrap(), Migrated { database, applied: 0 });
    assert_eq!(db.identity().await.unwrap(), database);
}

/// A second schema in which two nodes start at the same time.
async fn nodes_may_migrate_at_once(db: TestDb) {
    let other = db.open_again().await;
    let mut tx = db.begin().await.unwrap();
    // Back to before the first start, as far as a start can tell.
    tx.query("DELETE FROM meta").execute_one().await.unwrap();
    tx.commit().await.unwrap();
    let (one, two) = tokio::join!(db.migrate(NOW), other.migrate(NOW));
    assert_eq!(one.unwrap().database, two.unwrap().database, "both took the one that came first");
    other.close().await;
}

async fn a_newer_schema_is_refused(db: TestDb) {
    let mut tx = db.begin().await.unwrap();
    tx.query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', TRUE, $1, 0)",
    )
    .bind([0_u8; 48].as_slice())
    .execute_one()
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let refused = db.migrate(NOW).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Newer { found: 9_999, .. }), "{refused:?}");
    assert!(refused.to_string().contains("newer"), "{refused}");
}

async fn an_altered_migration_is_refused(db: TestDb) {
    let mut tx = db.begin().await.unwrap();
    tx.query("UPDATE _sqlx_migrations SET checksum = $1 WHERE version = 1")
        .bind([0_u8; 48].as_slice())
        .execute_one()
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let refused = db.migrate(NOW).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Altered { version: 1 }), "{refused:?}");
}
