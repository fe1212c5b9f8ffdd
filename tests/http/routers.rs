//! Routers over the API.

use foundation::testing::TestDb;
use serde_json::{Value, json};

use crate::harness::{Rig, Tenant};

foundation::battery! {
    a_router_is_added_changed_and_removed,
    secrets_are_shown_to_those_who_may_and_the_trail_says_so,
    what_is_seen_of_a_router_stands_beside_what_is_wanted,
    another_tenants_routers_are_not_there,
    tenants_at_one_address_learn_nothing_of_each_other,
}

fn body(name: &str, address: &str, secret: Option<&str>) -> Value {
    json!({ "router": { "name": name, "addresses": [address] }, "secret": secret })
}

async fn made(rig: &Rig, tenant: &Tenant, body: &Value) -> String {
    let answer = rig.post("/api/v1/routers").token(&tenant.owner).json(body).send().await;
    answer.expect(201);
    answer.header("location").unwrap().to_owned()
}

async fn a_router_is_added_changed_and_removed(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let path = made(&rig, &tenant, &body("core", "192.0.2.1", None)).await;
    let read = rig.get(&path).token(&tenant.owner).send().await;
    let router = read.expect(200);
    assert_eq!(
        (&router["rejectDelayMs"], &router["changeWay"]),
        (&json!(200), &json!("coa_then_disconnect"))
    );
    assert_eq!(router["seen"]["lastSeenAt"], Value::Null);

    let put = |seen: &'static str, spec: Value| {
        rig.put(&path).token(&tenant.owner).header("if-match", seen).json(&spec).send()
    };
    let changed =
        put("\"1\"", json!({ "name": "core", "addresses": ["192.0.2.1"], "rejectDelayMs": 300 })).await;
    assert_eq!(changed.expect(200)["rejectDelayMs"], 300);
    put("\"1\"", json!({ "name": "core", "addresses": ["192.0.2.1"] })).await.problem("version_moved");
    let wrong =
        put("*", json!({ "name": "core", "addresses": ["192.0.2.300"] })).await.problem("invalid_body");
    assert_eq!(wrong["errors"][0]["field"], "addresses[0]");
    let wrong = put("*", json!({ "name": "core", "addresses": ["0.0.0.0"] })).await.problem("invalid_body");
    assert_eq!(wrong["errors"][0]["field"], "addresses");
    let again =
        rig.post("/api/v1/routers").token(&tenant.owner).json(&body("core", "192.0.2.2", None)).send().await;
    again.problem("name_taken");
    let list = rig.get("/api/v1/routers").token(&tenant.owner).send().await.expect(200);
    assert_eq!(list["rows"].as_array().unwrap().len(), 1);

    rig.delete(&path).token(&tenant.owner).send().await.expect(204);
    rig.get(&path).token(&tenant.owner).send().await.problem("not_found");
    rig.delete(&path).token(&tenant.owner).send().await.problem("not_found");
}

async fn secrets_are_shown_to_those_who_may_and_the_trail_says_so(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let path = made(&rig, &tenant, &body("core", "192.0.2.1", Some("testing123"))).await;
    let read = rig.get(&path).token(&tenant.owner).send().await;
    assert!(!read.text.contains("testing123") && !read.text.contains("secret"), "{}", read.text);
    let reveal = rig.post(&format!("{path}/secret/reveal")).token(&tenant.owner).send().await;
    assert_eq!(reveal.expect(200)["secret"], "testing123");
    let shared =
        rig.post("/api/v1/routers").token(&tenant.owner).json(&body("b", "192.0.2.1", Some("testing123")));
    shared.send().await.problem("secret_taken");
    let set =
        rig.put(&format!("{path}/secret")).token(&tenant.owner).json(&json!({})).send().await.expect(200);
    assert_eq!(set["secret"].as_str().unwrap().len(), 32);
    let script = rig.post(&format!("{path}/script?server=203.0.113.1")).token(&tenant.owner).send().await;
    script.expect(200);
    assert!(
        script.text.contains(set["secret"].as_str().unwrap()) && script.text.contains("address=203.0.113.1")
    );
    assert_eq!(script.header("content-type"), Some("text/plain; charset=utf-8"));
    rig.post(&format!("{path}/script")).token(&tenant.owner).send().await.problem("invalid_query");

    let trail = rig.get("/api/v1/audit?targetKind=router").token(&tenant.owner).send().await;
    let acts: Vec<Value> =
        trail.expect(200)["rows"].as_array().unwrap().iter().map(|row| row["act"].clone()).collect();
    assert_eq!(acts, ["router.reveal_secret", "router.set_secret", "router.reveal_secret", "router.create"]);
    assert!(!trail.text.contains("testing123"));
}

async fn what_is_seen_of_a_router_stands_beside_what_is_wanted(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let path = made(&rig, &tenant, &body("core", "192.0.2.1", None)).await;
    let id = path.rsplit('/').next().unwrap().parse().unwrap();
    let state = rig.live.router(id, tenant.id);
    let way = aaa::live::Path { peer: "192.0.2.1".parse().unwrap(), local: "203.0.113.1".parse().unwrap() };
    state.seen(rig.clock.wall(), way);
    state.message_authenticator(false);
    let seen = rig.get(&path).token(&tenant.owner).send().await.expect(200)["seen"].clone();
    assert_eq!(
        seen,
        json!({ "lastSeenAt": "2026-11-22T08:00:00Z", "sourceAddress": "192.0.2.1", "localAddress": "203.0.113.1",
            "sessions": 0, "signsRequests": false, "unsignedRequests": 1, "forgedPackets": 0 })
    );
}

async fn another_tenants_routers_are_not_there(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let path = made(&rig, &tenant, &body("core", "192.0.2.1", Some("testing123"))).await;
    let list = rig.get("/api/v1/routers").token(&other.owner).send().await.expect(200);
    assert_eq!(list["rows"], json!([]));
    rig.get(&path).token(&other.owner).send().await.problem("not_found");
    let spec = json!({ "name": "mine", "addresses": ["192.0.2.1"] });
    let put = rig.put(&path).token(&other.owner).header("if-match", "*").json(&spec).send().await;
    put.problem("not_found");
    rig.delete(&path).token(&other.owner).send().await.problem("not_found");
    rig.post(&format!("{path}/secret/reveal")).token(&other.owner).send().await.problem("not_found");
    rig.put(&format!("{path}/secret")).token(&other.owner).json(&json!({})).send().await.problem("not_found");
    rig.post(&format!("{path}/script?server=1.2.3.4")).token(&other.owner).send().await.problem("not_found");
    rig.get(&path).token(&tenant.owner).send().await.expect(200);
}

async fn tenants_at_one_address_learn_nothing_of_each_other(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    made(&rig, &tenant, &body("core", "192.0.2.1", Some("testing123"))).await;
    let post = async |body: Value| rig.post("/api/v1/routers").token(&other.owner).json(&body).send().await;
    let right = post(body("core", "192.0.2.1", Some("testing123"))).await.problem("secret_must_be_generated");
    let wrong = post(body("core", "192.0.2.1", Some("testing124"))).await.problem("secret_must_be_generated");
    assert_eq!((&right["status"], &right["detail"]), (&wrong["status"], &wrong["detail"]));
    let unsigned = json!({ "router":
        { "name": "core", "addresses": ["192.0.2.1"], "messageAuthenticator": "off" } });
    post(unsigned).await.problem("address_not_shareable");

    let path = made(&rig, &other, &body("core", "192.0.2.2", Some("testing123"))).await;
    let spec = json!({ "name": "core", "addresses": ["192.0.2.1", "192.0.2.2"] });
    let put = |path: &str, spec: &Value| {
        rig.put(path).token(&other.owner).header("if-match", "*").json(spec).send()
    };
    put(&path, &spec).await.problem("secret_must_be_generated");
    put(&format!("{path}?newSecret=true"), &spec).await.expect(200);
    let reveal = rig.post(&format!("{path}/secret/reveal")).token(&other.owner).send().await.expect(200);
    assert_eq!(reveal["secret"].as_str().unwrap().len(), 32);
    let chosen = json!({ "secret": "testing123" });
    put(&format!("{path}/secret"), &chosen).await.problem("secret_must_be_generated");
    put(&format!("{path}/secret"), &json!({})).await.expect(200);
}
