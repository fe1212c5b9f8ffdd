//! Sessions on both databases, from datagrams in a real journal to rows.

mod draining;
mod ends;
mod folding;
mod jobs;
mod order;
mod property;
mod searching;

use std::sync::Arc;

use aaa::{
    directory::{Change, Directory, DirectoryWriter, HashKey, entry},
    journal::{self, Journal, Kind, Record},
    live::Cookie,
    policy::{ACCOUNTING_VERSION, ClassKey, class},
};
use base::{Clock, PlanId, RouterId, SecretBytes, SessionId, SubscriberId, TenantId, Timestamp};
use foundation::testing::{NOW, TestDb};
use radius::{attribute::AttributeType, code::Code, compose::Composer, secret::SharedSecret};

use super::*;

/// `seconds` after [`NOW`].
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + seconds * 1_000)
}

fn octets(kind: u8, number: u16) -> [u8; 16] {
    let [high, low] = number.to_be_bytes();
    [kind, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, high, low]
}

fn tenant(number: u16) -> TenantId {
    TenantId::from_bytes(octets(4, number))
}

/// Router `number`; those from 100 on are tenant 2's, the others tenant 1's.
fn router(number: u16) -> RouterId {
    RouterId::from_bytes(octets(3, number))
}

fn subscriber(number: u16) -> SubscriberId {
    SubscriberId::from_bytes(octets(1, number))
}

/// A session that was accepted at [`NOW`]; later numbers are later ids.
fn session(number: u16) -> SessionId {
    let mut octets = [0; 10];
    octets[8..].copy_from_slice(&number.to_be_bytes());
    let millis = u64::try_from(NOW.as_millis()).unwrap();
    SessionId::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &octets).into_uuid())
}

fn key() -> ClassKey {
    ClassKey::new([7; 16])
}

const START: u32 = 1;
const STOP: u32 = 2;
const INTERIM: u32 = 3;
const ON: u32 = 7;

/// An Accounting-Request in the making.
#[derive(Clone, Debug)]
struct Packet {
    router: u16,
    received: i64,
    status: u32,
    session_id: Vec<u8>,
    username: Vec<u8>,
    time: Option<u32>,
    /// Download and its Gigawords.
    octets: Option<(u32, Option<u32>)>,
    cookie: Option<u16>,
    port: u32,
    more: Vec<(u8, Vec<u8>)>,
}

/// A packet that arrives `received` seconds after [`NOW`], when it happened.
fn packet(status: u32, received: i64, time: Option<u32>) -> Packet {
    Packet {
        router: 1,
        received,
        status,
        session_id: b"8100000c".to_vec(),
        username: b"budi".to_vec(),
        time,
        octets: None,
        cookie: None,
        port: 15_728_652,
        more: vec![(8, vec![10, 1, 0, 7]), (31, b"02:00:00:00:00:01".to_vec())],
    }
}

impl Packet {
    fn on(self, router: u16) -> Self {
        Self { router, ..self }
    }

    fn named(self, session_id: &[u8]) -> Self {
        Self { session_id: session_id.to_vec(), ..self }
    }

    fn by(self, username: &[u8], port: u32) -> Self {
        Self { username: username.to_vec(), port, ..self }
    }

    fn downloading(self, octets: u32, gigawords: Option<u32>) -> Self {
        Self { octets: Some((octets, gigawords)), ..self }
    }

    fn with_cookie(self, number: u16) -> Self {
        Self { cookie: Some(number), ..self }
    }

    fn with(mut self, kind: u8, value: &[u8]) -> Self {
        self.more.retain(|(known, _)| *known != kind);
        self.more.push((kind, value.to_vec()));
        self
    }

    fn tenant(&self) -> TenantId {
        tenant(if self.router < 100 { 1 } else { 2 })
    }

    fn compose(&self) -> Vec<u8> {
        let mut buffer = [0; 4096];
        let mut packet = Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, 9).unwrap();
        packet.u32(AttributeType::ACCT_STATUS_TYPE, self.status).unwrap();
        if matches!(self.status, START | STOP | INTERIM) {
            packet.octets(AttributeType::ACCT_SESSION_ID, &self.session_id).unwrap();
            packet.octets(AttributeType::USER_NAME, &self.username).unwrap();
            packet.u32(AttributeType::NAS_PORT, self.port).unwrap();
            for (kind, value) in &self.more {
                packet.octets(AttributeType(*kind), value).unwrap();
            }
        }
        if let Some(time) = self.time {
            packet.u32(AttributeType::ACCT_SESSION_TIME, time).unwrap();
        }
        if let Some((octets, gigawords)) = self.octets {
            packet.u32(AttributeType::ACCT_OUTPUT_OCTETS, octets).unwrap();
            if let Some(gigawords) = gigawords {
                packet.u32(AttributeType::ACCT_OUTPUT_GIGAWORDS, gigawords).unwrap();
            }
        }
        if let Some(number) = self.cookie {
            let cookie =
                Cookie { subscriber: subscriber(1), session: session(number), overlay_generation: 3 };
            packet.octets(AttributeType::CLASS, &class::compose(&cookie, self.tenant(), &key())).unwrap();
        }
        let length = packet.finish(&SharedSecret::new(b"testing123").unwrap());
        buffer[..length].to_vec()
    }
}

fn plan(tenant: TenantId) -> entry::Plan {
    entry::Plan {
        id: PlanId::from_bytes(octets(5, 1)),
        tenant,
        rate_limit: None,
        pool: None,
        ipv6_pool: None,
        delegated_ipv6_pool: None,
        group: None,
        address_list: None,
        filter: None,
        session_timeout: None,
        idle_timeout: None,
        interim_interval: 300,
        simultaneous: 1,
        hours: Box::default(),
        attributes: Box::default(),
    }
}

fn entry(number: u16, tenant: TenantId, username: &str) -> entry::Subscriber {
    entry::Subscriber {
        id: subscriber(number),
        tenant,
        plan: plan(tenant).id,
        username: username.as_bytes().into(),
        password: entry::Password::Clear(SecretBytes::new(b"rahasia".to_vec())),
        standing: entry::Standing::Active,
        expires_at: None,
        overlay: entry::OverlayReasons::default(),
        overlay_generation: 0,
        service: entry::ServiceType::Any,
        mac_lock: entry::MacLock::Off,
        router: None,
        static_address: None,
        ipv6_prefix: None,
        delegated_ipv6_prefix: None,
        routes: Box::default(),
        simultaneous: None,
        attributes: Box::default(),
    }
}

/// A directory where `budi` is subscriber 1 at tenant 1 and subscriber 2 at tenant 2; tenant 1's realm is `warga.net`.
fn directory() -> (Arc<Directory>, DirectoryWriter) {
    let (directory, mut writer) = Directory::create(HashKey::new([1; aaa::directory::HASH_KEY_OCTETS]));
    for number in [1, 2] {
        let id = tenant(number);
        let profile = entry::Tenant {
            id,
            zone: jiff::tz::TimeZone::UTC,
            realm: (number == 1).then(|| "warga.net".into()),
            isolir: entry::IsolirProfile::default(),
            stopped: false,
        };
        writer.apply(Change::Tenant(profile)).unwrap();
        writer.apply(Change::Subscriber(entry(number, id, "budi"))).unwrap();
    }
    writer.apply(Change::Plan(plan(tenant(1)))).unwrap();
    writer.caught_up(NOW);
    (directory, writer)
}

fn append(drain: &Drain, kind: Kind, version: u16, packet: &Packet, payload: &[u8]) {
    let record = Record {
        kind,
        version,
        received_at: at(packet.received),
        tenant: packet.tenant(),
        router: router(packet.router),
        payload,
    };
    drain.journal.append(&record).unwrap();
}

/// Waits until everything that was appended is durable.
fn sync(drain: &Drain) {
    while drain.journal.durable() < drain.journal.appended() {
        std::thread::yield_now();
    }
}

/// A journal in a folder of its own, a directory, and a drainer.
struct World {
    db: TestDb,
    drain: Drain,
    _writer: DirectoryWriter,
    folder: tempfile::TempDir,
}

impl World {
    async fn new(db: TestDb) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = journal::Config {
            segment_octets: 8 << 20,
            ..journal::Config::new(folder.path(), db.identity().await.unwrap())
        };
        let (clock, _) = Clock::mock(NOW);
        let journal = Arc::new(Journal::open(config, clock.clone()).unwrap());
        let (directory, writer) = directory();
        let drain = Drain { db: db.clone(), journal, directory, class_key: key(), clock };
        Self { db, drain, _writer: writer, folder }
    }

    fn append(&self, packet: &Packet) {
        self.append_raw(Kind::ACCOUNTING, ACCOUNTING_VERSION, packet, &packet.compose());
    }

    fn append_raw(&self, kind: Kind, version: u16, packet: &Packet, payload: &[u8]) {
        append(&self.drain, kind, version, packet, payload);
    }

    fn sync(&self) {
        sync(&self.drain);
    }

    /// Appends and drains.
    async fn take(&self, packets: &[Packet]) {
        for packet in packets {
            self.append(packet);
        }
        self.sync();
        self.drain.drain_now().await.unwrap();
    }

    fn scope(&self, number: u16) -> Scope {
        self.db.platform().within(tenant(number))
    }

    /// All sessions of a tenant, the oldest first.
    async fn sessions(&self, number: u16) -> Vec<StoredSession> {
        let mut conn = self.db.conn().await.unwrap();
        let request = PageRequest::new(Some(500), None);
        let mut page = list(&mut conn, &self.scope(number), &Filter::default(), &request).await.unwrap();
        assert_eq!(page.next, None);
        page.rows.reverse();
        page.rows
    }

    /// A tenant's session with that id.
    async fn sessions_of(&self, number: u16, id: SessionId) -> StoredSession {
        find(&mut self.db.conn().await.unwrap(), &self.scope(number), id).await.unwrap().unwrap()
    }

    /// The only session of tenant 1.
    async fn only(&self) -> StoredSession {
        let [session] = self.sessions(1).await.try_into().unwrap();
        session
    }

    /// Upload and download of subscriber 1 in all hours.
    async fn usage(&self) -> (i64, i64) {
        let mut conn = self.db.conn().await.unwrap();
        usage(&mut conn, &self.scope(1), subscriber(1), at(-1_000_000), at(10_000_000)).await.unwrap()
    }

    async fn refused(&self) -> i64 {
        count_refused(&mut self.db.conn().await.unwrap()).await.unwrap()
    }

    /// The journal's position in the database.
    async fn position(&self) -> i64 {
        let mut conn = self.db.conn().await.unwrap();
        store::journal::position(&mut conn, self.drain.journal.id().unwrap()).await.unwrap()
    }
}
