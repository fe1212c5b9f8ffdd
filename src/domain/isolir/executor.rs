//! Brings the network to what is wanted: takes intents that are due, sends CoA or Disconnect for each live session that was
//! accepted with another overlay, notes what came of it, and tries again for ever.
//!
//! Intent and observation stay apart: an ACK is only an ACK. Verified means a session that carries the wanted overlay
//! generation in its Class.

mod send;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aaa::{
    directory::Directory,
    live::{Live, LiveSession},
    net::dynauth::Sender,
};
use base::{Clock, SubscriberId, TenantId, Timestamp};
use foundation::{Db, db};
use metrics::{counter, gauge, histogram};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::send::{Courier, Delivery};
use super::{
    super::session::housekeeping,
    IntentState,
    change::{self, Wanted, Way},
    store::{self, Attempt, DisconnectOrder, Intent},
};

/// Intents taken at a time: lifts that arrive meanwhile wait for at most so many.
const BATCH: i64 = 64;

/// How long an attempt may take: the client of RFC 5176 gives a silent router 30 s for the CoA and as much for the
/// Disconnect behind it. After it the intent is due again, which matters when the daemon was killed in between.
const LEASE: Duration = Duration::from_secs(75);

/// How often the tables are looked at although nothing woke us.
const TICK: Duration = Duration::from_secs(1);

/// How often everything that waits to be seen is compared with the live sessions.
const RECONCILE: Duration = Duration::from_secs(15);

/// How soon an intent is looked at again that the directory has not heard of yet: the feeder needs a few milliseconds.
const FEEDER_PATIENCE: Duration = Duration::from_millis(5);

/// Intents of one step of the reconciler.
const PAGE: i64 = 500;

/// How long an order of staff is tried.
const ORDER_LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// The executor.
#[derive(Clone, Debug)]
pub struct Executor {
    /// The intents.
    pub db: Db,
    /// The wanted state of each subscriber.
    pub directory: Arc<Directory>,
    /// Who is online, and the way there.
    pub live: Arc<Live>,
    /// Sends.
    pub sender: Sender,
    /// The time.
    pub clock: Clock,
    /// Source address towards a router that was not heard since the start; unspecified lets the kernel choose.
    pub source: IpAddr,
    /// Whether the live table has what the database and the journal hold: until then nobody is taken for offline.
    pub restored: Arc<AtomicBool>,
}

/// What is being worked on.
type InFlight = HashSet<(TenantId, SubscriberId, i64)>;

impl Executor {
    /// Works until `shutdown`. Attempts in flight then end without a note, and are made again at the next start.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut follower = self.db.wake().follow();
        let mut tasks: JoinSet<Option<Intent>> = JoinSet::new();
        let mut in_flight = InFlight::new();
        let mut reconciler = Reconciler::default();
        let mut is_first = true;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !shutdown.is_cancelled() {
            let round = async {
                if is_first {
                    self.resume().await?;
                }
                self.round(&mut tasks, &mut in_flight).await
            };
            let pause = match round.await {
                Ok(pause) => {
                    is_first = false;
                    pause
                }
                Err(error) => {
                    counter!("rrnetd_isolir_failures_total").increment(1);
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the isolir executor cannot work"
                    );
                    TICK
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = follower.woken() => {}
                () = tokio::time::sleep(pause) => {}
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                    if let Ok(Some(intent)) = ended {
                        in_flight.remove(&key(&intent));
                    }
                }
                _ = tick.tick() => {
                    if let Err(error) = reconciler.step(&self).await {
                        tracing::warn!(error = &error as &dyn std::error::Error, "the isolir reconciler cannot work");
                    }
                }
            }
        }
        tasks.shutdown().await;
    }

    /// After a start nothing is in flight: what was left is due at once.
    async fn resume(&self) -> db::Result<()> {
        let states =
            [IntentState::Pending, IntentState::Disconnected, IntentState::Unreachable, IntentState::Refused];
        let now = self.clock.wall();
        let mut after = start();
        loop {
            let mut tx = self.db.begin().await?;
            let intents = store::waiting(&mut tx, &states, after, PAGE).await?;
            for intent in &intents {
                store::make_due(&mut tx, intent, now).await?;
            }
            tx.commit().await?;
            let Some(last) = intents.last() else { return Ok(()) };
            after = (last.tenant_id, last.subscriber_id);
        }
    }

    /// Works off what is due; how long to sleep unless something wakes us.
    async fn round(
        &self,
        tasks: &mut JoinSet<Option<Intent>>,
        in_flight: &mut InFlight,
    ) -> db::Result<Duration> {
        loop {
            let now = self.clock.wall();
            let mut conn = self.db.conn().await?;
            let intents = store::due(&mut conn, now, BATCH).await?;
            let orders = store::due_orders(&mut conn, now, BATCH).await?;
            let next = store::next_due(&mut conn).await?;
            drop(conn);
            let is_full = i64::try_from(intents.len()).unwrap_or(BATCH) >= BATCH;
            let mut lagging = false;
            for intent in intents {
                if !in_flight.contains(&key(&intent)) {
                    lagging |= !self.take(&intent, tasks, in_flight).await?;
                }
            }
            for order in orders {
                self.take_order(order, tasks).await?;
            }
            if lagging {
                return Ok(FEEDER_PATIENCE);
            }
            if !is_full {
                let wait = next.map_or(TICK, |next| next.since(self.clock.wall()));
                return Ok(wait.clamp(FEEDER_PATIENCE, TICK));
            }
        }
    }

    /// Starts an attempt; false when the directory has not heard of the intent yet.
    async fn take(
        &self,
        intent: &Intent,
        tasks: &mut JoinSet<Option<Intent>>,
        in_flight: &mut InFlight,
    ) -> db::Result<bool> {
        let now = self.clock.now();
        let Some(subscriber) = self.directory.subscriber_by_id(intent.subscriber_id) else {
            if !self.directory.ready() {
                return Ok(false);
            }
            return self.note_offline(intent, "the subscriber is gone").await.map(|()| true);
        };
        let view = subscriber.view();
        if i64::from(view.overlay_generation()) != intent.generation {
            return Ok(false);
        }
        let sessions = self.live.of_subscriber(now, intent.subscriber_id);
        let observed = sessions.iter().filter_map(|session| session.overlay_generation).max().map(i64::from);
        let stale: Vec<LiveSession> = sessions
            .into_iter()
            .filter(|session| session.overlay_generation.map(i64::from) != Some(intent.generation))
            .collect();
        if stale.is_empty() {
            let noted = match observed {
                Some(_) => {
                    let outcome = "seen in the session's Class";
                    self.note(intent, IntentState::Verified, None, outcome, observed).await
                }
                None => self.note_offline(intent, "nobody is online").await,
            };
            return noted.map(|()| true);
        }
        let (Some(plan), Some(tenant)) =
            (self.directory.plan(view.plan()), self.directory.tenant(intent.tenant_id))
        else {
            return Ok(false);
        };
        let wanted =
            Wanted { isolated: intent.isolated, subscriber: view, plan: &plan, profile: &tenant.isolir };
        let mut deliveries = Vec::new();
        for session in &stale {
            let Some(router) = self.directory.router(session.router) else { continue };
            // The parity of a generation is its state.
            let accepted = session.overlay_generation.map(|generation| generation % 2 == 1);
            let way = change::way(&wanted, accepted, router.change_way);
            let delivery = Delivery::new(session, router, way, self.source);
            deliveries.push(match is_unanswered(intent) {
                true => delivery.or_disconnect(self.live.find_router(session.router), now.wall),
                false => delivery,
            });
        }
        deliveries.retain(|delivery| delivery.way != Way::Nothing);
        if deliveries.is_empty() {
            let outcome = "the router's setting leaves live sessions alone; the next login brings it";
            self.note(intent, IntentState::Offline, None, outcome, observed).await?;
            return Ok(true);
        }
        let first = deliveries.iter().any(|delivery| matches!(delivery.way, Way::Coa(_)));
        let way = if first { "coa" } else { "disconnect" };
        let courier = Courier { sender: self.sender.clone() };
        // Sent before it is noted: a crash in between sends it twice, which does no harm.
        let pending: Vec<_> = deliveries
            .into_iter()
            .map(|delivery| (delivery.session().clone(), courier.send(delivery)))
            .collect();
        if intent.attempts == 0 {
            let waited = self.clock.wall().since(intent.wanted_at);
            histogram!("rrnetd_isolir_request_seconds").record(waited.as_secs_f64());
        }
        let started = Attempt {
            state: intent.state,
            attempts: 1,
            at: now.wall,
            next_attempt_at: Some(now.wall.saturating_add(LEASE)),
            way: Some(way),
            outcome: "sent",
            observed_generation: observed,
        };
        in_flight.insert(key(intent));
        let (executor, intent) = (self.clone(), intent.clone());
        let mut tx = self.db.begin().await?;
        store::attempted(&mut tx, &intent, &started).await?;
        tx.commit().await?;
        tasks.spawn(async move {
            let mut results = Vec::new();
            for (session, delivery) in pending {
                let result = delivery.await;
                if matches!(result, send::Result::Gone(_)) && !executor.close_gone(&session).await {
                    return Some(intent);
                }
                results.push(result);
            }
            executor.conclude(&intent, &results).await;
            Some(intent)
        });
        Ok(true)
    }

    /// Notes what an attempt came to.
    async fn conclude(&self, intent: &Intent, results: &[send::Result]) {
        use send::Result as R;
        if results.iter().any(|result| matches!(result, R::Superseded)) {
            return;
        }
        let attempts = intent.attempts + 1;
        let worst = results.iter().max_by_key(|result| result.rank());
        let (state, wait, outcome) = match worst {
            Some(R::Unreachable(text)) => {
                (IntentState::Unreachable, Some(backoff(attempts, 15)), text.clone())
            }
            Some(R::Refused(text)) => (IntentState::Refused, Some(backoff(attempts, 300)), text.clone()),
            Some(R::Disconnected(text) | R::Gone(text)) => {
                (IntentState::Disconnected, Some(backoff(attempts, 60)), text.clone())
            }
            Some(R::Changed(text)) => (IntentState::Acknowledged, None, text.clone()),
            Some(R::Superseded) | None => return,
        };
        if matches!(state, IntentState::Acknowledged | IntentState::Disconnected) {
            let waited = self.clock.wall().since(intent.wanted_at);
            histogram!("rrnetd_isolir_acknowledged_seconds").record(waited.as_secs_f64());
        }
        counter!("rrnetd_isolir_attempts_total", "state" => state.as_str()).increment(1);
        if let Err(error) = self.note(intent, state, wait, &outcome, None).await {
            // The lease runs out, and the attempt is made again.
            tracing::warn!(error = &error as &dyn std::error::Error, "an isolir outcome could not be noted");
        }
    }

    /// Whether what is not in memory is not there at all.
    fn is_complete(&self) -> bool {
        self.directory.ready() && self.restored.load(Ordering::Acquire)
    }

    /// Notes that nobody is online; while that is not known yet, that it is looked at again.
    async fn note_offline(&self, intent: &Intent, outcome: &str) -> db::Result<()> {
        if self.is_complete() {
            return self.note(intent, IntentState::Offline, None, outcome, None).await;
        }
        self.note(intent, IntentState::Pending, Some(TICK), "open sessions are not restored yet", None).await
    }

    /// Ends a session that its router knows no more. False when it cannot be stored: the lease runs out, and the router is asked
    /// again.
    async fn close_gone(&self, session: &LiveSession) -> bool {
        match housekeeping::close_gone(&self.db, &self.live, &self.clock, session).await {
            Ok(()) => {
                counter!("rrnetd_isolir_gone_sessions_total").increment(1);
                true
            }
            Err(error) => {
                counter!("rrnetd_isolir_failures_total").increment(1);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a session that its router knows no more could not be closed"
                );
                false
            }
        }
    }

    async fn note(
        &self,
        intent: &Intent,
        state: IntentState,
        wait: Option<Duration>,
        outcome: &str,
        observed: Option<i64>,
    ) -> db::Result<()> {
        let at = self.clock.wall();
        let attempt = Attempt {
            state,
            attempts: 0,
            at,
            next_attempt_at: wait.map(|wait| at.saturating_add(wait)),
            way: None,
            outcome,
            observed_generation: observed,
        };
        let mut tx = self.db.begin().await?;
        store::attempted(&mut tx, intent, &attempt).await?;
        tx.commit().await
    }

    async fn take_order(
        &self,
        order: DisconnectOrder,
        tasks: &mut JoinSet<Option<Intent>>,
    ) -> db::Result<()> {
        let now = self.clock.now();
        let session = self.live.find(now, order.tenant_id, order.session_id);
        let router = self.directory.router(order.router_id);
        let (session, router) = match (session, router) {
            (Some(session), Some(router)) => (session, router),
            (None, _) if self.is_complete() => {
                return self.conclude_order(&order, "done", None, "the session is over").await;
            }
            // A live session's router is in the directory, or about to be.
            (None, _) | (Some(_), None) => {
                let mut tx = self.db.begin().await?;
                store::postpone_order(&mut tx, &order, now.wall.saturating_add(TICK)).await?;
                return tx.commit().await;
            }
        };
        let courier = Courier { sender: self.sender.clone() };
        let pending = courier.send(Delivery::new(&session, router, Way::Disconnect, self.source));
        let lease = now.wall.saturating_add(LEASE);
        let mut tx = self.db.begin().await?;
        store::order_attempted(&mut tx, &order, "pending", Some(lease), "sent").await?;
        tx.commit().await?;
        let executor = self.clone();
        tasks.spawn(async move {
            let result = pending.await;
            if matches!(result, send::Result::Gone(_)) && !executor.close_gone(&session).await {
                return None;
            }
            let (state, outcome) = match result {
                send::Result::Disconnected(text) | send::Result::Gone(text) | send::Result::Changed(text) => {
                    ("done", text)
                }
                send::Result::Unreachable(text) => ("unreachable", text),
                send::Result::Refused(text) => ("refused", text),
                send::Result::Superseded => return None,
            };
            let at = executor.clock.wall();
            let given_up = at.since(order.wanted_at) > ORDER_LIFETIME;
            let next =
                (state != "done" && !given_up).then(|| at.saturating_add(backoff(order.attempts + 1, 60)));
            if let Err(error) = executor.conclude_order(&order, state, next, &outcome).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an order's outcome could not be noted"
                );
            }
            None
        });
        Ok(())
    }

    async fn conclude_order(
        &self,
        order: &DisconnectOrder,
        state: &str,
        next: Option<Timestamp>,
        outcome: &str,
    ) -> db::Result<()> {
        let mut tx = self.db.begin().await?;
        store::order_attempted(&mut tx, order, state, next, outcome).await?;
        tx.commit().await
    }
}

/// Compares what is wanted with what is seen, a page at a time. It takes no input: after a restart there is none.
#[derive(Debug, Default)]
struct Reconciler {
    after: Option<(TenantId, SubscriberId)>,
    unreachable_after: Option<(TenantId, SubscriberId)>,
    last_full: Option<Duration>,
}

impl Reconciler {
    async fn step(&mut self, executor: &Executor) -> db::Result<()> {
        let now = executor.clock.now();
        self.wake_reachable(executor).await?;
        if self.last_full.is_some_and(|last| now.monotonic < last + RECONCILE) && self.after.is_none() {
            return Ok(());
        }
        self.last_full = Some(now.monotonic);
        let states = [IntentState::Acknowledged, IntentState::Offline, IntentState::Disconnected];
        let mut conn = executor.db.conn().await?;
        let intents = store::waiting(&mut conn, &states, self.after.unwrap_or_else(start), PAGE).await?;
        drop(conn);
        self.after = intents.last().map(|last| (last.tenant_id, last.subscriber_id));
        for intent in &intents {
            let sessions = executor.live.of_subscriber(now, intent.subscriber_id);
            let is_wanted =
                |session: &LiveSession| session.overlay_generation.map(i64::from) == Some(intent.generation);
            if !sessions.is_empty() && sessions.iter().all(is_wanted) {
                let outcome = "seen in the session's Class";
                executor.note(intent, IntentState::Verified, None, outcome, Some(intent.generation)).await?;
            } else if intent.state == IntentState::Offline && !sessions.is_empty() {
                self.make_due(executor, intent).await?;
            }
        }
        if self.after.is_none() {
            self.publish(executor).await?;
        }
        Ok(())
    }

    /// A router that was silent and is heard again gets the last wanted state first thing.
    async fn wake_reachable(&mut self, executor: &Executor) -> db::Result<()> {
        let mut conn = executor.db.conn().await?;
        let after = self.unreachable_after.unwrap_or_else(start);
        let intents = store::waiting(&mut conn, &[IntentState::Unreachable], after, PAGE).await?;
        drop(conn);
        self.unreachable_after = intents.last().map(|last| (last.tenant_id, last.subscriber_id));
        for intent in &intents {
            let now = executor.clock.now();
            let heard = executor
                .live
                .of_subscriber(now, intent.subscriber_id)
                .iter()
                .filter_map(|session| executor.live.find_router(session.router)?.view().last_seen)
                .max();
            if heard > intent.attempted_at && intent.next_attempt_at.is_some_and(|next| next > now.wall) {
                self.make_due(executor, intent).await?;
            }
        }
        Ok(())
    }

    async fn make_due(&self, executor: &Executor, intent: &Intent) -> db::Result<()> {
        let mut tx = executor.db.begin().await?;
        store::make_due(&mut tx, intent, executor.clock.wall()).await?;
        tx.commit().await
    }

    async fn publish(&self, executor: &Executor) -> db::Result<()> {
        let now = executor.clock.wall();
        let mut conn = executor.db.conn().await?;
        let counts = store::counts(&mut conn).await?;
        drop(conn);
        for state in IntentState::ALL {
            let found = counts.iter().find(|(counted, ..)| counted == state);
            let (count, oldest) = found.map_or((0, now), |(_, count, oldest)| (*count, *oldest));
            gauge!("rrnetd_isolir_intents", "state" => state.as_str())
                .set(u32::try_from(count).unwrap_or(u32::MAX));
            gauge!("rrnetd_isolir_oldest_intent_seconds", "state" => state.as_str())
                .set(now.since(oldest).as_secs_f64());
        }
        let mut tx = executor.db.begin().await?;
        store::remove_done_orders(&mut tx, now.saturating_sub(ORDER_LIFETIME)).await?;
        tx.commit().await
    }
}

/// Whether the last attempt was a CoA without an answer: when another one is and the router is heard meanwhile, it does not take
/// CoA, and is asked for a Disconnect.
fn is_unanswered(intent: &Intent) -> bool {
    intent.state == IntentState::Unreachable && intent.way.as_deref() == Some("coa")
}

fn key(intent: &Intent) -> (TenantId, SubscriberId, i64) {
    (intent.tenant_id, intent.subscriber_id, intent.generation)
}

/// Before the first intent.
fn start() -> (TenantId, SubscriberId) {
    (TenantId::PLATFORM, SubscriberId::from_uuid(TenantId::PLATFORM.as_uuid()))
}

/// 1, 2, 4, … seconds, at most `most`.
fn backoff(attempts: i64, most: u64) -> Duration {
    let doubled = 1_u64 << u32::try_from(attempts.clamp(1, 12) - 1).unwrap_or(0);
    Duration::from_secs(doubled.min(most))
}
