//! What is done now and then: silent sessions are closed, restarted routers' sessions too, months get their partitions, what was
//! seen of routers is stored, quotas are enforced, and what nobody needs any more is removed.

use std::{error::Error, sync::Arc, time::Duration};

use aaa::{
    live::{ClosedSession, Live, Sweeper},
    policy::Policy,
};
use base::Clock;
use foundation::Db;
use metrics::counter;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{observer::Observer, tidy::tidy};
use crate::domain::{isolir::QuotaPatrol, session::housekeeping};

/// How often a part of the live table is looked through.
const SWEEP: Duration = Duration::from_millis(100);

/// How often the database is looked at for restarted routers.
const RESTARTS: Duration = Duration::from_millis(500);

/// How often routers are looked at for news: what a crash loses of where they are.
const OBSERVE: Duration = Duration::from_secs(1);

/// How often a page of those with a quota is looked at.
const QUOTAS: Duration = Duration::from_secs(1);

/// How often what is old is removed.
const TIDY: Duration = Duration::from_secs(60);

/// How often the partitions of the months are seen to.
const PARTITIONS: Duration = Duration::from_secs(6 * 3_600);

/// How often the rules' own numbers go to the metrics.
const PUBLISH: Duration = Duration::from_secs(5);

/// Closed sessions that wait for the database. Beyond it the rest is closed in the database by the next start's sweep.
const MOST_WAITING: usize = 1_000_000;

/// The keeper.
#[derive(Debug)]
pub(super) struct Housekeeping {
    pub(super) db: Db,
    pub(super) live: Arc<Live>,
    pub(super) policy: Arc<Policy>,
    pub(super) observer: Observer,
    pub(super) clock: Clock,
}

/// Why a task failed; it is told and tried again, and nobody acts on which it was.
type Failure = Box<dyn Error + Send + Sync>;

impl Housekeeping {
    /// Keeps house until `shutdown`, and notes where routers were seen last: after the start they are told the way back.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut sweeper = Sweeper::default();
        let mut patrol = QuotaPatrol::default();
        let mut waiting: Vec<ClosedSession> = Vec::new();
        let [mut sweep, mut restarts, mut observe, mut quotas, mut tidying, mut partitions, mut publish] =
            [SWEEP, RESTARTS, OBSERVE, QUOTAS, TIDY, PARTITIONS, PUBLISH].map(every);
        loop {
            let (task, result): (_, Result<(), Failure>) = tokio::select! {
                () = shutdown.cancelled() => return self.leave().await,
                _ = sweep.tick() => ("sweep", self.sweep(&mut sweeper, &mut waiting).await.map_err(Into::into)),
                _ = restarts.tick() => {
                    ("restarts", housekeeping::close_restarted(&self.db).await.map_err(Into::into))
                }
                _ = observe.tick() => ("observe", self.observer.step().await.map_err(Into::into)),
                _ = quotas.tick() => {
                    ("quotas", patrol.step(&self.db, &self.clock).await.map(drop).map_err(Into::into))
                }
                _ = tidying.tick() => ("tidy", tidy(&self.db, &self.clock).await.map(drop).map_err(Into::into)),
                _ = publish.tick() => {
                    self.policy.publish();
                    continue;
                }
                _ = partitions.tick() => {
                    let made = housekeeping::make_partitions(&self.db, self.clock.wall()).await;
                    ("partitions", made.map_err(Into::into))
                }
            };
            if let Err(error) = result {
                counter!("rrnetd_housekeeping_failures_total", "task" => task).increment(1);
                tracing::warn!(error = &*error as &dyn Error, task, "housekeeping failed; it is tried again");
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        }
    }

    async fn leave(&mut self) {
        if let Err(error) = self.observer.step().await {
            tracing::warn!(
                error = &error as &dyn Error,
                "where routers were seen last is not stored; they are known again once they send something"
            );
        }
    }

    async fn sweep(
        &self,
        sweeper: &mut Sweeper,
        waiting: &mut Vec<ClosedSession>,
    ) -> foundation::db::Result<()> {
        sweeper.step(&self.live, self.clock.now(), |closed| {
            if waiting.len() < MOST_WAITING {
                waiting.push(closed);
            }
        });
        if waiting.is_empty() {
            return Ok(());
        }
        housekeeping::close(&self.db, waiting, self.clock.wall()).await
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
