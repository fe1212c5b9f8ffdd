//! The authentication log: the last attempts of each tenant, in memory. Reasons stand here and never on the wire.
//!
//! Rejects are all kept, as long as there is room; of accepts a sample once they come fast. The two never push each other
//! out.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use base::{MacAddress, RouterId, SubscriberId, TenantId, Timestamp};
use parking_lot::Mutex;

use super::service::Service;

/// One Access-Request that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it came.
    pub at: Timestamp,
    /// Through which router.
    pub router: RouterId,
    /// The user name, as far as it is kept.
    pub username: ShownName,
    /// The subscriber, when the name was found.
    pub subscriber: Option<SubscriberId>,
    /// The device.
    pub mac: Option<MacAddress>,
    /// On which service.
    pub service: Service,
    /// How the user proved himself.
    pub method: Method,
    /// What came of it.
    pub outcome: Outcome,
}

/// The first octets of a user name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ShownName {
    octets: [u8; SHOWN_NAME_OCTETS],
    length: u8,
}

/// Octets of a user name that the log keeps: enough to recognise it; the rest of a long one is noise or an attack.
pub const SHOWN_NAME_OCTETS: usize = 47;

impl ShownName {
    /// Keeps the start of a name.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        let mut octets = [0; SHOWN_NAME_OCTETS];
        let length = name.len().min(SHOWN_NAME_OCTETS);
        for (place, octet) in octets.iter_mut().zip(name) {
            *place = *octet;
        }
        Self { octets, length: u8::try_from(length).unwrap_or(0) }
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl fmt::Display for ShownName {
    /// As text; octets that are none are shown as replacement characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for ShownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

base::text_enum! {
    /// How a user proves himself.
    pub enum Method {
        /// User-Password.
        Pap = "pap",
        /// CHAP-Password.
        Chap = "chap",
        /// MS-CHAP, version 1.
        MsChap1 = "mschap1",
        /// MS-CHAP, version 2.
        MsChap2 = "mschap2",
        /// EAP, which is not offered.
        Eap = "eap",
        /// Several at once, or a broken one.
        Conflict = "conflict",
        /// Not at all.
        None = "none",
    }
}

base::text_enum! {
    /// What came of an Access-Request. The text is a metric's label and a word of the API.
    pub enum Outcome {
        /// Accepted.
        Accepted = "accepted",
        /// Accepted with the tenant's isolir profile.
        AcceptedIsolated = "accepted_isolated",
        /// There is no User-Name.
        NoUserName = "no_user_name",
        /// No subscriber of this tenant has the name.
        UnknownUser = "unknown_user",
        /// There is no password of any kind.
        NoPassword = "no_password",
        /// Two kinds of password, or one that is broken.
        ConflictingPasswords = "conflicting_passwords",
        /// It answers a challenge of somebody else's: none is ever sent from here (RFC 2865 §5.24).
        UnknownState = "unknown_state",
        /// EAP is not offered.
        MethodNotOffered = "method_not_offered",
        /// The password is wrong.
        WrongPassword = "wrong_password",
        /// The login is a hardware address, and the request comes from another.
        WrongHardwareAddress = "wrong_hardware_address",
        /// A login to a router: never a subscriber's.
        RouterLogin = "router_login",
        /// Neither PPP nor hotspot: Service-Type or Framed-Protocol is missing.
        UnrecognisedService = "unrecognised_service",
        /// The tenant's service is stopped.
        TenantStopped = "tenant_stopped",
        /// The operator suspended the subscriber.
        Suspended = "suspended",
        /// The subscriber's service has ended.
        Ended = "ended",
        /// Its validity is over.
        Expired = "expired",
        /// It may not log in on this service.
        WrongService = "wrong_service",
        /// It may log in on another router alone.
        WrongRouter = "wrong_router",
        /// It may log in from other hardware alone.
        MacLocked = "mac_locked",
        /// It may not be online at this hour.
        OutsideHours = "outside_hours",
        /// It has as many sessions as it may have.
        TooManySessions = "too_many_sessions",
    }
}

impl Outcome {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its place among all, for plain arrays of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether the user was let in.
    #[must_use]
    pub const fn is_accept(self) -> bool {
        matches!(self, Self::Accepted | Self::AcceptedIsolated)
    }
}

/// Locks; a tenant's attempts lie behind one.
const SHARDS: usize = 64;

/// The most rejects, and the most accepts, that one tenant's log holds: a page of each is 50.
pub const MAX_ATTEMPTS: usize = 2_000;

/// The most attempts of all tenants of one shard: 131,072 in all, at about 150 octets each 20 MB. When they are used
/// up, the tenant with the most gives up its oldest.
const MOST_OF_SHARD: usize = 2_048;

const _: () = assert!(MOST_OF_SHARD >= MAX_ATTEMPTS, "one tenant alone must find room");

/// The log.
#[derive(Debug)]
pub struct AttemptLog {
    shards: Box<[Mutex<Shard>]>,
    forgotten: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    tenants: HashMap<TenantId, Rings>,
    held: usize,
}

#[derive(Debug, Default)]
struct Rings {
    rejects: VecDeque<Attempt>,
    accepts: VecDeque<Attempt>,
}

impl Rings {
    fn len(&self) -> usize {
        self.rejects.len() + self.accepts.len()
    }
}

impl AttemptLog {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), forgotten: AtomicU64::new(0) }
    }

    /// Attempts that made room for newer ones.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Adds an attempt.
    pub(super) fn push(&self, tenant: TenantId, attempt: Attempt) {
        let mut shard = self.shard(tenant).lock();
        if shard.held >= MOST_OF_SHARD {
            shard.give_up_one();
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        let rings = shard.tenants.entry(tenant).or_default();
        let ring = if attempt.outcome.is_accept() { &mut rings.accepts } else { &mut rings.rejects };
        let is_full = ring.len() >= MAX_ATTEMPTS;
        if is_full {
            ring.pop_front();
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        ring.push_back(attempt);
        if !is_full {
            shard.held += 1;
        }
    }

    /// The newest attempts of a tenant that `takes` picks, newest first, at most `limit`.
    #[must_use]
    pub fn newest(&self, tenant: TenantId, limit: usize, takes: impl Fn(&Attempt) -> bool) -> Vec<Attempt> {
        let shard = self.shard(tenant).lock();
        let Some(Rings { rejects, accepts }) = shard.tenants.get(&tenant) else { return Vec::new() };
        let mut rejects = rejects.iter().rev().filter(|attempt| takes(attempt)).peekable();
        let mut accepts = accepts.iter().rev().filter(|attempt| takes(attempt)).peekable();
        std::iter::from_fn(|| match (rejects.peek(), accepts.peek()) {
            (Some(reject), Some(accept)) if accept.at > reject.at => accepts.next(),
            (Some(_), _) => rejects.next(),
            (None, _) => accepts.next(),
        })
        .take(limit.min(2 * MAX_ATTEMPTS))
        .copied()
        .collect()
    }

    fn shard(&self, tenant: TenantId) -> &Mutex<Shard> {
        &self.shards[usize::from(tenant.as_bytes()[15]) % SHARDS]
    }
}

impl Shard {
    /// Drops the oldest attempt of the tenant that has most, an accept before a reject.
    fn give_up_one(&mut self) {
        let Some(most) = self.tenants.values_mut().max_by_key(|rings| rings.len()) else { return };
        if most.accepts.pop_front().is_some() || most.rejects.pop_front().is_some() {
            self.held -= 1;
        }
    }
}

/// Which accepts of one worker the log keeps: the first of each tenant in each second, then one of many.
#[derive(Debug)]
pub(super) struct Sampler {
    cells: Box<[(i64, u32)]>,
}

/// Cells of a sampler; tenants that share one share its allowance.
const CELLS: usize = 256;

/// Accepts of a second that are kept one by one.
const KEPT_A_SECOND: u32 = 10;

/// Beyond them one of so many is kept.
const ONE_OF: u32 = 64;

impl Sampler {
    pub(super) fn new() -> Self {
        Self { cells: vec![(i64::MIN, 0); CELLS].into_boxed_slice() }
    }

    /// Whether this accept is kept.
    pub(super) fn takes(&mut self, tenant: TenantId, at: Timestamp) -> bool {
        let Some(cell) = self.cells.get_mut(usize::from(tenant.as_bytes()[15]) % CELLS) else { return false };
        let second = at.as_seconds();
        if cell.0 != second {
            *cell = (second, 0);
        }
        cell.1 = cell.1.wrapping_add(1);
        cell.1 <= KEPT_A_SECOND || cell.1 % ONE_OF == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(at: i64, outcome: Outcome) -> Attempt {
        Attempt {
            at: Timestamp::from_millis(at),
            router: RouterId::from_bytes([1; 16]),
            username: ShownName::new(b"budi"),
            subscriber: None,
            mac: None,
            service: Service::Ppp,
            method: Method::Pap,
            outcome,
        }
    }

    fn tenant(last: u8) -> TenantId {
        let mut octets = [0; 16];
        octets[15] = last;
        octets[0] = 1;
        TenantId::from_bytes(octets)
    }

    #[test]
    fn newest_first_and_each_tenant_its_own() {
        let log = AttemptLog::new();
        log.push(tenant(1), attempt(1, Outcome::Accepted));
        log.push(tenant(1), attempt(2, Outcome::WrongPassword));
        log.push(tenant(1), attempt(3, Outcome::Accepted));
        log.push(tenant(65), attempt(4, Outcome::Suspended));
        let times = |tenant, limit| -> Vec<i64> {
            log.newest(tenant, limit, |_| true).iter().map(|attempt| attempt.at.as_millis()).collect()
        };
        assert_eq!(times(tenant(1), 10), [3, 2, 1]);
        assert_eq!(times(tenant(1), 1), [3]);
        assert_eq!(times(tenant(65), 10), [4], "65 shares a shard with 1");
        assert!(times(tenant(2), 10).is_empty());
        assert_eq!(log.newest(tenant(1), 10, |attempt| !attempt.outcome.is_accept()).len(), 1);
    }

    #[test]
    fn a_flood_of_one_tenant_pushes_no_other_out() {
        let log = AttemptLog::new();
        log.push(tenant(65), attempt(0, Outcome::Suspended));
        for at in 1..10_000 {
            log.push(tenant(1), attempt(at, Outcome::UnknownUser));
        }
        assert_eq!(log.newest(tenant(65), 10, |_| true).len(), 1);
        assert!(log.forgotten() > 0);
        let kept = log.newest(tenant(1), usize::MAX, |_| true);
        assert_eq!(kept.len(), MAX_ATTEMPTS);
        assert_eq!(kept[0].at.as_millis(), 9_999);
        for at in 0..3_000 {
            log.push(tenant(129), attempt(at, Outcome::Accepted));
        }
        assert_eq!(log.newest(tenant(65), 10, |_| true).len(), 1);
        assert!(log.shards.iter().all(|shard| shard.lock().held <= MOST_OF_SHARD));
    }

    #[test]
    fn accepts_are_sampled_when_they_come_fast() {
        let mut sampler = Sampler::new();
        let taken = (0..6_400).filter(|_| sampler.takes(tenant(1), Timestamp::from_millis(5_000))).count();
        assert_eq!(taken, 10 + 100);
        assert!(sampler.takes(tenant(1), Timestamp::from_millis(6_000)));
    }

    #[test]
    fn long_names_are_cut() {
        let name = ShownName::new(&[b'x'; 253]);
        assert_eq!(name.as_bytes().len(), SHOWN_NAME_OCTETS);
        assert_eq!(ShownName::new(b"bu\xff").to_string(), "bu\u{fffd}");
    }
}
