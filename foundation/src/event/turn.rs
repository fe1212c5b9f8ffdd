//! One tenant's turn: each subscriber gets what it has not seen yet.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

use base::{Platform, Scope, TenantId};

use super::{
    cursor::{self, Failed, Passed, Standings},
    dispatch::Shared,
    stream::{Envelope, events_after},
    subscriber::{Failure, Interest, Registered},
};
use crate::{Db, Tx, db::Result};

/// Events read at a time.
const PAGE: u32 = 64;
/// A transaction ends after this long, a part of what a write transaction may be held …
const BATCH_TIME: Duration = Duration::from_millis(20);
/// … or after so many written rows, with room for what one more event writes.
const BATCH_ROWS: u64 = 300;
/// Transactions of one subscriber in a turn; then other tenants have theirs.
const TRANSACTIONS: u32 = 4;
/// First and longest wait of a failing subscriber.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// What a turn came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turned {
    /// Transactions in which events were handled.
    pub(super) handled: u64,
    /// There is more to do, now.
    pub(super) more: bool,
    /// Another node is at it, or somebody moved a row: look again soon.
    pub(super) again: bool,
}

/// What came of a batch of events.
enum Handled {
    /// Everything up to here is done with.
    Through(i64),
    /// This event failed, after so many of the batch had not. All of them are undone.
    Failed { sequence: i64, before: usize, failure: Failure },
    /// Another node works on the row, or has moved it.
    Elsewhere,
}

/// It takes longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("gave no result within {0:?}")]
struct TookTooLong(Duration);

/// A stretch of the stream, read once for all subscribers that stand there.
#[derive(Default)]
struct Page(Vec<Envelope>);

impl Page {
    /// What follows `position`, read unless it is here.
    async fn after(&mut self, db: &Db, tenant: TenantId, position: i64) -> Result<&[Envelope]> {
        let next = |events: &[Envelope]| events.iter().position(|event| event.sequence == position + 1);
        if next(&self.0).is_none() {
            self.0 = events_after(&mut db.conn().await?, tenant, position, PAGE).await?;
        }
        Ok(next(&self.0).and_then(|at| self.0.get(at..)).unwrap_or_default())
    }
}

impl Shared {
    /// Lets every subscriber look at what is new in the tenant's stream.
    ///
    /// # Errors
    /// When the database cannot be used; what was done before stays done.
    pub(super) async fn turn(&self, tenant: TenantId) -> Result<Turned> {
        let standings = cursor::standings(&mut self.db.conn().await?, tenant).await?;
        let mut turned = Turned::default();
        let Some(standings) = standings else { return Ok(turned) };
        let mut page = Page::default();
        for subscriber in self.subscribers.iter() {
            self.serve(subscriber, tenant, &standings, &mut page, &mut turned).await?;
        }
        Ok(turned)
    }

    async fn serve(
        &self,
        subscriber: &dyn Registered,
        tenant: TenantId,
        standings: &Standings,
        page: &mut Page,
        turned: &mut Turned,
    ) -> Result<()> {
        let cursor = standings.of(subscriber.name());
        let retry_at = cursor.and_then(|cursor| cursor.retry_at);
        if retry_at.is_some_and(|at| at > self.clock.wall()) {
            return Ok(());
        }
        let trimmed = standings.reach.trimmed;
        let mut stored = cursor.map(|cursor| cursor.position);
        let mut position =
            self.passed(tenant, subscriber.name(), stored).unwrap_or(stored.unwrap_or(trimmed));
        let (mut transactions, mut limit) = (0, usize::MAX);
        while position < standings.reach.head {
            let events = page.after(&self.db, tenant, position).await?;
            let Some(last) = events.last() else {
                // Trimmed or moved meanwhile.
                turned.again = true;
                return Ok(());
            };
            let Some(first) = events.iter().position(|event| subscriber.interest(event) != Interest::None)
            else {
                position = last.sequence;
                self.note(Passed { tenant, subscriber: subscriber.name(), stored, through: position });
                continue;
            };
            if subscriber.interest(&events[first]) == Interest::Newer {
                return self.wait_for_newer(subscriber, tenant, stored, trimmed, &events[first]).await;
            }
            if transactions == TRANSACTIONS {
                turned.more = true;
                return Ok(());
            }
            transactions += 1;
            let first_row = stored.is_none().then_some(trimmed);
            match self.handle(subscriber, tenant, stored, first_row, &events[first..], limit).await? {
                Handled::Through(through) => {
                    turned.handled += 1;
                    (position, stored, limit) = (through, Some(through), usize::MAX);
                }
                Handled::Failed { before: 0, sequence, failure } => {
                    let event = events.iter().find(|event| event.sequence == sequence);
                    let seen = stored.unwrap_or(trimmed);
                    return self.park(subscriber, tenant, seen, first_row, event, &failure).await;
                }
                // What came before the failing event is done without it.
                Handled::Failed { before, .. } => limit = before,
                Handled::Elsewhere => {
                    turned.again = true;
                    return Ok(());
                }
            }
        }
        match cursor {
            // An operator had it looked at, and there was nothing for it to do.
            Some(cursor) if retry_at.is_some() && stored == Some(cursor.position) => {
                self.release(subscriber, tenant, cursor.position, position).await
            }
            _ => Ok(()),
        }
    }

    /// Handles events from the first on, in one transaction with the move of the cursor.
    async fn handle(
        &self,
        subscriber: &dyn Registered,
        tenant: TenantId,
        stored: Option<i64>,
        first_row: Option<i64>,
        events: &[Envelope],
        limit: usize,
    ) -> Result<Handled> {
        let name = subscriber.name();
        let began = self.clock.now();
        let mut tx = self.db.begin().await?;
        let expected = stored.or(first_row);
        match cursor::lock(&mut tx, tenant, name, first_row).await? {
            Some(locked)
                if Some(locked.position) == expected && locked.retry_at.is_none_or(|at| at <= began.wall) => {
            }
            _ => return Ok(Handled::Elsewhere),
        }
        let scope = Platform::system(name, began.wall).within(tenant);
        let (mut position, mut handled) = (stored.unwrap_or(0), Vec::new());
        for event in events {
            match subscriber.interest(event) {
                Interest::None => position = event.sequence,
                Interest::Newer => break,
                Interest::Wanted => {
                    if let Err(failure) = self.call(subscriber, &mut tx, &scope, event).await {
                        // What cannot be undone is undone by the drop.
                        let _ = tx.rollback().await;
                        return Ok(Handled::Failed {
                            sequence: event.sequence,
                            before: handled.len(),
                            failure,
                        });
                    }
                    position = event.sequence;
                    handled.push(event.at);
                    let took = self.clock.now().monotonic.saturating_sub(began.monotonic);
                    if handled.len() >= limit || took >= BATCH_TIME || tx.written() >= BATCH_ROWS {
                        break;
                    }
                }
            }
        }
        let ended = match cursor::advance(&mut tx, tenant, name, position).await {
            Ok(()) => tx.commit().await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            // Which of them it was is not known: with ever fewer of them it shows.
            let failure = Failure::from(error);
            return Ok(Handled::Failed { sequence: position, before: handled.len() / 2, failure });
        }
        let now = self.clock.wall();
        metrics::counter!("rrnetd_event_handled_total", "subscriber" => name).increment(handled.len() as u64);
        let delays = metrics::histogram!("rrnetd_event_delay_seconds", "subscriber" => name);
        handled.iter().for_each(|at| delays.record(now.since(*at).as_secs_f64()));
        Ok(Handled::Through(position))
    }

    /// Calls the subscriber; a panic and a result that does not come are failures like any other.
    async fn call(
        &self,
        subscriber: &dyn Registered,
        tx: &mut Tx,
        scope: &Scope,
        event: &Envelope,
    ) -> Result<(), Failure> {
        let patience = self.settings.patience;
        let caught = catch_panic(async { subscriber.handle(tx, scope, event).await });
        match tokio::time::timeout(patience, caught).await {
            Ok(outcome) => outcome,
            Err(_) => Err(TookTooLong(patience).into()),
        }
    }

    /// The next event fails: the subscriber waits with this tenant, and with no other.
    async fn park(
        &self,
        subscriber: &dyn Registered,
        tenant: TenantId,
        seen: i64,
        first_row: Option<i64>,
        event: Option<&Envelope>,
        failure: &Failure,
    ) -> Result<()> {
        let name = subscriber.name();
        let now = self.clock.wall();
        let mut tx = self.db.begin().await?;
        match cursor::lock(&mut tx, tenant, name, first_row).await? {
            // A commit whose answer was lost may have moved it.
            Some(locked) if locked.position == seen => {}
            _ => return Ok(()),
        }
        let position = event.map_or(seen, |event| event.sequence - 1);
        let failed = Failed { position, error: &failure.to_string(), at: now };
        let attempts = cursor::fail(&mut tx, tenant, name, &failed).await?;
        let wait = backoff(attempts, tenant);
        cursor::retry_at(&mut tx, tenant, name, Some(now.saturating_add(wait))).await?;
        tx.commit().await?;
        metrics::counter!("rrnetd_event_failures_total", "subscriber" => name).increment(1);
        tracing::error!(
            event.subscriber = name,
            event.tenant = %tenant,
            event.sequence = position + 1,
            event.kind = event.map_or("", |event| event.kind.as_str()),
            event.attempts = attempts,
            event.retry_in_seconds = wait.as_secs(),
            "a reaction to an event failed, and this tenant waits for it: {failure}"
        );
        Ok(())
    }

    /// The next event is newer than this daemon: one that knows it takes it. An operator sees what is waited for.
    async fn wait_for_newer(
        &self,
        subscriber: &dyn Registered,
        tenant: TenantId,
        stored: Option<i64>,
        trimmed: i64,
        event: &Envelope,
    ) -> Result<()> {
        let name = subscriber.name();
        let position = event.sequence - 1;
        let text =
            format!("waits for a newer rrnetd: {} of version {} is not known", event.kind, event.version);
        if self.is_told(tenant, name, position) {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        let first_row = stored.is_none().then_some(trimmed);
        match cursor::lock(&mut tx, tenant, name, first_row).await? {
            Some(locked) if locked.position == stored.unwrap_or(trimmed) => {}
            _ => return Ok(()),
        }
        cursor::fail(&mut tx, tenant, name, &Failed { position, error: &text, at: self.clock.wall() })
            .await?;
        cursor::retry_at(&mut tx, tenant, name, None).await?;
        tx.commit().await?;
        self.tell(tenant, name, position);
        tracing::warn!(event.subscriber = name, event.tenant = %tenant, event.sequence = event.sequence, "{text}");
        Ok(())
    }

    /// Ends the waiting of a row that has nothing left to do.
    async fn release(
        &self,
        subscriber: &dyn Registered,
        tenant: TenantId,
        seen: i64,
        position: i64,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        match cursor::lock(&mut tx, tenant, subscriber.name(), None).await? {
            Some(locked) if locked.position == seen => {
                cursor::advance(&mut tx, tenant, subscriber.name(), position).await?;
                tx.commit().await
            }
            _ => Ok(()),
        }
    }
}

/// How long to wait after so many failures: twice as long each time, tenants a little apart from each other.
fn backoff(attempts: i64, tenant: TenantId) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    let wait = BACKOFF.0.saturating_mul(1 << doublings).min(BACKOFF.1);
    wait + wait / 4 * u32::from(tenant.as_bytes()[15]) / 255
}

/// Runs a future to its end, or to its panic.
async fn catch_panic(future: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        // After a panic the future is dropped, and the transaction that it broke off is rolled back.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(payload) => Poll::Ready(Err(Failure::panicked(payload.as_ref()))),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit() {
        let tenant = TenantId::PLATFORM;
        assert_eq!(backoff(1, tenant), Duration::from_secs(1));
        assert_eq!(backoff(4, tenant), Duration::from_secs(8));
        assert_eq!(backoff(1_000, tenant), BACKOFF.1);
        let other = TenantId::from_bytes([255; 16]);
        assert_eq!(backoff(4, other), Duration::from_secs(10));
    }
}
