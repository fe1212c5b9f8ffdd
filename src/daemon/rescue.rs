//! Applies a journal that was rescued from another folder or machine, while no daemon runs on this data folder.

use std::{fs, path::Path, sync::Arc};

use aaa::{
    directory::{Directory, HashKey},
    journal::{self, InspectError},
    live::Live,
    policy::{ClassKey, Policy, Settings},
};
use base::{Clock, DatabaseId, JournalId};
use foundation::{
    Db,
    db::{self, DatabaseUrl, MigrateError},
};

use super::{
    feeder::{FeedError, Feeder},
    folder::{self, FolderError},
    identity::{self, IdentityError},
    keys::{self, KeyError},
    state,
};
use crate::{
    config::Config,
    domain::session::{self, Rescue, RescueError, RescueReport},
};

/// What to do where a command finds no SQLite file.
pub const MISSING: &str = "put its copy in place or mount its disk; or name the right folder with --data, or the configuration with \
                           --config. A new database is made by the daemon's first start alone";

/// A rescued journal that was applied, and what became of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The journal.
    pub journal: JournalId,
    /// The database that it was applied to.
    pub database: DatabaseId,
    /// What became of the records.
    pub report: RescueReport,
}

/// Why a rescued journal is not applied. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ApplyJournalError {
    /// There is no data folder to apply it to.
    #[error("there is no data folder {}: name it with --data, or its configuration with --config", path.display())]
    NoDataFolder {
        /// Where it was looked for.
        path: std::path::PathBuf,
    },
    /// There is no database to apply it to.
    #[error("there is no database at {}: {MISSING}", path.display())]
    NoDatabase {
        /// Where it was looked for.
        path: std::path::PathBuf,
    },
    /// A daemon runs: it drains a journal of its own, and two at once would get in each other's way.
    #[error("a daemon runs on the data folder {}: stop it, apply the journal, and start it again", path.display())]
    DaemonRuns {
        /// The data folder.
        path: std::path::PathBuf,
    },
    /// The data folder.
    #[error(transparent)]
    Folder(FolderError),
    /// The key file, without which neither the directory nor the cookies of sessions can be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The data folder belongs to another database.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The journal's folder.
    #[error("{} cannot be applied", path.display())]
    Inspect {
        /// The folder.
        path: std::path::PathBuf,
        /// Why.
        source: InspectError,
    },
    /// The database's URL.
    #[error("database.url is wrong")]
    Url(#[source] db::ParseUrlError),
    /// The database can't be opened.
    #[error("the database cannot be opened")]
    Open(#[from] db::OpenError),
    /// The database can't be brought to this version's form, or not be reached.
    #[error("the database cannot be used")]
    Migrate(#[from] MigrateError),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    Random(#[source] getrandom::Error),
    /// What routers and subscribers there are cannot be read.
    #[error("routers and subscribers cannot be read")]
    Directory(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It belongs elsewhere, or the database failed.
    #[error(transparent)]
    Rescue(#[from] RescueError),
}

impl ApplyJournalError {
    /// Whether some records may have been applied before it. Applying the journal again goes on from there.
    #[must_use]
    pub const fn came_midway(&self) -> bool {
        matches!(self, Self::Rescue(error) if !matches!(error, RescueError::ForeignDatabase { .. }))
    }
}

/// Applies the journal in `rescued` to the database of `config`. `progress` is told after each step. The folder stays as it
/// is, and applying it again changes nothing.
///
/// # Errors
/// As [`ApplyJournalError`] says.
pub async fn apply_journal(
    config: &Config,
    clock: &Clock,
    rescued: &Path,
    progress: impl FnMut(&RescueReport) + Send,
) -> Result<Applied, ApplyJournalError> {
    let data = &config.data.folder;
    if !fs::exists(data).unwrap_or(false) {
        return Err(ApplyJournalError::NoDataFolder { path: data.clone() });
    }
    let url: DatabaseUrl = config.database.url.expose().parse().map_err(ApplyJournalError::Url)?;
    // Before the lock's file is made: a wrong folder stays as it is.
    if let Some(path) = url.missing_file() {
        return Err(ApplyJournalError::NoDatabase { path: path.to_owned() });
    }
    let _lock = folder::lock(data).map_err(|error| match error {
        FolderError::Locked { path } => ApplyJournalError::DaemonRuns { path },
        error => ApplyJournalError::Folder(error),
    })?;
    let keys = keys::load(&config.data.key_file)?;
    let known = identity::load(data, &keys.sealer)?;
    let journal = journal::inspect(rescued)
        .map_err(|source| ApplyJournalError::Inspect { path: rescued.to_owned(), source })?;
    let db = Db::open(&db::Config { may_make: false, ..db::Config::new(url) }).await?;
    let database = db.migrate(clock.wall()).await?.database;
    identity::agree(known, database)?;
    let (directory, writer) =
        Directory::create(HashKey::new(state::random().map_err(ApplyJournalError::Random)?));
    let settings = Settings {
        class_key: ClassKey::new(keys.class),
        chargeable_user_identity: false,
        throttle_key: state::random().map_err(ApplyJournalError::Random)?,
    };
    let live = Arc::new(Live::new(state::random().map_err(ApplyJournalError::Random)?));
    let policy = Arc::new(Policy::new(Arc::clone(&directory), live, settings));
    let mut feeder = Feeder {
        db: db.clone(),
        writer,
        policy: Arc::clone(&policy),
        sealer: keys.sealer.clone(),
        clock: clock.clone(),
        database,
        snapshot_file: config.directory.snapshot_file.clone(),
        snapshot_interval: config.directory.snapshot_interval,
    };
    feeder.catch_up().await.map_err(|error: FeedError| ApplyJournalError::Directory(Box::new(error)))?;
    let rescue = Rescue { db: &db, directory: &directory, class_key: policy.class_key(), clock };
    let report = session::apply_rescued(&rescue, &journal, progress).await;
    db.close().await;
    Ok(Applied { journal: journal.id(), database, report: report? })
}
