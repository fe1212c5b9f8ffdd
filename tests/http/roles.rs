//! Roles of a tenant's own making.

use foundation::testing::TestDb;
use http::Method;
use serde_json::json;

use crate::harness::{PASSWORD, Rig};

foundation::battery! { a_role_is_made_given_changed_and_removed, programs_give_no_more_than_they_have }

async fn a_role_is_made_given_changed_and_removed(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let body = json!({ "name": "Kasir", "permissions": ["plan.read", "user.read"] });
    let answer = rig.post("/api/v1/roles").token(&tenant.owner).json(&body).send().await;
    let made = answer.expect(201);
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(path, format!("/api/v1/roles/{}", made["id"].as_str().unwrap()));
    rig.get(&path).token(&other.owner).send().await.problem("not_found");
    let user = json!({
        "login": "kasir", "name": "Budi", "role": "custom", "roleId": made["id"], "password": PASSWORD
    });
    rig.post("/api/v1/users").token(&other.owner).json(&user).send().await.problem("invalid_body");
    let user = rig.post("/api/v1/users").token(&tenant.owner).json(&user).send().await.expect(201);
    assert_eq!((&user["role"], &user["roleId"]), (&json!("custom"), &made["id"]));
    let kasir = rig.login("kasir", Some("warga")).await;
    let me = rig.get("/api/v1/me").token(&kasir).send().await.expect(200);
    assert_eq!(me["permissions"], json!(["user.read", "plan.read"]));
    rig.get("/api/v1/plans").token(&kasir).send().await.expect(200);
    rig.get("/api/v1/routers").token(&kasir).send().await.problem("permission_missing");
    rig.post("/api/v1/roles").token(&kasir).json(&body).send().await.problem("permission_missing");

    let put = |seen: &str, body: serde_json::Value| {
        rig.put(&path).token(&tenant.owner).header("if-match", seen).json(&body).send()
    };
    put("\"7\"", body.clone()).await.problem("version_moved");
    put("\"1\"", json!({ "name": "Kasir", "permissions": ["router.read"] })).await.expect(200);
    rig.get("/api/v1/plans").token(&kasir).send().await.problem("permission_missing");
    rig.get("/api/v1/routers").token(&kasir).send().await.expect(200);
    rig.delete(&path).token(&tenant.owner).send().await.problem("in_use");
    put("\"2\"", json!({ "name": "Kasir", "permissions": ["platform"] })).await.problem("invalid_body");

    let person = format!("/api/v1/users/{}", user["id"].as_str().unwrap());
    let viewer = rig.call(Method::PATCH, &person).token(&tenant.owner).header("if-match", "*");
    viewer.json(&json!({ "role": "viewer" })).send().await.expect(200);
    rig.get("/api/v1/routers").token(&kasir).send().await.problem("token_invalid");
    rig.delete(&path).token(&tenant.owner).send().await.expect(204);
    let page = rig.get("/api/v1/roles").token(&tenant.owner).send().await.expect(200);
    assert_eq!(page["rows"], json!([]));
}

async fn programs_give_no_more_than_they_have(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let body = json!({ "name": "hr", "permissions": ["user.write", "role.write", "token.write"] });
    let made = rig.post("/api/v1/tokens").token(&tenant.owner).json(&body).send().await.expect(201);
    let program = made["secret"].as_str().unwrap();
    let owner = json!({ "login": "x", "name": "X", "role": "owner", "password": PASSWORD });
    rig.post("/api/v1/users").token(program).json(&owner).send().await.problem("person_required");
    let role = json!({ "name": "x", "permissions": ["router.secret"] });
    rig.post("/api/v1/roles").token(program).json(&role).send().await.problem("rank_too_low");
    let role = json!({ "name": "HR", "permissions": ["user.write"] });
    let made = rig.post("/api/v1/roles").token(program).json(&role).send().await.expect(201);
    let user = json!({ "login": "ani", "name": "Ani", "role": "custom", "roleId": made["id"], "password": PASSWORD });
    rig.post("/api/v1/users").token(&tenant.owner).json(&user).send().await.expect(201);
    let more = json!({ "name": "HR", "permissions": ["user.write", "role.write"] });
    let path = format!("/api/v1/roles/{}", made["id"].as_str().unwrap());
    let change = rig.put(&path).token(program).header("if-match", "*").json(&more);
    change.send().await.problem("person_required");
    let me = rig.get("/api/v1/me").token(&tenant.owner).send().await.expect(200);
    let path = format!("/api/v1/users/{}/password", me["user"]["id"].as_str().unwrap());
    rig.post(&path).token(program).send().await.problem("person_required");
}
