//! How long write transactions are held, and how much they write: on SQLite each keeps all other writers waiting.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The longest that a write transaction may be held. A login or a payment that waits behind one stays unnoticed by people.
pub const HOLD_LIMIT: Duration = Duration::from_millis(50);
/// The most rows that one transaction may write: batched, they take about 5 ms on SQLite and 30 ms on PostgreSQL.
pub const ROWS_LIMIT: u64 = 1_000;

/// Upper bounds of the histogram's buckets, in milliseconds; one more bucket holds what is longer.
const BOUNDS: [u64; 9] = [1, 2, 5, 10, 20, 50, 100, 500, 2_000];

/// Counts of write transactions by how long they were held.
#[derive(Debug, Default)]
pub(super) struct Holds {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    longest_micros: AtomicU64,
    most_rows: AtomicU64,
}

/// What [`Db::holds`](super::Db::holds) has seen since the database was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldTimes {
    /// How many write transactions ended.
    pub transactions: u64,
    /// How many were held longer than [`HOLD_LIMIT`].
    pub over_limit: u64,
    /// The longest.
    pub longest: Duration,
    /// The most rows that one of them wrote.
    pub most_rows: u64,
    buckets: [u64; BOUNDS.len() + 1],
}

impl Holds {
    pub(super) fn record(&self, held: Duration, rows: u64) {
        let millis = u64::try_from(held.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| millis <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.longest_micros.fetch_max(u64::try_from(held.as_micros()).unwrap_or(u64::MAX), Relaxed);
        self.most_rows.fetch_max(rows, Relaxed);
        metrics::histogram!("rrnetd_database_write_hold_seconds").record(held.as_secs_f64());
        if rows > ROWS_LIMIT {
            metrics::counter!("rrnetd_database_write_over_rows_total").increment(1);
            tracing::warn!(db.rows = rows, db.rows_limit = ROWS_LIMIT, "a transaction wrote too many rows");
        }
    }

    pub(super) fn read(&self) -> HoldTimes {
        let buckets: [u64; BOUNDS.len() + 1] = std::array::from_fn(|at| self.buckets[at].load(Relaxed));
        let limit = u64::try_from(HOLD_LIMIT.as_millis()).unwrap_or(u64::MAX);
        let within = BOUNDS.iter().take_while(|bound| **bound <= limit).count();
        HoldTimes {
            transactions: buckets.iter().sum(),
            over_limit: buckets.iter().skip(within).sum(),
            longest: Duration::from_micros(self.longest_micros.load(Relaxed)),
            most_rows: self.most_rows.load(Relaxed),
            buckets,
        }
    }
}

impl HoldTimes {
    /// The time within which `percent` of the transactions ended, as the upper bound of its bucket; `None` when it lies
    /// beyond the last bound or nothing was recorded.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let wanted = (self.transactions * percent.min(100)).div_ceil(100);
        let mut seen = 0;
        BOUNDS.iter().zip(self.buckets).find_map(|(bound, count)| {
            seen += count;
            (wanted > 0 && seen >= wanted).then(|| Duration::from_millis(*bound))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_knows_its_limit() {
        let holds = Holds::default();
        for _ in 0..98 {
            holds.record(Duration::from_micros(900), 3);
        }
        holds.record(HOLD_LIMIT, 4);
        holds.record(HOLD_LIMIT + Duration::from_micros(1), 5);
        let times = holds.read();
        assert_eq!((times.transactions, times.over_limit, times.most_rows), (100, 1, 5));
        assert_eq!(times.longest, Duration::from_micros(50_001));
        assert_eq!(times.percentile(50), Some(Duration::from_millis(1)));
        assert_eq!(times.percentile(99), Some(HOLD_LIMIT));
        assert_eq!(Holds::default().read().percentile(50), None);
    }
}
