//! Budgets of requests: what is left is told, and beyond it everybody waits.

use std::time::Duration;

use foundation::testing::TestDb;
use rrnetd::{
    domain::{
        access::Role,
        tenant::{self, Feature},
    },
    http::Settings,
};
use serde_json::json;

use crate::harness::{Answer, Rig};

foundation::battery! {
    a_tenant_spends_its_own_budget,
    the_super_admin_gives_another_budget_at_once,
    nobody_in_particular_is_charged_by_the_address,
    refusals_cost_as_much,
}

fn few(requests_per_minute: u32) -> Settings {
    Settings { requests_per_minute, ..Settings::default() }
}

async fn a_tenant_spends_its_own_budget(db: TestDb) {
    let rig = Rig::with(db, few(3)).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    for left in ["2", "1", "0"] {
        let answer = rig.get("/api/v1/plans").token(&tenant.owner).send().await;
        answer.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"tenant\";q=3;w=60"));
        assert!(answer.header("ratelimit").unwrap().starts_with(&format!("\"tenant\";r={left};t=")));
    }
    let answer = rig.get("/api/v1/plans").token(&tenant.owner).send().await;
    answer.problem("rate_limited");
    assert_eq!(answer.header("retry-after"), Some("21"));
    assert_eq!(answer.header("ratelimit"), Some("\"tenant\";r=0;t=60"));
    rig.get("/api/v1/me").token(&tenant.owner).send().await.problem("rate_limited");
    rig.get("/api/v1/plans").token(&other.owner).send().await.expect(200);
    rig.hand.advance(Duration::from_secs(20));
    rig.get("/api/v1/plans").token(&tenant.owner).send().await.expect(200);
    rig.get("/api/v1/plans").token(&tenant.owner).send().await.problem("rate_limited");
}

async fn the_super_admin_gives_another_budget_at_once(db: TestDb) {
    let rig = Rig::with(db, few(50)).await;
    let tenant = rig.tenant("warga").await;
    let admin = rig.admin().await;
    let path = format!("/api/v1/tenants/{}/api-budget", tenant.id);
    let before = rig.get(&path).token(&admin).send().await.expect(200);
    assert_eq!(before, json!({ "requestsPerMinute": null }));
    let body = json!({ "requestsPerMinute": 20, "reason": "a runaway program" });
    rig.put(&path).token(&admin).json(&body).send().await.expect(200);
    let answer = rig.get("/api/v1/plans").token(&tenant.owner).send().await;
    assert_eq!(answer.header("ratelimit-policy"), Some("\"tenant\";q=20;w=60"));
    let trail =
        rig.get("/api/v1/audit?act=tenant.set_api_budget").token(&tenant.owner).send().await.expect(200);
    assert_eq!(trail["rows"][0]["reason"], "a runaway program");
    assert_eq!(trail["rows"][0]["after"]["requestsPerMinute"], 20);
    let silent = json!({ "requestsPerMinute": null, "reason": " " });
    rig.put(&path).token(&admin).json(&silent).send().await.problem("invalid_body");
    let tiny = json!({ "requestsPerMinute": 1, "reason": "a joke" });
    rig.put(&path).token(&admin).json(&tiny).send().await.problem("invalid_body");
    rig.put(&path).token(&tenant.owner).json(&body).send().await.problem("permission_missing");
}

async fn nobody_in_particular_is_charged_by_the_address(db: TestDb) {
    let rig = Rig::with(db, Settings { visitor_requests_per_minute: 4, ..Settings::default() }).await;
    let login = rig.tenant("warga").await.owner;
    for path in ["/healthz", "/docs"] {
        rig.get(path).send().await.expect(200);
    }
    rig.get("/api/v1/plans").token("nonsense").send().await.problem("token_invalid");
    rig.get("/api/v1/plans").send().await.problem("rate_limited");
    rig.get("/healthz").send().await.problem("rate_limited");
    rig.get("/healthz").peer(Some("192.0.2.99")).send().await.expect(200);
    // Who is known is not charged for strangers behind the same address.
    rig.get("/api/v1/plans").token(&login).send().await.expect(200);
    // Anybody may write the header; only a proxy that is trusted is believed.
    rig.get("/healthz").header("x-forwarded-for", "203.0.113.1").send().await.problem("rate_limited");
}

async fn refusals_cost_as_much(db: TestDb) {
    let rig = Rig::with(db, few(3)).await;
    let (admin, tenant) = (rig.admin().await, rig.tenant("warga").await);
    rig.user(Some(&tenant.scope), "viewer@warga.test", Role::Viewer).await;
    let viewer = rig.login("viewer@warga.test", Some("warga")).await;
    let body = json!({ "name": "x" });
    let forbidden = || rig.post("/api/v1/plans").token(&viewer).json(&body).send();
    let unlicensed = || rig.get("/api/v1/plans").token(&viewer).send();
    let platform = || rig.get("/api/v1/tenants").token(&viewer).send();
    let elsewhere = || rig.get("/api/v1/plans").token(&viewer).header("rrnetd-tenant", "x").send();
    let set = async |feature: Feature, on: Option<bool>| {
        let mut tx = rig.db.begin().await.unwrap();
        tenant::feature::set_feature(&mut tx, &rig.platform(), tenant.id, feature, on).await.unwrap();
        tx.commit().await.unwrap();
    };
    // As long as the budget lasts, each layer says what it has to say.
    let told = async |answer: Answer, left: u32, code: &str| {
        answer.problem(code);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"tenant\";q=3;w=60"), "{code}");
        assert!(answer.header("ratelimit").unwrap().starts_with(&format!("\"tenant\";r={left};")), "{code}");
    };
    told(forbidden().await, 2, "permission_missing").await;
    told(platform().await, 1, "permission_missing").await;
    told(elsewhere().await, 0, "invalid_header").await;
    told(forbidden().await, 0, "rate_limited").await;
    rig.get("/api/v1/me").token(&tenant.owner).send().await.problem("rate_limited");
    rig.hand.advance(Duration::from_mins(1));
    set(Feature::Radius, Some(false)).await;
    for left in [2, 1, 0] {
        told(unlicensed().await, left, "feature_disabled").await;
    }
    told(unlicensed().await, 0, "rate_limited").await;
    // Somebody of the platform pays for tenants that are not there as well.
    let nowhere = "0192d3b0-0000-7000-8000-000000000000";
    let lost = || rig.get("/api/v1/plans").token(&admin).header("rrnetd-tenant", nowhere).send();
    for _ in 0..3 {
        lost().await.problem("not_found");
    }
    lost().await.problem("rate_limited");
}
