//! `directory_reconcile_job`: the directory of this node against the database's rows. What differs is told to the change stream,
//! so that the feeders of all nodes read it anew.

use std::{collections::HashSet, sync::Arc, time::Duration};

use aaa::directory::Directory;
use base::{PlanId, Platform, RouterId, SubscriberId, TenantId, seal::Sealer};
use foundation::{
    Conn,
    job::{
        Cadence, Job, JobContext, JobError, Lane, Priority, Registry, RegistryError, Schedule, Whose, Work,
    },
};
use metrics::counter;
use serde::{Deserialize, Serialize};

use super::feeder::FeedError;
use crate::domain::{nas, plan, subscriber, tenant, values::Entry};

/// Looks at every entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DirectoryReconcile {}

impl Job for DirectoryReconcile {
    const KIND: &'static str = "directory_reconcile_job";
    const PRIORITY: Priority = Priority::Bulk;
    const TIME_LIMIT: Duration = Duration::from_secs(1_800);

    fn lane(&self) -> Lane {
        Lane::named("reconcile", 1)
    }

    fn unique_key(&self) -> Option<String> {
        Some(String::new())
    }
}

/// Does [`DirectoryReconcile`].
#[derive(Clone, Debug)]
pub(super) struct Checker {
    pub(super) directory: Arc<Directory>,
    pub(super) sealer: Sealer,
    /// How long the feeder may take for what has just changed.
    pub(super) patience: Duration,
}

/// An entry that differs, and whose it is.
type Suspect = (TenantId, Entry);

/// Longer than the feeder takes: it polls every second.
pub(super) const FEEDER: Duration = Duration::from_secs(3);
/// Changes told in one transaction.
const CHUNK: usize = 300;
/// Lines of the log that name entries; more of them are one fault with many victims.
const NAMED: usize = 50;

impl Checker {
    pub(super) fn register(self, registry: &mut Registry) -> Result<(), RegistryError> {
        registry.register::<DirectoryReconcile>(self)
    }

    pub(super) fn schedules() -> Vec<Schedule> {
        let six_hourly = Cadence::Every(Duration::from_secs(6 * 3_600));
        vec![Schedule::new("directory_reconcile", Whose::Platform, six_hourly, |_| DirectoryReconcile {})]
    }

    /// Entries that differ from their rows, or have none.
    async fn differing(&self, conn: &mut Conn, platform: &Platform) -> Result<HashSet<Suspect>, FeedError> {
        let known = &self.directory;
        let mut suspects = HashSet::new();
        let mut tenants: HashSet<TenantId> = HashSet::new();
        tenant::directory_entries(conn, platform, |row| {
            tenants.insert(row.id);
            if known.tenant(row.id).as_deref() != Some(&row) {
                suspects.insert((row.id, Entry::Tenant(row.id)));
            }
        })
        .await?;
        let mut plans: HashSet<PlanId> = HashSet::new();
        plan::directory_entries(conn, platform, |row| {
            plans.insert(row.id);
            if known.plan(row.id).as_deref() != Some(&row) {
                suspects.insert((row.tenant, Entry::Plan(row.id)));
            }
        })
        .await?;
        let mut routers: HashSet<RouterId> = HashSet::new();
        nas::directory_entries(conn, platform, &self.sealer, |row| {
            routers.insert(row.id);
            if !known.holds_router(&row) {
                suspects.insert((row.tenant, Entry::Router(row.id)));
            }
        })
        .await?;
        let mut subscribers: HashSet<SubscriberId> = HashSet::new();
        subscriber::directory_entries(conn, platform, &self.sealer, |row| {
            subscribers.insert(row.id);
            let is_known = known.subscriber_by_id(row.id).is_some_and(|known| known.view().unpack() == row);
            if !is_known {
                suspects.insert((row.tenant, Entry::Subscriber(row.id)));
            }
        })
        .await?;
        // What has no row any more.
        suspects.extend(
            known
                .all_tenants()
                .iter()
                .filter(|kept| !tenants.contains(&kept.id))
                .map(|kept| (kept.id, Entry::Tenant(kept.id))),
        );
        suspects.extend(
            known
                .all_plans()
                .iter()
                .filter(|kept| !plans.contains(&kept.id))
                .map(|kept| (kept.tenant, Entry::Plan(kept.id))),
        );
        suspects.extend(
            known
                .all_routers()
                .iter()
                .filter(|kept| !routers.contains(&kept.id))
                .map(|kept| (kept.tenant, Entry::Router(kept.id))),
        );
        known.subscriber_ids(|tenant, id| {
            if !subscribers.contains(&id) {
                suspects.insert((tenant, Entry::Subscriber(id)));
            }
        });
        Ok(suspects)
    }

    /// Whether an entry differs now, by its one row.
    async fn differs(
        &self,
        conn: &mut Conn,
        platform: &Platform,
        suspect: Suspect,
    ) -> Result<bool, FeedError> {
        let (tenant, entry) = suspect;
        let scope = platform.within(tenant);
        let known = &self.directory;
        Ok(match entry {
            Entry::Tenant(id) => {
                tenant::directory_entry(conn, &scope).await?.as_ref() != known.tenant(id).as_deref()
            }
            Entry::Plan(id) => {
                plan::directory_entry(conn, &scope, id).await?.as_ref() != known.plan(id).as_deref()
            }
            Entry::Router(id) => match nas::directory_entry(conn, &scope, &self.sealer, id).await? {
                Some(row) => !known.holds_router(&row),
                None => known.router(id).is_some(),
            },
            Entry::Subscriber(id) => {
                let row = subscriber::directory_entry(conn, &scope, &self.sealer, id).await?;
                row != known.subscriber_by_id(id).map(|known| known.view().unpack())
            }
        })
    }
}

impl Work<DirectoryReconcile> for Checker {
    async fn run(&self, _job: DirectoryReconcile, context: &JobContext) -> Result<(), JobError> {
        if !self.directory.ready() {
            return Err(JobError::snooze(self.patience, "the directory is not loaded"));
        }
        let platform = context.platform();
        let suspects = self.differing(&mut context.db().snapshot().await?, &platform).await?;
        let mut wrong = Vec::new();
        if !suspects.is_empty() {
            // What has just changed is on its way.
            tokio::time::sleep(self.patience).await;
            let mut conn = context.db().conn().await?;
            for suspect in suspects {
                if self.differs(&mut conn, &platform, suspect).await? {
                    wrong.push(suspect);
                }
            }
        }
        for chunk in wrong.chunks(CHUNK) {
            let mut tx = context.begin().await?;
            for (tenant, entry) in chunk {
                tx.changed(&platform.within(*tenant), (*entry).into());
            }
            context.commit(tx).await?;
        }
        for (tenant, entry) in wrong.iter().take(NAMED) {
            context.warn(format!("{entry:?} of tenant {tenant} was not what its row says"));
        }
        if wrong.is_empty() {
            context.log(format!("all entries are what their rows say: {:?}", self.directory.counts()));
        } else {
            let count = wrong.len() as u64;
            counter!("rrnetd_drift_total", "what" => "directory").increment(count);
            tracing::warn!(count, "entries of the directory were not what their rows say, and are read anew");
            context.warn(format!("{count} entries are read anew"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aaa::directory::{Change, DirectoryWriter, HASH_KEY_OCTETS, HashKey, entry};
    use base::{Clock, SecretBytes};
    use foundation::{
        change::{Following, changes_after},
        job::{self, Settings, State, Workers, manage},
        testing::{NOW, TestDb},
    };

    use super::*;
    use crate::domain::tenant::TenantSpec;

    foundation::battery! { what_differs_is_told_to_the_feeders }

    /// Runs the job once; what it logged last.
    async fn check(db: &TestDb, checker: &Checker) -> String {
        let mut registry = Registry::new();
        checker.clone().register(&mut registry).unwrap();
        let settings = Settings { node: "test".into(), at_once: 1 };
        let mut workers = Workers::new((**db).clone(), Arc::new(registry), Clock::system(), settings);
        let mut tx = db.begin().await.unwrap();
        let options = job::Options::default();
        let id =
            job::enqueue(&mut tx, &db.platform(), &DirectoryReconcile {}, options).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(workers.run_due().await.unwrap(), 1);
        let mut conn = db.conn().await.unwrap();
        assert_eq!(manage::find(&mut conn, id).await.unwrap().unwrap().state, State::Done);
        let log = manage::log_of(&mut conn, id).await.unwrap();
        log.iter().rev().nth(1).unwrap().text.clone()
    }

    /// The changes that were told of a tenant behind a place, and where they end.
    async fn told(db: &TestDb, tenant: TenantId, after: &mut i64) -> Vec<Option<Entry>> {
        let mut conn = db.conn().await.unwrap();
        let Following::Changes(changes) = changes_after(&mut conn, tenant, *after, 100).await.unwrap() else {
            panic!("trimmed");
        };
        *after = changes.last().map_or(*after, |last| last.sequence);
        changes.iter().map(|numbered| Entry::of(&numbered.change)).collect()
    }

    fn feed(writer: &mut DirectoryWriter, tenant: entry::Tenant) {
        writer.apply(Change::Tenant(tenant)).unwrap();
        writer.caught_up(NOW);
    }

    async fn what_differs_is_told_to_the_feeders(db: TestDb) {
        let mut tx = db.begin().await.unwrap();
        let spec = TenantSpec::new("warga", "warga");
        let id = tenant::create(&mut tx, &db.platform(), spec).await.unwrap().id;
        tx.commit().await.unwrap();
        let (directory, mut writer) = Directory::create(HashKey::new([1; HASH_KEY_OCTETS]));
        let sealer = Sealer::new([(1, [9; 32])]).unwrap();
        let checker = Checker { directory, sealer, patience: Duration::ZERO };
        let mut after = 0;
        told(&db, id, &mut after).await;
        let scope = db.platform().within(id);
        let row = tenant::directory_entry(&mut db.conn().await.unwrap(), &scope).await.unwrap().unwrap();
        // The directory has another state of the tenant, and a subscriber that nobody knows.
        feed(&mut writer, entry::Tenant { stopped: true, ..row.clone() });
        let ghost = entry::Subscriber {
            id: SubscriberId::generate(NOW),
            tenant: id,
            plan: PlanId::generate(NOW),
            username: b"ghost"[..].into(),
            password: entry::Password::Clear(SecretBytes::new(b"x".to_vec())),
            standing: entry::Standing::Active,
            expires_at: None,
            overlay: entry::OverlayReasons(0),
            overlay_generation: 0,
            service: entry::ServiceType::Any,
            mac_lock: entry::MacLock::Off,
            router: None,
            static_address: None,
            ipv6_prefix: None,
            delegated_ipv6_prefix: None,
            routes: Box::default(),
            simultaneous: None,
            attributes: Box::default(),
        };
        let ghost_id = ghost.id;
        writer.apply(Change::Subscriber(ghost)).unwrap();
        assert_eq!(check(&db, &checker).await, "2 entries are read anew");
        let mut entries = told(&db, id, &mut after).await;
        entries.sort_by_key(|entry| !matches!(entry, Some(Entry::Tenant(_))));
        assert_eq!(entries, [Some(Entry::Tenant(id)), Some(Entry::Subscriber(ghost_id))]);
        // The feeder does what it is told.
        feed(&mut writer, row);
        writer.apply(Change::SubscriberGone(ghost_id)).unwrap();
        assert!(check(&db, &checker).await.starts_with("all entries are what their rows say"));
        assert_eq!(told(&db, id, &mut after).await, []);
    }
}
