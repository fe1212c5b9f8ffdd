//! A tenant with a router, a plan and subscribers, all made over the API; and the router's packets, which go through the
//! policy and the journal as they do in the daemon.

use std::net::Ipv4Addr;

use aaa::{
    directory::Change,
    journal::Record,
    policy::{Action, ClassKey, Datagram, Outcome, Port, Scratch},
};
use base::RouterId;
use foundation::testing::TestDb;
use radius::{
    attribute::{AttributeType, ServiceType},
    code::Code,
    compose::Composer,
    index::Index,
    secret::SharedSecret,
};
use rrnetd::{
    domain::{nas, plan, session, subscriber, tenant},
    http::Settings,
};
use serde_json::{Value, json};

use crate::harness::{Rig, Tenant};

const SECRET: &str = "testing123";
const ROUTER: &str = "192.0.2.1";

pub(crate) struct Network {
    pub(crate) rig: Rig,
    pub(crate) tenant: Tenant,
    pub(crate) plan: String,
    pub(crate) router: String,
    scratch: Scratch,
    identifier: u8,
}

/// What an accounting packet tells.
pub(crate) struct Accounting<'a> {
    /// Acct-Status-Type: 1 Start, 2 Stop, 3 Interim.
    pub(crate) status: u32,
    pub(crate) session_id: &'a str,
    pub(crate) username: &'a str,
    pub(crate) address: &'a str,
    pub(crate) seconds: u32,
    pub(crate) download: u32,
}

impl Network {
    pub(crate) async fn new(db: TestDb) -> Self {
        Self::with(db, Settings::default()).await
    }

    pub(crate) async fn with(db: TestDb, settings: Settings) -> Self {
        let rig = Rig::with(db, settings).await;
        let tenant = rig.tenant("warga").await;
        let plan = json!({ "name": "20M", "price": 150_000, "currency": "IDR", "billing": "postpaid",
            "validity": { "months": 1 },
            "service": { "rateLimit": { "upload": { "rate": 5_000_000 }, "download": { "rate": 20_000_000 } } } });
        let plan = rig.post("/api/v1/plans").token(&tenant.owner).json(&plan).send().await.expect(201);
        let router = json!({ "router": { "name": "core", "addresses": [ROUTER] }, "secret": SECRET });
        let router = rig.post("/api/v1/routers").token(&tenant.owner).json(&router).send().await.expect(201);
        let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
        Self {
            plan: id(&plan),
            router: id(&router),
            rig,
            tenant,
            scratch: Scratch::with_seed([4; _]),
            identifier: 0,
        }
    }

    /// The form of a subscriber with a new customer.
    pub(crate) fn form(&self, username: &str, password: Option<&str>) -> Value {
        json!({
            "subscriber": { "username": username, "planId": self.plan },
            "password": password,
            "customer": { "customer": { "name": format!("Ibu {username}"), "phone": "0812-3456-789" },
                "identityNumber": "3171012345670001" },
        })
    }

    /// Makes a subscriber; gives its path.
    pub(crate) async fn subscriber(&self, username: &str, password: &str) -> String {
        let form = self.form(username, Some(password));
        let made = self.rig.post("/api/v1/subscribers").token(&self.tenant.owner).json(&form).send().await;
        made.expect(201);
        made.header("location").unwrap().to_owned()
    }

    /// Brings everything that is stored into the directory, as the feeder does.
    pub(crate) async fn feed(&mut self) {
        let mut conn = self.rig.db.conn().await.unwrap();
        let (platform, sealer) = (self.rig.platform(), &self.rig.sealer);
        let writer = &mut self.rig.directory;
        let mut changes = Vec::new();
        tenant::directory_entries(&mut conn, &platform, |it| changes.push(Change::Tenant(it))).await.unwrap();
        nas::directory_entries(&mut conn, &platform, sealer, |it| changes.push(Change::Router(it)))
            .await
            .unwrap();
        plan::directory_entries(&mut conn, &platform, |it| changes.push(Change::Plan(it))).await.unwrap();
        subscriber::directory_entries(&mut conn, &platform, sealer, |it| {
            changes.push(Change::Subscriber(it));
        })
        .await
        .unwrap();
        for change in changes {
            writer.apply(change).unwrap();
        }
        writer.caught_up(self.rig.clock.wall());
    }

    /// An Access-Request with PAP; gives what is written down of it, and the Class of an Accept.
    pub(crate) fn dial(&mut self, username: &str, password: &str) -> (Outcome, Option<Vec<u8>>) {
        self.identifier = self.identifier.wrapping_add(1);
        let (mut packet, secret) = ([0; 4096], secret());
        let authenticator = [self.identifier; 16];
        let mut request =
            Composer::request(&mut packet, Code::ACCESS_REQUEST, self.identifier, &authenticator).unwrap();
        request.octets(AttributeType::USER_NAME, username.as_bytes()).unwrap();
        request.user_password(password.as_bytes(), &secret).unwrap();
        request.u32(AttributeType::SERVICE_TYPE, ServiceType::FRAMED.0).unwrap();
        request.message_authenticator().unwrap();
        let length = request.finish(&secret);
        let (action, out) = self.answer(&packet[..length], Port::Authentication);
        let (Action::Reply { length } | Action::Delay { length, .. }) = action else { panic!("{action:?}") };
        let reply = Index::parse(&out[..length]).unwrap();
        let class = reply.packet().attributes().find(|it| it.kind == AttributeType::CLASS);
        let class = class.map(|it| it.value.to_vec());
        let newest = self.rig.policy.attempts().newest(self.tenant.id, 1, |_| true);
        (newest[0].outcome, class)
    }

    /// An Accounting-Request, into the journal and the live table.
    pub(crate) fn account(&mut self, told: &Accounting<'_>, class: Option<&[u8]>) {
        self.identifier = self.identifier.wrapping_add(1);
        let (mut packet, secret) = ([0; 4096], secret());
        let mut request =
            Composer::signed_request(&mut packet, Code::ACCOUNTING_REQUEST, self.identifier).unwrap();
        request.u32(AttributeType::ACCT_STATUS_TYPE, told.status).unwrap();
        request.text(AttributeType::ACCT_SESSION_ID, told.session_id).unwrap();
        request.text(AttributeType::USER_NAME, told.username).unwrap();
        request.ipv4(AttributeType::FRAMED_IP_ADDRESS, told.address.parse::<Ipv4Addr>().unwrap()).unwrap();
        request.text(AttributeType::CALLING_STATION_ID, "AA:BB:CC:00:00:01").unwrap();
        request.u32(AttributeType::ACCT_SESSION_TIME, told.seconds).unwrap();
        request.u32(AttributeType::ACCT_OUTPUT_OCTETS, told.download).unwrap();
        if let Some(class) = class {
            request.octets(AttributeType::CLASS, class).unwrap();
        }
        let length = request.finish(&secret);
        let (action, _) = self.answer(&packet[..length], Port::Accounting);
        assert!(matches!(action, Action::Record { .. }), "{action:?}");
    }

    /// Hands a packet to the policy, and what it records to the journal.
    fn answer(&mut self, packet: &[u8], port: Port) -> (Action, [u8; 4096]) {
        let peer = std::net::SocketAddr::new(ROUTER.parse().unwrap(), 1024);
        let datagram = Datagram { bytes: packet, peer, local: "203.0.113.1".parse().unwrap(), port };
        let (policy, now) = (&self.rig.policy, self.rig.clock.now());
        let identified = policy.identify(&mut self.scratch, &datagram).unwrap();
        let mut out = [0; 4096];
        let action = policy.answer(now, &identified, &mut self.scratch, &mut out);
        if let Action::Record { kind, version, tenant, router, .. } = action {
            let record = Record { kind, version, received_at: now.wall, tenant, router, payload: packet };
            self.rig.journal.append(&record).unwrap();
            policy.recorded(now, &identified, &mut self.scratch);
        }
        (action, out)
    }

    /// Applies the journal to the database, as the drainer does.
    pub(crate) async fn drain(&self) {
        let journal = &self.rig.journal;
        while journal.durable() < journal.appended() {
            tokio::task::yield_now().await;
        }
        let drain = session::Drain {
            db: (*self.rig.db).clone(),
            journal: journal.clone(),
            directory: self.rig.directory.directory().clone(),
            class_key: ClassKey::new([1; 16]),
            clock: self.rig.clock.clone(),
        };
        drain.drain_now().await.unwrap();
    }

    pub(crate) fn router_id(&self) -> RouterId {
        self.router.parse().unwrap()
    }
}

fn secret() -> SharedSecret {
    SharedSecret::new(SECRET.as_bytes()).unwrap()
}
