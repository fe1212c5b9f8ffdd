//! What the platform sells: plans, features, limits, add-ons and invoices, as the super admin and tenants see them.

use std::time::Duration;

use foundation::testing::TestDb;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Rig, Tenant};

foundation::battery! {
    plans_are_sold_and_changed,
    a_limit_that_is_reached_says_how_to_raise_it,
    bulk_work_stops_at_the_limit,
    an_add_on_is_bought_once,
    a_custom_add_on_waits_for_an_answer,
    signing_in_tells_what_one_works_within,
    who_has_not_paid_learns_how_to_pay,
    a_payment_opens_the_panel_at_the_next_request,
    every_trigger_acts_on_the_next_request,
    overrides_need_a_reason_and_are_in_the_trail,
}

fn plan(code: &str) -> Value {
    json!({
        "code": code, "name": code, "price": 300_000, "currency": "IDR", "cycle": "monthly",
        "features": ["radius", "maps"], "limits": { "network.max_router": 1, "radius.max_users": 2 }
    })
}

fn router(number: u32) -> Value {
    json!({ "router": { "name": format!("r{number}"), "addresses": [format!("192.0.2.{number}")] } })
}

/// The limit of this name, of the answer to a list of limits.
fn limit<'a>(limits: &'a Value, name: &str) -> &'a Value {
    limits["limits"].as_array().unwrap().iter().find(|limit| limit["limit"] == name).unwrap()
}

/// A plan with one more feature.
fn plan_with(code: &str, feature: &str) -> Value {
    let mut plan = plan(code);
    plan["features"].as_array_mut().unwrap().push(json!(feature));
    plan
}

fn has(features: &Value, name: &str) -> bool {
    let rows = features["features"].as_array().unwrap();
    rows.iter().find(|feature| feature["feature"] == name).unwrap()["enabled"] == true
}

/// Puts the tenant on a fresh plan.
async fn on_plan(rig: &Rig, admin: &str, tenant: &Tenant, plan: &Value) -> Value {
    let made = rig.post("/api/v1/saas-plans").token(admin).json(plan).send().await.expect(201);
    let body = json!({ "saasPlanId": made["id"], "reason": "kontrak" });
    let path = format!("/api/v1/tenants/{}/plan", tenant.id);
    rig.post(&path).token(admin).json(&body).send().await.expect(200);
    made
}

/// Offers the official add-on of this code for 30,000 rupiah, and gives its id.
async fn offered(rig: &Rig, admin: &str, code: &str) -> Value {
    let all = rig.get("/api/v1/addons").token(admin).send().await.expect(200);
    let found = all["rows"].as_array().unwrap().iter().find(|addon| addon["code"] == code).unwrap().clone();
    let path = format!("/api/v1/addons/{}", found["id"].as_str().unwrap());
    let mut spec = found.clone();
    for name in ["id", "archivedAt", "version", "createdAt", "updatedAt"] {
        spec.as_object_mut().unwrap().remove(name);
    }
    spec["unitPrice"] = 30_000.into();
    rig.put(&path).token(admin).header("if-match", "\"1\"").json(&spec).send().await.expect(200);
    let body = json!({ "archived": false });
    rig.post(&format!("{path}/archive")).token(admin).json(&body).send().await.expect(200);
    found["id"].clone()
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

async fn a_limit_that_is_reached_says_how_to_raise_it(db: TestDb) {
    let rig = Rig::new(db).await;
    let (admin, tenant) = (rig.admin().await, rig.tenant("warga").await);
    on_plan(&rig, &admin, &tenant, &plan("pro")).await;
    let add = |number: u32| rig.post("/api/v1/routers").token(&tenant.owner).json(&router(number)).send();
    let first = add(1).await.expect(201);
    let problem = add(2).await.problem("limit_reached");
    let expected = json!({ "name": "network.max_router", "used": 1, "maximum": 1, "addon": "extra_router" });
    assert_eq!(problem["limit"], expected);
    assert!(problem["detail"].as_str().unwrap().contains("extra_router"), "{problem}");
    let path = format!("/api/v1/routers/{}", first["id"].as_str().unwrap());
    rig.delete(&path).token(&tenant.owner).send().await.expect(204);
    add(2).await.expect(201);

    let overrule = async |body: Value| {
        let path = format!("/api/v1/tenants/{}/limits", tenant.id);
        rig.post(&path).token(&admin).json(&body).send().await
    };
    let people = json!({ "limit": "panel.max_user", "maximum": 1, "reason": "uji" });
    assert_eq!(overrule(people).await.expect(200)["used"], 1, "the owner");
    let user = json!({ "login": "budi", "name": "Budi", "role": "viewer", "password": PASSWORD });
    let hire = || rig.post("/api/v1/users").token(&tenant.owner).json(&user).send();
    let problem = hire().await.problem("limit_reached");
    assert_eq!(
        (&problem["limit"]["name"], &problem["limit"]["addon"]),
        (&json!("panel.max_user"), &Value::Null)
    );
    overrule(json!({ "limit": "panel.max_user", "unlimited": true, "reason": "uji" })).await.expect(200);
    let budi = hire().await.expect(201);
    let path = format!("/api/v1/users/{}", budi["id"].as_str().unwrap());
    rig.delete(&path).token(&tenant.owner).send().await.expect(204);
    let limits = rig.get("/api/v1/tenant/limits").token(&tenant.owner).send().await.expect(200);
    assert_eq!(limit(&limits, "panel.max_user")["used"], 1);
    let both = json!({ "limit": "panel.max_user", "unlimited": true, "maximum": 3, "reason": "uji" });
    overrule(both).await.problem("invalid_body");
    let unknown = json!({ "limit": "moon.max_base", "maximum": 3, "reason": "uji" });
    overrule(unknown).await.problem("invalid_body");
}

async fn bulk_work_stops_at_the_limit(db: TestDb) {
    let rig = Rig::new(db).await;
    let (admin, tenant) = (rig.admin().await, rig.tenant("warga").await);
    on_plan(&rig, &admin, &tenant, &plan_with("pro", "import")).await;
    let rate = json!({ "upload": { "rate": 5_000_000 }, "download": { "rate": 5_000_000 } });
    let home = json!({
        "name": "Home", "price": 150_000, "currency": "IDR", "billing": "postpaid",
        "validity": { "months": 1 }, "service": { "rateLimit": rate }
    });
    let made = rig.post("/api/v1/plans").token(&tenant.owner).json(&home).send().await.expect(201);
    let table = "username,name,plan\na1,A,Home\na2,B,Home\na3,C,Home\n";
    let import = |apply: &str| {
        let path = format!("/api/v1/subscribers/import{apply}");
        rig.post(&path).token(&tenant.owner).raw("text/csv", table).send()
    };
    let dry = import("").await.expect(200);
    assert_eq!(dry["report"]["ready"], 2, "{dry}");
    assert_eq!(dry["report"]["errors"][0]["line"], 4);
    let applied = import("?apply=true").await.expect(200);
    assert_eq!(applied["applied"]["made"].as_array().unwrap().len(), 2);
    let body = json!({
        "subscriber": { "username": "a4", "planId": made["id"] }, "customer": { "customer": { "name": "D" } }
    });
    let one = rig.post("/api/v1/subscribers").token(&tenant.owner).json(&body).send().await;
    assert_eq!(one.problem("limit_reached")["limit"]["addon"], "extra_user_pack");
    // An ended service takes no place, and gives none back when it is removed.
    let id = applied["applied"]["made"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/subscribers/{id}");
    let used = async || {
        let limits = rig.get("/api/v1/tenant/limits").token(&tenant.owner).send().await.expect(200);
        limit(&limits, "radius.max_users")["used"].clone()
    };
    let end = rig.post(&format!("{path}/end")).token(&tenant.owner).header("if-match", "*");
    end.send().await.expect(200);
    assert_eq!(used().await, 1);
    rig.delete(&path).token(&tenant.owner).header("if-match", "*").send().await.expect(204);
    assert_eq!(used().await, 1);
    rig.post("/api/v1/subscribers").token(&tenant.owner).json(&body).send().await.expect(201);
    assert_eq!(used().await, 2);
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
