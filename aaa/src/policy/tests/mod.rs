//! The policy, asked with packets as routers send them.

mod accounting;
mod hardware;
mod identification;
mod isolir;
mod malformed;
mod methods;
mod replies;
mod rules;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use base::{MacAddress, Now, PlanId, RouterId, SecretBytes, SubscriberId, TenantId, Timestamp};
use jiff::tz::TimeZone;
use radius::{
    attribute::{AttributeType, FramedProtocol, NasPortType, ServiceType},
    authenticator::{MessageAuthenticator, verify_reply},
    code::Code,
    compose::{ComposeError, Composer},
    index::Index,
    secret::SharedSecret,
    sign::{self, Unsigned},
    vendor::{VendorType, mikrotik, wispr},
};

use super::{
    Action, ClassKey, Datagram, DropReason, FirstUse, Outcome, Payload, Policy, Port, Scratch, Settings,
};
use crate::{
    directory::{
        Change, Directory, DirectoryWriter, HashKey,
        entry::{self, IsolirProfile, MessageAuthenticatorPolicy, OverlayReasons},
    },
    journal::Kind,
    live::Live,
};

/// Sunday 2026-11-22, 15:00 in Jakarta.
const WALL: i64 = 1_795_334_400_000;
const ROUTER: &str = "192.0.2.1";
const SERVER: &str = "192.0.2.53";
const SECRET: &[u8] = b"testing123";
const AUTHENTICATOR: [u8; 16] = *b"a random request";

fn now(seconds: u64) -> Now {
    let wall = Timestamp::from_millis(WALL).saturating_add(Duration::from_secs(seconds));
    Now { wall, monotonic: Duration::from_secs(1_000 + seconds) }
}

fn octets(kind: u8, number: u8) -> [u8; 16] {
    [kind, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, number]
}

fn subscriber_id(number: u8) -> SubscriberId {
    SubscriberId::from_bytes(octets(1, number))
}

fn tenant(number: u8) -> entry::Tenant {
    entry::Tenant {
        id: TenantId::from_bytes(octets(2, number)),
        zone: TimeZone::get("Asia/Jakarta").unwrap(),
        realm: Some("isp.example".into()),
        isolir: IsolirProfile::default(),
        stopped: false,
    }
}

fn router(number: u8, address: &str, secret: &[u8]) -> entry::Router {
    entry::Router {
        id: RouterId::from_bytes(octets(3, number)),
        tenant: tenant(1).id,
        name: format!("router {number}").into(),
        addresses: [address.parse().unwrap()].into(),
        secret: SharedSecret::new(secret).unwrap(),
        message_authenticator: MessageAuthenticatorPolicy::Required,
        reject_delay: Duration::from_millis(200),
        octets: entry::OctetDirection::InputIsUpload,
        change_way: entry::ChangeWay::CoaThenDisconnect,
        dynauth_address: None,
        dynauth_port: 3_799,
        dynauth_event_timestamp: false,
    }
}

fn plan() -> entry::Plan {
    entry::Plan {
        id: PlanId::from_bytes(octets(4, 1)),
        tenant: tenant(1).id,
        rate_limit: Some("5M/10M 10M/20M".into()),
        pool: Some("pool-a".into()),
        ipv6_pool: Some("pool6".into()),
        delegated_ipv6_pool: Some("pd".into()),
        group: Some("ten".into()),
        address_list: Some("customers".into()),
        filter: Some("usual".into()),
        session_timeout: Some(86_400),
        idle_timeout: Some(600),
        interim_interval: 300,
        simultaneous: 0,
        hours: [].into(),
        attributes: [].into(),
    }
}

fn subscriber(number: u8, username: &str) -> entry::Subscriber {
    entry::Subscriber {
        id: subscriber_id(number),
        tenant: tenant(1).id,
        plan: plan().id,
        username: username.as_bytes().into(),
        password: entry::Password::Clear(SecretBytes::new(b"rahasia".to_vec())),
        standing: entry::Standing::Active,
        expires_at: None,
        overlay: OverlayReasons::default(),
        overlay_generation: 3,
        service: entry::ServiceType::Any,
        mac_lock: entry::MacLock::Off,
        router: None,
        static_address: None,
        ipv6_prefix: None,
        delegated_ipv6_prefix: None,
        routes: [].into(),
        simultaneous: None,
        attributes: [].into(),
    }
}

/// A network of one tenant, one router, one plan, and subscriber `budi` with the password `rahasia`.
struct World {
    writer: DirectoryWriter,
    live: Arc<Live>,
    policy: Policy,
    scratch: Scratch,
}

/// What became of a request.
#[derive(Debug)]
enum Got {
    Reply(Reply),
    Delayed(Reply, Duration),
    Recorded(Kind, Vec<u8>, Reply),
    Dropped(DropReason),
}

impl World {
    fn new() -> Self {
        let mut world = Self::empty();
        world.put(Change::Tenant(tenant(1)));
        world.put(Change::Router(router(1, ROUTER, SECRET)));
        world.put(Change::Plan(plan()));
        world.put(Change::Subscriber(subscriber(1, "budi")));
        world.writer.caught_up(now(0).wall);
        world
    }

    /// Without a directory.
    fn empty() -> Self {
        let (directory, writer) = Directory::create(HashKey::new([5; 16]));
        let live = Arc::new(Live::new([6; 16]));
        let settings = Settings {
            class_key: ClassKey::new([7; 16]),
            chargeable_user_identity: true,
            throttle_key: [8; 16],
        };
        let policy = Policy::new(directory, Arc::clone(&live), settings);
        Self { writer, live, policy, scratch: Scratch::with_seed([9; 16]) }
    }

    fn put(&mut self, change: Change) {
        self.writer.apply(change).unwrap();
    }

    /// Subscriber 1 with something changed.
    fn subscriber(&mut self, change: impl FnOnce(&mut entry::Subscriber)) {
        let mut changed = subscriber(1, "budi");
        change(&mut changed);
        self.put(Change::Subscriber(changed));
    }

    fn plan(&mut self, change: impl FnOnce(&mut entry::Plan)) {
        let mut changed = plan();
        change(&mut changed);
        self.put(Change::Plan(changed));
    }

    fn router(&mut self, change: impl FnOnce(&mut entry::Router)) {
        let mut changed = router(1, ROUTER, SECRET);
        change(&mut changed);
        self.put(Change::Router(changed));
    }

    fn tenant(&mut self, change: impl FnOnce(&mut entry::Tenant)) {
        let mut changed = tenant(1);
        change(&mut changed);
        self.put(Change::Tenant(changed));
    }

    fn send(&mut self, port: Port, packet: &[u8]) -> Got {
        self.send_from(ROUTER, port, packet)
    }

    fn send_from(&mut self, peer: &str, port: Port, packet: &[u8]) -> Got {
        self.send_at(0, peer, port, packet, true)
    }

    fn send_at(&mut self, seconds: u64, peer: &str, port: Port, packet: &[u8], is_recorded: bool) -> Got {
        let datagram = Datagram {
            bytes: packet,
            peer: SocketAddr::new(peer.parse().unwrap(), 40_000),
            local: SERVER.parse::<IpAddr>().unwrap(),
            port,
        };
        let request = match self.policy.identify(&mut self.scratch, &datagram) {
            Ok(request) => request,
            Err(reason) => return Got::Dropped(reason),
        };
        let secret = request.router().secret.clone();
        let mut out = [0; 4096];
        let scratch = &mut self.scratch;
        let reply = |out: &[u8], length: usize| Reply::new(&out[..length], packet, &secret);
        match self.policy.answer(now(seconds), &request, scratch, &mut out) {
            Action::Reply { length } => Got::Reply(reply(&out, length)),
            Action::Sign { length } => {
                let (buffer, secret) = (&mut out[..], request.router());
                sign::sign(&mut [Unsigned { buffer, length, secret: &secret.secret }]);
                Got::Reply(reply(&out, length))
            }
            Action::Delay { length, by } => Got::Delayed(reply(&out, length), by),
            Action::Record { length, kind, payload, tenant, router, .. } => {
                assert_eq!((tenant, router), (request.router().tenant, request.router().id));
                let payload = match payload {
                    Payload::Datagram => request.packet().as_bytes().to_vec(),
                    Payload::Composed { length } => scratch.composed(length).to_vec(),
                };
                if is_recorded {
                    self.policy.recorded(now(seconds), &request, scratch);
                } else {
                    self.policy.not_recorded(now(seconds), &request, scratch);
                }
                Got::Recorded(kind, payload, reply(&out, length))
            }
            Action::Drop(reason) => Got::Dropped(reason),
        }
    }

    fn accept(&mut self, packet: &[u8]) -> Reply {
        match self.send(Port::Authentication, packet) {
            Got::Reply(reply) if reply.code() == Code::ACCESS_ACCEPT => reply,
            other => panic!("not accepted: {other:?}, {:?}", self.last()),
        }
    }

    /// Expects a reject, and answers its reason from the log.
    fn reject(&mut self, packet: &[u8]) -> (Outcome, Reply) {
        match self.send(Port::Authentication, packet) {
            Got::Delayed(reply, by) if reply.code() == Code::ACCESS_REJECT => {
                assert_eq!(by, Duration::from_millis(200));
                (self.last().unwrap(), reply)
            }
            other => panic!("not rejected: {other:?}, {:?}", self.last()),
        }
    }

    fn reason(&mut self, packet: &[u8]) -> Outcome {
        self.reject(packet).0
    }

    /// The outcome of the last attempt.
    fn last(&self) -> Option<Outcome> {
        let log = self.policy.attempts().newest(tenant(1).id, 1, |_| true);
        log.first().map(|attempt| attempt.outcome)
    }
}

/// A reply whose signatures were verified.
#[derive(Debug)]
struct Reply(Vec<u8>);

impl Reply {
    fn new(bytes: &[u8], request: &[u8], secret: &SharedSecret) -> Self {
        let reply = Index::parse(bytes).unwrap();
        let request = Index::parse(request).unwrap();
        assert_eq!(reply.packet().identifier(), request.packet().identifier());
        let signed = verify_reply(&reply, request.packet().authenticator(), secret).unwrap();
        if reply.packet().code() != Code::ACCOUNTING_RESPONSE {
            assert_eq!(signed, MessageAuthenticator::Valid);
            let first = reply.packet().attributes().next().unwrap();
            assert_eq!(first.kind, AttributeType::MESSAGE_AUTHENTICATOR, "it protects what follows it");
        }
        Self(bytes.to_vec())
    }

    fn index(&self) -> Index<'_> {
        Index::parse(&self.0).unwrap()
    }

    fn code(&self) -> Code {
        self.index().packet().code()
    }

    fn octets(&self, kind: AttributeType) -> Option<&[u8]> {
        Index::parse(&self.0).unwrap().find(kind).map(|attribute| attribute.value)
    }

    fn text(&self, kind: AttributeType) -> Option<&str> {
        self.octets(kind).map(|value| std::str::from_utf8(value).unwrap())
    }

    fn u32(&self, kind: AttributeType) -> Option<u32> {
        self.octets(kind).map(|value| u32::from_be_bytes(value.try_into().unwrap()))
    }

    fn vendor(&self, kind: VendorType) -> Option<&[u8]> {
        Index::parse(&self.0).unwrap().packet().find_vendor(kind).map(|attribute| attribute.value)
    }

    fn vendor_text(&self, kind: VendorType) -> Option<&str> {
        self.vendor(kind).map(|value| std::str::from_utf8(value).unwrap())
    }

    fn count(&self, kind: AttributeType) -> usize {
        self.index().packet().find_all(kind).count()
    }
}

type Composed<'c, 'b> = Result<&'c mut Composer<'b>, ComposeError>;

/// Any Access-Request with Message-Authenticator last, as RouterOS sends it.
fn access(fill: impl for<'c, 'b> Fn(&'c mut Composer<'b>) -> Composed<'c, 'b>) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let mut packet = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 77, &AUTHENTICATOR).unwrap();
    fill(&mut packet).unwrap();
    packet.message_authenticator().unwrap();
    let length = packet.finish(&secret());
    buffer[..length].to_vec()
}

fn secret() -> SharedSecret {
    SharedSecret::new(SECRET).unwrap()
}

const MAC: &str = "AA:BB:CC:00:00:01";

/// What RouterOS sends for a PPPoE client, before the password.
fn pppoe<'c, 'b>(packet: &'c mut Composer<'b>, username: &str, mac: &str) -> Composed<'c, 'b> {
    packet
        .u32(AttributeType::SERVICE_TYPE, ServiceType::FRAMED.0)?
        .u32(AttributeType::FRAMED_PROTOCOL, FramedProtocol::PPP.0)?
        .u32(AttributeType::NAS_PORT, 15_728_652)?
        .u32(AttributeType::NAS_PORT_TYPE, NasPortType::ETHERNET.0)?
        .text(AttributeType::USER_NAME, username)?
        .text(AttributeType::CALLING_STATION_ID, mac)?
        .text(AttributeType::CALLED_STATION_ID, "service1")?
        .text(AttributeType::NAS_PORT_ID, "ether2")?
        .text(AttributeType::ACCT_SESSION_ID, "8100000c")?
        .text(AttributeType::NAS_IDENTIFIER, "edge-1")?
        .ipv4(AttributeType::NAS_IP_ADDRESS, [192, 0, 2, 1].into())
}

/// A PPPoE client with PAP.
fn dial(username: &str, password: &str, mac: &str) -> Vec<u8> {
    access(|packet| pppoe(packet, username, mac)?.user_password(password.as_bytes(), &secret()))
}

/// `budi` with the right password.
fn budi() -> Vec<u8> {
    dial("budi", "rahasia", MAC)
}

/// What a RouterOS 7 hotspot sends, in its order, with CHAP.
fn hotspot(username: &str, password: &str, mac: &str) -> Vec<u8> {
    let challenge = [0x5a; 16];
    let response = radius::credential::chap::respond(0x11, password.as_bytes(), &challenge);
    let chap = [&[0x11][..], &response].concat();
    access(|packet| {
        packet
            .u32(AttributeType::NAS_PORT_TYPE, NasPortType::WIRELESS_802_11.0)?
            .text(AttributeType::CALLING_STATION_ID, mac)?
            .text(AttributeType::CALLED_STATION_ID, "hotspot1")?
            .text(AttributeType::NAS_PORT_ID, "bridge-hotspot")?
            .text(AttributeType::USER_NAME, username)?
            .u32(AttributeType::NAS_PORT, 0x8010_0014)?
            .text(AttributeType::ACCT_SESSION_ID, "80100014")?
            .ipv4(AttributeType::FRAMED_IP_ADDRESS, [10, 5, 50, 9].into())?
            .vendor_ipv4(mikrotik::HOST_IP, [10, 5, 50, 9].into())?
            .octets(AttributeType::CHAP_CHALLENGE, &challenge)?
            .octets(AttributeType::CHAP_PASSWORD, &chap)?
            .u32(AttributeType::SERVICE_TYPE, ServiceType::LOGIN.0)?
            .vendor_text(wispr::LOGOFF_URL, "http://10.5.50.1/logout")?
            .text(AttributeType::NAS_IDENTIFIER, "edge-1")?
            .ipv4(AttributeType::NAS_IP_ADDRESS, [192, 0, 2, 1].into())
    })
}

/// An Accounting-Request as RouterOS sends it for the session of [`budi`]; `class` is what the Accept gave.
fn account(
    status: u32,
    class: Option<&[u8]>,
    fill: impl for<'c, 'b> Fn(&'c mut Composer<'b>) -> Composed<'c, 'b>,
) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let mut packet = Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, 9).unwrap();
    packet
        .u32(AttributeType::ACCT_STATUS_TYPE, status)
        .and_then(|packet| pppoe(packet, "budi", MAC))
        .and_then(|packet| packet.ipv4(AttributeType::FRAMED_IP_ADDRESS, [10, 1, 0, 7].into()))
        .unwrap();
    if let Some(class) = class {
        packet.octets(AttributeType::CLASS, class).unwrap();
    }
    fill(&mut packet).unwrap();
    let length = packet.finish(&secret());
    buffer[..length].to_vec()
}

fn mac(text: &str) -> MacAddress {
    text.parse().unwrap()
}
