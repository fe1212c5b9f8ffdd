//! What happened, as a list.

use foundation::testing::TestDb;
use serde_json::{Value, json};

use super::publish;
use crate::harness::Rig;

foundation::battery! {
    events_are_listed_newest_first,
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
