//! Compares the use of add-ons with what is charged for them, for all tenants: the turn of a cycle brings its charges, what
//! was scheduled comes into force, and what was lost is made again.

use std::time::Duration;

use base::{TenantAddonId, TenantId};
use foundation::job::{
    Cadence, Job, JobContext, JobError, Priority, Registry, RegistryError, Schedule, Whose, Work,
};
use metrics::counter;
use serde::{Deserialize, Serialize};

use super::{SettleError, Settled, list_active, review, settle};

/// How often: what is to end at midnight ends soon after it.
const EVERY: Duration = Duration::from_mins(10);
/// Add-ons read at a time.
const CHUNK: u32 = 200;

/// Looks through the active add-ons of all tenants.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct AddonUsageReconciliation {}

impl Job for AddonUsageReconciliation {
    const KIND: &'static str = "addon_usage_reconciliation";
    const PRIORITY: Priority = Priority::Bulk;
}

/// Does it.
#[derive(Clone, Copy, Debug)]
pub struct Reconciler;

impl Work<AddonUsageReconciliation> for Reconciler {
    async fn run(&self, _: AddonUsageReconciliation, context: &JobContext) -> Result<(), JobError> {
        let mut after: Option<(TenantId, TenantAddonId)> = context.progress()?;
        let (mut seen, mut written) = (0_usize, 0_usize);
        loop {
            let mut conn = context.db().conn().await?;
            let rows = list_active(&mut conn, &context.platform(), after, CHUNK).await?;
            drop(conn);
            let Some(last) = rows.last().copied() else { break };
            for (tenant, id) in rows {
                seen += 1;
                written += usize::from(look(context, tenant, id).await?);
            }
            after = Some(last);
        }
        context.log(format!("{seen} active add-ons, {written} of them with something to write"));
        Ok(())
    }
}

/// Looks at one, and says whether something was written.
async fn look(context: &JobContext, tenant: TenantId, id: TenantAddonId) -> Result<bool, JobError> {
    let scope = context.platform().within(tenant);
    let mut conn = context.db().conn().await?;
    let found = review(&mut conn, &scope, id).await?;
    drop(conn);
    if found.overcharged > 0 {
        counter!("rrnetd_addon_drift_total", "kind" => "overcharged").increment(1);
        context
            .warn(format!("tenant {tenant}, add-on {id}: {} units are charged too much", found.overcharged));
    }
    if !found.needs_work() {
        return Ok(false);
    }
    let mut tx = context.begin().await?;
    match settle(&mut tx, &scope, id).await {
        Ok(settled) => {
            context.commit_with(tx, &(tenant, id)).await?;
            tell(context, tenant, id, &settled);
            Ok(true)
        }
        Err(SettleError::Database(error)) => Err(error.into()),
        // One tenant's price that nobody can pay does not hold up the others.
        Err(error @ SettleError::Amount(_)) => {
            context.warn(format!("tenant {tenant}, add-on {id}: {error}"));
            Ok(false)
        }
    }
}

fn tell(context: &JobContext, tenant: TenantId, id: TenantAddonId, settled: &Settled) {
    let text = format!(
        "tenant {tenant}, add-on {id}: {} charges of the new cycle, {} that were missing{}{}",
        settled.renewed,
        settled.missing,
        if settled.changed { ", what was scheduled is in force" } else { "" },
        if settled.regranted { ", its grants were wrong" } else { "" },
    );
    for (kind, is_wrong) in [("charge_missing", settled.missing > 0), ("grant", settled.regranted)] {
        if is_wrong {
            counter!("rrnetd_addon_drift_total", "kind" => kind).increment(1);
        }
    }
    if settled.is_drift() { context.warn(text) } else { context.log(text) }
}

/// Lets this node do it.
///
/// # Errors
/// When the kind is known already.
pub fn register(registry: &mut Registry) -> Result<(), RegistryError> {
    registry.register::<AddonUsageReconciliation>(Reconciler)
}

/// When it is due.
#[must_use]
pub fn schedules() -> Vec<Schedule> {
    vec![Schedule::new("addon_usage_reconciliation", Whose::Platform, Cadence::Every(EVERY), |_| {
        AddonUsageReconciliation::default()
    })]
}
