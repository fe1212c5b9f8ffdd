//! Against a router on a socket: what is concluded from absence, from Error-Cause 503, and from silence.

use std::{
    net::{Ipv4Addr, UdpSocket},
    thread,
};

use aaa::{
    directory::{self, Change, HashKey, entry},
    live::{Identifiers, Path, Progress, Restored, Usage},
    net::dynauth::Running,
};
use base::{RouterId, SessionId};
use foundation::testing::{NOW, TestDb};
use radius::{attribute::AttributeType, code::Code, compose::Composer, index::Index, secret::SharedSecret};

use super::{super::disconnect, *};
use crate::domain::tenant::{self, TenantSpec};

foundation::battery! {
    an_order_waits_for_the_live_table_and_ends_a_session_that_is_gone,
    a_router_that_is_heard_and_leaves_coa_unanswered_is_asked_to_disconnect,
}

#[test]
fn attempts_space_out_up_to_a_limit() {
    let waits: Vec<u64> = (1..=8).map(|attempts| backoff(attempts, 15).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 15, 15, 15, 15]);
    assert_eq!(backoff(i64::MAX, 300).as_secs(), 300);
}

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn secret() -> SharedSecret {
    SharedSecret::new(b"testing123").unwrap()
}

/// A router that answers Disconnect with `code` and Error-Cause, and CoA never. Its port.
fn poses(code: Code, cause: Option<u32>) -> u16 {
    let socket = UdpSocket::bind((HOME, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut request, mut reply) = ([0; 4_096], [0; 4_096]);
        while let Ok((length, from)) = socket.recv_from(&mut request) {
            if request[0] == 43 {
                continue;
            }
            let asked = Index::parse(&request[..length]).unwrap();
            let mut composer = Composer::reply(&mut reply, code, &asked).unwrap();
            if let Some(cause) = cause {
                composer.u32(AttributeType::ERROR_CAUSE, cause).unwrap();
            }
            let length = composer.finish(&secret());
            socket.send_to(&reply[..length], from).unwrap();
        }
    });
    port
}

struct Rig {
    executor: Executor,
    tenant: TenantId,
    router: RouterId,
    _sender: Running,
    _writer: directory::DirectoryWriter,
}

impl Rig {
    async fn new(db: &TestDb, port: u16) -> Self {
        let clock = Clock::system();
        let mut tx = db.begin().await.unwrap();
        let tenant =
            tenant::create(&mut tx, &db.platform(), TenantSpec::new("warga", "warga")).await.unwrap().id;
        tx.commit().await.unwrap();
        let router = RouterId::generate(NOW);
        let (directory, mut writer) = Directory::create(HashKey::new([1; directory::HASH_KEY_OCTETS]));
        writer
            .apply(Change::Router(entry::Router {
                id: router,
                tenant,
                name: "edge".into(),
                addresses: Box::new([HOME]),
                secret: secret(),
                message_authenticator: entry::MessageAuthenticatorPolicy::Off,
                reject_delay: Duration::ZERO,
                octets: entry::OctetDirection::InputIsUpload,
                change_way: entry::ChangeWay::CoaThenDisconnect,
                dynauth_address: Some(HOME),
                dynauth_port: port,
                dynauth_event_timestamp: false,
            }))
            .unwrap();
        writer.caught_up(NOW);
        let sender = Running::start(clock.clone(), Duration::from_millis(300)).unwrap();
        let executor = Executor {
            db: Db::clone(db),
            directory,
            live: Arc::new(Live::new([9; 16])),
            sender: sender.sender(),
            clock,
            source: HOME,
            restored: Arc::new(AtomicBool::new(false)),
        };
        Self { executor, tenant, router, _sender: sender, _writer: writer }
    }

    /// Puts a session into the live table, as the restore does.
    fn online(&self) -> LiveSession {
        let Executor { live, clock, .. } = &self.executor;
        let id = SessionId::generate(NOW);
        let progress =
            Progress { started: NOW, updated: NOW, session_time: 0, usage: Usage::default(), end: None };
        let restored = Restored {
            id,
            from_cookie: false,
            subscriber: Some(SubscriberId::generate(NOW)),
            progress,
            identifiers: Identifiers::collect(|kind| (kind == 44).then_some(&b"81000001"[..])),
            framed_address: None,
            nas_port: None,
            mac: None,
            overlay_generation: None,
            interval: 0,
        };
        assert!(live.restore(clock.now(), &live.router(self.router, self.tenant), &restored));
        live.find(clock.now(), self.tenant, id).unwrap()
    }

    /// Takes what is due, and waits for its end. The order's state and outcome.
    async fn work(&self) -> (String, Option<String>) {
        let (mut tasks, mut in_flight) = (JoinSet::new(), InFlight::new());
        let mut tx = self.executor.db.begin().await.unwrap();
        tx.query("UPDATE disconnect_order SET next_attempt_at = $1 WHERE next_attempt_at IS NOT NULL")
            .bind(NOW)
            .execute()
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.executor.round(&mut tasks, &mut in_flight).await.unwrap();
        while tasks.join_next().await.is_some() {}
        let mut conn = self.executor.db.conn().await.unwrap();
        conn.query("SELECT state, outcome FROM disconnect_order").fetch_one().await.unwrap()
    }
}

/// RFC 5176 §3.5; radius.md, behaviour 54.
async fn an_order_waits_for_the_live_table_and_ends_a_session_that_is_gone(db: TestDb) {
    let mut rig = Rig::new(&db, poses(Code::DISCONNECT_NAK, Some(503))).await;
    let session = rig.online();
    let full = std::mem::replace(&mut rig.executor.live, Arc::new(Live::new([9; 16])));
    let mut tx = db.begin().await.unwrap();
    disconnect(&mut tx, &db.platform().within(rig.tenant), session.id, rig.router).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rig.work().await, ("pending".to_owned(), None), "nobody knows yet who is online");
    rig.executor.live = full;
    rig.executor.restored.store(true, Ordering::Release);
    assert_eq!(rig.work().await, ("done".to_owned(), Some("Disconnect-NAK, Error-Cause 503".to_owned())));
    assert_eq!(rig.executor.live.stats().open, 0, "and counts no more");
    let mut tx = db.begin().await.unwrap();
    disconnect(&mut tx, &db.platform().within(rig.tenant), session.id, rig.router).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rig.work().await, ("done".to_owned(), Some("the session is over".to_owned())));
}

/// radius.md, behaviour 55.
async fn a_router_that_is_heard_and_leaves_coa_unanswered_is_asked_to_disconnect(db: TestDb) {
    let rig = Rig::new(&db, poses(Code::DISCONNECT_ACK, None)).await;
    let session = rig.online();
    let router = rig.executor.directory.router(rig.router).unwrap();
    let observed = rig.executor.live.find_router(rig.router).unwrap();
    let courier = Courier { sender: rig.executor.sender.clone() };
    let coa = || {
        let way = Way::Coa(vec![26, 10, 0, 0, 0x3a, 0x8c, 8, 4, b'1', b'M']);
        Delivery::new(&session, Arc::clone(&router), way, HOME)
    };
    observed.seen(NOW, Path { peer: HOME, local: HOME });
    let silent = courier.send(coa().or_disconnect(Some(Arc::clone(&observed)), NOW)).await;
    assert!(matches!(silent, send::Result::Unreachable(_)), "it was not heard since: {silent:?}");
    let since = NOW.saturating_sub(Duration::from_secs(1));
    let first = courier.send(coa()).await;
    assert!(matches!(first, send::Result::Unreachable(_)), "one may be lost: {first:?}");
    let heard = courier.send(coa().or_disconnect(Some(observed), since)).await;
    assert!(matches!(heard, send::Result::Disconnected(text) if text == "no answer to CoA; Disconnect-ACK"));
}
