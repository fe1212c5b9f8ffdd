//! The live stream: what it carries, how it is resumed, and who is too slow for it.

use std::time::Duration;

use foundation::{
    event::{Event, Retention, trim},
    testing::TestDb,
};
use serde::Serialize;
use serde_json::json;

use super::{Happened, Stream, publish};
use crate::{harness::Rig, network::Network};

foundation::battery! {
    a_stream_carries_what_is_committed_and_is_resumed,
    a_position_that_is_gone_is_reset,
    the_platform_listens_to_everybody_or_to_one,
    who_does_not_read_is_cut,
    attempts_are_told_to_who_asks_for_them,
}

#[derive(Serialize)]
struct Other {}

impl Event for Other {
    const KIND: &'static str = "other";
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
