//! Events as a list and as a live stream, and what the super admin does about a subscriber that is stuck.

use std::{sync::Arc, time::Duration};

use aaa::live::Live;
use axum::body::{Body, BodyDataStream};
use base::{Clock, Scope, TenantId, page::PageRequest};
use foundation::{
    Tx,
    audit::{self, Filter},
    event::{
        Dispatcher, Envelope, Event, Failure, Kind, Retention, Settings, Start, Subscriber, Subscribers, trim,
    },
    testing::TestDb,
};
use futures_util::TryStreamExt as _;
use rrnetd::domain::{
    access::Role,
    isolir::DisconnectBarred,
    tenant::{self, TenantStatus},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    harness::Rig,
    network::{Accounting, Network},
};

foundation::battery! {
    events_are_listed_newest_first,
    a_stream_carries_what_is_committed_and_is_resumed,
    a_position_that_is_gone_is_reset,
    the_platform_listens_to_everybody_or_to_one,
    a_stream_ends_with_its_token_and_its_tenant,
    who_catches_up_is_looked_at_too,
    who_does_not_read_is_cut,
    attempts_are_told_to_who_asks_for_them,
    the_super_admin_sees_who_is_stuck_and_gets_it_going,
    who_is_suspended_is_disconnected,
    a_fault_between_a_suspension_and_its_disconnect_loses_and_repeats_nothing,
}

#[derive(Serialize)]
struct Happened {
    number: i64,
}

impl Event for Happened {
    const KIND: &'static str = "happened";
}

#[derive(Serialize)]
struct Other {}

impl Event for Other {
    const KIND: &'static str = "other";
}

async fn publish(rig: &Rig, scope: &Scope, numbers: impl IntoIterator<Item = i64>) {
    let mut tx = rig.db.begin().await.unwrap();
    for number in numbers {
        tx.publish(scope, &Happened { number });
    }
    tx.commit().await.unwrap();
}

/// A frame of a stream.
#[derive(Debug, PartialEq)]
struct Frame {
    id: Option<String>,
    event: String,
    data: Value,
}

struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    #[track_caller]
    fn of(response: http::Response<Body>) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next frame, without the signs of life; `None` at the end.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            while let Some((frame, rest)) = self.text.split_once("\n\n") {
                let mut lines = frame.lines().filter(|line| !line.starts_with(':')).peekable();
                let mut found = Frame { id: None, event: String::new(), data: Value::Null };
                let is_frame = lines.peek().is_some();
                for line in lines {
                    match line.split_once(": ").unwrap() {
                        ("id", id) => found.id = Some(id.to_owned()),
                        ("event", event) => found.event = event.to_owned(),
                        ("data", data) => found.data = serde_json::from_str(data).unwrap(),
                        other => panic!("{other:?}"),
                    }
                }
                self.text = rest.to_owned();
                if is_frame {
                    return Some(found);
                }
            }
            let octets = self.body.try_next().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&octets).unwrap());
        }
    }

    async fn numbers(&mut self, count: usize) -> Vec<i64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let frame = self.next().await.unwrap();
            assert_eq!(frame.event, "happened");
            numbers.push(frame.data["body"]["number"].as_i64().unwrap());
        }
        numbers
    }

    async fn end(&mut self) -> String {
        let frame = self.next().await.unwrap();
        assert_eq!(frame.event, "end", "{frame:?}");
        assert_eq!(self.next().await, None);
        frame.data["reason"].as_str().unwrap().to_owned()
    }
}

async fn events_are_listed_newest_first(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("lain").await);
    publish(&rig, &tenant.scope, 1..=3).await;
    publish(&rig, &other.scope, 7..=9).await;
    let list = async |path: &str| rig.get(path).token(&tenant.owner).send().await.expect(200);
    let first = list("/api/v1/events?limit=2").await;
    let numbers: Vec<&Value> =
        first["rows"].as_array().unwrap().iter().map(|row| &row["body"]["number"]).collect();
    assert_eq!(numbers, [&json!(3), &json!(2)]);
    let second = list(&format!("/api/v1/events?limit=2&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!(second["rows"][0]["body"]["number"], 1);
    let made = list("/api/v1/events?kind=tenant_created").await;
    let row = &made["rows"][0];
    assert_eq!(
        (&row["kind"], &row["version"], &row["sequence"]),
        (&json!("tenant_created"), &json!(1), &json!(1))
    );
    assert_eq!(row["tenantId"], tenant.id.to_string());
    assert_eq!(made["rows"].as_array().unwrap().len(), 1);
    rig.get("/api/v1/events?after=x").token(&tenant.owner).send().await.problem("invalid_cursor");
    let admin = rig.admin().await;
    let own = rig.get("/api/v1/platform/events").token(&admin).send().await.expect(200);
    assert!(own["rows"].is_array());
    let seen = rig.get("/api/v1/events").token(&admin).within(other.id).send().await.expect(200);
    assert_eq!(seen["rows"][0]["body"]["number"], 9);
}

async fn a_stream_carries_what_is_committed_and_is_resumed(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("lain").await);
    publish(&rig, &tenant.scope, [0]).await;
    let call = |path: &str| rig.get(path).token(&tenant.owner);
    let mut stream = Stream::of(call("/api/v1/events/stream").open().await);
    publish(&rig, &other.scope, [100]).await;
    publish(&rig, &tenant.scope, 1..=250).await;
    assert_eq!(stream.numbers(200).await, (1..=200).collect::<Vec<_>>(), "from now on, and nobody else's");
    let last = stream.next().await.unwrap();
    drop(stream);
    publish(&rig, &tenant.scope, [251]).await;

    // It goes on behind the last one, wherever that is said.
    let id = last.id.unwrap();
    let resumed = call("/api/v1/events/stream").header("last-event-id", &id);
    let mut resumed = Stream::of(resumed.open().await);
    assert_eq!(resumed.numbers(50).await, (202..=251).collect::<Vec<_>>());
    let mut again = Stream::of(call(&format!("/api/v1/events/stream?lastEventId={id}")).open().await);
    assert_eq!(again.numbers(50).await, (202..=251).collect::<Vec<_>>());

    // Of certain kinds only.
    let mut others = Stream::of(call("/api/v1/events/stream?kinds=other,rest").open().await);
    let mut tx = rig.db.begin().await.unwrap();
    tx.publish(&tenant.scope, &Happened { number: 252 });
    tx.publish(&tenant.scope, &Other {});
    tx.commit().await.unwrap();
    assert_eq!(others.next().await.unwrap().event, "other");
    rig.stop.cancel();
    assert_eq!(others.end().await, "stopping");
}

async fn a_position_that_is_gone_is_reset(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    publish(&rig, &tenant.scope, 1..=5).await;
    let retention = Retention { keep: Duration::from_secs(1), hold: Duration::from_secs(1) };
    let mut tx = rig.db.begin_bulk().await.unwrap();
    let later = rig.clock.wall().saturating_add(Duration::from_secs(60));
    assert_eq!(trim(&mut tx, tenant.id, &retention, later).await.unwrap().events, 6);
    tx.commit().await.unwrap();
    publish(&rig, &tenant.scope, [6]).await;
    for gone in ["2", "999", "nonsense"] {
        let call = rig.get("/api/v1/events/stream").token(&tenant.owner).header("last-event-id", gone);
        let mut stream = Stream::of(call.open().await);
        let reset = stream.next().await.unwrap();
        assert_eq!((reset.event.as_str(), reset.id.as_deref()), ("reset", Some("7")), "{gone}");
        assert_eq!((&reset.data["oldest"], &reset.data["head"]), (&json!(7), &json!(7)));
        publish(&rig, &tenant.scope, [7]).await;
        assert_eq!(stream.numbers(1).await, [7], "it goes on from there");
        let mut tx = rig.db.begin().await.unwrap();
        tx.query("DELETE FROM event WHERE tenant_id = $1 AND sequence = 8")
            .bind(tenant.id)
            .execute_one()
            .await
            .unwrap();
        tx.query("UPDATE stream_head SET event_sequence = 7 WHERE tenant_id = $1")
            .bind(tenant.id)
            .execute_one()
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

async fn the_platform_listens_to_everybody_or_to_one(db: TestDb) {
    let rig = Rig::new(db).await;
    let (one, two) = (rig.tenant("satu").await, rig.tenant("dua").await);
    let admin = rig.admin().await;
    let open = async |path: &str| Stream::of(rig.get(path).token(&admin).open().await);
    let mut all = open("/api/v1/platform/events/stream?kinds=happened").await;
    let mut only = open(&format!("/api/v1/platform/events/stream?tenantId={}", two.id)).await;
    publish(&rig, &one.scope, [1]).await;
    publish(&rig, &two.scope, [2]).await;
    let heard = [all.next().await.unwrap(), all.next().await.unwrap()];
    let tenants: Vec<&str> = heard.iter().map(|frame| frame.data["tenantId"].as_str().unwrap()).collect();
    assert_eq!(tenants, [one.id.to_string(), two.id.to_string()]);
    assert_eq!(heard[0].id, Some(format!("{}:2", one.id)));
    assert_eq!(only.numbers(1).await, [2]);
    // A tenant that is new meanwhile.
    let three = rig.tenant("tiga").await;
    publish(&rig, &three.scope, [3]).await;
    assert_eq!(all.numbers(1).await, [3]);
    let call = rig.get("/api/v1/platform/events/stream").token(&admin).header("last-event-id", "x:1");
    assert_eq!(Stream::of(call.open().await).next().await.unwrap().event, "reset");
}

async fn a_stream_ends_with_its_token_and_its_tenant(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    rig.user(Some(&tenant.scope), "collector@warga.test", Role::Collector).await;
    let collector = rig.login("collector@warga.test", Some("warga")).await;
    rig.get("/api/v1/events/stream").token(&collector).send().await.problem("permission_missing");

    let session = rig.login("owner@warga.test", Some("warga")).await;
    let mut stream = Stream::of(rig.get("/api/v1/events/stream").token(&session).open().await);
    rig.post("/api/v1/logout").token(&session).send().await;
    publish(&rig, &tenant.scope, [1]).await;
    let mut last = stream.next().await.unwrap();
    if last.event == "happened" {
        last = stream.next().await.unwrap();
    }
    assert_eq!((last.event.as_str(), &last.data["reason"]), ("end", &json!("revoked")));

    let mut stream = Stream::of(rig.get("/api/v1/events/stream").token(&tenant.owner).open().await);
    let mut tx = rig.db.begin().await.unwrap();
    tenant::set_status(&mut tx, &rig.platform(), tenant.id, TenantStatus::Isolated).await.unwrap();
    tx.commit().await.unwrap();
    // The last word may be why it ends.
    let mut last = stream.next().await.unwrap();
    if last.event == "tenant_isolated" {
        last = stream.next().await.unwrap();
    }
    assert_eq!((last.event.as_str(), &last.data["reason"]), ("end", &json!("locked")));
}

async fn who_catches_up_is_looked_at_too(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    publish(&rig, &tenant.scope, 1..=900).await;
    let session = rig.login("owner@warga.test", Some("warga")).await;
    let call = rig.get("/api/v1/events/stream").token(&session).header("last-event-id", "1");
    let mut stream = Stream::of(call.open().await);
    // It has read the first pages, and waits for somebody to take them.
    assert_eq!(stream.numbers(1).await, [1]);
    rig.post("/api/v1/logout").token(&session).send().await;
    rig.hand.advance(Duration::from_secs(5));
    let mut heard = 1;
    let last = loop {
        let frame = stream.next().await.unwrap();
        if frame.event != "happened" {
            break frame;
        }
        heard += 1;
    };
    assert_eq!((last.event.as_str(), &last.data["reason"]), ("end", &json!("revoked")));
    assert!(heard < 900, "it got everything");
}

async fn who_does_not_read_is_cut(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let mut slow = Stream::of(rig.get("/api/v1/events/stream").token(&tenant.owner).open().await);
    let mut quick = Stream::of(rig.get("/api/v1/events/stream").token(&tenant.owner).open().await);
    publish(&rig, &tenant.scope, 1..=500).await;
    assert_eq!(quick.numbers(500).await.len(), 500);
    while rig.streams.listening() > 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut heard = 0;
    while let Some(frame) = slow.next().await {
        assert_eq!(frame.event, "happened", "there was no room for a farewell");
        heard += 1;
    }
    assert!((1..100).contains(&heard), "{heard} frames were kept for it");
    publish(&rig, &tenant.scope, [501]).await;
    assert_eq!(quick.numbers(1).await, [501], "others are not concerned");
}

async fn attempts_are_told_to_who_asks_for_them(db: TestDb) {
    let mut net = Network::new(db).await;
    net.subscriber("budi", "rahasia").await;
    net.feed().await;
    let path = "/api/v1/events/stream?kinds=radius_auth_attempt";
    let mut stream = Stream::of(net.rig.get(path).token(&net.tenant.owner).open().await);
    net.rig.hand.advance(Duration::from_secs(1));
    net.dial("budi", "wrong");
    let frame = stream.next().await.unwrap();
    assert_eq!((frame.event.as_str(), frame.id), ("radius_auth_attempt", None));
    let body = &frame.data["body"];
    assert_eq!((&body["accepted"], &body["rejected"]), (&json!(0), &json!(1)));
    assert_eq!(
        (&body["sample"][0]["username"], &body["sample"][0]["outcome"]),
        (&json!("budi"), &json!("wrong_password"))
    );
    assert!(!frame.data.to_string().contains("rahasia"));
}

/// Fails until it is told that all is well.
struct Stubborn;

impl Subscriber for Stubborn {
    const NAME: &'static str = "test.stubborn";
    const KINDS: &'static [Kind] = &[Kind::of::<Happened>()];
    const START: Start = Start::Beginning;

    async fn handle(&self, _: &mut Tx, _: &Scope, envelope: &Envelope) -> Result<(), Failure> {
        match envelope.body["number"].as_i64() {
            Some(13) => panic!("not this one"),
            _ => Ok(()),
        }
    }
}

async fn the_super_admin_sees_who_is_stuck_and_gets_it_going(db: TestDb) {
    let rig = Rig::new(db).await;
    let (ill, well) = (rig.tenant("sakit").await, rig.tenant("sehat").await);
    let admin = rig.admin().await;
    let (clock, settings) = (rig.clock.clone(), Settings::of(&rig.db));
    let dispatcher =
        |clock: Clock| Dispatcher::new((*rig.db).clone(), clock, Subscribers::new().with(Stubborn), settings);
    publish(&rig, &ill.scope, [12, 13, 14, 13]).await;
    publish(&rig, &well.scope, [1]).await;
    dispatcher(clock.clone()).settle().await.unwrap();

    let health = rig.get("/readyz").send().await.json();
    assert_eq!(health["events"]["parked"], json!([{ "subscriber": "test.stubborn", "tenants": 1 }]));
    let list = async |query: &str| {
        let path = format!("/api/v1/platform/event-subscribers{query}");
        rig.get(&path).token(&admin).send().await.expect(200)["rows"].as_array().unwrap().clone()
    };
    assert!(list("").await.len() >= 2);
    let stuck = list("?parked=true").await;
    let [row] = stuck.as_slice() else { panic!("{stuck:?}") };
    assert_eq!((&row["tenantId"], &row["subscriber"]), (&json!(ill.id.to_string()), &json!("test.stubborn")));
    assert_eq!((&row["position"], &row["head"], &row["lag"]), (&json!(2), &json!(5), &json!(3)));
    assert!(row["lastError"].as_str().unwrap().contains("not this one"));
    assert!(row["parkedSince"].is_string() && row["retryAt"].is_string());

    let act = async |act: &str, tenant: TenantId, more: Value| {
        let mut body = json!({ "tenantId": tenant, "subscriber": "test.stubborn", "reason": "mending" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rig.post(&format!("/api/v1/platform/event-subscribers/{act}")).token(&admin).json(&body).send().await
    };
    act("skip", ill.id, json!({ "sequence": 2 })).await.problem("subscriber_moved");
    let skipped = act("skip", ill.id, json!({ "sequence": 3 })).await.expect(200);
    assert_eq!((&skipped["position"], &skipped["parkedSince"]), (&json!(3), &Value::Null));
    dispatcher(clock.clone()).settle().await.unwrap();
    assert_eq!(list("?parked=true").await[0]["position"], 4, "stuck at the next one like it");
    act("retry", ill.id, json!({})).await.expect(200);
    act("skip", ill.id, json!({ "sequence": 5 })).await.expect(200);
    assert_eq!(list("?parked=true").await.len(), 0);
    act("replay", ill.id, json!({ "from": 9 })).await.problem("event_not_kept");
    let again = act("replay", well.id, json!({ "from": 1 })).await.expect(200);
    assert_eq!((&again["position"], &again["lag"]), (&json!(0), &json!(2)));
    act("retry", TenantId::PLATFORM, json!({})).await.problem("not_found");
    act("retry", ill.id, json!({ "reason": " " })).await.problem("invalid_body");
    let trail =
        rig.get("/api/v1/audit?targetKind=event_subscriber").token(&admin).within(ill.id).send().await;
    let trail = trail.expect(200);
    let acts: Vec<&Value> = trail["rows"].as_array().unwrap().iter().map(|row| &row["act"]).collect();
    assert_eq!(acts, ["event.skip", "event.retry", "event.skip"]);
    assert_eq!(trail["rows"][0]["reason"], "mending");
}

/// Sessions that are ordered to be ended.
async fn orders(rig: &Rig, tenant: TenantId) -> i64 {
    let mut conn = rig.db.conn().await.unwrap();
    let (orders,): (i64,) = conn
        .query("SELECT COUNT(*) FROM disconnect_order WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one()
        .await
        .unwrap();
    orders
}

async fn who_is_suspended_is_disconnected(db: TestDb) {
    let mut net = Network::new(db).await;
    let (budi, siti) = (net.subscriber("budi", "rahasia").await, net.subscriber("siti", "rahasia").await);
    net.feed().await;
    for (username, session_id, address) in
        [("budi", "8100000a", "10.1.0.7"), ("siti", "8100000b", "10.1.0.8")]
    {
        let (_, class) = net.dial(username, "rahasia");
        let start = Accounting { status: 1, session_id, username, address, seconds: 0, download: 0 };
        net.account(&start, class.as_deref());
    }
    let post = async |path: &str, act: &str| {
        let path = format!("{path}/{act}");
        net.rig.post(&path).token(&net.tenant.owner).send().await.expect(200);
    };
    let dispatcher = |live: &Arc<Live>| {
        let (live, clock) = (Arc::clone(live), net.rig.clock.clone());
        let subscribers = Subscribers::new().with(DisconnectBarred { live, clock: clock.clone() });
        Dispatcher::new((*net.rig.db).clone(), clock, subscribers, Settings::of(&net.rig.db))
    };
    dispatcher(&net.rig.live).register().await.unwrap();
    // Resumed before anybody looked: an old event ends nobody's session.
    post(&budi, "suspend").await;
    post(&budi, "resume").await;
    dispatcher(&net.rig.live).settle().await.unwrap();
    assert_eq!(orders(&net.rig, net.tenant.id).await, 0);
    // This node has it online; the database has not heard of it yet.
    post(&budi, "suspend").await;
    dispatcher(&net.rig.live).settle().await.unwrap();
    assert_eq!(orders(&net.rig, net.tenant.id).await, 1);
    // Another node had it, and told the database.
    net.drain().await;
    post(&siti, "end").await;
    dispatcher(&Arc::new(Live::new([9; 16]))).settle().await.unwrap();
    assert_eq!(orders(&net.rig, net.tenant.id).await, 2);
    let trail = net.rig.get("/api/v1/audit?act=session.disconnect").token(&net.tenant.owner).send().await;
    let trail = trail.expect(200);
    assert_eq!(trail["rows"].as_array().unwrap().len(), 2);
    assert_eq!(trail["rows"][0]["actor"], "system:isolir.disconnect_barred");
}

/// From the request to the reaction, with a fault at the first point, the second, and so on, until there are no more.
async fn a_fault_between_a_suspension_and_its_disconnect_loses_and_repeats_nothing(db: TestDb) {
    let mut net = Network::new(db).await;
    let path = net.subscriber("budi", "rahasia").await;
    net.feed().await;
    let (_, class) = net.dial("budi", "rahasia");
    let (session_id, address) = ("8100000a", "10.1.0.7");
    let start = Accounting { status: 1, session_id, username: "budi", address, seconds: 0, download: 0 };
    net.account(&start, class.as_deref());
    let rig = &net.rig;
    let post = async |act: &str| rig.post(&format!("{path}/{act}")).token(&net.tenant.owner).send().await;
    let subscriber = async || rig.get(&path).token(&net.tenant.owner).send().await.expect(200);
    let disconnects = async || {
        let page = PageRequest::new(Some(500), None);
        let filter = Filter { act: Some("session.disconnect".into()), ..Filter::default() };
        let mut conn = rig.db.conn().await.unwrap();
        audit::list(&mut conn, &net.tenant.scope, &filter, &page).await.unwrap().rows.len()
    };
    // One that has forgotten everything, as after a restart.
    let dispatcher = || {
        let subscribers = Subscribers::new()
            .with(DisconnectBarred { live: Arc::clone(&rig.live), clock: rig.clock.clone() });
        let settings = Settings::of(&rig.db);
        Dispatcher::new((*rig.db).clone(), rig.clock.clone(), subscribers, settings)
    };
    // A transaction that a fault broke off is undone a moment later, and leaves its row to nobody until then.
    let settle = async || {
        loop {
            dispatcher().settle().await.unwrap();
            if dispatcher().backlog().await.unwrap().iter().all(|backlog| backlog.events == 0) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    let mut suspended = 0;
    for point in 1.. {
        let before = disconnects().await;
        rig.db.faults().arm(point);
        // Whatever it answers: the one who asked for it may have to ask again.
        post("suspend").await;
        let _ = dispatcher().settle().await;
        let is_last = rig.db.faults().disarm();
        // As long as the first wait, and short enough for the session to be online all the time.
        rig.hand.advance(Duration::from_secs(2));
        settle().await;
        let is_suspended = subscriber().await["status"] == "suspended";
        assert_eq!(disconnects().await - before, usize::from(is_suspended), "point {point}");
        suspended += usize::from(is_suspended);
        post("resume").await.expect(200);
        settle().await;
        if is_last {
            assert!(point > 30 && suspended > 15, "{suspended} of {point}");
            return;
        }
    }
}
