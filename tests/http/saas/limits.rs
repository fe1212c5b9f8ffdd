//! Limits: what stops at them, and how they are raised.

use foundation::testing::TestDb;
use serde_json::{Value, json};

use super::{limit, on_plan, plan, plan_with, router};
use crate::harness::{PASSWORD, Rig};

foundation::battery! {
    a_limit_that_is_reached_says_how_to_raise_it,
    bulk_work_stops_at_the_limit,
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
    let fixed = json!({ "limit": "radius.max_users", "maximum": 2, "reason": "uji" });
    let path = format!("/api/v1/tenants/{}/limits", tenant.id);
    rig.post(&path).token(&admin).json(&fixed).send().await.expect(200);
    let problem = rig
        .post("/api/v1/subscribers")
        .token(&tenant.owner)
        .json(&body)
        .send()
        .await
        .problem("limit_reached");
    assert_eq!(problem["limit"]["addon"], Value::Null, "it would be bought for nothing");
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
