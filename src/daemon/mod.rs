//! The daemon: opens everything, wires it together, runs it and takes it down.
//!
//! Tests and the command use the same two calls: [`Daemon::bind`] opens everything and shows the addresses,
//! [`Daemon::run`] serves until it is told to stop.
//!
//! `folder`, `keys`, `identity` and `node` are the data folder, `made` what a first start put there · `state` opens the database and what is in memory (`late`
//! takes up a journal or a database that comes late) · `feeder` keeps the directory · `events` who reacts to what
//! (`event_catalogue` all that there are, `notices` where the super admin is told) · `jobs` the work in the background
//! (`job_catalogue` its kinds, `directory_check` one of them) · `housekeeping` what is done now and then (`observer` routers,
//! `tidy` what is old) · `audit_heads` notes how far the audit trails reach · `lifecycle` the signals · `reload` what SIGHUP
//! brings into force (`dictionaries` among it) · `report` the line that says where it listens · `rescue` applies a journal
//! from elsewhere.

mod audit_heads;
pub mod dictionaries;
mod directory_check;
mod event_catalogue;
mod events;
mod feeder;
pub mod folder;
mod housekeeping;
pub mod identity;
pub mod job_catalogue;
mod jobs;
pub mod keys;
mod late;
pub mod lifecycle;
mod made;
pub mod node;
mod notices;
mod observer;
pub mod reload;
mod report;
pub mod rescue;
pub mod state;
mod tidy;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
};

use aaa::net::{self, dynauth};
use base::Clock;
use foundation::{event, job};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    domain::{
        access::{Cost, LoginThrottle, PasswordPool},
        isolir,
        notice::TellSuperAdmin,
    },
    http, telemetry,
};
pub use reload::{Reload, ReloadError};
pub use report::Addresses;
pub use state::{Opened, StartError};

/// Everything is open; nothing is served yet.
#[derive(Debug)]
pub struct Daemon {
    config: Config,
    state: Opened,
    radius: net::Bound,
    http: TcpListener,
    metrics: PrometheusHandle,
    addresses: Addresses,
    reload: Reload,
}

impl Daemon {
    /// Locks a data folder that is there already, so that a second start is told of the first. Then opens sockets, data folder,
    /// database, journal and directory, in this order: what another program holds is found before anything is made.
    ///
    /// # Errors
    /// With a sentence that says what to do; nothing is left half-made.
    pub async fn bind(config: Config, clock: Clock, metrics: PrometheusHandle) -> Result<Self, StartError> {
        let reload = Reload {
            dictionary: http::Reloadable::new(dictionaries::load(&config.radius.dictionaries)?),
            settings: http::Reloadable::new(reload::settings(&config)),
            started: config.clone(),
        };
        let lock = folder::lock_known(&config.data.folder)?;
        let radius = net::Bound::open(&net::Listen {
            authentication: config.radius.authentication.clone(),
            accounting: config.radius.accounting.clone(),
            optional: config.radius.optional.clone(),
            workers: config.radius.workers,
            receive_buffer: config.radius.receive_buffer,
            duplicates: radius::replay::Limits {
                slots: config.radius.duplicate_slots as usize,
                lifetime: config.radius.duplicate_lifetime,
                ..radius::replay::Limits::default()
            },
        })?;
        let http = listen(config.http.listen).await?;
        let state = Opened::open(&config, clock, lock).await?;
        let addresses = Addresses {
            authentication: radius.authentication().to_vec(),
            accounting: radius.accounting().to_vec(),
            http: http
                .local_addr()
                .map_err(|source| StartError::Http { address: config.http.listen, source })?,
        };
        if radius.receive_buffer() < config.radius.receive_buffer {
            tracing::warn!(
                granted_octets = radius.receive_buffer(),
                wanted_octets = config.radius.receive_buffer,
                "the kernel grants a smaller receive buffer, and bursts may be lost: sysctl -w net.core.rmem_max={}",
                config.radius.receive_buffer
            );
        }
        Ok(Self { config, state, radius, http, metrics, addresses, reload })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The way to what can be replaced while it runs.
    #[must_use]
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// What is open: for the quickstart, which puts its first data in before serving.
    #[must_use]
    pub const fn state(&self) -> &Opened {
        &self.state
    }

    /// Serves until `shutdown`, then takes everything down in order: sockets are read no more, the last group of records
    /// is committed and answered, threads are joined, HTTP ends, the feeder and the drainer end, the database is closed.
    ///
    /// # Errors
    /// When it could not begin to serve, or the last records could not be made durable.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), StartError> {
        let Self { config, mut state, radius, http, metrics, addresses, reload } = self;
        let observer = state.prepare().await;
        let sender = dynauth::Running::start(state.clock.clone(), config.radius.dynauth_patience)
            .map_err(StartError::Dynauth)?;
        let shared = net::Shared {
            policy: Arc::clone(&state.policy),
            journal: Arc::clone(&state.journal),
            clock: state.clock.clone(),
        };
        let background = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let Some(writer) = state.writer.take() else { return Err(StartError::RunTwice) };
        tasks.spawn(state.feeder(&config, writer).run(background.clone()));
        let restored = Arc::new(AtomicBool::new(false));
        let late = late::Late {
            policy: Arc::clone(&state.policy),
            live: Arc::clone(&state.live),
            drain: state.drain(),
            is_journal_late: state.journal.id().is_none(),
            is_database_late: !state.restored,
            restored: Arc::clone(&restored),
            database: state.database,
        };
        tasks.spawn(late.run(background.clone()));
        let executor = isolir::Executor {
            db: state.db.clone(),
            directory: Arc::clone(&state.directory),
            live: Arc::clone(&state.live),
            sender: sender.sender(),
            clock: state.clock.clone(),
            source: config.radius.dynauth_address,
            restored,
        };
        tasks.spawn(executor.run(background.clone()));
        let keeper = housekeeping::Housekeeping {
            db: state.db.clone(),
            live: Arc::clone(&state.live),
            policy: Arc::clone(&state.policy),
            observer,
            clock: state.clock.clone(),
        };
        tasks.spawn(keeper.run(background.clone()));
        let jobs = jobs::Jobs::collect(&state)?;
        let settings = job::Settings { node: node::name(&config.data.folder)?, at_once: config.jobs.at_once };
        let retention = job::Retention { done: config.jobs.keep_done, dead: config.jobs.keep_dead };
        let (workers, keeper) = jobs.build(&state.db, &state.clock, settings, retention);
        tasks.spawn(workers.run(background.clone()));
        tasks.spawn(keeper.run(background.clone()));
        tasks.spawn(audit_heads::run(state.db.clone(), background.clone()));
        tasks.spawn(telemetry::keep_up(metrics.clone(), background.clone()));
        let (db, stop) = (state.db.clone(), background.clone());
        tasks.spawn(async move { foundation::wake::relay(&db, &stop).await });
        let (db, stop) = (state.db.clone(), background.clone());
        tasks.spawn(async move { foundation::wake::watch(&db, &stop).await });
        let tell = TellSuperAdmin { channels: Arc::clone(&state.notices), installation: state.database };
        let subscribers = events::subscribers(&state.live, &state.clock, tell);
        let settings = event::Settings::of(&state.db);
        let dispatcher = event::Dispatcher::new(state.db.clone(), state.clock.clone(), subscribers, settings);
        tasks.spawn(dispatcher.run(background.clone()));
        let keeper = events::Keeper {
            db: state.db.clone(),
            clock: state.clock.clone(),
            retention: event::Retention { keep: config.events.keep, hold: config.events.hold },
        };
        tasks.spawn(keeper.run(background.clone()));

        let api = http::router(http::State {
            db: state.db.clone(),
            sealer: Arc::new(state.keys.sealer.clone()),
            passwords: Arc::new(PasswordPool::new(Cost::STANDARD).map_err(StartError::Passwords)?),
            fingerprint_key: state.keys.fingerprint.clone(),
            throttle: Arc::new(LoginThrottle::new()),
            dictionary: reload.dictionary.clone(),
            clock: state.clock.clone(),
            observed: http::Observed {
                directory: Arc::clone(&state.directory),
                live: Arc::clone(&state.live),
                policy: Arc::clone(&state.policy),
                journal: Arc::clone(&state.journal),
            },
            streams: http::Streams::new(shutdown.clone()),
            job_kinds: job_catalogue::for_operators(),
            metrics,
            settings: reload.settings.clone(),
        })
        .map_err(StartError::Api)?;
        let radius = radius.start(&shared)?;
        addresses.report();
        lifecycle::notify_ready();
        let connections = http::Connections::new(config.http.trusted_proxies.clone());
        let served = tokio::spawn(http::serve(http, api.router, connections, shutdown.clone()));
        shutdown.cancelled().await;
        lifecycle::notify_stopping();
        // The workers wait for their last group commit: not on a thread of the runtime.
        let radius_ended = tokio::task::spawn_blocking(move || radius.stop()).await;
        if radius_ended.is_err() {
            tracing::error!("stopping the RADIUS workers panicked");
        }
        // A client that keeps its connection open does not hold up the rest.
        let _late = tokio::time::timeout(HTTP_PATIENCE, served).await;
        background.cancel();
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the daemon ended with a panic");
            }
        }
        drop(sender);
        let journal = Arc::clone(&state.journal);
        let ended = tokio::task::spawn_blocking(move || journal.shutdown()).await;
        state.db.close().await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(StartError::Shutdown(error)),
            Err(error) => tracing::error!(%error, "ending the journal panicked"),
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// How long open requests may take to end after the signal to stop.
const HTTP_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Http { address, source })
}
