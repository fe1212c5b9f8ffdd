//! What the hot path observes of each router: the way to it, void marks, its boot counter, how many sessions it has.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, ArcSwapOption};
use base::{RouterId, TenantId, Timestamp};
use parking_lot::Mutex;

use super::identity::{RouterOsId, RouterOsService};

/// The way to a router, as its last packet came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Where its packets come from.
    pub peer: IpAddr,
    /// The address of ours that it asks: requests to it must leave from there, or it does not know the sender.
    pub local: IpAddr,
}

/// One router, as it is observed.
#[derive(Debug)]
pub struct RouterState {
    pub(super) id: RouterId,
    pub(super) tenant: Arc<TenantState>,
    pub(super) path: ArcSwapOption<Path>,
    /// Sessions with no event since this moment are void, by [`Series`]; milliseconds, `i64::MIN` for never.
    void_before: [AtomicI64; Series::COUNT],
    /// The boot counters now and before, by RouterOS service; [`NO_BOOT`] when unknown.
    boots: [Boots; 2],
    /// Sessions in the table.
    pub(super) open: AtomicU64,
    /// Of these, sessions whose id is not of RouterOS's form.
    pub(super) open_elsewhere: AtomicU64,
    /// Whether it ever sent an Interim.
    pub(super) sends_interims: AtomicBool,
    signs_requests: AtomicBool,
    unsigned_requests: AtomicU64,
    forged_packets: AtomicU64,
    pub(super) last_seen: AtomicI64,
    /// Whether Access-Requests came signed and unsigned since somebody took note of it.
    pub(super) signed_lately: AtomicBool,
    pub(super) unsigned_lately: AtomicBool,
}

/// One tenant, as it is observed.
#[derive(Debug)]
pub struct TenantState {
    pub(super) id: TenantId,
    /// Sessions in the table.
    pub(super) open: AtomicU64,
}

/// What an operator sees of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterView {
    /// The way to it; `None` before its first packet.
    pub path: Option<Path>,
    /// Sessions online.
    pub sessions: u64,
    /// Whether any Access-Request since the start of the daemon carried a Message-Authenticator. A router that never
    /// sends one is open to forgery (RFC 3579 §3.2).
    pub signs_requests: bool,
    /// Access-Requests since the start of the daemon that carried none.
    pub unsigned_requests: u64,
    /// Packets from its address that its secret does not verify: it most likely has another secret, which CHAP alone
    /// would never show.
    pub forged_packets: u64,
    /// When its last verified packet came; `None` before the first.
    pub last_seen: Option<Timestamp>,
}

/// Sessions that a restart ends together: RouterOS counts boots for each service on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Series {
    Hotspot,
    Ppp,
    Other,
}

impl Series {
    const COUNT: usize = 3;
    const ALL: [Self; Self::COUNT] = [Self::Hotspot, Self::Ppp, Self::Other];

    pub(super) fn of(session_id: &[u8]) -> Self {
        match RouterOsId::parse(session_id) {
            Some(RouterOsId { service: RouterOsService::Hotspot, .. }) => Self::Hotspot,
            Some(RouterOsId { service: RouterOsService::Ppp, .. }) => Self::Ppp,
            None => Self::Other,
        }
    }
}

#[derive(Debug)]
struct Boots {
    current: AtomicU8,
    previous: Mutex<u8>,
    /// Start of the session that the counter was restored from, milliseconds.
    restored: AtomicI64,
}

/// No boot counter is known.
const NO_BOOT: u8 = u8::MAX;

impl RouterState {
    fn new(id: RouterId, tenant: Arc<TenantState>) -> Self {
        Self {
            id,
            tenant,
            path: ArcSwapOption::empty(),
            void_before: std::array::from_fn(|_| AtomicI64::new(i64::MIN)),
            boots: std::array::from_fn(|_| Boots {
                current: AtomicU8::new(NO_BOOT),
                previous: Mutex::new(NO_BOOT),
                restored: AtomicI64::new(i64::MIN),
            }),
            open: AtomicU64::new(0),
            open_elsewhere: AtomicU64::new(0),
            sends_interims: AtomicBool::new(false),
            signs_requests: AtomicBool::new(false),
            unsigned_requests: AtomicU64::new(0),
            forged_packets: AtomicU64::new(0),
            last_seen: AtomicI64::new(i64::MIN),
            signed_lately: AtomicBool::new(false),
            unsigned_lately: AtomicBool::new(false),
        }
    }

    /// Which router.
    #[must_use]
    pub const fn id(&self) -> RouterId {
        self.id
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant.id
    }

    /// The way to it; `None` before its first packet.
    #[must_use]
    pub fn path(&self) -> Option<Path> {
        self.path.load().as_deref().copied()
    }

    /// Notes a verified packet and the way it came.
    pub fn seen(&self, at: Timestamp, path: Path) {
        /// How exact `last_seen` is. Writing it for every packet would make the line bounce between workers.
        const GRAIN: i64 = 1_000;
        if at.as_millis().saturating_sub(self.last_seen.load(Ordering::Relaxed)) >= GRAIN {
            self.last_seen.store(at.as_millis(), Ordering::Relaxed);
        }
        if self.path.load().as_deref() != Some(&path) {
            self.path.store(Some(Arc::new(path)));
        }
    }

    /// Notes whether an Access-Request carried a Message-Authenticator. The usual case writes nothing.
    pub fn message_authenticator(&self, present: bool) {
        if !present {
            self.unsigned_requests.fetch_add(1, Ordering::Relaxed);
            self.unsigned_lately.store(true, Ordering::Relaxed);
        } else if !self.signed_lately.load(Ordering::Relaxed) {
            self.signed_lately.store(true, Ordering::Relaxed);
            self.signs_requests.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it has sent an Access-Request with Message-Authenticator since the daemon's start.
    #[must_use]
    pub fn signs_requests(&self) -> bool {
        self.signs_requests.load(Ordering::Relaxed)
    }

    /// Notes a packet from its address that its secret does not verify, nor that of another router there.
    pub fn forged(&self) {
        self.forged_packets.fetch_add(1, Ordering::Relaxed);
    }

    /// What an operator sees of it.
    #[must_use]
    pub fn view(&self) -> RouterView {
        let seen = self.last_seen.load(Ordering::Relaxed);
        RouterView {
            path: self.path(),
            sessions: self.open.load(Ordering::Relaxed),
            signs_requests: self.signs_requests.load(Ordering::Relaxed),
            unsigned_requests: self.unsigned_requests.load(Ordering::Relaxed),
            forged_packets: self.forged_packets.load(Ordering::Relaxed),
            last_seen: (seen != i64::MIN).then(|| Timestamp::from_millis(seen)),
        }
    }

    /// Sets the void mark of every series: all sessions with no event since `at` are over. One store each, however
    /// many sessions there are (RFC 2866 §5.1: Accounting-On and Accounting-Off).
    pub(super) fn void_all(&self, at: Timestamp) {
        for series in Series::ALL {
            self.void(series, at);
        }
    }

    fn void(&self, series: Series, at: Timestamp) {
        self.void_before[series as usize].fetch_max(at.as_millis(), Ordering::Relaxed);
    }

    /// The moment of the void mark, if a session whose newest event is of `updated` lies behind it.
    pub(super) fn is_void(&self, series: Series, updated: Timestamp) -> Option<Timestamp> {
        let mark = self.void_before[series as usize].load(Ordering::Relaxed);
        (updated.as_millis() < mark).then(|| Timestamp::from_millis(mark))
    }

    /// Counts a session in.
    pub(super) fn enter(&self, series: Series) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.tenant.open.fetch_add(1, Ordering::Relaxed);
        if series == Series::Other {
            self.open_elsewhere.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a session out.
    pub(super) fn leave(&self, series: Series) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.tenant.open.fetch_sub(1, Ordering::Relaxed);
        if series == Series::Other {
            self.open_elsewhere.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Learns the boot counter from a session of before the daemon's own restart: that of the latest start counts.
    pub(super) fn restore_boot(&self, session_id: &[u8], started: Timestamp) {
        let Some(RouterOsId { service, boot }) = RouterOsId::parse(session_id) else { return };
        let boots = match service {
            RouterOsService::Hotspot => &self.boots[0],
            RouterOsService::Ppp => &self.boots[1],
        };
        let _one_writer = boots.previous.lock();
        if boots.restored.fetch_max(started.as_millis(), Ordering::Relaxed) < started.as_millis() {
            boots.current.store(boot, Ordering::Relaxed);
        }
    }

    /// Looks at the boot counter in the id of a new session. A counter never seen before means that the router has
    /// restarted: sets the void mark, and says so. The counter *before* the present one is a late packet. A router that
    /// also has sessions with other ids is no RouterOS, and its digits mean nothing.
    pub(super) fn boot(&self, session_id: &[u8], started: Timestamp) -> bool {
        let Some(RouterOsId { service, boot }) = RouterOsId::parse(session_id) else { return false };
        let (boots, series) = match service {
            RouterOsService::Hotspot => (&self.boots[0], Series::Hotspot),
            RouterOsService::Ppp => (&self.boots[1], Series::Ppp),
        };
        if boots.current.load(Ordering::Relaxed) == boot {
            return false;
        }
        let mut previous = boots.previous.lock();
        let current = boots.current.load(Ordering::Relaxed);
        if current == NO_BOOT {
            boots.current.store(boot, Ordering::Relaxed);
            return false;
        }
        if current == boot || *previous == boot || self.open_elsewhere.load(Ordering::Relaxed) > 0 {
            return false;
        }
        *previous = current;
        boots.current.store(boot, Ordering::Relaxed);
        self.void(series, started);
        true
    }
}

/// Every router and tenant observed so far. Reading takes no lock; a new one copies a map of some dozens.
#[derive(Debug)]
pub(super) struct Routers {
    shards: Box<[RouterShard]>,
    tenants: Mutex<HashMap<TenantId, Arc<TenantState>>>,
    /// Rises whenever a router's state is no longer the one that was given out.
    generation: AtomicU64,
}

type RouterShard = ArcSwap<HashMap<RouterId, Arc<RouterState>, BuildHasherDefault<IdHasher>>>;

/// Ids are random and ours alone: folding their octets is hash enough.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, octets: &[u8]) {
        for word in octets.chunks(8) {
            let mut padded = [0; 8];
            for (place, octet) in padded.iter_mut().zip(word) {
                *place = *octet;
            }
            self.0 =
                (self.0.rotate_left(23) ^ u64::from_le_bytes(padded)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Maps of routers: 5,000 routers make 80 in each, which a new one copies.
const ROUTER_SHARDS: usize = 64;

impl Routers {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..ROUTER_SHARDS).map(|_| ArcSwap::default()).collect(),
            tenants: Mutex::default(),
            generation: AtomicU64::new(0),
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn find(&self, id: RouterId) -> Option<Arc<RouterState>> {
        self.shard(id).load().get(&id).cloned()
    }

    /// The state of a router, made if it is new.
    pub(super) fn load(&self, id: RouterId, tenant: TenantId) -> Arc<RouterState> {
        if let Some(known) = self.find(id)
            && known.tenant.id == tenant
        {
            return known;
        }
        let mut tenants = self.tenants.lock();
        if let Some(known) = self.find(id)
            && known.tenant.id == tenant
        {
            return known;
        }
        let tenant = tenants
            .entry(tenant)
            .or_insert_with(|| Arc::new(TenantState { id: tenant, open: AtomicU64::new(0) }));
        let router = Arc::new(RouterState::new(id, Arc::clone(tenant)));
        let mut map = HashMap::clone(&self.shard(id).load());
        let is_replaced = map.insert(id, Arc::clone(&router)).is_some();
        self.shard(id).store(Arc::new(map));
        if is_replaced {
            self.generation.fetch_add(1, Ordering::Release);
        }
        router
    }

    pub(super) fn all(&self) -> Vec<Arc<RouterState>> {
        self.shards.iter().flat_map(|shard| shard.load().values().cloned().collect::<Vec<_>>()).collect()
    }

    /// Forgets a router that is gone from the directory. Its sessions keep their own hold on what they need.
    pub(super) fn forget(&self, id: RouterId) {
        let _one_writer = self.tenants.lock();
        let mut map = HashMap::clone(&self.shard(id).load());
        if map.remove(&id).is_some() {
            self.shard(id).store(Arc::new(map));
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    pub(super) fn tenant_sessions(&self, tenant: TenantId) -> u64 {
        self.tenants.lock().get(&tenant).map_or(0, |tenant| tenant.open.load(Ordering::Relaxed))
    }

    fn shard(&self, id: RouterId) -> &RouterShard {
        let [.., last] = *id.as_bytes();
        &self.shards[usize::from(last) % ROUTER_SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> RouterState {
        let tenant = TenantId::generate(Timestamp::EPOCH);
        RouterState::new(
            RouterId::generate(Timestamp::EPOCH),
            Arc::new(TenantState { id: tenant, open: AtomicU64::new(0) }),
        )
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_new_boot_counter_voids_its_service_alone() {
        let router = router();
        assert!(!router.boot(b"81000001", at(10)), "the first id tells nothing");
        assert!(!router.boot(b"80f00001", at(11)), "the hotspot counts by itself");
        assert!(!router.boot(b"81000002", at(12)));
        assert!(router.boot(b"81100000", at(100)));
        assert_eq!(router.is_void(Series::Ppp, at(99)), Some(at(100)));
        assert_eq!(router.is_void(Series::Ppp, at(100)), None, "the new session itself lives");
        assert_eq!(router.is_void(Series::Hotspot, at(11)), None);
        assert!(!router.boot(b"81000003", at(101)), "the counter before comes late");
        assert_eq!(router.is_void(Series::Ppp, at(100)), None);
        assert!(router.boot(b"81200000", at(200)));
    }

    #[test]
    fn ids_of_other_routers_mean_no_boot() {
        let router = router();
        router.open_elsewhere.store(1, Ordering::Relaxed);
        assert!(!router.boot(b"81000001", at(10)));
        assert!(!router.boot(b"81300001", at(11)));
        assert!(!router.boot(b"test", at(12)));
        assert_eq!(router.is_void(Series::Ppp, at(10)), None);
    }

    #[test]
    fn a_router_is_made_once_and_belongs_to_its_tenant() {
        let routers = Routers::new();
        let (id, one, two) = (
            RouterId::generate(Timestamp::EPOCH),
            TenantId::generate(Timestamp::EPOCH),
            TenantId::generate(Timestamp::EPOCH),
        );
        let first = routers.load(id, one);
        assert!(Arc::ptr_eq(&first, &routers.load(id, one)));
        assert_eq!(routers.load(id, two).tenant(), two, "a router moved to another tenant starts anew");
        routers.forget(id);
        assert!(routers.find(id).is_none());
    }
}
