//! What a worker counts: plain numbers of its own, handed to the metrics registry once a wake-up, so that a packet
//! never touches a cache line that other threads write.

use std::io;

use metrics::{Counter, Gauge, counter, gauge};
use radius::replay::{Counters as Duplicates, ReplayCache};

use crate::policy::DropReason;

/// A number that rises here and is carried over into the registry.
pub(super) struct Rising {
    pending: u64,
    handle: Counter,
}

impl Rising {
    const fn new(handle: Counter) -> Self {
        Self { pending: 0, handle }
    }

    pub(super) const fn add(&mut self, count: u64) {
        self.pending += count;
    }

    fn flush(&mut self) {
        if self.pending != 0 {
            self.handle.increment(self.pending);
            self.pending = 0;
        }
    }
}

/// The numbers of one worker.
pub(super) struct Counters {
    pub(super) received: Rising,
    pub(super) panics: Rising,
    pub(super) send_refused: Rising,
    /// Requests left unanswered because too many replies wait.
    pub(super) parked_full: Rising,
    /// Requests left unanswered because their record was not durable in time.
    pub(super) expired: Rising,
    /// Requests left unanswered because the journal takes no record.
    pub(super) journal_refused: Rising,
    receive_failed: Rising,
    kernel_drops: Rising,
    dropped: Vec<Rising>,
    /// The kernel's own count of each socket, which only rises, and wraps.
    kernel_seen: Vec<u32>,
    replayed: Rising,
    in_progress: Rising,
    superseded: Rising,
    evicted: Rising,
    duplicates_before: Duplicates,
    parked: Gauge,
    parked_before: usize,
}

impl Counters {
    /// For the worker `number` with so many sockets.
    pub(super) fn new(number: usize, sockets: usize) -> Self {
        let unanswered = |reason: &'static str| {
            Rising::new(counter!("rrnetd_radius_unanswered_total", "reason" => reason))
        };
        let duplicates =
            |kind: &'static str| Rising::new(counter!("rrnetd_radius_duplicates_total", "kind" => kind));
        Self {
            received: Rising::new(counter!("rrnetd_radius_datagrams_received_total")),
            panics: Rising::new(counter!("rrnetd_radius_panics_total")),
            send_refused: Rising::new(counter!("rrnetd_radius_send_refused_total")),
            parked_full: unanswered("parked_full"),
            expired: unanswered("not_durable_in_time"),
            journal_refused: unanswered("journal"),
            receive_failed: Rising::new(counter!("rrnetd_radius_receive_failed_total")),
            kernel_drops: Rising::new(counter!("rrnetd_radius_kernel_drops_total")),
            dropped: DropReason::ALL
                .iter()
                .map(|reason| {
                    Rising::new(counter!("rrnetd_radius_dropped_total", "reason" => reason.as_str()))
                })
                .collect(),
            kernel_seen: vec![0; sockets],
            replayed: duplicates("replayed"),
            in_progress: duplicates("in_progress"),
            superseded: duplicates("superseded"),
            evicted: duplicates("evicted"),
            duplicates_before: Duplicates::default(),
            parked: gauge!("rrnetd_radius_parked_replies", "worker" => number.to_string()),
            parked_before: usize::MAX,
        }
    }

    /// A datagram came, with the kernel's count of those it dropped on this socket.
    pub(super) fn received(&mut self, socket: usize, kernel_drops: Option<u32>) {
        self.received.add(1);
        if let (Some(drops), Some(seen)) = (kernel_drops, self.kernel_seen.get_mut(socket)) {
            self.kernel_drops.add(u64::from(drops.wrapping_sub(*seen)));
            *seen = drops;
        }
    }

    /// A datagram was discarded.
    pub(super) fn dropped(&mut self, reason: DropReason) {
        if let Some(count) = self.dropped.get_mut(reason.index()) {
            count.add(1);
        }
    }

    /// A socket could not be read.
    pub(super) fn receive_failed(&mut self, error: &io::Error) {
        // The first of a row is enough for the log; the metric counts them all.
        if self.receive_failed.pending == 0 {
            tracing::error!(%error, "receiving RADIUS requests failed");
        }
        self.receive_failed.add(1);
    }

    /// Hands everything over to the registry.
    pub(super) fn flush(&mut self, replay: &ReplayCache, parked: usize) {
        let duplicates = replay.counters();
        let before = std::mem::replace(&mut self.duplicates_before, duplicates);
        self.replayed.add(duplicates.replayed - before.replayed);
        self.in_progress.add(duplicates.in_progress - before.in_progress);
        self.superseded.add(duplicates.superseded - before.superseded);
        let evicted = |counters: &Duplicates| {
            counters.evicted + counters.evicted_in_progress + counters.evicted_for_octets
        };
        self.evicted.add(evicted(&duplicates) - evicted(&before));
        for rising in [
            &mut self.received,
            &mut self.panics,
            &mut self.send_refused,
            &mut self.parked_full,
            &mut self.expired,
            &mut self.journal_refused,
            &mut self.receive_failed,
            &mut self.kernel_drops,
            &mut self.replayed,
            &mut self.in_progress,
            &mut self.superseded,
            &mut self.evicted,
        ] {
            rising.flush();
        }
        self.dropped.iter_mut().for_each(Rising::flush);
        if parked != self.parked_before {
            #[expect(clippy::cast_precision_loss, reason = "a gauge of at most 65,536")]
            self.parked.set(parked as f64);
            self.parked_before = parked;
        }
    }
}
