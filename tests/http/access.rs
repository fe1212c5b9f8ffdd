//! Signing in and out, sessions in cookies, people and tokens.

use std::time::Duration;

use foundation::testing::TestDb;
use rrnetd::http::Settings;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Rig};

foundation::battery! {
    a_session_lasts_until_it_is_ended,
    wrong_passwords_are_refused_and_then_throttled,
    a_cookie_counts_for_our_own_pages_alone,
    a_password_that_was_made_must_be_replaced,
    one_s_own_password_is_replaced_with_the_old_one,
    people_are_managed_with_versions,
    a_program_does_what_its_token_says,
    a_program_makes_no_token_that_outlives_its_own,
    the_address_behind_a_proxy_is_the_caller_s,
}

fn credentials(login: &str, password: &str) -> Value {
    json!({ "login": login, "password": password })
}

async fn a_session_lasts_until_it_is_ended(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let me = rig.get("/api/v1/me").token(&tenant.owner).send().await.expect(200);
    assert_eq!((&me["role"], &me["tenant"]["slug"]), (&json!("owner"), &json!("warga")));
    assert_eq!(me["user"]["login"], "owner@warga.test");
    assert!(me["permissions"].as_array().unwrap().contains(&json!("subscriber.write")));

    let answer = rig.post("/api/v1/logout").token(&tenant.owner).send().await;
    answer.expect(204);
    rig.get("/api/v1/me").token(&tenant.owner).send().await.problem("token_invalid");
    let token = rig.login("owner@warga.test", None).await;
    rig.hand.advance(Duration::from_hours(12));
    rig.get("/api/v1/me").token(&token).send().await.problem("token_invalid");
}

async fn wrong_passwords_are_refused_and_then_throttled(db: TestDb) {
    let rig = Rig::new(db).await;
    rig.tenant("warga").await;
    let login = |login: &'static str, password: &'static str| {
        rig.post("/api/v1/login").json(&credentials(login, password)).send()
    };
    let unknown = login("nobody@warga.test", PASSWORD).await.problem("login_refused");
    let wrong = login("owner@warga.test", "a wrong password").await.problem("login_refused");
    assert_eq!(unknown, wrong, "nobody learns which of them");
    for _ in 0..4 {
        login("owner@warga.test", "a wrong password").await.problem("login_refused");
    }
    let answer = login("owner@warga.test", PASSWORD).await;
    answer.problem("login_throttled");
    assert_eq!(answer.header("retry-after"), Some("2"));
    rig.hand.advance(Duration::from_secs(2));
    login("owner@warga.test", PASSWORD).await.expect(200);
    let answer = rig.post("/api/v1/login").json(&json!({ "login": "x" })).send().await;
    assert_eq!(answer.problem("invalid_body")["errors"][0]["problem"], "missing field `password`");
}

async fn a_cookie_counts_for_our_own_pages_alone(db: TestDb) {
    let rig = Rig::with(db, Settings { secure_cookies: true, ..Settings::default() }).await;
    rig.tenant("warga").await;
    let mut body = credentials("owner@warga.test", PASSWORD);
    body["cookie"] = json!(true);
    rig.post("/api/v1/login").json(&body).send().await.problem("cross_origin");
    let answer = rig.post("/api/v1/login").header("sec-fetch-site", "same-origin").json(&body).send().await;
    assert!(answer.expect(200).get("token").is_none(), "scripts never see it");
    let set = answer.header("set-cookie").unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(attribute), "{set}");
    }
    let cookie = set.split(';').next().unwrap();
    rig.get("/api/v1/me").header("cookie", cookie).send().await.expect(200);
    let change = || rig.post("/api/v1/users").header("cookie", cookie).json(&json!({}));
    change().send().await.problem("cross_origin");
    change().header("sec-fetch-site", "cross-site").send().await.problem("cross_origin");
    change()
        .header("origin", "http://evil.test")
        .header("host", "panel.test")
        .send()
        .await
        .problem("cross_origin");
    change().header("sec-fetch-site", "same-origin").send().await.problem("invalid_body");
    let out = rig.post("/api/v1/logout").header("cookie", cookie).header("sec-fetch-site", "same-origin");
    let out = out.send().await;
    out.expect(204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    rig.get("/api/v1/me").header("cookie", cookie).send().await.problem("token_invalid");
}

async fn a_password_that_was_made_must_be_replaced(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let user = json!({ "login": "noc", "name": "Siti", "role": "noc", "password": PASSWORD });
    let user = rig.post("/api/v1/users").token(&tenant.owner).json(&user).send().await.expect(201);
    let path = format!("/api/v1/users/{}/password", user["id"].as_str().unwrap());
    let made = rig.post(&path).token(&tenant.owner).send().await.expect(200);
    let made = made["password"].as_str().unwrap();
    let answer = rig.post("/api/v1/login").json(&credentials("noc", made)).send().await.expect(200);
    assert_eq!(answer["user"]["passwordExpired"], true);
    let token = answer["token"].as_str().unwrap();
    rig.get("/api/v1/routers").token(token).send().await.problem("password_expired");
    rig.get("/api/v1/me").token(token).send().await.expect(200);
    let new = "another long password";
    let body = json!({ "current": made, "new": new });
    rig.post("/api/v1/me/password").token(token).json(&body).send().await.expect(204);
    rig.get("/api/v1/me").token(token).send().await.problem("token_invalid");
    let answer = rig.post("/api/v1/login").json(&credentials("noc", new)).send().await.expect(200);
    let token = answer["token"].as_str().unwrap();
    rig.get("/api/v1/routers").token(token).send().await.expect(200);
}

async fn one_s_own_password_is_replaced_with_the_old_one(db: TestDb) {
    let rig = Rig::new(db).await;
    let admin = rig.admin().await;
    let change = |current: &str, new: &str| {
        let body = json!({ "current": current, "new": new });
        rig.post("/api/v1/me/password").token(&admin).json(&body).send()
    };
    change("not the password", "another long password").await.problem("login_refused");
    let short = change(PASSWORD, "short").await.problem("invalid_body");
    assert_eq!(short["errors"][0]["field"], "new");
    let same = change(PASSWORD, PASSWORD).await.problem("invalid_body");
    assert_eq!(same["errors"][0]["problem"], "must be another than the current one");
    change(PASSWORD, "another long password").await.expect(204);
}

async fn people_are_managed_with_versions(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let user = json!({ "login": "Kasir", "name": "Budi", "role": "collector", "password": PASSWORD });
    let answer = rig.post("/api/v1/users").token(&tenant.owner).json(&user).send().await;
    let made = answer.expect(201);
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(path, format!("/api/v1/users/{}", made["id"].as_str().unwrap()));
    assert_eq!((&made["login"], answer.header("etag")), (&json!("kasir"), Some("\"1\"")));
    let again = rig.post("/api/v1/users").token(&tenant.owner).json(&user).send().await;
    assert_eq!(again.problem("name_taken")["errors"][0]["field"], "login");

    let patch = |seen: &str, body: Value| {
        rig.call(http::Method::PATCH, &path).token(&tenant.owner).header("if-match", seen).json(&body).send()
    };
    let changed = patch("\"1\"", json!({ "name": "Budi S." })).await.expect(200);
    assert_eq!((&changed["name"], &changed["version"]), (&json!("Budi S."), &json!(2)));
    patch("\"1\"", json!({ "name": "X" })).await.problem("version_moved");
    patch("W/\"2\"", json!({ "name": "X" })).await.problem("invalid_header");
    let unset = rig.call(http::Method::PATCH, &path).token(&tenant.owner).json(&json!({})).send().await;
    unset.problem("version_required");
    patch("\"2\"", json!({ "role": "super_admin" })).await.problem("invalid_body");

    rig.user(Some(&tenant.scope), "admin", rrnetd::domain::access::Role::Admin).await;
    let admin = rig.login("admin", Some("warga")).await;
    let owner = json!({ "login": "x", "name": "X", "role": "owner", "password": PASSWORD });
    rig.post("/api/v1/users").token(&admin).json(&owner).send().await.problem("rank_too_low");

    let kasir = rig.login("kasir", Some("warga")).await;
    rig.get("/api/v1/users").token(&kasir).send().await.problem("permission_missing");
    let own = rig.get("/api/v1/me").token(&tenant.owner).send().await.expect(200);
    let own = format!("/api/v1/users/{}", own["user"]["id"].as_str().unwrap());
    for change in [json!({ "role": "viewer" }), json!({ "disabled": true })] {
        let call = rig.call(http::Method::PATCH, &own).token(&tenant.owner).header("if-match", "*");
        call.json(&change).send().await.problem("last_owner");
    }
    rig.delete(&own).token(&tenant.owner).send().await.problem("last_owner");
    rig.delete(&path).token(&tenant.owner).send().await.expect(204);
    rig.get("/api/v1/me").token(&kasir).send().await.problem("token_invalid");
    rig.get(&path).token(&tenant.owner).send().await.problem("not_found");
}

async fn a_program_does_what_its_token_says(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let other = rig.tenant("desa").await;
    let body =
        json!({ "name": "billing", "permissions": ["plan.read"], "expiresAt": "2026-12-01T00:00:00Z" });
    let made = rig.post("/api/v1/tokens").token(&tenant.owner).json(&body).send().await.expect(201);
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("rrn_"));
    rig.get("/api/v1/plans").token(secret).send().await.expect(200);
    rig.get("/api/v1/routers").token(secret).send().await.problem("permission_missing");
    rig.post("/api/v1/logout").token(secret).send().await.problem("not_a_session");
    let elsewhere = rig.get("/api/v1/plans").token(secret).within(other.id).send().await;
    elsewhere.problem("not_found");
    let list = rig.get("/api/v1/tokens").token(&tenant.owner).send().await;
    assert!(!list.text.contains(secret), "shown once");
    assert_eq!(list.expect(200)["rows"][0]["permissions"], json!(["plan.read"]));

    let wider = json!({ "name": "x", "permissions": ["platform"] });
    rig.post("/api/v1/tokens").token(&tenant.owner).json(&wider).send().await.problem("rank_too_low");
    let unknown = json!({ "name": "x", "permissions": ["rocket.launch"] });
    rig.post("/api/v1/tokens").token(&tenant.owner).json(&unknown).send().await.problem("invalid_body");

    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    rig.delete(&path).token(&other.owner).send().await.problem("not_found");
    rig.delete(&path).token(&tenant.owner).send().await.expect(204);
    rig.get("/api/v1/plans").token(secret).send().await.problem("token_invalid");
}

async fn a_program_makes_no_token_that_outlives_its_own(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let body = json!({
        "name": "hr", "permissions": ["token.write", "plan.read"], "expiresAt": "2026-11-22T09:00:00Z"
    });
    let made = rig.post("/api/v1/tokens").token(&tenant.owner).json(&body).send().await.expect(201);
    let program = made["secret"].as_str().unwrap();
    for body in [json!({ "name": "child", "permissions": ["plan.read"] }), body] {
        rig.post("/api/v1/tokens").token(program).json(&body).send().await.problem("person_required");
    }
    let list = rig.get("/api/v1/tokens").token(program).send().await.expect(200);
    assert_eq!(list["rows"].as_array().unwrap().len(), 1);
    let other = json!({ "name": "other", "permissions": ["plan.read"] });
    let other = rig.post("/api/v1/tokens").token(&tenant.owner).json(&other).send().await.expect(201);
    let path = format!("/api/v1/tokens/{}", other["id"].as_str().unwrap());
    rig.delete(&path).token(program).send().await.expect(204);
}

async fn the_address_behind_a_proxy_is_the_caller_s(db: TestDb) {
    let proxy = "198.51.100.1";
    let settings = Settings { trusted_proxies: vec![proxy.parse().unwrap()], ..Settings::default() };
    let rig = Rig::with(db, settings).await;
    let tenant = rig.tenant("warga").await;
    let login = |peer: &'static str, forwarded: &'static str| {
        let call = rig.post("/api/v1/login").peer(Some(peer)).header("x-forwarded-for", forwarded);
        call.json(&credentials("owner@warga.test", PASSWORD)).send()
    };
    login(proxy, "203.0.113.9, 203.0.113.7").await.expect(200);
    login("203.0.113.5", "203.0.113.9").await.expect(200);
    let trail = rig.get("/api/v1/audit?act=user.login&limit=2").token(&tenant.owner).send().await.expect(200);
    assert_eq!(trail["rows"][1]["address"], "203.0.113.7", "the last one that a trusted proxy saw");
    assert_eq!(trail["rows"][0]["address"], "203.0.113.5", "anybody may write the header");
}
