//! Brings the schema to what this binary needs. Forward only: `migrations/{sqlite,postgres}/NNNN_name.sql`, never edited
//! once released.

use base::{DatabaseId, Timestamp};
use sqlx::migrate::{Migrate, Migrator};

use super::{
    error::{Error, Result},
    pool::{Db, Pools},
};

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../migrations/postgres");
/// Where sqlx notes what it applied.
const TABLE: &str = "_sqlx_migrations";

/// A database that this binary can work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Which database this is: journals and snapshots name it.
    pub database: DatabaseId,
    /// How many migrations were applied just now.
    pub applied: usize,
}

/// The schema cannot be brought to what this binary needs.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A newer binary was here.
    #[error(
        "the database's schema is newer than this program (it has migration {found}, the last known one is {known}): start \
         the newer program, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The last migration that was applied and is not known.
        found: i64,
        /// The last that this binary holds.
        known: i64,
    },
    /// A migration that was applied is not the one that this binary holds.
    #[error("migration {version} was applied in another form than this program knows")]
    Altered {
        /// Which one.
        version: i64,
    },
    /// A migration failed; it left nothing behind.
    #[error("migration {version} failed")]
    Failed {
        /// Which one.
        version: i64,
        /// Why.
        #[source]
        source: Error,
    },
    /// The database cannot be used.
    #[error("cannot read or prepare the database's schema")]
    Database(#[from] Error),
}

impl Db {
    /// Applies what is missing, and gives a new database its id. Safe to call on several nodes at once.
    ///
    /// # Errors
    /// [`MigrateError::Newer`] when the binary is older than the schema; the schema is not touched then.
    pub async fn migrate(&self, now: Timestamp) -> Result<Migrated, MigrateError> {
        let applied = match self.pools() {
            Pools::Sqlite { writer, .. } => {
                let mut connection = writer.acquire().await.map_err(Error::from)?;
                run(&SQLITE, &mut *connection).await?
            }
            Pools::Postgres(pool) => {
                let mut connection = pool.acquire().await.map_err(Error::from)?;
                // A large table takes its time, and another node may be at it already. Afterwards the connection, which
                // has no limits now, is thrown away.
                connection.close_on_drop();
                for setting in ["SET lock_timeout = 0", "SET idle_in_transaction_session_timeout = 0"] {
                    sqlx::query(setting).execute(&mut *connection).await.map_err(Error::from)?;
                }
                run(&POSTGRES, &mut *connection).await?
            }
        };
        Ok(Migrated { database: self.name(now).await?, applied })
    }

    /// The id of this database.
    ///
    /// # Errors
    /// [`Error::RowNotFound`] before the first [`Db::migrate`].
    pub async fn identity(&self) -> Result<DatabaseId> {
        let (id,) = self.conn().await?.query("SELECT database_id FROM meta WHERE id = 1").fetch_one().await?;
        Ok(id)
    }

    async fn name(&self, now: Timestamp) -> Result<DatabaseId> {
        let mut tx = self.begin().await?;
        tx.query(
            "INSERT INTO meta (id, database_id, created_at) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING",
        )
        .bind(DatabaseId::generate(now))
        .bind(now)
        .execute_optional()
        .await?;
        tx.commit().await?;
        self.identity().await
    }
}

async fn run<C: Migrate>(migrator: &Migrator, connection: &mut C) -> Result<usize, MigrateError> {
    connection.ensure_migrations_table(TABLE).await.map_err(driver)?;
    let applied = connection.list_applied_migrations(TABLE).await.map_err(driver)?;
    let foreign = applied
        .iter()
        .map(|migration| migration.version)
        .filter(|version| !migrator.version_exists(*version));
    if let Some(found) = foreign.max() {
        let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
        return Err(MigrateError::Newer { found, known });
    }
    migrator.run_direct(None, connection, false).await.map_err(driver)?;
    Ok(migrator.iter().count().saturating_sub(applied.len()))
}

fn driver(error: sqlx::migrate::MigrateError) -> MigrateError {
    use sqlx::migrate::MigrateError as Cause;
    match error {
        Cause::VersionMismatch(version) | Cause::Dirty(version) => MigrateError::Altered { version },
        Cause::ExecuteMigration(source, version) => MigrateError::Failed { version, source: source.into() },
        Cause::Execute(source) => MigrateError::Database(source.into()),
        other => MigrateError::Database(Error::Statement(sqlx::Error::Migrate(Box::new(other)))),
    }
}
