//! What the handle, the writer's thread, the workers and the readers of one journal have in common.

use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use base::Clock;
use parking_lot::Mutex;

use super::{
    aside,
    catalog::Catalog,
    config::Config,
    health::{Alarm, Damage, Failing, Health},
    metrics::{Meters, float},
    queue::{Group, Queue},
    record::Position,
    segment::{self, Identity},
    storage::{File, Lock, Storage},
    wake::Wake,
};

/// The state of one journal.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) storage: Storage,
    pub(crate) identity: Identity,
    pub(crate) queue: Queue,
    /// The first position of this run.
    pub(crate) next: Position,
    pub(crate) catalog: Mutex<Catalog>,
    pub(crate) health: Mutex<Health>,
    pub(crate) meters: Meters,
    pub(crate) lock: Mutex<Option<Lock>>,
    pub(crate) sleepers: Mutex<Vec<Weak<Sleeper>>>,
    pub(crate) durable: Watermark,
}

/// The last durable position, on a cache line of its own: workers read it in every round.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Watermark(pub(crate) AtomicU64);

/// Somebody who is woken when records become durable.
#[derive(Debug)]
pub(crate) struct Sleeper {
    pub(crate) wake: Wake,
    /// Whose last record this is the position of; none for one who is woken by every group and every alarm.
    pub(crate) last: Option<AtomicU64>,
}

impl Shared {
    /// The last durable position.
    pub(crate) fn durable(&self) -> Position {
        Position::new(self.durable.0.load(Ordering::Acquire))
    }

    /// Enters a sleeper; it leaves when it is dropped.
    pub(crate) fn enter(&self, sleeper: &Arc<Sleeper>) {
        self.sleepers.lock().push(Arc::downgrade(sleeper));
    }

    /// Makes a group known as durable and wakes those who wait for it.
    pub(crate) fn publish(&self, group: &Group, end: u64) {
        let before = self.durable();
        {
            let mut catalog = self.catalog.lock();
            catalog.grow(end, group);
            self.meters.segments.set(float(catalog.len() as u64));
            self.meters.size.set(float(catalog.size()));
        }
        self.durable.0.store(group.last().number(), Ordering::Release);
        self.meters.durable.set(float(group.last().number()));
        self.wake(|sleeper| match &sleeper.last {
            Some(last) => last.load(Ordering::Relaxed) > before.number(),
            None => true,
        });
    }

    /// Takes note that nothing can be written at present.
    pub(crate) fn fail(&self, alarm: Alarm, cause: Option<io::Error>) {
        let mut health = self.health.lock();
        health.failures += 1;
        self.meters.failures.increment(1);
        let known = health.failing.as_ref();
        let since = known.map_or_else(|| self.clock.wall(), |failing| failing.since);
        let news = known.is_none_or(|failing| failing.alarm != alarm);
        if news {
            let error = cause.as_ref().map(ToString::to_string);
            tracing::error!(journal.alarm = alarm.as_str(), error, "the journal accepts nothing");
        }
        health.failing = Some(Failing { alarm, since, cause: cause.map(Arc::new) });
        self.meters.show(&health);
        drop(health);
        self.queue.refuse(true);
        if news {
            self.wake(|sleeper| sleeper.last.is_none());
        }
    }

    /// Takes note of a failure that the writer could make good at once.
    pub(crate) fn stumble(&self, alarm: Alarm, cause: Option<&io::Error>) {
        let error = cause.map(ToString::to_string);
        tracing::error!(journal.failure = alarm.as_str(), error, "journal segment abandoned");
        self.health.lock().failures += 1;
        self.meters.failures.increment(1);
    }

    /// Takes note that writing works.
    pub(crate) fn succeed(&self) {
        let mut health = self.health.lock();
        let Some(failing) = health.failing.take() else { return };
        tracing::info!(journal.alarm = failing.alarm.as_str(), "the journal accepts records again");
        self.meters.show(&health);
        drop(health);
        self.queue.refuse(false);
        self.wake(|sleeper| sleeper.last.is_none());
    }

    /// Takes note of damage and sets it aside, once.
    pub(crate) fn report(&self, damage: Damage, file: Option<&File>) {
        if !self.health.lock().add_damage(damage) {
            return;
        }
        tracing::error!(
            segment.number = damage.segment,
            damage.offset = damage.offset,
            damage.octets = damage.octets,
            damage.first_lost = damage.first_lost.number(),
            damage.last_lost = damage.last_lost.number(),
            "journal damaged, reading goes on behind it",
        );
        self.meters.damaged_records.increment(damage.records());
        let copied = file.map_or(Ok(false), |file| aside::copy(&self.storage, file, &damage));
        if let Err(error) = &copied {
            tracing::error!(%error, segment.number = damage.segment, "damage not set aside");
        }
        let mut health = self.health.lock();
        health.set_aside += usize::from(copied.unwrap_or(false));
        self.meters.show(&health);
        drop(health);
        self.wake(|sleeper| sleeper.last.is_none());
    }

    /// Deletes segments that are off the list already.
    pub(crate) fn delete(&self, numbers: &[u64]) {
        for number in numbers {
            match self.storage.remove(&segment::name(*number)) {
                Ok(()) => tracing::debug!(segment.number = number, "journal segment deleted"),
                // It comes back on the list at the next start, and goes then.
                Err(error) => tracing::warn!(%error, segment.number = number, "journal segment not deleted"),
            }
        }
    }

    pub(crate) fn wake(&self, whom: impl Fn(&Sleeper) -> bool) {
        self.sleepers.lock().retain(|sleeper| {
            let Some(sleeper) = sleeper.upgrade() else { return false };
            if whom(&sleeper) {
                sleeper.wake.notify();
            }
            true
        });
    }
}
