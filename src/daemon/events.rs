//! Who reacts to events, and how long events are kept.

use std::{sync::Arc, time::Duration};

use aaa::live::Live;
use base::Clock;
use foundation::{
    Db,
    event::{self, Retention, Subscribers, Swept},
};
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;

use crate::domain::{isolir, notice::TellSuperAdmin};

/// How often old events are trimmed.
const TRIM: Duration = Duration::from_secs(600);

/// Everybody who reacts, in the order in which they are asked.
pub(super) fn subscribers(live: &Arc<Live>, clock: &Clock, tell: TellSuperAdmin) -> Subscribers {
    Subscribers::new()
        .with(isolir::DisconnectBarred { live: Arc::clone(live), clock: clock.clone() })
        .with(tell)
}

/// Trims old events.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) retention: Retention,
}

impl Keeper {
    /// Trims until `shutdown`.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut trim = tokio::time::interval(TRIM);
        trim.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = trim.tick() => {}
            }
            match event::sweep(&self.db, &self.retention, self.clock.wall()).await {
                Ok(swept) => report(&swept),
                Err(error) => {
                    counter!("rrnetd_housekeeping_failures_total", "task" => "events").increment(1);
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "old events cannot be trimmed; it is tried again");
                }
            }
        }
    }
}

fn report(swept: &Swept) {
    counter!("rrnetd_event_trimmed_total").increment(swept.events);
    for (tenant, lost) in &swept.lost {
        let count = u64::try_from(lost.through - lost.from + 1).unwrap_or(0);
        counter!("rrnetd_event_lost_total", "subscriber" => lost.subscriber.clone()).increment(count);
        tracing::error!(
            event.subscriber = %lost.subscriber, event.tenant = %tenant, event.from = lost.from, event.through = lost.through,
            "a reaction failed for longer than events are held: it will never get these"
        );
    }
    for (subscriber, streams) in &swept.held {
        tracing::warn!(
            event.subscriber = %subscriber, event.streams = streams,
            "old events are held for a reaction that fails or lags"
        );
    }
    let held = swept.held.values().sum::<u64>();
    gauge!("rrnetd_event_held_streams").set(u32::try_from(held).unwrap_or(u32::MAX));
}
