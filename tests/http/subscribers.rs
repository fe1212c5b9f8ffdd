//! Subscribers and their isolation over the API.

use foundation::testing::TestDb;
use http::Method;
use rrnetd::domain::access::Role;
use serde_json::{Value, json};

use crate::network::Network;

foundation::battery! {
    a_subscriber_is_made_found_changed_and_removed,
    a_subscriber_is_made_once,
    passwords_are_shown_to_those_who_may,
    suspended_ended_and_resumed,
    isolated_for_reasons_that_are_lifted_one_by_one,
    another_tenants_subscribers_are_not_there,
    who_may_not_lift_may_not_remove,
}

/// Removed and made anew under the same name, it would be free of its isolation.
async fn who_may_not_lift_may_not_remove(db: TestDb) {
    let net = Network::new(db).await;
    let (rig, owner) = (&net.rig, &net.tenant.owner);
    rig.user(Some(&net.tenant.scope), "agen", Role::Reseller).await;
    let reseller = rig.login("agen", Some("warga")).await;
    let path = net.subscriber("budi", "rahasia").await;
    for (act, needed, undo) in
        [("isolate", "isolir.write", "lift"), ("suspend", "subscriber.suspend", "resume")]
    {
        let body = if act == "isolate" { json!({ "reason": "manual" }) } else { json!({}) };
        rig.post(&format!("{path}/{act}")).token(owner).json(&body).send().await.expect(200);
        let refused = rig.delete(&path).token(&reseller).header("if-match", "*").send().await;
        assert_eq!(refused.problem("permission_missing")["detail"], format!("it is {needed}"));
        let refused = rig.post(&format!("{path}/end")).token(&reseller).json(&json!({})).send().await;
        assert_eq!(refused.problem("permission_missing")["detail"], format!("it is {needed}"));
        rig.post(&format!("{path}/{undo}")).token(owner).json(&body).send().await.expect(200);
    }
    rig.delete(&path).token(&reseller).header("if-match", "*").send().await.expect(204);
}

async fn a_subscriber_is_made_found_changed_and_removed(db: TestDb) {
    let net = Network::new(db).await;
    let (rig, owner) = (&net.rig, &net.tenant.owner);
    let path = net.subscriber("budi", "rahasia").await;
    net.subscriber("siti", "rahasia").await;
    let read = rig.get(&path).token(owner).send().await;
    let subscriber = read.expect(200);
    assert_eq!(read.header("etag"), Some("\"1\""));
    assert_eq!((&subscriber["status"], &subscriber["planId"]), (&json!("active"), &json!(net.plan)));
    assert_eq!((&subscriber["overlay"], &subscriber["macLock"]), (&json!([]), &json!("off")));
    assert!(!read.text.contains("rahasia"));

    let list = rig.get("/api/v1/subscribers?limit=1").token(owner).send().await.expect(200);
    assert_eq!((&list["rows"][0]["username"], &list["rows"][0]["planName"]), (&json!("budi"), &json!("20M")));
    let next = list["next"].as_str().unwrap();
    let list =
        rig.get(&format!("/api/v1/subscribers?limit=1&after={next}")).token(owner).send().await.expect(200);
    assert_eq!((&list["rows"][0]["username"], list.get("next")), (&json!("siti"), None));
    rig.get("/api/v1/subscribers?after=!").token(owner).send().await.problem("invalid_cursor");
    rig.get("/api/v1/subscribers?status=gone").token(owner).send().await.problem("invalid_query");
    let hits = rig.get("/api/v1/subscribers/search?text=ibu%20sit").token(owner).send().await.expect(200);
    assert_eq!((hits["rows"].as_array().unwrap().len(), &hits["rows"][0]["username"]), (1, &json!("siti")));

    let put = |seen: &'static str, spec: Value| {
        rig.put(&path).token(owner).header("if-match", seen).json(&spec).send()
    };
    let spec = json!({ "username": "budi", "planId": net.plan, "routerId": net.router, "staticAddress": "10.9.0.5",
        "macLock": "locked", "macs": ["aa-bb-cc-00-00-01"], "simultaneous": 2 });
    let changed = put("\"1\"", spec.clone()).await.expect(200);
    assert_eq!((&changed["macs"], &changed["version"]), (&json!(["AA:BB:CC:00:00:01"]), &json!(2)));
    put("\"1\"", spec.clone()).await.problem("version_moved");
    let mut wrong = spec.clone();
    wrong["planId"] = json!("0192d3b0-0000-7000-8000-000000000000");
    assert_eq!(put("*", wrong).await.problem("invalid_body")["errors"][0]["field"], "planId");
    let mut wrong = spec.clone();
    wrong["username"] = json!("siti");
    put("*", wrong).await.problem("name_taken");
    let mut taken = net.form("agus", None);
    taken["subscriber"]["staticAddress"] = json!("10.9.0.5");
    rig.post("/api/v1/subscribers").token(owner).json(&taken).send().await.problem("address_taken");
    rig.delete(&format!("/api/v1/routers/{}", net.router)).token(owner).send().await.problem("in_use");
    rig.delete(&format!("/api/v1/plans/{}", net.plan)).token(owner).send().await.problem("in_use");

    rig.delete(&path).token(owner).send().await.problem("version_required");
    rig.delete(&path).token(owner).header("if-match", "\"2\"").send().await.expect(204);
    rig.get(&path).token(owner).send().await.problem("not_found");
}

async fn a_subscriber_is_made_once(db: TestDb) {
    let net = Network::new(db).await;
    let (rig, owner) = (&net.rig, &net.tenant.owner);
    let make = |form: Value| {
        rig.post("/api/v1/subscribers").token(owner).header("idempotency-key", "s1").json(&form).send()
    };
    let made = make(net.form("budi", Some("rahasia"))).await.expect(201);
    assert_eq!(make(net.form("budi", Some("rahasia"))).await.expect(201), made);
    make(net.form("budi", Some("another"))).await.problem("idempotency_key_reused");
    let list = rig.get("/api/v1/subscribers").token(owner).send().await.expect(200);
    assert_eq!(list["rows"].as_array().unwrap().len(), 1);

    let second = |customer: Value| {
        let mut form = json!({ "subscriber": { "username": "budi2", "planId": net.plan } });
        form.as_object_mut().unwrap().extend(customer.as_object().unwrap().clone());
        rig.post("/api/v1/subscribers").token(owner).json(&form).send()
    };
    second(json!({})).await.problem("invalid_body");
    let both = json!({ "customerId": made["customerId"], "customer": { "customer": { "name": "X" } } });
    second(both).await.problem("invalid_body");
    let unknown = json!({ "customerId": net.plan });
    assert_eq!(second(unknown).await.problem("invalid_body")["errors"][0]["field"], "customerId");
    let second = second(json!({ "customerId": made["customerId"] })).await.expect(201);
    assert_eq!(second["customerId"], made["customerId"], "one customer, two services");
}

async fn passwords_are_shown_to_those_who_may(db: TestDb) {
    let net = Network::new(db).await;
    let (rig, owner) = (&net.rig, &net.tenant.owner);
    let path = net.subscriber("budi", "rahasia").await;
    let reveal = |token: String| {
        let path = format!("{path}/password/reveal");
        async move { rig.post(&path).token(&token).send().await }
    };
    assert_eq!(reveal(owner.clone()).await.expect(200)["password"], "rahasia");
    rig.user(Some(&net.tenant.scope), "kolektor", Role::Collector).await;
    reveal(rig.login("kolektor", Some("warga")).await).await.problem("permission_missing");

    let put = |body: Value| rig.put(&format!("{path}/password")).token(owner).json(&body).send();
    let made = put(json!({})).await.expect(200);
    assert_eq!(reveal(owner.clone()).await.expect(200)["password"], made["password"]);
    assert_eq!(put(json!({ "password": "baru" })).await.expect(200)["password"], Value::Null, "it is known");
    put(json!({ "password": "" })).await.problem("invalid_body");
    put(json!({ "password": "x", "hardwareLogin": true })).await.problem("invalid_body");
    put(json!({ "hardwareLogin": true })).await.problem("invalid_body");
    let trail = rig.get("/api/v1/audit?act=subscriber.reveal_password").token(owner).send().await.expect(200);
    assert_eq!(trail["rows"].as_array().unwrap().len(), 2);
    let trail = rig.get("/api/v1/audit").token(owner).send().await;
    assert!(!trail.text.contains("rahasia") && !trail.text.contains(made["password"].as_str().unwrap()));
}

async fn suspended_ended_and_resumed(db: TestDb) {
    let net = Network::new(db).await;
    let (rig, owner) = (&net.rig, &net.tenant.owner);
    let path = net.subscriber("budi", "rahasia").await;
    let post = |what: &'static str| rig.post(&format!("{path}/{what}")).token(owner).send();
    assert_eq!(post("suspend").await.expect(200)["status"], "suspended");
    assert_eq!(post("suspend").await.expect(200)["version"], 2, "twice does no harm");
    let stale = rig.post(&format!("{path}/resume")).token(owner).header("if-match", "\"1\"").send().await;
    stale.problem("version_moved");
    assert_eq!(post("resume").await.expect(200)["status"], "active");
    assert_eq!(post("end").await.expect(200)["status"], "ended");
    post("resume").await.problem("not_possible");
    let plan = json!({ "name": "50M", "price": 1, "currency": "IDR", "billing": "free", "validity": {} });
    let plan = rig.post("/api/v1/plans").token(owner).json(&plan).send().await.expect(201);
    let other = net.subscriber("siti", "rahasia").await;
    let change =
        rig.put(&format!("{other}/plan")).token(owner).json(&json!({ "planId": plan["id"] })).send().await;
    assert_eq!(change.expect(200)["planId"], plan["id"]);
}

async fn isolated_for_reasons_that_are_lifted_one_by_one(db: TestDb) {
    let net = Network::new(db).await;
    let (rig, owner) = (&net.rig, &net.tenant.owner);
    let path = net.subscriber("budi", "rahasia").await;
    let state = || rig.get(&format!("{path}/isolir")).token(owner).send();
    let free = state().await.expect(200);
    assert_eq!(free, json!({ "isolated": false, "reasons": [], "intent": null, "observation": null }));
    let post = |what: &str, body: Value| rig.post(&format!("{path}/{what}")).token(owner).json(&body).send();
    post("isolate", json!({ "reason": "unpaid", "note": "Okt 2026" })).await.expect(200);
    let both = post("isolate", json!({ "reason": "abuse" })).await.expect(200);
    assert_eq!(both["isolated"], true);
    let reasons: Vec<&str> =
        both["reasons"].as_array().unwrap().iter().map(|it| it["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["abuse", "unpaid"], "by precedence");
    assert_eq!((&both["intent"]["isolated"], &both["intent"]["state"]), (&json!(true), &json!("pending")));
    assert_eq!(both["observation"], json!({ "generation": null, "verifiedAt": null }));
    let listed =
        rig.get("/api/v1/subscribers?isolated=true&reason=unpaid").token(owner).send().await.expect(200);
    assert_eq!(listed["rows"][0]["overlay"], json!(["abuse", "unpaid"]));

    // No edit lifts it.
    let spec = json!({ "username": "budi", "planId": net.plan });
    let edited = rig.put(&path).token(owner).header("if-match", "*").json(&spec).send().await.expect(200);
    assert_eq!(edited["overlay"], json!(["abuse", "unpaid"]));
    let one = post("lift", json!({ "reason": "unpaid" })).await.expect(200);
    assert_eq!((&one["isolated"], one["reasons"].as_array().unwrap().len()), (&json!(true), 1));
    let none = post("lift", json!({ "reason": "abuse" })).await.expect(200);
    assert_eq!((&none["isolated"], &none["intent"]["isolated"]), (&json!(false), &json!(false)));
    post("isolate", json!({ "reason": "weather" })).await.problem("invalid_body");
    post("isolate", json!({ "reason": "manual", "note": "x".repeat(501) })).await.problem("invalid_body");
}

async fn another_tenants_subscribers_are_not_there(db: TestDb) {
    let net = Network::new(db).await;
    let rig = &net.rig;
    let path = net.subscriber("budi", "rahasia").await;
    let other = rig.tenant("desa").await;
    let as_other = |method: Method, what: &str| {
        rig.call(method, &format!("{path}{what}")).token(&other.owner).header("if-match", "*")
    };
    let spec = json!({ "username": "x", "planId": net.plan });
    let reason = json!({ "reason": "manual" });
    for (method, what, body) in [
        (Method::GET, "", None),
        (Method::PUT, "", Some(spec)),
        (Method::DELETE, "", None),
        (Method::PUT, "/plan", Some(json!({ "planId": net.plan }))),
        (Method::POST, "/suspend", None),
        (Method::POST, "/resume", None),
        (Method::POST, "/end", None),
        (Method::PUT, "/password", Some(json!({}))),
        (Method::POST, "/password/reveal", None),
        (Method::GET, "/isolir", None),
        (Method::POST, "/isolate", Some(reason.clone())),
        (Method::POST, "/lift", Some(reason)),
        (Method::GET, "/usage?from=2026-01-01T00:00:00Z", None),
    ] {
        let call = as_other(method, what);
        let call = match &body {
            Some(body) => call.json(body),
            None => call,
        };
        call.send().await.problem("not_found");
    }
    let list = rig.get("/api/v1/subscribers").token(&other.owner).send().await.expect(200);
    assert_eq!(list["rows"], json!([]));
    let kept = rig.get(&path).token(&net.tenant.owner).send().await.expect(200);
    assert_eq!(
        (&kept["status"], &kept["version"], &kept["overlay"]),
        (&json!("active"), &json!(1), &json!([]))
    );
}
