//! Quotas: who has used up what the plan gives in its period is isolated for the reason `quota`, and is free again with the
//! next period, a larger quota or another plan.
//!
//! Usage is counted in whole hours, all traffic of the period whatever the plan was then. Judging somebody twice changes
//! nothing.

mod period;
mod store;

use std::time::Duration;

use base::{Clock, Platform, Scope, SubscriberId, TenantId, Timestamp};
use foundation::{Conn, Db, Tx, db};
use jiff::tz::TimeZone;
use metrics::{counter, gauge};

use self::{period::Bought, store::Row};
use super::{OverlayError, hold, isolate, lift};
use crate::domain::{
    plan::{self, Metered},
    session,
    subscriber::OverlayReason,
    tenant,
};

/// Subscribers that one step looks at: some milliseconds of reading each hundred.
const PAGE: i64 = 250;

/// Plans that one step looks at.
const PLANS: usize = 50;

/// Subscribers that one transaction turns: with audit, intent and streams below the limit of a transaction's rows.
const CHUNK: usize = 40;

/// How soon a round over all plans begins after the one before it.
const ROUND: Duration = Duration::from_secs(60);

/// What came of looking at a subscriber's quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is isolated now, and was not.
    Isolated,
    /// It is isolated for its quota no more.
    Lifted,
    /// Nothing was to be done.
    Unchanged,
}

/// How a subscriber stands with its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaState {
    /// Octets of both directions in the period, the present hour among them.
    pub used: i64,
    /// Octets that the plan gives in a period.
    pub allowed: i64,
    /// When the period began.
    pub from: Timestamp,
    /// When the next one begins; `None` where this one has no end.
    pub until: Option<Timestamp>,
}

impl QuotaState {
    const fn is_used_up(&self) -> bool {
        self.used >= self.allowed
    }
}

/// How a subscriber stands with its quota; `None` when it is not there, or its plan has none.
///
/// # Errors
/// When the database cannot be read.
pub async fn quota_state(
    conn: &mut Conn,
    scope: &Scope,
    subscriber: SubscriberId,
) -> db::Result<Option<QuotaState>> {
    let Some(row) = store::find(conn, scope, subscriber).await? else { return Ok(None) };
    let Some(metered) = plan::metered_one(conn, scope, row.plan_id).await? else { return Ok(None) };
    let zone = zone(conn, scope).await?;
    measure(conn, scope, &zone, &metered, &row).await.map(Some)
}

/// Brings the overlay reason `quota` of one subscriber to what its usage says now. One that is gone stays as it is.
///
/// # Errors
/// When the database refuses.
pub async fn judge_quota(
    tx: &mut Tx,
    scope: &Scope,
    subscriber: SubscriberId,
) -> Result<Judged, OverlayError> {
    match hold(tx, scope, subscriber).await {
        Err(OverlayError::NotFound) => return Ok(Judged::Unchanged),
        held => held?,
    }
    let Some(row) = store::find(tx, scope, subscriber).await? else { return Ok(Judged::Unchanged) };
    let metered = plan::metered_one(tx, scope, row.plan_id).await?;
    let used_up = match &metered {
        Some(metered) => {
            let zone = zone(tx, scope).await?;
            measure(tx, scope, &zone, metered, &row).await?.is_used_up()
        }
        None => false,
    };
    match (used_up, row.held) {
        (true, false) => {
            isolate(tx, scope, subscriber, OverlayReason::Quota, "").await?;
            Ok(Judged::Isolated)
        }
        (false, true) => {
            lift(tx, scope, subscriber, OverlayReason::Quota).await?;
            Ok(Judged::Lifted)
        }
        _ => Ok(Judged::Unchanged),
    }
}

async fn zone(conn: &mut Conn, scope: &Scope) -> db::Result<TimeZone> {
    let tenant = tenant::load(conn, scope).await?;
    TimeZone::get(&tenant.spec.time_zone).map_err(db::Error::decode)
}

async fn measure(
    conn: &mut Conn,
    scope: &Scope,
    zone: &TimeZone,
    metered: &Metered,
    row: &Row,
) -> db::Result<QuotaState> {
    const HOUR: Duration = Duration::from_secs(3_600);
    let bought =
        Bought { created_at: row.created_at, expires_at: row.expires_at, validity: metered.validity };
    let now = scope.now();
    let from = period::start(metered.quota.period, zone, now, &bought);
    let until = period::end(metered.quota.period, zone, now, &bought);
    let (upload, download) = session::usage(conn, scope, row.id, from, now.saturating_add(HOUR)).await?;
    Ok(QuotaState { used: upload.saturating_add(download), allowed: metered.quota.octets, from, until })
}

/// Goes round all subscribers whose plan has a quota, and all that are isolated for one. It takes no input: after a restart
/// there is none.
#[derive(Debug, Default)]
pub struct QuotaPatrol {
    /// The plans that this round has not been through yet, the next one last.
    plans: Vec<Metered>,
    /// How far it is in the next plan.
    after: Option<SubscriberId>,
    /// How far it is among the isolated.
    held_after: Option<(TenantId, SubscriberId)>,
    /// When the last round began.
    began: Option<Duration>,
}

/// One to be judged: a plain read says that it should be otherwise.
type Suspect = (TenantId, SubscriberId);

impl QuotaPatrol {
    /// Looks at the next page of each kind; how many were isolated or lifted.
    ///
    /// # Errors
    /// When the database cannot be used; the next round looks at the same subscribers.
    pub async fn step(&mut self, db: &Db, clock: &Clock) -> Result<usize, OverlayError> {
        let now = clock.now();
        let platform = Platform::system("isolir.quota", now.wall);
        let mut conn = db.conn().await?;
        let mut suspects = self.look_at_held(&mut conn, &platform).await?;
        if self.plans.is_empty() && self.began.is_none_or(|began| now.monotonic >= began + ROUND) {
            self.plans = plan::metered(&mut conn, &platform).await?;
            (self.after, self.began) = (None, Some(now.monotonic));
        }
        self.look_at_plans(&mut conn, &platform, &mut suspects).await?;
        drop(conn);
        if let (true, Some(began)) = (self.plans.is_empty(), self.began) {
            gauge!("rrnetd_quota_round_seconds").set(now.monotonic.saturating_sub(began).as_secs_f64());
        }
        turn_all(db, &platform, &suspects).await
    }

    /// Finds those who have used up their quota and are free, a page of them and of plans.
    async fn look_at_plans(
        &mut self,
        conn: &mut Conn,
        platform: &Platform,
        suspects: &mut Vec<Suspect>,
    ) -> db::Result<()> {
        let mut left = PAGE;
        for _ in 0..PLANS {
            let Some(metered) = self.plans.last().copied().filter(|_| left > 0) else { return Ok(()) };
            let scope = platform.within(metered.tenant);
            let rows = store::of_plan(conn, &scope, metered.id, self.after, left).await?;
            let zone = zone(conn, &scope).await?;
            for row in rows.iter().filter(|row| !row.held) {
                if measure(conn, &scope, &zone, &metered, row).await?.is_used_up() {
                    suspects.push((metered.tenant, row.id));
                }
            }
            left -= i64::try_from(rows.len()).unwrap_or(left);
            self.after = rows.last().map(|row| row.id);
            if left > 0 {
                // The page was not filled: the plan has no more.
                self.plans.pop();
                self.after = None;
            }
        }
        Ok(())
    }

    /// Finds those who are isolated and should be free, a page of them.
    async fn look_at_held(&mut self, conn: &mut Conn, platform: &Platform) -> db::Result<Vec<Suspect>> {
        let held = store::held(conn, self.held_after, PAGE).await?;
        let mut suspects = Vec::new();
        for (tenant, subscriber) in &held {
            let scope = platform.within(*tenant);
            let Some(row) = store::find(conn, &scope, *subscriber).await? else { continue };
            let used_up = match plan::metered_one(conn, &scope, row.plan_id).await? {
                Some(metered) => {
                    let zone = zone(conn, &scope).await?;
                    measure(conn, &scope, &zone, &metered, &row).await?.is_used_up()
                }
                None => false,
            };
            if !used_up {
                suspects.push((*tenant, *subscriber));
            }
        }
        let is_filled = i64::try_from(held.len()).is_ok_and(|count| count == PAGE);
        self.held_after = held.last().copied().filter(|_| is_filled);
        Ok(suspects)
    }
}

/// Judges each, with what is so by then.
async fn turn_all(db: &Db, platform: &Platform, suspects: &[Suspect]) -> Result<usize, OverlayError> {
    let mut changed = 0;
    for chunk in suspects.chunks(CHUNK) {
        let mut judged = Vec::with_capacity(chunk.len());
        let mut tx = db.begin_bulk().await?;
        for (tenant, subscriber) in chunk {
            judged.push(judge_quota(&mut tx, &platform.within(*tenant), *subscriber).await?);
        }
        tx.commit().await?;
        for judged in judged {
            let act = match judged {
                Judged::Isolated => "isolate",
                Judged::Lifted => "lift",
                Judged::Unchanged => continue,
            };
            counter!("rrnetd_quota_changes_total", "act" => act).increment(1);
            changed += 1;
        }
    }
    Ok(changed)
}

/// For the tests of the domain: those who are isolated for a quota, one a page.
#[cfg(test)]
pub(super) mod testing {
    use super::{Conn, Suspect, store};

    pub(in super::super) async fn held(conn: &mut Conn, after: Option<Suspect>) -> Vec<Suspect> {
        store::held(conn, after, 1).await.unwrap()
    }
}
