//! `monthly_saas_invoice_job`: looks at each tenant once on each of its own days. The month that has begun there gets its
//! invoice, what was not paid in time is told, and its panel is locked by the platform's policy.

use std::{collections::HashMap, time::Duration};

use base::{TenantId, page::PageRequest};
use foundation::job::{
    Cadence, Job, JobContext, JobError, Lane, Priority, Registry, RegistryError, Schedule, Whose, Work,
};
use jiff::tz::TimeZone;
use metrics::counter;
use serde::{Deserialize, Serialize};

use super::{
    round::{Done, RoundError, go_round},
    store,
};
use crate::domain::{
    tenant::{self, ListError, PlatformSettings, Tenant},
    values::Day,
};

/// How often: a day begins at another time in each zone.
const EVERY: Duration = Duration::from_mins(10);
/// Tenants read at a time.
const CHUNK: u32 = 200;

/// Looks at the invoices of all tenants.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct MonthlySaasInvoice {}

impl Job for MonthlySaasInvoice {
    const KIND: &'static str = "monthly_saas_invoice_job";
    const PRIORITY: Priority = Priority::Bulk;

    fn lane(&self) -> Lane {
        Lane::named("saas_invoice", 1)
    }
}

/// Does it.
#[derive(Clone, Copy, Debug)]
pub struct Collector;

/// What one run did.
#[derive(Default)]
struct Sum {
    seen: usize,
    issued: usize,
    overdue: usize,
    isolated: usize,
    failed: usize,
}

impl Work<MonthlySaasInvoice> for Collector {
    async fn run(&self, _: MonthlySaasInvoice, context: &JobContext) -> Result<(), JobError> {
        let mut after: Option<TenantId> = context.progress()?;
        let mut sum = Sum::default();
        loop {
            let mut conn = context.db().conn().await?;
            let settings = tenant::platform_settings(&mut conn).await?.settings;
            let request = PageRequest::new(Some(CHUNK), after.map(|id| id.to_string()));
            let page = tenant::list(&mut conn, &context.platform(), &request).await;
            let page = page.map_err(|error| match error {
                ListError::Database(error) => error.into(),
                error @ ListError::Cursor => JobError::fatal(error),
            })?;
            let ids: Vec<TenantId> = page.rows.iter().map(|tenant| tenant.id).collect();
            let looked_on = store::account::looked_on(&mut conn, &ids).await?;
            drop(conn);
            for tenant in page.rows.iter().filter(|tenant| is_due(context, &looked_on, tenant)) {
                look(context, tenant, &settings, &mut sum).await?;
            }
            after = ids.last().copied();
            if page.next.is_none() {
                break;
            }
        }
        let Sum { seen, issued, overdue, isolated, failed } = sum;
        context.log(format!(
            "{seen} tenants with a new day: {issued} invoices, {overdue} overdue, {isolated} isolated, {failed} failed"
        ));
        Ok(())
    }
}

/// Whether the tenant was not looked at on the day that it is there.
fn is_due(context: &JobContext, looked_on: &HashMap<TenantId, Day>, tenant: &Tenant) -> bool {
    match TimeZone::get(&tenant.spec.time_zone) {
        Ok(zone) => looked_on.get(&tenant.id) != Some(&Day::at(context.now(), &zone)),
        Err(error) => {
            context.warn(format!("tenant {}: {error}", tenant.id));
            false
        }
    }
}

/// Looks at one tenant. What cannot be reckoned for one does not hold up the others.
async fn look(
    context: &JobContext,
    tenant: &Tenant,
    settings: &PlatformSettings,
    sum: &mut Sum,
) -> Result<(), JobError> {
    sum.seen += 1;
    let mut tx = context.begin().await?;
    match go_round(&mut tx, &context.platform(), tenant.id, settings).await {
        Ok(done) => {
            context.commit_with(tx, &tenant.id).await?;
            tell(context, tenant.id, &done, sum);
            Ok(())
        }
        Err(
            RoundError::Database(error)
            | RoundError::Update(tenant::UpdateError::Database(error))
            | RoundError::Issue(super::IssueError::Database(error)),
        ) => Err(error.into()),
        Err(error) => {
            tx.rollback().await?;
            sum.failed += 1;
            counter!("rrnetd_saas_invoices_total", "what" => "failed").increment(1);
            tracing::warn!(tenant.id = %tenant.id, %error, "the tenant's invoice cannot be made");
            context.warn(format!("tenant {}: {error}", tenant.id));
            Ok(())
        }
    }
}

fn tell(context: &JobContext, tenant: TenantId, done: &Done, sum: &mut Sum) {
    let count = |what: &'static str, times: usize| {
        counter!("rrnetd_saas_invoices_total", "what" => what)
            .increment(u64::try_from(times).unwrap_or(u64::MAX));
    };
    if let Some(invoice) = &done.issued {
        sum.issued += 1;
        count("issued", 1);
        context.log(format!(
            "tenant {tenant}: {}, {} {}",
            invoice.number,
            invoice.currency,
            invoice.amount.units()
        ));
    }
    if done.overdue > 0 {
        sum.overdue += done.overdue;
        count("overdue", done.overdue);
        context.log(format!("tenant {tenant}: {} invoices are overdue", done.overdue));
    }
    if done.isolated {
        sum.isolated += 1;
        count("isolated", 1);
        context.log(format!("tenant {tenant}: isolated until it has paid"));
    }
}

/// Lets this node do it.
///
/// # Errors
/// When the kind is known already.
pub fn register(registry: &mut Registry) -> Result<(), RegistryError> {
    registry.register::<MonthlySaasInvoice>(Collector)
}

/// When it is due.
#[must_use]
pub fn schedules() -> Vec<Schedule> {
    vec![Schedule::new("monthly_saas_invoice_job", Whose::Platform, Cadence::Every(EVERY), |_| {
        MonthlySaasInvoice::default()
    })]
}
