//! Plans over the API.

use foundation::testing::TestDb;
use serde_json::{Value, json};

use crate::harness::Rig;

foundation::battery! {
    a_plan_is_made_changed_and_removed,
    unknown_fields_are_refused_however_deep,
}

pub(crate) fn plan(name: &str) -> Value {
    json!({
        "name": name, "price": 150_000, "currency": "IDR", "billing": "postpaid", "validity": { "months": 1 },
        "service": { "rateLimit": { "upload": { "rate": 5_000_000 }, "download": { "rate": 20_000_000 } } },
        "attributes": [{ "name": "Mikrotik-Mark-Id", "value": "gold" }],
    })
}

async fn a_plan_is_made_changed_and_removed(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let make = || {
        rig.post("/api/v1/plans")
            .token(&tenant.owner)
            .header("idempotency-key", "a")
            .json(&plan("20M"))
            .send()
    };
    let answer = make().await;
    let made = answer.expect(201);
    assert_eq!((&made["price"], &made["service"]["simultaneous"]), (&json!(150_000), &json!(1)));
    assert_eq!(make().await.expect(201), made);
    let path = answer.header("location").unwrap();
    let put = |token: &str, seen: &str, body: &Value| {
        rig.put(path).token(token).header("if-match", seen).json(body).send()
    };
    put(&other.owner, "\"1\"", &plan("30M")).await.problem("not_found");
    let changed = put(&tenant.owner, "\"1\"", &plan("30M")).await.expect(200);
    assert_eq!((&changed["name"], &changed["version"]), (&json!("30M"), &json!(2)));
    let mut wrong = plan("40M");
    wrong["attributes"][0]["name"] = json!("Mikrotik-Rate-Limit");
    let refused = put(&tenant.owner, "\"2\"", &wrong).await.problem("invalid_body");
    assert_eq!(refused["errors"][0]["field"], "attributes.0");
    rig.delete(path).token(&other.owner).send().await.problem("not_found");
    rig.delete(path).token(&tenant.owner).send().await.expect(204);
    rig.get(path).token(&tenant.owner).send().await.problem("not_found");
}

async fn unknown_fields_are_refused_however_deep(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let mut body = plan("20M");
    body["service"]["simultanous"] = json!(2);
    let refused =
        rig.post("/api/v1/plans").token(&tenant.owner).json(&body).send().await.problem("invalid_body");
    assert_eq!(refused["errors"][0], json!({ "field": "service.simultanous", "problem": "is unknown" }));
}
