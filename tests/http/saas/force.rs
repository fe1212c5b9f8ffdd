//! What comes into force at the next request: payments, locks, features and overrides.

use std::time::Duration;

use foundation::testing::TestDb;
use serde_json::{Value, json};

use super::{has, limit, offered, on_plan, plan, plan_with, router};
use crate::harness::{PASSWORD, Rig};

foundation::battery! {
    who_has_not_paid_learns_how_to_pay,
    a_payment_opens_the_panel_at_the_next_request,
    every_trigger_acts_on_the_next_request,
    overrides_need_a_reason_and_are_in_the_trail,
}

async fn who_has_not_paid_learns_how_to_pay(db: TestDb) {
    let rig = Rig::new(db).await;
    let (admin, tenant, other) = (rig.admin().await, rig.tenant("warga").await, rig.tenant("desa").await);
    on_plan(&rig, &admin, &tenant, &plan_with("pro", "api_tokens")).await;
    let settings = json!({ "paymentInstructions": "Transfer ke BCA 123 a.n. RRNet" });
    let put = rig.put("/api/v1/platform/settings").token(&admin).header("if-match", "*").json(&settings);
    put.send().await.expect(200);
    let path = format!("/api/v1/tenants/{}/invoices", tenant.id);
    let issue = || rig.post(&path).token(&admin).json(&json!({ "reason": "bulan ini" })).send();
    let invoice = issue().await.expect(200);
    assert_eq!(invoice["amount"], 90_000, "nine of thirty days");
    issue().await.problem("not_possible");
    let own = rig.get("/api/v1/tenant/invoices").token(&tenant.owner).send().await.expect(200);
    assert_eq!(own["rows"][0], invoice);
    let foreign = rig.get("/api/v1/tenant/invoices").token(&other.owner).send().await.expect(200);
    assert_eq!(foreign["rows"], json!([]));

    let token = json!({ "name": "skrip", "permissions": ["tenant.read"] });
    let token = rig.post("/api/v1/tokens").token(&tenant.owner).json(&token).send().await.expect(201);
    let token = token["secret"].as_str().unwrap().to_owned();
    rig.get("/api/v1/tenant").token(&token).send().await.expect(200);
    let status = async |status: &str| {
        let path = format!("/api/v1/tenants/{}/status", tenant.id);
        let body = json!({ "status": status, "reason": "belum bayar" });
        rig.post(&path).token(&admin).json(&body).send().await.expect(200);
    };
    status("isolated").await;
    rig.get("/api/v1/tenant").token(&token).send().await.problem("tenant_isolated");
    let login = json!({ "login": "owner@warga.test", "password": PASSWORD });
    let sign_in = || rig.post("/api/v1/login").json(&login).send();
    let problem = sign_in().await.problem("tenant_isolated");
    assert_eq!(problem["howToPay"], "Transfer ke BCA 123 a.n. RRNet");
    assert_eq!(
        problem["invoices"],
        json!([{ "number": invoice["number"], "dueOn": "2026-11-29", "amount": 90_000, "currency": "IDR" }])
    );
    let wrong = json!({ "login": "owner@warga.test", "password": "not the right one" });
    let stranger = rig.post("/api/v1/login").json(&wrong).send().await.problem("login_refused");
    assert_eq!(stranger.get("invoices"), None, "only who shows the password learns it");
    status("disabled").await;
    let problem = sign_in().await.problem("tenant_disabled");
    assert_eq!(problem.get("invoices"), None);

    let pay = format!("/api/v1/saas-invoices/{}/pay", invoice["id"].as_str().unwrap());
    let wrong = json!({ "tenantId": other.id, "reason": "BCA 25/11" });
    rig.post(&pay).token(&admin).json(&wrong).send().await.problem("not_found");
    let body = json!({ "tenantId": tenant.id, "reason": "BCA 25/11" });
    assert_eq!(rig.post(&pay).token(&admin).json(&body).send().await.expect(200)["status"], "paid");
    rig.post(&pay).token(&admin).json(&body).send().await.problem("not_possible");
    let void = format!("/api/v1/saas-invoices/{}/void", invoice["id"].as_str().unwrap());
    let body = json!({ "reason": "BCA 25/11" });
    rig.post(&void).token(&admin).json(&body).send().await.problem("not_possible");
    let nothing = format!("/api/v1/saas-invoices/{}/void", tenant.id);
    rig.post(&nothing).token(&admin).json(&body).send().await.problem("not_found");
    status("isolated").await;
    assert_eq!(sign_in().await.problem("tenant_isolated")["invoices"], json!([]));
    status("active").await;
    sign_in().await.expect(200);
    rig.get("/api/v1/tenant").token(&token).send().await.expect(200);
}

async fn a_payment_opens_the_panel_at_the_next_request(db: TestDb) {
    let rig = Rig::new(db).await;
    let (admin, tenant) = (rig.admin().await, rig.tenant("warga").await);
    on_plan(&rig, &admin, &tenant, &plan_with("pro", "api_tokens")).await;
    let settings = json!({ "paymentInstructions": "Transfer ke BCA 123 a.n. RRNet" });
    let put = rig.put("/api/v1/platform/settings").token(&admin).header("if-match", "*").json(&settings);
    put.send().await.expect(200);
    let status = async |body: Value| {
        let path = format!("/api/v1/tenants/{}/status", tenant.id);
        rig.post(&path).token(&admin).json(&body).send().await
    };
    let unpaid = json!({ "status": "isolated", "isolation": "unpaid", "reason": "belum bayar" });
    status(unpaid.clone()).await.problem("not_possible");
    let wrong = json!({ "status": "active", "isolation": "unpaid", "reason": "belum bayar" });
    assert_eq!(status(wrong).await.problem("invalid_body")["errors"][0]["field"], "isolation");
    let path = format!("/api/v1/tenants/{}/invoices", tenant.id);
    let invoice =
        rig.post(&path).token(&admin).json(&json!({ "reason": "bulan ini" })).send().await.expect(200);
    let token = json!({ "name": "skrip", "permissions": ["tenant.read"] });
    let token = rig.post("/api/v1/tokens").token(&tenant.owner).json(&token).send().await.expect(201);
    let program = token["secret"].as_str().unwrap().to_owned();
    let locked = status(unpaid).await.expect(200);
    assert_eq!((&locked["status"], &locked["isolation"]), (&json!("isolated"), &json!(["unpaid"])));
    assert_eq!(locked["standing"], "trial");

    // Whoever is signed in, and every program, is told what signing in tells.
    let login = json!({ "login": "owner@warga.test", "password": PASSWORD });
    let told = rig.post("/api/v1/login").json(&login).send().await.problem("tenant_isolated");
    assert_eq!(told["howToPay"], "Transfer ke BCA 123 a.n. RRNet");
    let named =
        json!([{ "number": invoice["number"], "dueOn": "2026-11-29", "amount": 90_000, "currency": "IDR" }]);
    assert_eq!(told["invoices"], named);
    for (token, path) in [
        (&tenant.owner, "/api/v1/tenant"),
        (&tenant.owner, "/api/v1/me"),
        (&tenant.owner, "/api/v1/tenant/invoices"),
        (&program, "/api/v1/tenant"),
    ] {
        assert_eq!(rig.get(path).token(token).send().await.problem("tenant_isolated"), told, "{path}");
    }
    let pay = format!("/api/v1/saas-invoices/{}/pay", invoice["id"].as_str().unwrap());
    let body = json!({ "reason": "BCA 25/11" });
    rig.post(&pay).token(&admin).json(&body).send().await.expect(200);
    rig.get("/api/v1/tenant").token(&tenant.owner).send().await.expect(200);
    rig.get("/api/v1/tenant").token(&program).send().await.expect(200);
    let trail = rig.get("/api/v1/audit?act=tenant.lift").token(&tenant.owner).send().await.expect(200);
    assert_eq!(trail["rows"][0]["reason"], "BCA 25/11");
    // Another reason is no matter of money.
    status(json!({ "status": "isolated", "reason": "penyalahgunaan" })).await.expect(200);
    let problem = rig.get("/api/v1/tenant").token(&program).send().await.problem("tenant_isolated");
    assert_eq!(problem["invoices"], json!([]));
}

async fn every_trigger_acts_on_the_next_request(db: TestDb) {
    let rig = Rig::new(db).await;
    let (admin, tenant) = (rig.admin().await, rig.tenant("warga").await);
    let path = |what: &str| format!("/api/v1/tenants/{}/{what}", tenant.id);
    let features = || rig.get("/api/v1/tenant/features").token(&tenant.owner).send();
    let maximum = async || {
        let limits = rig.get("/api/v1/tenant/limits").token(&tenant.owner).send().await.expect(200);
        limit(&limits, "network.max_router")["maximum"].clone()
    };
    assert_eq!((has(&features().await.expect(200), "hr"), maximum().await), (true, json!(10)));
    // The tenant's plan.
    let made = on_plan(&rig, &admin, &tenant, &plan("pro")).await;
    assert_eq!((has(&features().await.expect(200), "hr"), maximum().await), (false, json!(1)));
    // What is in the plan.
    let mut wider = plan("pro");
    wider["features"] = json!(["radius", "maps", "hr"]);
    wider["limits"] = json!({ "network.max_router": 4 });
    let of_plan = format!("/api/v1/saas-plans/{}", made["id"].as_str().unwrap());
    rig.put(&of_plan).token(&admin).header("if-match", "*").json(&wider).send().await.expect(200);
    assert_eq!((has(&features().await.expect(200), "hr"), maximum().await), (true, json!(4)));
    // An add-on.
    let addon = offered(&rig, &admin, "extra_router").await;
    let body = json!({ "addonId": addon, "units": 3, "reason": "hadiah" });
    rig.post(&path("addons")).token(&admin).json(&body).send().await.expect(200);
    assert_eq!(maximum().await, 7);
    // A feature.
    for (enabled, expected) in [(json!(false), false), (json!(true), true), (Value::Null, true)] {
        let body = json!({ "feature": "hr", "enabled": enabled, "reason": "uji" });
        rig.post(&path("features")).token(&admin).json(&body).send().await.expect(200);
        assert_eq!(has(&features().await.expect(200), "hr"), expected);
    }
    // A limit.
    for (body, expected) in [
        (json!({ "limit": "network.max_router", "maximum": 2, "reason": "uji" }), json!(2)),
        (json!({ "limit": "network.max_router", "unlimited": true, "reason": "uji" }), Value::Null),
        (json!({ "limit": "network.max_router", "reason": "uji" }), json!(7)),
    ] {
        rig.post(&path("limits")).token(&admin).json(&body).send().await.expect(200);
        assert_eq!(maximum().await, expected);
    }
    // The status.
    for (status, code) in [("isolated", 403), ("active", 200), ("disabled", 403), ("trial", 200)] {
        let body = json!({ "status": status, "reason": "uji" });
        rig.post(&path("status")).token(&admin).json(&body).send().await.expect(200);
        features().await.expect(code);
    }
}

async fn overrides_need_a_reason_and_are_in_the_trail(db: TestDb) {
    let rig = Rig::new(db).await;
    let (admin, tenant) = (rig.admin().await, rig.tenant("warga").await);
    let pro = rig.post("/api/v1/saas-plans").token(&admin).json(&plan("pro")).send().await.expect(201);
    let addon = offered(&rig, &admin, "extra_router").await;
    let post = |what: &str, body: Value| {
        let path = format!("/api/v1/tenants/{}/{what}", tenant.id);
        rig.post(&path).token(&admin).json(&body).send()
    };
    for (what, body, act) in [
        ("plan", json!({ "saasPlanId": pro["id"] }), "tenant.set_plan"),
        ("features", json!({ "feature": "hr", "enabled": true }), "tenant.set_feature"),
        ("limits", json!({ "limit": "radius.max_users", "unlimited": true }), "tenant.set_limit"),
        ("addons", json!({ "addonId": addon, "units": 1 }), "addon.activate"),
        ("invoices", json!({}), "saas_invoice.issue"),
        ("status", json!({ "status": "active" }), "tenant.set_status"),
        ("service", json!({ "stopped": true }), "tenant.stop_service"),
    ] {
        post(what, body.clone()).await.problem("invalid_body");
        let mut body = body;
        body["reason"] = " ".into();
        post(what, body.clone()).await.problem("invalid_body");
        let reason = format!("karena {what}");
        body["reason"] = reason.clone().into();
        post(what, body).await.expect(200);
        let path = format!("/api/v1/audit?act={act}");
        let trail = rig.get(&path).token(&tenant.owner).send().await.expect(200);
        let entry = &trail["rows"][0];
        assert_eq!((&entry["act"], &entry["reason"]), (&json!(act), &json!(reason)), "{trail}");
        assert!(entry["actor"].as_str().unwrap().starts_with("user:"), "{entry}");
    }
    // What the tenant itself has set: its routers, and what isolated subscribers get.
    let made = rig.post("/api/v1/routers").token(&tenant.owner).json(&router(1)).send().await;
    let path = made.header("location").unwrap().to_owned();
    let mut spec = router(1)["router"].clone();
    spec["changeWay"] = "disconnect".into();
    let profile = json!({ "addressList": "blokir" });
    for (path, body, act) in [
        (path.as_str(), &spec, "router.update"),
        ("/api/v1/tenant/isolir-profile", &profile, "tenant.set_isolir_profile"),
    ] {
        let put = || rig.put(path).token(&admin).within(tenant.id).header("if-match", "*").json(body);
        let refused = put().send().await.problem("invalid_header");
        assert_eq!(refused["errors"][0]["field"], "Rrnetd-Reason");
        put().header("rrnetd-reason", "salah atur").send().await.expect(200);
        let trail = rig.get(&format!("/api/v1/audit?act={act}")).token(&tenant.owner).send().await;
        assert_eq!(trail.expect(200)["rows"][0]["reason"], "salah atur");
    }
    rig.hand.advance(Duration::from_secs(1));
    let nobody = base::TenantId::generate(rig.clock.wall());
    for (what, body) in [
        ("plan", json!({ "saasPlanId": pro["id"], "reason": "uji" })),
        ("features", json!({ "feature": "hr", "enabled": true, "reason": "uji" })),
        ("limits", json!({ "limit": "radius.max_users", "reason": "uji" })),
        ("addons", json!({ "addonId": addon, "units": 1, "reason": "uji" })),
        ("invoices", json!({ "reason": "uji" })),
    ] {
        let path = format!("/api/v1/tenants/{nobody}/{what}");
        rig.post(&path).token(&admin).json(&body).send().await.problem("not_found");
    }
    for what in ["features", "limits"] {
        let path = format!("/api/v1/tenants/{nobody}/{what}");
        rig.get(&path).token(&admin).send().await.problem("not_found");
    }
}
