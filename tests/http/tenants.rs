//! Tenants, as the super admin and as their own people see them.

use foundation::testing::TestDb;
use serde_json::{Value, json};

use crate::harness::Rig;

foundation::battery! {
    a_tenant_is_made_once_however_often_it_is_asked_for,
    changes_need_the_version,
    overrides_say_why,
    isolated_tenants_lose_their_panel,
    the_isolir_profile_names_attributes,
}

fn spec(slug: &str) -> Value {
    json!({ "name": slug, "slug": slug, "timeZone": "Asia/Jakarta", "currency": "IDR", "locale": "id-ID" })
}

async fn a_tenant_is_made_once_however_often_it_is_asked_for(db: TestDb) {
    let rig = Rig::new(db).await;
    let admin = rig.admin().await;
    let make = |key: &'static str, body: Value| {
        rig.post("/api/v1/tenants").token(&admin).header("idempotency-key", key).json(&body).send()
    };
    let first = make("k1", spec("warga")).await;
    let made = first.expect(201);
    assert_eq!((&made["status"], &made["version"]), (&json!("trial"), &json!(1)));
    let again = make("k1", spec("warga")).await;
    assert_eq!(again.expect(201), made);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        (again.header("location"), again.header("etag")),
        (first.header("location"), first.header("etag"))
    );
    make("k1", spec("desa")).await.problem("idempotency_key_reused");
    let taken = make("k2", spec("warga")).await.problem("name_taken");
    assert_eq!(taken["errors"][0]["field"], "slug");
    make("k2", spec("desa")).await.expect(201);
    make("white space", spec("x1")).await.problem("invalid_header");

    let page = rig.get("/api/v1/tenants?limit=1").token(&admin).send().await.expect(200);
    let next = page["next"].as_str().unwrap();
    let page =
        rig.get(&format!("/api/v1/tenants?limit=1&after={next}")).token(&admin).send().await.expect(200);
    assert_eq!((page["rows"].as_array().unwrap().len(), page.get("next")), (1, None));
    rig.get("/api/v1/tenants?after=x").token(&admin).send().await.problem("invalid_cursor");
    rig.get("/api/v1/tenants?limit=many").token(&admin).send().await.problem("invalid_query");
    rig.get("/api/v1/tenants?offset=10").token(&admin).send().await.problem("invalid_query");
    rig.get("/api/v1/tenants/x").token(&admin).send().await.problem("not_found");
}

async fn changes_need_the_version(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let read = rig.get("/api/v1/tenant").token(&tenant.owner).send().await;
    assert_eq!(read.header("etag"), Some("\"1\""));
    let put = |seen: &'static str, body: Value| {
        rig.put("/api/v1/tenant").token(&tenant.owner).header("if-match", seen).json(&body).send()
    };
    let changed = put("\"1\"", spec("warga-net")).await;
    assert_eq!(changed.expect(200)["slug"], "warga-net");
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let moved = put("\"1\"", spec("warga")).await.problem("version_moved");
    assert!(moved["detail"].as_str().unwrap().contains("version 1 was read, 2 is current"));
    put("*", spec("warga")).await.expect(200);
    let bad = put(
        "\"3\"",
        json!({ "name": "x", "slug": "x1", "timeZone": "Asia/Atlantis", "currency": "IDR",
        "locale": "id" }),
    );
    assert_eq!(bad.await.problem("invalid_body")["errors"][0]["field"], "timeZone");
    let bad = put(
        "\"3\"",
        json!({ "name": "x", "slug": "x1", "timeZone": "UTC", "currency": "rupiah", "locale": "id" }),
    );
    assert_eq!(bad.await.problem("invalid_body")["errors"][0]["field"], "currency");
    let unknown = put(
        "\"3\"",
        json!({ "name": "x", "slug": "x1", "timeZone": "UTC", "currency": "IDR", "locale": "id",
        "status": "active" }),
    );
    assert!(
        unknown.await.problem("invalid_body")["errors"][0]["problem"].as_str().unwrap().contains("status")
    );
}

async fn overrides_say_why(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let admin = rig.admin().await;
    let path = format!("/api/v1/tenants/{}", tenant.id);
    let post = |what: &str, body: Value| rig.post(&format!("{path}/{what}")).token(&admin).json(&body).send();
    post("service", json!({ "stopped": true })).await.problem("invalid_body");
    post("service", json!({ "stopped": true, "reason": " " })).await.problem("invalid_body");
    let stopped = post("service", json!({ "stopped": true, "reason": "perintah Kominfo" })).await.expect(200);
    assert_eq!((&stopped["serviceStopped"], &stopped["status"]), (&json!(true), &json!("trial")));
    let active = post("status", json!({ "status": "active", "reason": "kontrak" })).await.expect(200);
    assert_eq!(active["serviceStopped"], true, "one does not imply the other");
    let trail = rig.get("/api/v1/audit").token(&tenant.owner).send().await.expect(200);
    assert_eq!(trail["rows"][0]["reason"], "kontrak");
    assert_eq!(
        (&trail["rows"][1]["act"], &trail["rows"][1]["reason"]),
        (&json!("tenant.stop_service"), &json!("perintah Kominfo"))
    );
    assert!(trail["rows"][1]["actor"].as_str().unwrap().starts_with("user:"));

    let named = rig.put("/api/v1/tenant").token(&admin).within(tenant.id).header("if-match", "*");
    let named = named.header("rrnetd-reason", "salah ketik").json(&spec("warga-net")).send().await;
    named.expect(200);
    let trail = rig.get("/api/v1/audit?act=tenant.update").token(&tenant.owner).send().await.expect(200);
    assert_eq!(trail["rows"][0]["reason"], "salah ketik");
    let nobody = base::TenantId::generate(rig.clock.wall());
    rig.get("/api/v1/tenant").token(&admin).within(nobody).send().await.problem("not_found");
    rig.get("/api/v1/tenant")
        .token(&admin)
        .header("rrnetd-tenant", "x")
        .send()
        .await
        .problem("invalid_header");
}

async fn isolated_tenants_lose_their_panel(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let admin = rig.admin().await;
    let path = format!("/api/v1/tenants/{}/status", tenant.id);
    let body = json!({ "status": "isolated", "reason": "belum bayar" });
    rig.post(&path).token(&admin).json(&body).send().await.expect(200);
    rig.get("/api/v1/me").token(&tenant.owner).send().await.problem("tenant_isolated");
    let login = json!({ "login": "owner@warga.test", "password": crate::harness::PASSWORD });
    rig.post("/api/v1/login").json(&login).send().await.problem("tenant_isolated");
    rig.get("/api/v1/tenant").token(&admin).within(tenant.id).send().await.expect(200);
    let body = json!({ "status": "disabled", "reason": "berhenti" });
    rig.post(&path).token(&admin).json(&body).send().await.expect(200);
    rig.get("/api/v1/me").token(&tenant.owner).send().await.problem("tenant_disabled");
    rig.post("/api/v1/login").json(&login).send().await.problem("tenant_disabled");
}

async fn the_isolir_profile_names_attributes(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let put = |body: Value| {
        let call = rig.put("/api/v1/tenant/isolir-profile").token(&tenant.owner).header("if-match", "*");
        call.json(&body).send()
    };
    let rate = json!({ "upload": { "rate": 64_000 }, "download": { "rate": 64_000 } });
    let set =
        put(json!({ "rateLimit": rate, "addressList": "isolir", "keptAttributes": ["Port-Limit"] })).await;
    let profile = &set.expect(200)["isolirProfile"];
    assert_eq!(profile["keptAttributes"][0], json!({ "name": "Port-Limit", "vendor": 0, "number": 62 }));
    assert_eq!(profile["rateLimit"]["upload"]["rate"], 64_000);
    let refused = put(json!({ "keptAttributes": ["Framed-Route"] })).await.problem("invalid_body");
    assert_eq!(refused["errors"][0]["field"], "keptAttributes");
    let rate = json!({ "upload": { "rate": 1 }, "download": { "rate": 64_000 } });
    let refused = put(json!({ "rateLimit": rate })).await.problem("invalid_body");
    assert_eq!(refused["errors"][0]["field"], "rateLimit.upload.rate");
}
