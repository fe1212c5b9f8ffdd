//! Feeds the directory: reads the change streams, reads each changed row anew, and applies it. The only writer.
//!
//! It is woken by each commit of this node, and polls once a second for those of others. Where a stream was trimmed behind
//! its position, or the snapshot is of an older state, it loads everything anew; readers go on meanwhile.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use aaa::directory::{Change as DirectoryChange, DirectoryWriter, Position};
use aaa::policy::Policy;
use base::{Clock, DatabaseId, Platform, TenantId, seal::Sealer};
use foundation::{
    Conn, Db,
    change::{self, Following},
    db,
    wake::Woken,
};
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;

use crate::domain::{nas, plan, subscriber, tenant, values::Entry};

/// How often the streams are looked at although nothing woke us.
const POLL: Duration = Duration::from_secs(1);

/// Changes read at a time.
const CHUNK: u32 = 500;

/// First and longest wait after a failure.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The feeder.
#[derive(Debug)]
pub(super) struct Feeder {
    /// Where changes are read.
    pub(super) db: Db,
    /// Where they go.
    pub(super) writer: DirectoryWriter,
    /// Is told when the directory has followed a first use.
    pub(super) policy: Arc<Policy>,
    /// Opens secrets.
    pub(super) sealer: Sealer,
    /// The time.
    pub(super) clock: Clock,
    /// The database's id, for the snapshot.
    pub(super) database: DatabaseId,
    /// Where the snapshot is written.
    pub(super) snapshot_file: PathBuf,
    /// How often.
    pub(super) snapshot_interval: Duration,
}

/// The directory can't be brought up to date.
#[derive(Debug, thiserror::Error)]
pub(super) enum FeedError {
    /// The database can't be read.
    #[error("the changes cannot be read")]
    Database(#[from] db::Error),
    /// A tenant's row can't become an entry.
    #[error("a tenant cannot be read")]
    Tenant(#[from] tenant::ReadError),
    /// A router's row can't become an entry.
    #[error("a router cannot be read")]
    Router(#[from] nas::ReadError),
    /// A plan's row can't become an entry.
    #[error("a plan cannot be read")]
    Plan(#[from] plan::ReadError),
    /// A subscriber's row can't become an entry.
    #[error("a subscriber cannot be read")]
    Subscriber(#[from] subscriber::ReadError),
}

impl Feeder {
    /// Reads the snapshot, if there is a good one. Afterwards the directory may serve, with the snapshot's age.
    pub(super) fn load_snapshot(&mut self) {
        use aaa::directory::snapshot::LoadError;
        let started = self.clock.now().monotonic;
        match self.writer.load_snapshot(&self.snapshot_file, self.database, &self.sealer) {
            Ok(about) => tracing::info!(
                snapshot.as_of = %about.as_of,
                subscribers = self.writer.directory().counts().subscribers,
                elapsed_ms = u64::try_from((self.clock.now().monotonic - started).as_millis()).unwrap_or(u64::MAX),
                "the directory was read from its snapshot"
            ),
            Err(LoadError::Missing(_)) => {}
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the directory's snapshot cannot be used; the directory is read from the database"
            ),
        }
    }

    /// Brings the directory up to date once.
    ///
    /// # Errors
    /// When the database can't be read.
    pub(super) async fn catch_up(&mut self) -> Result<(), FeedError> {
        if !self.writer.directory().ready() {
            return self.load_all().await;
        }
        let at = self.clock.wall();
        let mut conn = self.db.conn().await?;
        let heads = change::heads(&mut conn).await?;
        for head in heads {
            let known = i64::try_from(self.writer.position(head.tenant_id)).unwrap_or(i64::MAX);
            if head.sequence != known && !self.follow(&mut conn, head.tenant_id).await? {
                drop(conn);
                return self.load_all().await;
            }
        }
        self.writer.caught_up(at);
        Ok(())
    }

    /// Feeds until `shutdown`, and writes the snapshot now and then, and at the end.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut follower = self.db.wake().follow();
        let mut backoff = BACKOFF.0;
        let mut next_snapshot = self.clock.now().monotonic + self.snapshot_interval;
        let mut woken = Woken::All;
        while !shutdown.is_cancelled() {
            let pause = match self.feed(woken).await {
                Ok(()) => {
                    backoff = BACKOFF.0;
                    POLL
                }
                Err(error) => {
                    counter!("rrnetd_directory_feed_failures_total").increment(1);
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the directory cannot follow the database; it serves what it knows"
                    );
                    let pause = backoff;
                    backoff = (backoff * 2).min(BACKOFF.1);
                    pause
                }
            };
            if self.clock.now().monotonic >= next_snapshot {
                self.write_snapshot().await;
                next_snapshot = self.clock.now().monotonic + self.snapshot_interval;
            }
            self.publish();
            woken = tokio::select! {
                () = shutdown.cancelled() => break,
                woken = follower.woken() => woken,
                () = tokio::time::sleep(pause) => Woken::All,
            };
        }
        self.write_snapshot().await;
    }

    async fn feed(&mut self, woken: Woken) -> Result<(), FeedError> {
        match woken {
            Woken::Tenant(tenant) if self.writer.directory().ready() => {
                let mut conn = self.db.conn().await?;
                if self.follow(&mut conn, tenant).await? { Ok(()) } else { self.load_all().await }
            }
            _ => self.catch_up().await,
        }
    }

    /// Applies what is new in one stream; false when the stream does not reach back to our position.
    async fn follow(&mut self, conn: &mut Conn, tenant: TenantId) -> Result<bool, FeedError> {
        loop {
            let position = self.writer.position(tenant);
            let from = i64::try_from(position).unwrap_or(i64::MAX);
            let changes = match change::changes_after(conn, tenant, from, CHUNK).await? {
                Following::Changes(changes) => changes,
                Following::Lost => return Ok(false),
            };
            let Some(last) = changes.last().map(|numbered| numbered.sequence) else { return Ok(true) };
            let entries: HashSet<Entry> =
                changes.iter().filter_map(|numbered| Entry::of(&numbered.change)).collect();
            let scope = Platform::system("daemon.feeder", self.clock.wall()).within(tenant);
            for entry in entries {
                let change = match entry {
                    Entry::Tenant(id) => match tenant::directory_entry(conn, &scope).await? {
                        Some(tenant) => DirectoryChange::Tenant(tenant),
                        None => DirectoryChange::TenantGone(id),
                    },
                    Entry::Router(id) => match nas::directory_entry(conn, &scope, &self.sealer, id).await? {
                        Some(router) => DirectoryChange::Router(router),
                        None => DirectoryChange::RouterGone(id),
                    },
                    Entry::Plan(id) => match plan::directory_entry(conn, &scope, id).await? {
                        Some(plan) => DirectoryChange::Plan(plan),
                        None => DirectoryChange::PlanGone(id),
                    },
                    Entry::Subscriber(id) => {
                        match subscriber::directory_entry(conn, &scope, &self.sealer, id).await? {
                            Some(subscriber) => DirectoryChange::Subscriber(subscriber),
                            None => DirectoryChange::SubscriberGone(id),
                        }
                    }
                };
                if let Err(error) = self.writer.apply(change) {
                    counter!("rrnetd_directory_refused_total").increment(1);
                    tracing::error!(%error, ?entry, "an entry does not fit into the directory");
                }
                if let Entry::Subscriber(id) = entry {
                    self.policy.settle_first_use(id);
                }
            }
            self.writer.advance(Position { tenant, sequence: u64::try_from(last).unwrap_or(position) });
        }
    }

    /// Loads everything anew. The positions are taken before the rows, so that nothing falls between.
    async fn load_all(&mut self) -> Result<(), FeedError> {
        let started = self.clock.now();
        let platform = Platform::system("daemon.feeder", started.wall);
        let mut conn = self.db.snapshot().await?;
        let heads = change::heads(&mut conn).await?;
        let subscribers = subscriber::count(&mut conn, &platform).await?;
        let mut loader = self.writer.loader(subscribers);
        for head in heads {
            let sequence = u64::try_from(head.sequence).unwrap_or(0);
            loader.position(Position { tenant: head.tenant_id, sequence });
        }
        tenant::directory_entries(&mut conn, &platform, |tenant| loader.tenant(tenant)).await?;
        plan::directory_entries(&mut conn, &platform, |plan| loader.plan(plan)).await?;
        nas::directory_entries(&mut conn, &platform, &self.sealer, |router| loader.router(router)).await?;
        subscriber::directory_entries(&mut conn, &platform, &self.sealer, |subscriber| {
            if let Err(error) = loader.subscriber(&subscriber) {
                counter!("rrnetd_directory_refused_total").increment(1);
                tracing::error!(%error, subscriber.id = %subscriber.id, "a subscriber does not fit into the directory");
            }
        })
        .await?;
        self.writer.replace(loader, started.wall);
        self.policy.settle_first_uses();
        tracing::info!(
            counts = ?self.writer.directory().counts(),
            elapsed_ms = u64::try_from((self.clock.now().monotonic - started.monotonic).as_millis()).unwrap_or(u64::MAX),
            "the directory was read from the database"
        );
        Ok(())
    }

    async fn write_snapshot(&self) {
        let Some(frozen) = self.writer.freeze() else { return };
        let (path, database, sealer, at) =
            (self.snapshot_file.clone(), self.database, self.sealer.clone(), self.clock.wall());
        let written = tokio::task::spawn_blocking(move || frozen.write(&path, database, at, &sealer)).await;
        match written {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                counter!("rrnetd_directory_snapshot_failures_total").increment(1);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the directory's snapshot was not written"
                );
            }
            Err(error) => tracing::error!(%error, "writing the directory's snapshot panicked"),
        }
    }

    fn publish(&self) {
        let directory = self.writer.directory();
        let counts = directory.counts();
        let set = |kind: &'static str, count: usize| {
            gauge!("rrnetd_directory_entries", "kind" => kind).set(u32::try_from(count).unwrap_or(u32::MAX));
        };
        set("tenant", counts.tenants);
        set("router", counts.routers);
        set("plan", counts.plans);
        set("subscriber", counts.subscribers);
        if let Some(age) = directory.age(self.clock.wall()) {
            gauge!("rrnetd_directory_age_seconds").set(age.as_secs_f64());
        }
    }
}
