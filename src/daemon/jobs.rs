//! The job queue in the daemon: which kinds this node does, what is due when, and the parts that run.

use std::sync::Arc;

use base::{Clock, Platform, TenantId};
use foundation::{
    Db, db,
    job::{Keeper, Registry, RegistryError, Retention, Schedule, Settings, Workers},
};

use super::{
    directory_check::{self, Checker},
    state::Opened,
};
use crate::domain::{addon, billing::saas, isolir, notice, session::jobs::Accountant, tenant};

/// What this node does, and when.
#[derive(Debug)]
pub(super) struct Jobs {
    registry: Arc<Registry>,
    schedules: Vec<Schedule>,
}

impl Jobs {
    /// Collects every domain's kinds and schedules.
    pub(super) fn collect(state: &Opened) -> Result<Self, RegistryError> {
        let mut registry = Registry::new();
        let mut schedules = Vec::new();
        let accountant = Accountant {
            live: Arc::clone(&state.live),
            directory: Arc::clone(&state.directory),
            journal: Arc::clone(&state.journal),
            class_key: state.policy.class_key().clone(),
        };
        accountant.register(&mut registry)?;
        schedules.extend(Accountant::schedules());
        isolir::jobs::register(&mut registry)?;
        schedules.extend(isolir::jobs::schedules());
        addon::jobs::register(&mut registry)?;
        schedules.extend(addon::jobs::schedules());
        saas::jobs::register(&mut registry)?;
        schedules.extend(saas::jobs::schedules());
        tenant::jobs::register(&mut registry)?;
        schedules.extend(tenant::jobs::schedules());
        notice::jobs::register(&mut registry, &state.notices)?;
        let checker = Checker {
            directory: Arc::clone(&state.directory),
            sealer: state.keys.sealer.clone(),
            patience: directory_check::FEEDER,
        };
        checker.register(&mut registry)?;
        schedules.extend(Checker::schedules());
        Ok(Self { registry: Arc::new(registry), schedules })
    }

    /// The workers and the keeper.
    pub(super) fn build(
        self,
        db: &Db,
        clock: &Clock,
        settings: Settings,
        retention: Retention,
    ) -> (Workers, Keeper) {
        let workers = Workers::new(db.clone(), Arc::clone(&self.registry), clock.clone(), settings);
        let at = clock.clone();
        let zones = move |db| time_zones(db, at.clone());
        let keeper = Keeper::new(db.clone(), self.registry, clock.clone(), self.schedules, retention, zones);
        (workers, keeper)
    }
}

/// The tenants with the names of their time zones.
async fn time_zones(db: Db, clock: Clock) -> db::Result<Vec<(TenantId, String)>> {
    let platform = Platform::system("job.schedule", clock.wall());
    let mut zones = Vec::new();
    let mut conn = db.conn().await?;
    let read = tenant::directory_entries(&mut conn, &platform, |tenant| {
        zones.push((tenant.id, tenant.zone.iana_name().unwrap_or("UTC").to_owned()));
    });
    match read.await {
        Ok(()) => Ok(zones),
        Err(tenant::ReadError::Database(error)) => Err(error),
        Err(error @ tenant::ReadError::TimeZone { .. }) => Err(db::Error::decode(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base::SecretString;
    use foundation::job::Job as _;

    use super::*;
    use crate::{
        config::{Config, spec::Spec},
        daemon::job_catalogue::{KINDS, Presence},
    };

    /// The registry and the table name the same kinds.
    #[tokio::test]
    async fn each_kind_of_the_table_that_runs_is_registered() {
        let folder = tempfile::tempdir().unwrap();
        let mut spec = Spec::default();
        spec.data.folder = folder.path().to_string_lossy().into_owned();
        spec.database.url = SecretString::new("sqlite:rrnetd.db".to_owned());
        let config = Config::check(spec, folder.path()).unwrap();
        let state = Opened::open(&config, Clock::system(), None).await.unwrap();
        let jobs = Jobs::collect(&state).unwrap();
        let registered: BTreeSet<&str> = jobs.registry.names().collect();
        let listed: BTreeSet<&str> = KINDS
            .iter()
            .filter(|listed| matches!(listed.presence, Presence::Runs(_)))
            .map(|listed| listed.kind)
            .collect();
        assert_eq!(registered, listed);
        assert!(registered.contains(crate::domain::session::jobs::RadiusAcct::KIND));
        let names: BTreeSet<&str> = jobs.schedules.iter().map(Schedule::name).collect();
        assert_eq!(names.len(), jobs.schedules.len(), "two schedules have one name");
    }
}
