//! `overlay_reconcile_job`: overlays, generations and intents against one another. The reasons are the source: a subscriber
//! is isolated while there is one, its generation is odd then, and the network was asked for exactly that generation.

mod store;

use std::time::Duration;

use base::{Platform, SubscriberId, TenantId};
use foundation::job::{
    Cadence, Job, JobContext, JobError, Lane, Priority, Registry, RegistryError, Schedule, Whose, Work,
};
use metrics::counter;
use serde::{Deserialize, Serialize};

use super::{store as overlays, turn};
use crate::domain::values::Entry;

/// Looks at every subscriber of every tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlayReconcile {}

impl Job for OverlayReconcile {
    const KIND: &'static str = "overlay_reconcile_job";
    const PRIORITY: Priority = Priority::Bulk;
    const TIME_LIMIT: Duration = Duration::from_secs(1_800);

    fn lane(&self) -> Lane {
        Lane::named("reconcile", 1)
    }

    fn unique_key(&self) -> Option<String> {
        Some(String::new())
    }
}

/// Does [`OverlayReconcile`].
#[derive(Clone, Copy, Debug)]
pub struct Reconciler;

/// Subscribers of one step.
const PAGE: i64 = 5_000;

/// Signs up for the kinds of this domain.
///
/// # Errors
/// When a kind is known already.
pub fn register(registry: &mut Registry) -> Result<(), RegistryError> {
    registry.register::<OverlayReconcile>(Reconciler)
}

/// When they are due.
#[must_use]
pub fn schedules() -> Vec<Schedule> {
    let hourly = Cadence::Every(Duration::from_secs(3_600));
    vec![Schedule::new("overlay_reconcile", Whose::Platform, hourly, |_| OverlayReconcile {})]
}

impl Work<OverlayReconcile> for Reconciler {
    async fn run(&self, _job: OverlayReconcile, context: &JobContext) -> Result<(), JobError> {
        let nobody = (TenantId::PLATFORM, SubscriberId::from_uuid(TenantId::PLATFORM.as_uuid()));
        let mut after = nobody;
        let mut mended = 0_u64;
        loop {
            let mut conn = context.db().conn().await?;
            let last = store::page_end(&mut conn, after, PAGE).await?;
            let suspects = store::differing(&mut conn, after, last).await?;
            drop(conn);
            for (tenant, subscriber) in suspects {
                mended += u64::from(mend(context, tenant, subscriber).await?);
            }
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        if mended > 0 {
            counter!("rrnetd_drift_total", "what" => "overlay").increment(mended);
            tracing::warn!(
                count = mended,
                "overlays and intents were not what their reasons say, and were mended"
            );
            context.warn(format!("{mended} subscribers were mended"));
        } else {
            context.log("every overlay and intent is what its reasons say");
        }
        Ok(())
    }
}

/// Puts one subscriber right. False when it was, by now.
async fn mend(context: &JobContext, tenant: TenantId, subscriber: SubscriberId) -> Result<bool, JobError> {
    let scope = Platform::system(OverlayReconcile::KIND, context.now()).within(tenant);
    let mut tx = context.begin().await?;
    if !overlays::lock(&mut tx, &scope, subscriber).await? {
        return Ok(false);
    }
    let generation = store::generation(&mut tx, &scope, subscriber).await?;
    let isolated = !overlays::overlays(&mut tx, &scope, subscriber).await?.is_empty();
    let intent = overlays::intent(&mut tx, &scope, subscriber).await?;
    if (generation % 2 == 1) != isolated {
        turn(&mut tx, &scope, subscriber).await?;
        context.warn(format!("subscriber {subscriber} of tenant {tenant}: the generation was {generation}"));
    } else if generation > 0 && intent.as_ref().is_none_or(|intent| intent.generation != generation) {
        overlays::want(&mut tx, &scope, subscriber, generation).await?;
        context.warn(format!(
            "subscriber {subscriber} of tenant {tenant}: the network was asked for another state"
        ));
    } else {
        return Ok(false);
    }
    tx.changed(&scope, Entry::Subscriber(subscriber).into());
    context.commit(tx).await?;
    Ok(true)
}
