//! Plans are sold and changed, add-ons bought and approved.

use foundation::testing::TestDb;
use serde_json::{Value, json};

use super::{limit, offered, on_plan, plan, router};
use crate::harness::{PASSWORD, Rig};

foundation::battery! {
    plans_are_sold_and_changed,
    an_add_on_is_bought_once,
    a_custom_add_on_waits_for_an_answer,
    signing_in_tells_what_one_works_within,
}

async fn plans_are_sold_and_changed(db: TestDb) {
    let rig = Rig::new(db).await;
    let admin = rig.admin().await;
    let make = |key: &'static str, body: Value| {
        rig.post("/api/v1/saas-plans").token(&admin).header("idempotency-key", key).json(&body).send()
    };
    let first = make("p1", plan("pro")).await;
    let made = first.expect(201);
    assert_eq!(make("p1", plan("pro")).await.expect(201), made);
    assert_eq!(make("p2", plan("pro")).await.problem("name_taken")["errors"][0]["field"], "code");
    let mut wrong = plan("x1");
    wrong["limits"] = json!({ "network.max_rocket": 1 });
    assert!(make("p3", wrong).await.problem("invalid_body")["errors"][0]["field"].is_string());
    let path = first.header("location").unwrap().to_owned();
    assert_eq!(rig.get(&path).token(&admin).send().await.expect(200), made);
    let put = |seen: &'static str, body: Value| {
        rig.put(&path).token(&admin).header("if-match", seen).json(&body).send()
    };
    let mut dearer = plan("pro");
    dearer["price"] = 350_000.into();
    assert_eq!(put("\"1\"", dearer.clone()).await.expect(200)["price"], 350_000);
    put("\"1\"", plan("pro")).await.problem("version_moved");
    let archive = |archived: bool| {
        rig.post(&format!("{path}/archive")).token(&admin).json(&json!({ "archived": archived })).send()
    };
    assert!(archive(true).await.expect(200)["archivedAt"].is_string());
    let tenant = json!({
        "name": "Warga", "slug": "warga", "timeZone": "Asia/Jakarta", "currency": "IDR", "locale": "id-ID",
        "saasPlanId": made["id"]
    });
    let refused = rig.post("/api/v1/tenants").token(&admin).json(&tenant).send().await;
    assert_eq!(refused.problem("invalid_body")["errors"][0]["field"], "saasPlanId");
    archive(false).await.expect(200);
    let made_tenant = rig.post("/api/v1/tenants").token(&admin).json(&tenant).send().await.expect(201);
    assert_eq!(made_tenant["saasPlanId"], made["id"]);
    let page = rig.get("/api/v1/saas-plans?limit=1").token(&admin).send().await.expect(200);
    assert_eq!((&page["rows"][0]["code"], page["next"].is_string()), (&json!("trial"), true));
    let trial = page["rows"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/saas-plans/{trial}/archive");
    let refused = rig.post(&path).token(&admin).json(&json!({ "archived": true })).send().await;
    refused.problem("not_possible");
}

async fn an_add_on_is_bought_once(db: TestDb) {
    let rig = Rig::new(db).await;
    let (admin, tenant, other) = (rig.admin().await, rig.tenant("warga").await, rig.tenant("desa").await);
    on_plan(&rig, &admin, &tenant, &plan("pro")).await;
    let addon = offered(&rig, &admin, "extra_router").await;
    let offers = rig.get("/api/v1/tenant/addon-offers").token(&tenant.owner).send().await.expect(200);
    assert_eq!(offers["rows"][0]["code"], "extra_router");
    let body = json!({ "addonId": addon, "units": 2 });
    let buy = |key: &'static str| {
        rig.post("/api/v1/tenant/addons")
            .token(&tenant.owner)
            .header("idempotency-key", key)
            .json(&body)
            .send()
    };
    let answer = buy("k1").await;
    let bought = answer.expect(201);
    assert_eq!((&bought["status"], &bought["unitPrice"]), (&json!("active"), &json!(30_000)));
    assert_eq!(buy("k1").await.expect(201), bought, "a double click");
    buy("k2").await.problem("not_possible");
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(rig.get(&path).token(&tenant.owner).send().await.expect(200), bought);
    rig.get(&path).token(&other.owner).send().await.problem("not_found");
    let limits = rig.get("/api/v1/tenant/limits").token(&tenant.owner).send().await.expect(200);
    let routers = limit(&limits, "network.max_router");
    assert_eq!(
        (&routers["base"], &routers["granted"], &routers["maximum"]),
        (&json!(1), &json!(2), &json!(3))
    );
    for number in 1..=3 {
        rig.post("/api/v1/routers").token(&tenant.owner).json(&router(number)).send().await.expect(201);
    }
    rig.post("/api/v1/routers").token(&tenant.owner).json(&router(4)).send().await.problem("limit_reached");
    let charges = rig.get(&format!("{path}/charges")).token(&tenant.owner).send().await.expect(200);
    // The 22nd of November, in Jakarta: nine of thirty days of 60,000.
    assert_eq!((&charges[0]["amount"], &charges[0]["fromDay"]), (&json!(18_000), &json!("2026-11-22")));
    let open = rig.get("/api/v1/tenant/charges").token(&tenant.owner).send().await.expect(200);
    assert_eq!(open, charges);

    let units = |seen: &'static str, units: i64| {
        let call = rig.put(&format!("{path}/units")).token(&tenant.owner).header("if-match", seen);
        call.json(&json!({ "units": units })).send()
    };
    let fewer = units("\"2\"", 0).await.expect(200);
    assert_eq!((&fewer["units"], &fewer["nextUnits"]), (&json!(2), &json!(0)));
    assert_eq!(fewer["nextFrom"], "2026-12-01");
    units("\"2\"", 2).await.problem("version_moved");
    assert_eq!(units("*", 2).await.expect(200)["nextUnits"], Value::Null, "taken back");
    units("*", 5_000).await.problem("invalid_body");
    rig.put(&format!("{path}/units"))
        .token(&other.owner)
        .header("if-match", "*")
        .json(&json!({ "units": 1 }))
        .send()
        .await
        .problem("not_found");
}

async fn a_custom_add_on_waits_for_an_answer(db: TestDb) {
    let rig = Rig::new(db).await;
    let (admin, tenant) = (rig.admin().await, rig.tenant("warga").await);
    let spec = json!({
        "code": "vip", "name": "VIP", "kind": "custom", "unitPrice": 90_000, "currency": "IDR",
        "cycle": "monthly", "maxUnits": 3, "limits": { "network.max_router": 5 }, "features": ["hr"]
    });
    let addon = rig.post("/api/v1/addons").token(&admin).json(&spec).send().await.expect(201);
    let body = json!({ "addonId": addon["id"], "units": 1, "note": "mohon" });
    let ask = || rig.post("/api/v1/tenant/addons").token(&tenant.owner).json(&body).send();
    let asked = ask().await.expect(201);
    assert_eq!(asked["status"], "pending");
    let list = rig.get("/api/v1/addon-requests").token(&admin).send().await.expect(200);
    assert_eq!(list["rows"][0]["tenantId"], tenant.id.to_string());
    let decide = |id: &Value, what: &str, reason: &str| {
        let path = format!("/api/v1/addon-requests/{}/{what}", id.as_str().unwrap());
        let body = json!({ "reason": reason });
        rig.post(&path).token(&admin).json(&body).send()
    };
    let other = rig.tenant("desa").await;
    for what in ["approve", "reject"] {
        let path = format!("/api/v1/addon-requests/{}/{what}", asked["id"].as_str().unwrap());
        let wrong = json!({ "tenantId": other.id, "reason": "bukan ini" });
        rig.post(&path).token(&admin).json(&wrong).send().await.problem("not_found");
        let body = json!({ "reason": "bukan saya" });
        rig.post(&path).token(&tenant.owner).json(&body).send().await.problem("permission_missing");
        let nothing = format!("/api/v1/addon-requests/{}/{what}", other.id);
        rig.post(&nothing).token(&admin).json(&body).send().await.problem("not_found");
    }
    decide(&asked["id"], "reject", "x").await.problem("invalid_body");
    let rejected = decide(&asked["id"], "reject", "belum bisa").await.expect(200);
    assert_eq!((&rejected["status"], &rejected["decision"]), (&json!("rejected"), &json!("belum bisa")));
    decide(&asked["id"], "approve", "jadi").await.problem("not_possible");
    let asked = ask().await.expect(201);
    let approved = decide(&asked["id"], "approve", "pelanggan lama").await.expect(200);
    assert_eq!(approved["status"], "active");
    let limits = rig.get("/api/v1/tenant/limits").token(&tenant.owner).send().await.expect(200);
    assert_eq!(limit(&limits, "network.max_router")["maximum"], 15);
    let trail = rig.get("/api/v1/audit?act=addon.approve").token(&tenant.owner).send().await.expect(200);
    assert_eq!(trail["rows"][0]["reason"], "pelanggan lama");
    let more = rig.put(&format!("/api/v1/tenant/addons/{}/units", asked["id"].as_str().unwrap()));
    let more = more.token(&tenant.owner).header("if-match", "*").json(&json!({ "units": 2 })).send().await;
    more.problem("not_possible");
    let path = format!("/api/v1/tenant-addons/{}/units", asked["id"].as_str().unwrap());
    let wrong = json!({ "tenantId": other.id, "units": 2, "reason": "boleh" });
    rig.post(&path).token(&admin).json(&wrong).send().await.problem("not_found");
    let body = json!({ "units": 2, "reason": "boleh" });
    assert_eq!(rig.post(&path).token(&admin).json(&body).send().await.expect(200)["units"], 2);
}

async fn signing_in_tells_what_one_works_within(db: TestDb) {
    let rig = Rig::new(db).await;
    let (admin, tenant) = (rig.admin().await, rig.tenant("warga").await);
    on_plan(&rig, &admin, &tenant, &plan("pro")).await;
    let login = json!({ "login": "owner@warga.test", "password": PASSWORD });
    let answer = rig.post("/api/v1/login").json(&login).send().await.expect(200);
    let context = &answer["tenant"];
    assert_eq!((&context["slug"], &context["plan"]["code"]), (&json!("warga"), &json!("pro")));
    assert_eq!((&context["status"], &context["timeZone"]), (&json!("trial"), &json!("Asia/Jakarta")));
    assert_eq!(context["features"], json!(["radius", "maps"]));
    let routers = limit(context, "network.max_router");
    assert_eq!((&routers["used"], &routers["maximum"]), (&json!(0), &json!(1)));
    assert_eq!(limit(context, "hr.max_employee")["maximum"], Value::Null, "unlimited");
    assert!(answer["permissions"].as_array().unwrap().contains(&json!("router.write")));
    let me = rig.get("/api/v1/me").token(&tenant.owner).send().await.expect(200);
    assert_eq!(&me["tenant"], context);
    let root = json!({ "login": "root", "password": PASSWORD });
    let answer = rig.post("/api/v1/login").json(&root).send().await.expect(200);
    assert_eq!(answer["tenant"], Value::Null);
}
