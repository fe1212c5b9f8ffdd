//! How many rejects one device, and one router, get: a fixed table of leaky buckets, without locks.
//!
//! A device that fails again and again is first answered, then left unanswered before its password is even looked at, so
//! that guessing is slow and costs us nothing. A router is bounded too, so that invented user names can't fill the
//! places of replies that wait.

use std::{
    fmt,
    hash::Hasher as _,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use base::RouterId;
use siphasher::sip::SipHasher13;

/// Rejects in one go that a device gets: a person mistyping, a modem retrying, with room.
const DEVICE_BURST: u64 = 10;

/// How often a device gets one more. Modems re-dial every few seconds and never notice.
const DEVICE_INTERVAL: Duration = Duration::from_secs(1);

/// Rejects in one go that a router gets: thousands of subscribers that re-dial after a power cut, some of them suspended.
const ROUTER_BURST: u64 = 2_000;

/// How often a router gets one more: 500 a second, of which 100 wait at the usual delay of 200 ms.
const ROUTER_INTERVAL: Duration = Duration::from_millis(2);

/// Buckets for devices: half a megabyte. Where two devices fall into one bucket, the one that came later is not
/// throttled until the other is quiet. A power of two.
const DEVICES: usize = 65_536;

/// Buckets for routers. A power of two.
const ROUTERS: usize = 4_096;

/// The buckets of all devices and routers.
#[derive(Debug)]
pub(super) struct Throttle {
    devices: Buckets,
    routers: Buckets,
    key: HashKey,
}

struct HashKey([u8; 16]);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(***)")
    }
}

/// A device, for a short while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Device(u64);

impl Throttle {
    /// Empty buckets. The key should be random: nobody outside may aim at another's bucket.
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self {
            devices: Buckets::new(DEVICES, DEVICE_BURST, DEVICE_INTERVAL),
            routers: Buckets::new(ROUTERS, ROUTER_BURST, ROUTER_INTERVAL),
            key: HashKey(key),
        }
    }

    /// The device that a request comes from. The hardware address is part of it, so that an attacker who tries passwords
    /// for a name does not lock its owner out.
    pub(super) fn device(&self, router: RouterId, username: &[u8], station: &[u8]) -> Device {
        let mut hasher = SipHasher13::new_with_key(&self.key.0);
        hasher.write(router.as_bytes());
        hasher.write_u64(username.len() as u64);
        hasher.write(username);
        hasher.write(station);
        Device(hasher.finish())
    }

    /// Whether there is any device at all that has used up its rejects: while nobody guesses, nobody's name is hashed.
    pub(super) fn blocks_anybody(&self, now: Duration) -> bool {
        self.devices.fullest.load(Ordering::Relaxed) > self.devices.last(millis(now))
    }

    /// Whether a device has used up its rejects.
    pub(super) fn is_blocked(&self, now: Duration, device: Device) -> bool {
        self.devices.is_empty(now, device.0)
    }

    /// Counts a reject; false when it is one too many and must not be sent.
    pub(super) fn charge(&self, now: Duration, router: RouterId, device: Device) -> bool {
        let mut hasher = SipHasher13::new_with_key(&self.key.0);
        hasher.write(router.as_bytes());
        let of_device = self.devices.take(now, device.0);
        self.routers.take(now, hasher.finish()) && of_device
    }
}

/// Leaky buckets by the hash of their owner. A cell holds the owner's tag and the moment at which the bucket is full again:
///
/// ```text
///  63 ............ 40 39 ................................ 0
/// +------------------+-------------------------------------+
/// | tag (24)         | full at, monotonic milliseconds (40) |
/// +------------------+-------------------------------------+
/// ```
#[derive(Debug)]
struct Buckets {
    cells: Box<[AtomicU64]>,
    /// The latest moment at which any bucket ever was to be full again.
    fullest: AtomicU64,
    burst: u64,
    interval: u64,
}

/// The bits of a cell that hold the time: 34 years of running.
const TIME: u64 = (1 << 40) - 1;

impl Buckets {
    fn new(cells: usize, burst: u64, interval: Duration) -> Self {
        let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        Self {
            cells: (0..cells).map(|_| AtomicU64::new(0)).collect(),
            fullest: AtomicU64::new(0),
            burst,
            interval,
        }
    }

    /// Whether the owner's bucket has nothing left.
    fn is_empty(&self, now: Duration, hash: u64) -> bool {
        let cell = self.cell(hash).load(Ordering::Relaxed);
        cell & !TIME == hash & !TIME && (cell & TIME) > self.last(millis(now))
    }

    /// Takes one; false when nothing is left. A bucket that is another's and not full is left alone.
    fn take(&self, now: Duration, hash: u64) -> bool {
        let now = millis(now);
        let cell = self.cell(hash);
        let mut known = cell.load(Ordering::Relaxed);
        loop {
            let full_at = known & TIME;
            let is_own = known & !TIME == hash & !TIME;
            if !is_own && full_at > now {
                return true;
            }
            if is_own && full_at > self.last(now) {
                return false;
            }
            let next = hash & !TIME | (full_at.max(now) + self.interval) & TIME;
            match cell.compare_exchange_weak(known, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    self.fullest.fetch_max(next & TIME, Ordering::Relaxed);
                    return true;
                }
                Err(other) => known = other,
            }
        }
    }

    /// The latest moment of being full again at which one can still be taken.
    const fn last(&self, now: u64) -> u64 {
        now + (self.burst - 1) * self.interval
    }

    fn cell(&self, hash: u64) -> &AtomicU64 {
        // The number of cells is a power of two far below 2^32.
        &self.cells[usize::try_from(hash & u64::from(u32::MAX)).unwrap_or(0) & (self.cells.len() - 1)]
    }
}

fn millis(now: Duration) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX) & TIME
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    #[test]
    fn a_device_is_slowed_and_recovers_and_others_are_not() {
        let throttle = Throttle::new([3; 16]);
        let router = RouterId::generate(Timestamp::EPOCH);
        let (guesser, owner) =
            (throttle.device(router, b"budi", b"aa"), throttle.device(router, b"budi", b"bb"));
        let start = Duration::from_secs(100);
        for _ in 0..DEVICE_BURST {
            assert!(!throttle.is_blocked(start, guesser));
            assert!(throttle.charge(start, router, guesser));
        }
        assert!(throttle.is_blocked(start, guesser));
        assert!(!throttle.charge(start, router, guesser));
        assert!(!throttle.is_blocked(start, owner), "the owner of the name is not locked out");
        let later = start + DEVICE_INTERVAL;
        assert!(!throttle.is_blocked(later, guesser));
        assert!(throttle.charge(later, router, guesser));
        assert!(throttle.is_blocked(later, guesser));
    }

    #[test]
    fn a_router_is_bounded_whatever_names_it_invents() {
        let throttle = Throttle::new([3; 16]);
        let router = RouterId::generate(Timestamp::EPOCH);
        let now = Duration::from_secs(1);
        let sent = (0..5_000_u32)
            .filter(|name| throttle.charge(now, router, throttle.device(router, &name.to_be_bytes(), b"")))
            .count();
        assert_eq!(sent as u64, ROUTER_BURST);
    }
}
