//! What intruders try besides tokens: other sites, odd paths, fields that nobody offered, other people's cursors.

use foundation::testing::TestDb;
use http::Method;
use rrnetd::domain::tenant::{self, TenantStatus};
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Rig};

foundation::battery! {
    no_other_site_reads_an_answer,
    odd_paths_lead_nowhere,
    fields_that_nobody_offered_are_refused,
    a_cursor_is_a_place_and_no_key,
    who_is_there_is_nobody_s_business,
    a_sign_in_costs_one_hash_whoever_is_asked_for,
    no_text_has_an_end_in_the_middle,
}

async fn no_other_site_reads_an_answer(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    for path in ["/api/v1/plans", "/healthz", "/openapi.json", "/nothing"] {
        for method in [Method::OPTIONS, Method::GET] {
            let call = rig.call(method, path).token(&tenant.owner).header("origin", "https://evil.test");
            let answer = call.header("access-control-request-method", "POST").send().await;
            let told = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(told.count(), 0, "{path}");
            let policy = answer.header("cross-origin-resource-policy");
            assert_eq!(policy, Some("same-origin"), "{path}");
        }
    }
}

async fn odd_paths_lead_nowhere(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    for path in [
        "//api/v1/plans",
        "/api/v1/plans/",
        "/api//v1/plans",
        "/api/v1/%70lans",
        "/api/v1/./plans",
        "/api/v1/docs/../plans",
        "/docs/../api/v1/plans",
        "/docs/%2e%2e/api/v1/plans",
        "/api/v1/plans;x=1",
        "/API/v1/plans",
        "/api/v1/plans%00",
    ] {
        for token in [None, Some(&tenant.owner)] {
            let mut call = rig.get(path);
            if let Some(token) = token {
                call = call.token(token);
            }
            call.send().await.problem("not_found");
        }
    }
    for id in ["%2e%2e", "x", "00000000-0000-0000-0000-000000000000", "1%20OR%201=1", "%00"] {
        rig.get(&format!("/api/v1/plans/{id}")).token(&tenant.owner).send().await.problem("not_found");
    }
}

async fn fields_that_nobody_offered_are_refused(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let me = rig.get("/api/v1/me").token(&tenant.owner).send().await.expect(200);
    let own = format!("/api/v1/users/{}", me["user"]["id"].as_str().unwrap());
    let user = json!({ "login": "x", "name": "X", "role": "viewer", "password": PASSWORD });
    let foreign = other.id.to_string();
    let more = |mut body: Value, field: &str, value: Value| {
        body[field] = value;
        body
    };
    for (field, value) in [
        ("tenantId", json!(foreign)),
        ("id", json!(foreign)),
        ("passwordExpired", json!(false)),
        ("permissions", json!(["platform"])),
        ("version", json!(7)),
    ] {
        let body = more(user.clone(), field, value.clone());
        rig.post("/api/v1/users").token(&tenant.owner).json(&body).send().await.problem("invalid_body");
        let body = more(json!({ "name": "X" }), field, value);
        let call = rig.call(Method::PATCH, &own).token(&tenant.owner).header("if-match", "*");
        call.json(&body).send().await.problem("invalid_body");
    }
    let tenant_body = json!({
        "name": "Warga", "slug": "warga", "timeZone": "Asia/Jakarta", "currency": "IDR", "locale": "id-ID"
    });
    for field in ["status", "saasPlanId", "serviceStopped", "id", "features"] {
        let body = more(tenant_body.clone(), field, json!("active"));
        let call = rig.put("/api/v1/tenant").token(&tenant.owner).header("if-match", "*");
        call.json(&body).send().await.problem("invalid_body");
    }
    // The last one of two does not win: neither is taken.
    let twice = r#"{"name":"a","permissions":["plan.read"],"permissions":["user.write"]}"#;
    let call = rig.post("/api/v1/tokens").token(&tenant.owner).raw("application/json", twice);
    call.send().await.problem("invalid_body");
}

async fn a_cursor_is_a_place_and_no_key(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    for name in ["satu", "dua", "tiga"] {
        let body = crate::plans::plan(name);
        rig.post("/api/v1/plans").token(&tenant.owner).json(&body).send().await.expect(201);
    }
    for list in ["/api/v1/plans", "/api/v1/audit", "/api/v1/users", "/api/v1/events"] {
        let page = rig.get(&format!("{list}?limit=1")).token(&tenant.owner).send().await.expect(200);
        let cursor = page["next"].as_str().unwrap_or("0192d3b0-0000-7000-8000-000000000000");
        let foreign = rig.get(&format!("{list}?after={cursor}")).token(&other.owner).send().await;
        for row in foreign.json()["rows"].as_array().into_iter().flatten() {
            assert!(!row.to_string().contains(&tenant.id.to_string()), "{list}: {row}");
        }
        for name in ["satu", "dua", "tiga", "owner@warga.test"] {
            assert!(!foreign.text.contains(&format!("\"{name}\"")), "{list}: {}", foreign.text);
        }
        for broken in ["%27%20OR%201=1--", "-1%00", "99999999999999999999999"] {
            let answer = rig.get(&format!("{list}?after={broken}")).token(&other.owner).send().await;
            assert!(!answer.status.is_server_error(), "{list} {broken}: {} {}", answer.status, answer.text);
        }
    }
}

async fn who_is_there_is_nobody_s_business(db: TestDb) {
    let rig = Rig::new(db).await;
    rig.tenant("warga").await;
    let login = async |login: &str, tenant: Option<&str>| {
        let body = json!({ "login": login, "tenant": tenant, "password": "not the password" });
        let answer = rig.post("/api/v1/login").json(&body).send().await;
        (answer.status, answer.text)
    };
    let known = login("owner@warga.test", Some("warga")).await;
    for (name, tenant) in
        [("owner@warga.test", Some("nowhere")), ("nobody@warga.test", Some("warga")), ("nobody", None)]
    {
        assert_eq!(login(name, tenant).await, known, "{name} {tenant:?}");
    }
    // A login without end is answered as any other, and takes no memory of the throttle's.
    assert_eq!(login(&"x".repeat(200_000), None).await, known);
}

/// Time would tell who is there: it goes into the hash, of which each attempt that names the tenant takes one. How a tenant stands is told to who has
/// the password.
async fn a_sign_in_costs_one_hash_whoever_is_asked_for(db: TestDb) {
    let rig = Rig::new(db).await;
    for (slug, status) in
        [("warga", None), ("terkunci", Some(TenantStatus::Isolated)), ("mati", Some(TenantStatus::Disabled))]
    {
        let tenant = rig.tenant(slug).await;
        if let Some(status) = status {
            let mut tx = rig.db.begin().await.unwrap();
            tenant::set_status(&mut tx, &rig.platform(), tenant.id, status).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
    let login = async |login: &str, tenant: &str, password: &str| {
        let before = rig.passwords.computed();
        let body = json!({ "login": login, "tenant": tenant, "password": password });
        let answer = rig.post("/api/v1/login").json(&body).send().await;
        assert_eq!(rig.passwords.computed() - before, 1, "{login} {tenant}");
        answer
    };
    let wrong = login("owner@warga.test", "warga", "not the password").await;
    wrong.problem("login_refused");
    for (name, tenant) in [
        ("nobody@warga.test", "warga"),
        ("owner@warga.test", "nowhere"),
        ("owner@terkunci.test", "terkunci"),
        ("owner@mati.test", "mati"),
        ("nobody@mati.test", "mati"),
    ] {
        let answer = login(name, tenant, "not the password").await;
        assert_eq!((answer.status, &answer.text), (wrong.status, &wrong.text), "{name} {tenant}");
    }
    for slug in ["terkunci", "mati"] {
        let answer = login(&format!("owner@{slug}.test"), slug, PASSWORD).await;
        assert!(answer.status.is_client_error() && answer.text != wrong.text, "{slug}: {}", answer.text);
    }
    login("owner@warga.test", "warga", PASSWORD).await.expect(200);
}

/// PostgreSQL's texts hold no NUL: what carries one is refused before it gets there, on both databases alike.
async fn no_text_has_an_end_in_the_middle(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let login = r#"{"login":"owner\u0000@warga.test","password":"x"}"#;
    rig.post("/api/v1/login").raw("application/json", login).send().await.problem("invalid_body");
    for query in
        ["users?after=%00", "subscribers?usernamePrefix=%00", "audit?actor=a%00b", "sessions?address=%00"]
    {
        let answer = rig.get(&format!("/api/v1/{query}")).token(&tenant.owner).send().await;
        answer.problem("invalid_query");
    }
}
