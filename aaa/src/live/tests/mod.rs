//! The rules of the live table, one by one.

mod property;
mod reservations;
mod rules;
mod sweeping;
mod table;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use base::{MacAddress, Now, RouterId, SessionId, SubscriberId, TenantId, Timestamp};

use super::{
    AccountingEvent, Applied, Cookie, Counters, Identifiers, Live, Origin, Profile, RouterState, Status,
    identifiers::{ACCT_SESSION_ID, FRAMED_IP_ADDRESS, USER_NAME},
};

/// Some morning in November 2026, in seconds.
const T: i64 = 1_795_334_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((T + seconds) * 1_000)
}

/// Both clocks, `seconds` after [`T`]; the daemon started 1,000 s before.
fn now(seconds: i64) -> Now {
    Now { wall: at(seconds), monotonic: Duration::from_secs(u64::try_from(1_000 + seconds).unwrap()) }
}

fn octets(kind: u8, number: u16) -> [u8; 16] {
    let [high, low] = number.to_be_bytes();
    [kind, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, high, low]
}

fn subscriber(number: u16) -> SubscriberId {
    SubscriberId::from_bytes(octets(1, number))
}

/// Later numbers are later ids.
fn session(number: u16) -> SessionId {
    SessionId::from_bytes(octets(2, number))
}

fn mac(number: u8) -> MacAddress {
    MacAddress::from_octets([2, 0, 0, 0, 0, number])
}

/// A table with one router.
struct Bench {
    live: Live,
    router: Arc<RouterState>,
}

impl Bench {
    fn new() -> Self {
        let live = Live::new([9; 16]);
        let router = router(&live, 1, 1);
        Self { live, router }
    }

    fn apply(&self, seconds: i64, event: &AccountingEvent<'_>) -> Applied {
        self.apply_at(&self.router, seconds, event)
    }

    /// Applies an event of subscriber 1, whose interims come every 300 s.
    fn apply_at(&self, router: &Arc<RouterState>, seconds: i64, event: &AccountingEvent<'_>) -> Applied {
        let profile = || Profile { subscriber: Some(subscriber(1)), interval: 300 };
        self.live.apply(now(seconds), &Origin { router, profile: &profile }, event)
    }

    fn online(&self, seconds: i64) -> usize {
        self.live.of_subscriber(now(seconds), subscriber(1)).len()
    }
}

fn router(live: &Live, tenant: u16, number: u16) -> Arc<RouterState> {
    live.router(RouterId::from_bytes(octets(3, number)), TenantId::from_bytes(octets(4, tenant)))
}

/// A packet of PPPoE user `budi` on session `8100000c`, as it arrives at the moment that it tells of.
fn event(status: Status, seconds: i64, session_time: Option<u32>) -> AccountingEvent<'static> {
    AccountingEvent {
        status,
        received: at(seconds),
        at: at(seconds),
        delay: 0,
        session_id: b"8100000c",
        cookie: None,
        username: b"budi",
        session_time,
        counters: Counters::default(),
        framed_address: Some(Ipv4Addr::new(10, 0, 0, 2)),
        framed_ipv6_address: None,
        framed_ipv6_prefix: None,
        delegated_ipv6_prefix: None,
        nas_port: Some(15_728_652),
        mac: Some(mac(1)),
        terminate_cause: None,
        identifiers: named(b"8100000c", b"budi"),
    }
}

fn named<'a>(session_id: &'a [u8], username: &'a [u8]) -> Identifiers<'a> {
    Identifiers::collect(|kind| match kind {
        ACCT_SESSION_ID => Some(session_id),
        USER_NAME => Some(username),
        FRAMED_IP_ADDRESS => Some(&[10, 0, 0, 2]),
        _ => None,
    })
}

/// The same packet of another session id.
fn on<'a>(session_id: &'a [u8], event: AccountingEvent<'a>) -> AccountingEvent<'a> {
    AccountingEvent { session_id, identifiers: named(session_id, event.username), ..event }
}

/// The same packet of another user.
fn by<'a>(username: &'a [u8], event: AccountingEvent<'a>) -> AccountingEvent<'a> {
    AccountingEvent { username, identifiers: named(event.session_id, username), ..event }
}

/// The same packet with our cookie for session `number` of subscriber 1.
fn with_cookie(number: u16, event: AccountingEvent<'_>) -> AccountingEvent<'_> {
    let cookie = Cookie { subscriber: subscriber(1), session: session(number), overlay_generation: 7 };
    AccountingEvent { cookie: Some(cookie), ..event }
}

/// The same packet with counters and Gigawords.
fn counting(upload: u64, download: u64, event: AccountingEvent<'_>) -> AccountingEvent<'_> {
    let counters = Counters { upload, download, upload_packets: 1, download_packets: 2, gigawords: true };
    AccountingEvent { counters, ..event }
}

/// The same packet with octets of 32 bits alone.
fn narrow(download: u32, event: AccountingEvent<'_>) -> AccountingEvent<'_> {
    AccountingEvent { counters: Counters { download: download.into(), ..Counters::default() }, ..event }
}
