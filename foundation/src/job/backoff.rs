//! How long a failed job waits before its next run: twice as long each time, up to a limit, and spread, so that what failed
//! together does not come back together.

use std::time::Duration;

/// The waits between the runs of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// At most, before the spread.
    pub longest: Duration,
}

/// A wait is longer than its plain value by up to this part of it: less than doubling, so that waits rise.
const SPREAD_PERCENT: u64 = 25;

impl Backoff {
    /// From ten seconds to an hour: an outage of minutes is over by the next run, one of a day costs two dozen runs.
    pub const DEFAULT: Self = Self { first: Duration::from_secs(10), longest: Duration::from_secs(3_600) };

    /// The plain wait after `attempt` failures, 1 or more.
    #[must_use]
    pub fn plain(&self, attempt: i64) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(31);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    /// The wait after `attempt` failures of the job that `seed` stands for: [`plain`](Self::plain) and up to a quarter more.
    #[must_use]
    pub fn wait(&self, attempt: i64, seed: u64) -> Duration {
        let plain = self.plain(attempt);
        // The same job spreads differently each time.
        let drawn = mix(seed ^ attempt.cast_unsigned().rotate_left(32)) % 1_000;
        plain + plain.mul_f64(f64::from(u32::try_from(drawn * SPREAD_PERCENT).unwrap_or(0)) / 100_000.0)
    }
}

/// Spreads neighbouring numbers over the whole range (the finaliser of SplitMix64).
const fn mix(mut seed: u64) -> u64 {
    seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_rise_and_stay_within_their_bounds(seed: u64, first in 1_u64..100_000, times in 0_u64..10_000) {
            let first = Duration::from_millis(first);
            let backoff = Backoff { first, longest: first * u32::try_from(times + 1).unwrap() };
            let mut before = Duration::ZERO;
            for attempt in 1..80 {
                let (plain, wait) = (backoff.plain(attempt), backoff.wait(attempt, seed));
                prop_assert!(plain <= wait && wait <= plain.mul_f64(1.25), "{plain:?} {wait:?}");
                prop_assert!(plain >= backoff.plain(attempt - 1) && plain <= backoff.longest);
                // Until the limit is reached even the spread waits rise.
                prop_assert!(plain * 2 > backoff.longest || wait > before, "{before:?} {wait:?}");
                before = wait;
            }
        }
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let waits: std::collections::HashSet<Duration> =
            (0..100).map(|seed| Backoff::DEFAULT.wait(3, seed)).collect();
        assert!(waits.len() > 80, "{} different waits", waits.len());
    }
}
