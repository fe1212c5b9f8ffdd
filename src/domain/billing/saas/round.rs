//! What is due for one tenant on one of its days: its invoice, word of what is overdue, and the lock of its panel.

use base::{Platform, TenantId};
use foundation::{Tx, db};
use jiff::ToSpan as _;

use super::{IssueError, SaasInvoice, isolate, issue, plan_charge, store};
use crate::domain::{
    event::InvoiceOverdue,
    tenant::{self, Handling, PlatformSettings, TenantStatus, UpdateError, saas_plan::Cycle},
    values::Day,
};

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) issued: Option<SaasInvoice>,
    pub(super) overdue: usize,
    pub(super) isolated: bool,
}

/// Why it cannot be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    #[error(transparent)]
    Issue(IssueError),
    #[error(transparent)]
    Update(#[from] UpdateError),
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Does what is due for the tenant on the day that it is there; nothing when that was done. Who is on trial is asked for
/// nothing, and neither is who has left: those days are free.
pub(super) async fn go_round(
    tx: &mut Tx,
    platform: &Platform,
    id: TenantId,
    settings: &PlatformSettings,
) -> Result<Done, RoundError> {
    let scope = platform.within(id);
    tenant::lock(tx, &scope).await?;
    let Some(found) = tenant::find(tx, platform, id).await? else { return Ok(Done::default()) };
    let calendar = tenant::calendar(tx, &scope).await?;
    let today = calendar.today(platform.now());
    let mut account = store::account::find(tx, &scope).await?;
    if account.looked_on == Some(today) {
        return Ok(Done::default());
    }
    if found.standing != TenantStatus::Active {
        // Free are the days of a void invoice's cycle as well.
        account = plan_charge::retract(tx, &scope, today).await?;
        account.settle(today);
    }
    account.looked_on = Some(today);
    store::account::put(tx, &scope, &account).await?;
    let mut done = Done::default();
    if found.standing == TenantStatus::Active && settings.invoicing == Handling::Automatic {
        let month = calendar.period(Cycle::Monthly, today);
        if !store::invoice::is_issued(tx, &scope, month.from).await? {
            done.issued = match issue(tx, platform, id, Some(settings.invoice_due_days)).await {
                Ok(invoice) => Some(invoice),
                Err(IssueError::NothingOwed) => None,
                Err(error) => return Err(RoundError::Issue(error)),
            };
        }
    }
    for invoice in store::invoice::mark_overdue(tx, &scope, today).await? {
        tx.publish(&scope, &InvoiceOverdue { invoice });
        done.overdue += 1;
    }
    if found.standing != TenantStatus::Disabled && settings.isolation == Handling::Automatic {
        let day = Day::new(today.date().saturating_sub(settings.grace_days.days()));
        done.isolated = isolate::isolate_due(tx, &scope, day).await?;
    }
    Ok(done)
}
