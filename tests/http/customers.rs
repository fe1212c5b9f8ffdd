//! Customers over the API.

use foundation::testing::TestDb;
use serde_json::{Value, json};

use crate::harness::Rig;

foundation::battery! {
    a_customer_is_made_and_changed_and_the_identity_number_stays_hidden,
    another_tenants_customers_are_not_there,
}

async fn a_customer_is_made_and_changed_and_the_identity_number_stays_hidden(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let body = |name: &str, number: Option<&str>| {
        let mut body = json!({ "customer": { "name": name, "phone": "0812 3456" } });
        if let Some(number) = number {
            body["identityNumber"] = json!(number);
        }
        body
    };
    let make = || {
        let call = rig.post("/api/v1/customers").token(&tenant.owner).header("idempotency-key", "c1");
        call.json(&body("Budi", Some("3171012345670001"))).send()
    };
    let made = make().await;
    assert_eq!(made.expect(201)["hasIdentityNumber"], true);
    assert!(!made.text.contains("3171012345670001"));
    assert_eq!(make().await.expect(201), made.json());
    let path = made.header("location").unwrap();
    let reveal = rig.post(&format!("{path}/identity-number/reveal")).token(&tenant.owner).send().await;
    assert_eq!(reveal.expect(200)["identityNumber"], "3171012345670001");

    let put = |seen: &'static str, body: Value| {
        rig.put(path).token(&tenant.owner).header("if-match", seen).json(&body).send()
    };
    let changed = put("\"1\"", body("Budi S.", None)).await.expect(200);
    assert_eq!((&changed["name"], &changed["hasIdentityNumber"]), (&json!("Budi S."), &json!(true)));
    put("\"1\"", body("X", None)).await.problem("version_moved");
    assert_eq!(put("\"2\"", body("Budi S.", Some(""))).await.expect(200)["hasIdentityNumber"], false);
    let reveal = rig.post(&format!("{path}/identity-number/reveal")).token(&tenant.owner).send().await;
    assert_eq!(reveal.expect(200)["identityNumber"], Value::Null);
    let wrong =
        put("*", json!({ "customer": { "name": "X", "email": "nonsense" } })).await.problem("invalid_body");
    assert_eq!(wrong["errors"][0]["field"], "email");
    let trail = rig.get("/api/v1/audit?targetKind=customer").token(&tenant.owner).send().await;
    assert!(!trail.text.contains("3171012345670001"));
    assert_eq!(trail.expect(200)["rows"].as_array().unwrap().len(), 4);
}

async fn another_tenants_customers_are_not_there(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let body = json!({ "customer": { "name": "Budi" }, "identityNumber": "317" });
    let made = rig.post("/api/v1/customers").token(&tenant.owner).json(&body).send().await;
    made.expect(201);
    let path = made.header("location").unwrap();
    rig.get(path).token(&other.owner).send().await.problem("not_found");
    let put = rig.put(path).token(&other.owner).header("if-match", "*").json(&body).send().await;
    put.problem("not_found");
    let reveal = rig.post(&format!("{path}/identity-number/reveal")).token(&other.owner).send().await;
    reveal.problem("not_found");
    assert_eq!(rig.get("/api/v1/customers").token(&other.owner).send().await.expect(200)["rows"], json!([]));
}
