//! Compares the counters of limits with what is there, for all tenants, and puts right what differs.

use std::time::Duration;

use base::TenantId;
use foundation::job::{
    Cadence, Job, JobContext, JobError, Priority, Registry, RegistryError, Schedule, Whose, Work,
};
use metrics::counter;
use serde::{Deserialize, Serialize};

use super::{limit, store};

/// How often: a counter that is wrong keeps somebody from working, or lets somebody have too much.
const EVERY: Duration = Duration::from_hours(1);
/// Tenants read at a time.
const CHUNK: i64 = 200;

/// Looks through the limits of all tenants.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct LimitReconcile {}

impl Job for LimitReconcile {
    const KIND: &'static str = "limit_reconcile_job";
    const PRIORITY: Priority = Priority::Bulk;
}

/// Does it.
#[derive(Clone, Copy, Debug)]
pub struct Reconciler;

impl Work<LimitReconcile> for Reconciler {
    async fn run(&self, _: LimitReconcile, context: &JobContext) -> Result<(), JobError> {
        let mut after: Option<TenantId> = context.progress()?;
        let (mut seen, mut mended) = (0_usize, 0_usize);
        loop {
            let tenants = store::tenant::list(&mut context.db().conn().await?, after, CHUNK).await?;
            let Some(last) = tenants.last().map(|tenant| tenant.id) else { break };
            for tenant in tenants {
                seen += 1;
                mended += look(context, tenant.id).await?;
            }
            after = Some(last);
        }
        context.log(format!("{seen} tenants, {mended} counters put right"));
        Ok(())
    }
}

/// Looks at one tenant, and says how many counters were put right.
async fn look(context: &JobContext, tenant: TenantId) -> Result<usize, JobError> {
    let scope = context.platform().within(tenant);
    let found = limit::drifts(&mut context.db().snapshot().await?, &scope).await?;
    let mut mended = 0;
    for drift in &found {
        let mut tx = context.begin().await?;
        let done = limit::mend(&mut tx, &scope, drift).await?;
        context.commit_with(tx, &tenant).await?;
        if done {
            mended += 1;
            counter!("rrnetd_limit_drift_total", "limit" => drift.limit.as_str()).increment(1);
            context.warn(format!(
                "tenant {tenant}: {} counted {}, there are {}",
                drift.limit, drift.counted, drift.actual
            ));
        }
    }
    Ok(mended)
}

/// Lets this node do it.
///
/// # Errors
/// When the kind is known already.
pub fn register(registry: &mut Registry) -> Result<(), RegistryError> {
    registry.register::<LimitReconcile>(Reconciler)
}

/// When it is due.
#[must_use]
pub fn schedules() -> Vec<Schedule> {
    vec![Schedule::new("limit_reconcile_job", Whose::Platform, Cadence::Every(EVERY), |_| {
        LimitReconcile::default()
    })]
}
