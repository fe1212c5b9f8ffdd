//! The second factor over the API.

use std::time::Duration;

use foundation::testing::TestDb;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Rig};

foundation::battery! { a_second_factor_is_put_on_asked_for_and_taken_off, programs_have_no_second_factor }

async fn a_second_factor_is_put_on_asked_for_and_taken_off(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let post = |path: &'static str, token: &str, body: Value| rig.post(path).token(token).json(&body).send();
    let begin = "/api/v1/me/second-factor";
    post(begin, &tenant.owner, json!({ "password": "not the password" })).await.problem("login_refused");
    let made = post(begin, &tenant.owner, json!({ "password": PASSWORD })).await.expect(200);
    let secret = data_encoding::BASE32_NOPAD.decode(made["secret"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(secret.len(), 20);
    let wrong = json!({ "code": "12345" });
    post("/api/v1/me/second-factor/confirm", &tenant.owner, wrong).await.problem("second_factor_refused");
    let code = |rig: &Rig| crate::harness::totp(&secret, rig.clock.wall());
    let right = json!({ "code": code(&rig) });
    let on = post("/api/v1/me/second-factor/confirm", &tenant.owner, right.clone()).await.expect(200);
    let paper = on["recoveryCodes"].as_array().unwrap().clone();
    assert_eq!(paper.len(), 10);
    post("/api/v1/me/second-factor/confirm", &tenant.owner, right).await.problem("not_possible");

    let login = |code: Option<Value>| {
        let body = json!({ "login": "owner@warga.test", "password": PASSWORD, "code": code });
        rig.post("/api/v1/login").json(&body).send()
    };
    login(None).await.problem("second_factor_required");
    login(Some(json!("000000"))).await.problem("second_factor_refused");
    rig.hand.advance(Duration::from_secs(30));
    let right = json!(code(&rig));
    let signed_in = login(Some(right.clone())).await.expect(200);
    assert_eq!(signed_in["user"]["secondFactor"], true);
    login(Some(right)).await.problem("second_factor_refused");
    login(Some(paper[0].clone())).await.expect(200);
    login(Some(paper[0].clone())).await.problem("second_factor_refused");

    let admin = rig.admin().await;
    let id = signed_in["user"]["id"].as_str().unwrap();
    let path = format!("/api/v1/users/{id}/second-factor");
    rig.delete(&path).token(&admin).within(tenant.id).send().await.expect(204);
    login(None).await.expect(200);
    post(begin, &tenant.owner, json!({ "password": PASSWORD })).await.expect(200);
    post("/api/v1/me/second-factor/end", &tenant.owner, json!({ "password": PASSWORD })).await.expect(204);
    let trail = rig.get("/api/v1/audit?limit=500").token(&tenant.owner).send().await;
    let text = format!("{}{}", trail.text, rig.get("/api/v1/users").token(&tenant.owner).send().await.text);
    for shown in paper.iter().filter_map(Value::as_str).chain(made["secret"].as_str()) {
        assert!(!text.contains(shown));
    }
}

async fn programs_have_no_second_factor(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let body = json!({ "name": "x", "permissions": ["plan.read"] });
    let made = rig.post("/api/v1/tokens").token(&tenant.owner).json(&body).send().await.expect(201);
    let program = made["secret"].as_str().unwrap();
    let body = json!({ "password": PASSWORD });
    rig.post("/api/v1/me/second-factor").token(program).json(&body).send().await.problem("not_a_session");
    rig.post("/api/v1/me/second-factor/end").token(program).json(&body).send().await.problem("not_a_session");
}
