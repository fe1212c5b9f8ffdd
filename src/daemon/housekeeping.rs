//! What is done now and then: silent sessions are closed, restarted routers' sessions too, months get their partitions.

use std::{sync::Arc, time::Duration};

use aaa::{
    live::{ClosedSession, Live, Sweeper},
    policy::Policy,
};
use base::Clock;
use foundation::Db;
use metrics::counter;
use tokio_util::sync::CancellationToken;

use crate::domain::session::housekeeping;

/// How often a part of the live table is looked through.
const SWEEP: Duration = Duration::from_millis(100);

/// How often the database is looked at for restarted routers.
const RESTARTS: Duration = Duration::from_millis(500);

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
    pub(super) clock: Clock,
}

impl Housekeeping {
    /// Keeps house until `shutdown`.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut sweeper = Sweeper::default();
        let mut waiting: Vec<ClosedSession> = Vec::new();
        let mut sweep = tokio::time::interval(SWEEP);
        let mut restarts = tokio::time::interval(RESTARTS);
        let mut partitions = tokio::time::interval(PARTITIONS);
        let mut publish = tokio::time::interval(PUBLISH);
        for interval in [&mut sweep, &mut restarts, &mut partitions, &mut publish] {
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            let (task, result) = tokio::select! {
                () = shutdown.cancelled() => return,
                _ = sweep.tick() => ("sweep", self.sweep(&mut sweeper, &mut waiting).await),
                _ = restarts.tick() => ("restarts", housekeeping::close_restarted(&self.db).await),
                _ = publish.tick() => {
                    self.policy.publish();
                    continue;
                }
                _ = partitions.tick() => {
                    ("partitions", housekeeping::make_partitions(&self.db, self.clock.wall()).await)
                }
            };
            if let Err(error) = result {
                counter!("rrnetd_housekeeping_failures_total", "task" => task).increment(1);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    task,
                    "housekeeping failed; it is tried again"
                );
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
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
        housekeeping::close(&self.db, waiting).await?;
        waiting.clear();
        Ok(())
    }
}
