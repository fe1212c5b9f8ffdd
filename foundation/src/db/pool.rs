//! The database: its pools, and the two ways in, [`Db::conn`] to read and [`Db::begin`] to write.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base::Clock;
use sqlx::{
    Connection as _, PgPool, Sqlite, SqliteConnection, SqlitePool, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    FaultPoints,
    config::{Config, Kind},
    conn::{Conn, Inner},
    error::{self, Error, Result},
    hold::{HoldTimes, Holds},
};
use crate::{Tx, wake::Wake};

/// How long SQLite waits for another process's lock, a backup's for one, before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection: all that we have, each with its few sizes of bulk.
const STATEMENTS: usize = 500;
/// A connection that was idle for longer than this is asked whether it still lives before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// Rows that SQLite's thread may be ahead of whoever reads them: with the driver's 50, the two wait for each other all the
/// time.
const ROWS_AHEAD: usize = 1_024;
/// Memory for pages of SQLite's file in the connection that writes, KiB: the upper levels and the recent leaves of a large
/// table's indexes stay in it. With SQLite's own 2 MiB, a million sessions cost three times as much to write.
const WRITER_CACHE_KIB: u32 = 65_536;
/// Pages of SQLite's log before a commit folds it into the file: 16 MiB, in which many writes of one page become one. More
/// would make that one commit too long.
const CHECKPOINT_PAGES: u32 = 4_096;
/// Settings of each PostgreSQL session. A commit is durable; a transaction that was forgotten, or that waits for a lock
/// which does not come, ends.
const POSTGRES_SESSION: [(&str, &str); 4] = [
    ("synchronous_commit", "on"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("lock_timeout", "10s"),
    ("TimeZone", "UTC"),
];

/// A database: SQLite, with one connection that writes and several that read, or PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Shared>);

struct Shared {
    pools: Pools,
    /// SQLite's file, where this opening made it.
    made: Option<PathBuf>,
    /// Bulk work in progress: see [`Db::begin_bulk`].
    bulk: Arc<Semaphore>,
    holds: Holds,
    wake: Wake,
    /// Where tests make it fail.
    faults: FaultPoints,
    /// Measures hold times; nothing is decided by it.
    clock: Clock,
}

pub(super) enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// The database cannot be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made, read or written, or holds something else.
    #[error("cannot use the SQLite database {path}")]
    Sqlite {
        /// Which file.
        path: String,
        /// What SQLite or the operating system said.
        #[source]
        source: sqlx::Error,
    },
    /// There is no file, and none may be made.
    #[error("there is no database at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A copy was taken without folding the log into the file, and cannot be read in a place that takes no writing.
    #[error(
        "the SQLite database {} has a log beside it, which cannot be read where nothing can be written: copy both to a folder that \
         can be written", path.display()
    )]
    Unfolded {
        /// Which file.
        path: PathBuf,
    },
    /// The URL does not hold together.
    #[error("cannot use the PostgreSQL URL")]
    Postgres(#[source] sqlx::Error),
}

impl Db {
    /// Opens the database. A missing SQLite file is made, where [`Config::may_make`] says so, for its owner alone.
    /// PostgreSQL is not asked yet: the daemon starts, and answers RADIUS, while it is down.
    ///
    /// # Errors
    /// When SQLite's file cannot be used; none is left behind that was made just now.
    pub async fn open(config: &Config) -> Result<Self, OpenError> {
        let mut made = None;
        let (pools, bulk) = match config.url.kind() {
            Kind::Sqlite(path) if config.reads_alone => (read_sqlite(config, path).await?, 1),
            Kind::Sqlite(path) => {
                let (pools, is_new) = open_sqlite(config, path).await?;
                made = is_new.then(|| path.clone());
                (pools, 1)
            }
            Kind::Postgres(text) => {
                let options = text.parse().map_err(OpenError::Postgres)?;
                // Half of the connections stay free for people.
                (open_postgres(config, options), config.connections.div_ceil(2))
            }
        };
        Ok(Self(Arc::new(Shared {
            pools,
            made,
            bulk: Arc::new(Semaphore::new(bulk as usize)),
            holds: Holds::default(),
            wake: Wake::new(),
            faults: FaultPoints::default(),
            clock: Clock::system(),
        })))
    }

    /// A connection for reading. SQLite's is read-only. Each statement sees what is committed when it starts.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none in time.
    pub async fn conn(&self) -> Result<Conn> {
        self.0.faults.pass()?;
        let inner = match &self.0.pools {
            Pools::Sqlite { readers, .. } => Inner::Sqlite(readers.acquire().await?),
            Pools::Postgres(pool) => Inner::Postgres(pool.acquire().await?),
        };
        Ok(Conn::new(inner, self.0.faults.clone()))
    }

    /// A connection whose statements all see the database at one moment; nothing can be written through it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no connection in time.
    pub async fn snapshot(&self) -> Result<Conn> {
        self.0.faults.pass()?;
        let inner = match &self.0.pools {
            Pools::Sqlite { readers, .. } => Inner::SqliteTx(readers.begin().await?),
            Pools::Postgres(pool) => {
                Inner::PostgresTx(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        };
        Ok(Conn::new(inner, self.0.faults.clone()))
    }

    /// Begins a write transaction. On SQLite it is the only one from here to its end, so await nothing in it but the
    /// database, for at most [`HOLD_LIMIT`](super::HOLD_LIMIT) and [`ROWS_LIMIT`](super::ROWS_LIMIT).
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no connection in time.
    pub async fn begin(&self) -> Result<Tx> {
        self.begin_with(None).await
    }

    /// Begins a write transaction of bulk work: a drain, an import, a roll-up, one chunk of at most
    /// [`ROWS_LIMIT`](super::ROWS_LIMIT) rows. It asks for a permit first, so that of all bulk work only one transaction
    /// (PostgreSQL: one for every two connections) stands in line with those that people wait for.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no connection in time.
    pub async fn begin_bulk(&self) -> Result<Tx> {
        let permit = Arc::clone(&self.0.bulk).acquire_owned().await;
        self.begin_with(Some(permit.map_err(|_| Error::Unavailable(sqlx::Error::PoolClosed))?)).await
    }

    async fn begin_with(&self, permit: Option<OwnedSemaphorePermit>) -> Result<Tx> {
        self.0.faults.pass()?;
        let inner = match &self.0.pools {
            Pools::Sqlite { writer, .. } => Inner::SqliteTx(writer.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres(pool) => Inner::PostgresTx(pool.begin().await?),
        };
        Ok(Tx::new(self.clone(), Conn::new(inner, self.0.faults.clone()), permit))
    }

    /// How long write transactions were held since the database was opened.
    #[must_use]
    pub fn holds(&self) -> HoldTimes {
        self.0.holds.read()
    }

    /// Is it SQLite?
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self.0.pools, Pools::Sqlite { .. })
    }

    /// Wakes those who follow the streams.
    #[must_use]
    pub fn wake(&self) -> &Wake {
        &self.0.wake
    }

    /// Where a test makes it fail.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn faults(&self) -> &crate::testing::Faults {
        self.0.faults.faults()
    }

    /// Where tests make it fail.
    pub(crate) fn fault_points(&self) -> &FaultPoints {
        &self.0.faults
    }

    /// Waits for transactions in progress and closes all connections. SQLite's log is folded into its file.
    pub async fn close(&self) {
        self.0.bulk.close();
        match &self.0.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Closes it, and removes SQLite's file where this opening made it: of a first start that failed nothing is left.
    pub async fn take_back(&self) {
        self.close().await;
        if let Some(path) = &self.0.made {
            remove(path);
        }
    }

    pub(super) fn pools(&self) -> &Pools {
        &self.0.pools
    }

    /// PostgreSQL's pool, where it is that: for LISTEN and NOTIFY.
    pub(crate) fn postgres(&self) -> Option<&PgPool> {
        match &self.0.pools {
            Pools::Postgres(pool) => Some(pool),
            Pools::Sqlite { .. } => None,
        }
    }

    /// Time since an arbitrary origin, to measure how long a transaction is held.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.clock.now().monotonic
    }

    /// A write transaction ended.
    pub(crate) fn held(&self, held: Duration, rows: u64) {
        self.0.holds.record(held, rows);
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_sqlite() { "Db(sqlite)" } else { "Db(postgres)" })
    }
}

/// The pools, and whether the file was made.
async fn open_sqlite(config: &Config, path: &Path) -> Result<(Pools, bool), OpenError> {
    if !config.may_make && !config.may_wait {
        must_be_there(config)?;
    }
    let failed = |source| OpenError::Sqlite { path: path.display().to_string(), source };
    // The writer first: readers cannot turn the log on.
    let options = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(config.acquire_timeout)
        // SQLite ends a transaction by itself when the disk is full or fails; the driver then believes it open for ever, and
        // could begin no other. The ping waits for a rollback that a drop has begun.
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        });
    let write = sqlite(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string());
    let mut is_new = false;
    let writer = match open_writer(config, path, &options, &write, &mut is_new).await {
        Err(error) if config.may_wait && error::is_unavailable(&error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                database.path = %path.display(),
                "the database cannot be used now; it is opened as soon as it can be"
            );
            options.connect_lazy_with(write)
        }
        Err(error) => {
            if is_new {
                remove(path);
            }
            return Err(failed(error));
        }
        Ok(writer) => writer,
    };
    let readers = readers(config).connect_lazy_with(sqlite(path).read_only(true));
    Ok((Pools::Sqlite { writer, readers }, is_new))
}

async fn open_writer(
    config: &Config,
    path: &Path,
    options: &SqlitePoolOptions,
    write: &SqliteConnectOptions,
    is_new: &mut bool,
) -> Result<SqlitePool, sqlx::Error> {
    if config.may_make {
        *is_new = make_private(path).map_err(sqlx::Error::Io)?;
    }
    let writer = options.clone().connect_with(write.clone()).await?;
    // A file that cannot be written is found now, not at the first payment.
    let probe: Transaction<'static, Sqlite> = writer.begin_with("BEGIN IMMEDIATE").await?;
    probe.rollback().await?;
    Ok(writer)
}

/// Opens the file for reading alone. Where SQLite can keep its index of the log beside the file, what the daemon writes
/// meanwhile is seen; else, on a medium or in a folder that takes no writing, the file by itself is read as it lies there.
async fn read_sqlite(config: &Config, path: &Path) -> Result<Pools, OpenError> {
    must_be_there(config)?;
    let failed = |source| OpenError::Sqlite { path: path.display().to_string(), source };
    let mut options = sqlite(path).read_only(true);
    if let Err(error) = can_read(&options).await {
        if !error::is_unavailable(&error) {
            return Err(failed(error));
        }
        if std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0) {
            return Err(OpenError::Unfolded { path: path.to_owned() });
        }
        options = options.immutable(true);
        can_read(&options).await.map_err(failed)?;
    }
    let readers = readers(config).connect_lazy_with(options.clone());
    let writer = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options);
    Ok(Pools::Sqlite { writer, readers })
}

async fn can_read(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    sqlx::query("SELECT COUNT(*) FROM sqlite_schema").execute(&mut connection).await?;
    connection.close().await
}

fn must_be_there(config: &Config) -> Result<(), OpenError> {
    config.url.missing_file().map_or(Ok(()), |path| Err(OpenError::Missing { path: path.to_owned() }))
}

fn sqlite(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENTS)
        .row_buffer_size(ROWS_AHEAD)
        // What a statement of many rows notes down to undo itself stays out of files.
        .pragma("temp_store", "memory")
}

fn readers(config: &Config) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(config.readers)
        .test_before_acquire(false)
        .acquire_timeout(config.acquire_timeout)
}

/// Makes a missing file readable by its owner alone: it holds names, addresses and password hashes. Says whether it did.
fn make_private(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file that was made just now, and what SQLite put beside it.
fn remove(path: &Path) {
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, file = %file.display(), "a file that was made for nothing cannot be removed");
            }
            _ => {}
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn open_postgres(config: &Config, options: PgConnectOptions) -> Pools {
    let options =
        options.application_name("rrnetd").statement_cache_capacity(STATEMENTS).options(POSTGRES_SESSION);
    let pool = PgPoolOptions::new()
        .max_connections(config.connections)
        .acquire_timeout(config.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move { Ok(meta.idle_for < TRUSTED_IDLE || connection.ping().await.is_ok()) })
        })
        .connect_lazy_with(options);
    Pools::Postgres(pool)
}
