//! What a running daemon holds: opened in an order in which a failure leaves nothing half-made.

use std::{io, net::SocketAddr, sync::Arc};

use aaa::{
    directory::{Directory, DirectoryWriter, HashKey},
    journal::{self, Journal},
    live::Live,
    net::BindError,
    policy::{ClassKey, Policy, Settings},
};
use base::{Clock, DatabaseId};
use foundation::{
    Db,
    db::{self, DatabaseUrl, MigrateError},
};

use super::{
    dictionaries::DictionaryError,
    feeder::Feeder,
    folder::{self, FolderError, FolderLock},
    identity::{self, IdentityError},
    keys::{self, KeyError, Keys},
    late,
    made::Made,
    node::NodeError,
    notices,
    observer::Observer,
};
use crate::{
    config::Config,
    domain::{access::HashError, notice::Channels, session},
};

/// The daemon can't start. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// RADIUS sockets.
    #[error(transparent)]
    Radius(#[from] BindError),
    /// The API's socket.
    #[error(
        "the API cannot listen on {address}: is the port taken by another program, or by an rrnetd that runs already? Stop it, or choose \
         another port with http.listen"
    )]
    Http {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// This node's name.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The database's URL.
    #[error("database.url is wrong")]
    Url(#[source] db::ParseUrlError),
    /// The database can't be opened.
    #[error("the database cannot be opened")]
    Database(#[from] db::OpenError),
    /// The database can't be brought to this version's form.
    #[error("the database cannot be migrated")]
    Migrate(#[source] MigrateError),
    /// There is no database at a first start.
    #[error("the database cannot be reached, and a first start needs it: start it, or correct database.url")]
    NoDatabase(#[source] MigrateError),
    /// The journal can't be opened.
    #[error("the accounting journal cannot be opened")]
    Journal(#[from] journal::OpenError),
    /// The CoA sender can't start.
    #[error("the sender of CoA requests cannot start")]
    Dynauth(#[source] io::Error),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    Random(#[source] getrandom::Error),
    /// Password hashing can't start.
    #[error("password hashing cannot start")]
    Passwords(#[source] HashError),
    /// The API can't be described.
    #[error("the API cannot be described")]
    Api(#[source] crate::http::BuildError),
    /// A dictionary.
    #[error(transparent)]
    Dictionary(#[from] DictionaryError),
    /// Two kinds of jobs have one name.
    #[error("the kinds of jobs are broken")]
    Jobs(#[from] foundation::job::RegistryError),
    /// `run` was called twice.
    #[error("the daemon runs already")]
    RunTwice,
    /// The last records could not be made durable.
    #[error("the last accounting records could not be made durable; none of them was acknowledged")]
    Shutdown(#[source] journal::ShutdownError),
}

/// Everything that is open.
#[derive(Debug)]
pub struct Opened {
    /// The database.
    pub db: Db,
    /// Whether it could be reached.
    pub reached: bool,
    /// Its id.
    pub database: DatabaseId,
    /// The keys.
    pub keys: Keys,
    /// The time.
    pub clock: Clock,
    /// The directory.
    pub directory: Arc<Directory>,
    /// Its writer, until the feeder takes it.
    pub(super) writer: Option<DirectoryWriter>,
    /// Whether the database's open sessions are among the live ones.
    pub(super) restored: bool,
    /// Live sessions.
    pub live: Arc<Live>,
    /// The rules.
    pub policy: Arc<Policy>,
    /// The journal.
    pub journal: Arc<Journal>,
    /// The ways to the super admin.
    pub notices: Arc<Channels>,
    config: Config,
    _lock: FolderLock,
}

impl Opened {
    /// Opens the data folder, of which `lock` may be held already, the keys, the database, the journal; the directory is still
    /// empty.
    ///
    /// # Errors
    /// As [`StartError`] says; a first start leaves nothing behind then.
    pub async fn open(config: &Config, clock: Clock, lock: Option<FolderLock>) -> Result<Self, StartError> {
        let data = &config.data.folder;
        let mut made = Made::default();
        made.expect(&folder::lock_file(data));
        folder::make(data)?;
        let lock = match lock {
            Some(lock) => lock,
            None => folder::lock(data)?,
        };
        // What is declared last is dropped first: a failure takes back what was made while the folder is still locked.
        let mut made = made;
        if !identity::exists(data) {
            made.expect(&config.data.key_file);
            made.expect(&identity::file(data));
            made.expect_folder(&config.journal.folder);
            keys::make_when_missing(&config.data.key_file)?;
        }
        let keys = keys::load(&config.data.key_file)?;
        let known = identity::load(data, &keys.sealer)?;
        let (directory, writer) = Directory::create(HashKey::new(random().map_err(StartError::Random)?));
        let live = Arc::new(Live::new(random().map_err(StartError::Random)?));
        let settings = Settings {
            class_key: ClassKey::new(keys.class),
            chargeable_user_identity: config.radius.chargeable_user_identity,
            throttle_key: random().map_err(StartError::Random)?,
        };
        let policy = Arc::new(Policy::new(Arc::clone(&directory), Arc::clone(&live), settings));
        let url: DatabaseUrl = config.database.url.expose().parse().map_err(StartError::Url)?;
        let mut settings = db::Config::new(url);
        (settings.readers, settings.connections) =
            (config.database.connections, config.database.connections + 2);
        // A later start goes on without the database, whichever it is.
        settings.may_wait = known.is_some();
        // A file that was there once is on a disk that is not mounted.
        settings.may_make = known.is_none();
        let db = Db::open(&settings).await?;
        let (database, reached, journal) = match open_stored(config, &db, &keys, known, &clock).await {
            Ok(stored) => stored,
            Err(error) => {
                db.take_back().await;
                return Err(error);
            }
        };
        made.keep();
        Ok(Self {
            db,
            reached,
            database,
            keys,
            clock,
            directory,
            writer: Some(writer),
            restored: false,
            live,
            policy,
            journal,
            notices: Arc::new(notices::channels(&config.notices)),
            config: config.clone(),
            _lock: lock,
        })
    }

    /// Fills what is in memory before the first packet is read: the directory, the open sessions, the first uses that are
    /// only in the journal yet, where routers are. With the database down, as far as the snapshot and the journal go; who keeps
    /// the routers' places asks for them again.
    pub(super) async fn prepare(&mut self) -> Observer {
        if let Some(writer) = self.writer.take() {
            let mut feeder = self.feeder(&self.config, writer);
            feeder.load_snapshot();
            if self.reached
                && let Err(error) = feeder.catch_up().await
            {
                tracing::error!(error = &error as &dyn std::error::Error, "the directory cannot be read");
            }
            self.writer = Some(feeder.writer);
        }
        late::restore_first_uses(&self.journal, &self.policy);
        if self.reached {
            match late::restore_sessions(&self.drain(), &self.live).await {
                Ok(()) => self.restored = true,
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "open sessions cannot be read; it is tried again"
                ),
            }
        }
        let mut observer = Observer::new(
            self.db.clone(),
            Arc::clone(&self.live),
            Arc::clone(&self.directory),
            self.clock.clone(),
        );
        if self.reached
            && let Err(error) = observer.restore().await
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "where routers were seen cannot be read; it is tried again"
            );
        }
        observer
    }

    /// A drainer of the journal.
    #[must_use]
    pub fn drain(&self) -> session::Drain {
        session::Drain {
            db: self.db.clone(),
            journal: Arc::clone(&self.journal),
            directory: Arc::clone(&self.directory),
            class_key: self.policy.class_key().clone(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn feeder(&self, config: &Config, writer: DirectoryWriter) -> Feeder {
        Feeder {
            db: self.db.clone(),
            writer,
            policy: Arc::clone(&self.policy),
            sealer: self.keys.sealer.clone(),
            clock: self.clock.clone(),
            database: self.database,
            snapshot_file: config.directory.snapshot_file.clone(),
            snapshot_interval: config.directory.snapshot_interval,
        }
    }
}

/// Brings the database to this version's form, as far as it can be reached, and opens the journal.
async fn open_stored(
    config: &Config,
    db: &Db,
    keys: &Keys,
    known: Option<DatabaseId>,
    clock: &Clock,
) -> Result<(DatabaseId, bool, Arc<Journal>), StartError> {
    let is_first = known.is_none();
    let (database, reached) = match (db.migrate(clock.wall()).await, known) {
        (Ok(migrated), known) => {
            identity::settle(&config.data.folder, &keys.sealer, known, migrated.database)?;
            (migrated.database, true)
        }
        (Err(error @ MigrateError::Database(_)), Some(known)) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the database cannot be reached: RADIUS is served from the directory's snapshot"
            );
            (known, false)
        }
        (Err(error @ MigrateError::Database(_)), None) => return Err(StartError::NoDatabase(error)),
        (Err(error), _) => return Err(StartError::Migrate(error)),
    };
    let mut journal = journal::Config::new(&config.journal.folder, database);
    journal.segment_octets = config.journal.segment_octets;
    journal.total_octets = config.journal.total_octets;
    journal.keep_for = config.journal.keep_for;
    journal.keep_octets = config.journal.keep_octets;
    // Later on subscribers log in whatever the disk does; at a first start it is better said at once.
    let journal = Arc::new(match is_first {
        true => Journal::open(journal, clock.clone())?,
        false => Journal::open_when_possible(journal, clock.clone())?,
    });
    Ok((database, reached, journal))
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)?;
    Ok(octets)
}
