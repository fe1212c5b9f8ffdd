//! The battery: each store function is tested on both databases.
//!
//! ```text
//! foundation::battery! { a_router_is_found_by_name }
//!
//! async fn a_router_is_found_by_name(db: TestDb) { … }
//! ```
//!
//! makes `sqlite::a_router_is_found_by_name`, on a fresh file, and `postgres::a_router_is_found_by_name`, in a fresh schema
//! of the database that `TEST_DATABASE_URL` names. Without that variable the second one fails, unless
//! `TEST_ALLOW_NO_POSTGRES=1` says that it may be absent.
#![expect(clippy::panic, clippy::print_stderr, reason = "a broken test set-up ends the test, and says so")]

mod cable;
mod fault;

use std::{future::Future, ops::Deref, time::Duration};

use base::{Clock, DatabaseId, Platform, Scope, TenantId, Timestamp};

pub use cable::Cable;
pub use fault::Faults;

use crate::{
    Db,
    db::{Config, ROWS_LIMIT},
};

/// When tests take place unless they say otherwise: 2026-11-22T08:00:00Z.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_334_400_000);

/// Connections of a test to PostgreSQL: enough for two writers, a reader and one to spare.
const CONNECTIONS: u32 = 4;

/// How long a test may take: far longer than any, so that one which waits for what never comes ends and says so.
const DEADLINE: Duration = Duration::from_secs(120);

/// A fresh database with every migration applied; gone after the test.
#[derive(Debug)]
pub struct TestDb {
    db: Db,
    config: Config,
}

impl TestDb {
    /// Opens the same database once more, as another node or another process does.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open_again(&self) -> Db {
        open(&self.config).await
    }

    /// Opens the same database once more, with as many connections to PostgreSQL as a load needs.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open_for_load(&self, connections: u32) -> Db {
        open(&Config { connections, ..self.config.clone() }).await
    }

    /// A cable to the PostgreSQL server, and how to open this database through it.
    ///
    /// # Panics
    /// On SQLite, which has no server.
    pub async fn cable(&self) -> (Cable, Config) {
        let text = self.config.url.text();
        let (start, rest) = text.rsplit_once('@').unwrap_or_else(|| panic!("no login in the URL"));
        let (server, name) = rest.split_once('/').unwrap_or_else(|| panic!("no database in the URL"));
        let cable = Cable::new(server).await;
        let url = parse(&format!("{start}@{}/{name}", cable.address()));
        (cable, Config { url, ..self.config.clone() })
    }

    /// How it was opened.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The daemon's own act at [`NOW`].
    #[must_use]
    pub const fn platform(&self) -> Platform {
        Platform::system("test", NOW)
    }

    /// The daemon's own act at [`NOW`] on the data of a tenant that nobody else has.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.platform().within(TenantId::generate(NOW))
    }

    async fn prepare(config: Config) -> Self {
        let db = open(&config).await;
        if let Err(error) = db.migrate(NOW).await {
            panic!("{error}: {error:?}");
        }
        Self { db, config }
    }
}

impl Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

/// Stamps each test function for both databases; see the [module](crate::testing).
#[macro_export]
macro_rules! battery {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {$(
            #[test]
            fn $test() {
                $crate::testing::on_sqlite(super::$test);
            }
        )+}

        mod postgres {$(
            #[test]
            fn $test() {
                $crate::testing::on_postgres(super::$test);
            }
        )+}
    };
}

/// Runs one test on SQLite.
///
/// # Panics
/// When the test does, or when a transaction wrote too many rows.
pub fn on_sqlite<F>(test: impl FnOnce(TestDb) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let path = folder.path().join("test.db");
    let url = format!("sqlite:{}", path.display());
    runtime().block_on(async {
        run(TestDb::prepare(Config::new(parse(&url))).await, test).await;
    });
}

/// Runs one test on PostgreSQL.
///
/// # Panics
/// When the test does, when a transaction wrote too many rows, or when there is no PostgreSQL and nothing allows that.
pub fn on_postgres<F>(test: impl FnOnce(TestDb) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some(server) = server() else { return };
    runtime().block_on(async {
        let admin = open(&Config::new(parse(&server))).await;
        let schema = format!("test_{}", DatabaseId::generate(Clock::system().wall()).as_uuid().simple());
        command(&admin, format!("CREATE SCHEMA {schema}")).await;
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options[search_path]={schema}");
        let config = Config { connections: CONNECTIONS, ..Config::new(parse(&url)) };
        run(TestDb::prepare(config).await, test).await;
        command(&admin, format!("DROP SCHEMA {schema} CASCADE")).await;
        admin.close().await;
    });
}

/// The PostgreSQL server for tests; `None` when it may be absent.
fn server() -> Option<String> {
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        return Some(url);
    }
    if std::env::var("TEST_ALLOW_NO_POSTGRES").as_deref() == Ok("1") {
        eprintln!("not run: there is no TEST_DATABASE_URL, and TEST_ALLOW_NO_POSTGRES allows it");
        return None;
    }
    panic!("set TEST_DATABASE_URL (scripts/test-servers.sh), or TEST_ALLOW_NO_POSTGRES=1 to go without")
}

async fn run<F>(test_db: TestDb, test: impl FnOnce(TestDb) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let db = test_db.db.clone();
    // As a task of its own, so that a failing test still lets go of its connections.
    let mut task = tokio::spawn(test(test_db));
    let Ok(outcome) = tokio::time::timeout(DEADLINE, &mut task).await else {
        panic!("the test still waits after {DEADLINE:?}");
    };
    let most_rows = db.holds().most_rows;
    db.close().await;
    if let Err(error) = outcome {
        std::panic::resume_unwind(error.into_panic());
    }
    assert!(most_rows <= ROWS_LIMIT, "a transaction wrote {most_rows} rows, over the limit of {ROWS_LIMIT}");
}

async fn open(config: &Config) -> Db {
    Db::open(config).await.unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

async fn command(db: &Db, text: String) {
    let pool = db.postgres().unwrap_or_else(|| panic!("TEST_DATABASE_URL names no PostgreSQL"));
    let done = sqlx::query(sqlx::AssertSqlSafe(text)).execute(pool).await;
    if let Err(error) = done {
        panic!("{error}");
    }
}

fn parse(url: &str) -> crate::db::DatabaseUrl {
    url.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"))
}
