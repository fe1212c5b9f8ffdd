//! What the super admin does about a subscriber that is stuck.

use base::{Clock, Scope, TenantId};
use foundation::{
    Tx,
    event::{Dispatcher, Envelope, Failure, Kind, Settings, Start, Subscriber, Subscribers},
    testing::TestDb,
};
use serde_json::{Value, json};

use super::{Happened, publish};
use crate::harness::Rig;

foundation::battery! {
    the_super_admin_sees_who_is_stuck_and_gets_it_going,
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

    let health = rig.get("/readyz").peer(Some("127.0.0.1")).send().await.json();
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
