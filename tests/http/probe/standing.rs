//! How a tenant stands, what it has, and what is done twice.

use super::*;

foundation::battery! {
    a_locked_tenant_is_told_so_everywhere,
    an_isolated_tenant_s_subscribers_log_in,
    a_feature_that_is_off_closes_its_routes_at_once,
    every_creation_honours_its_key,
}

async fn a_locked_tenant_is_told_so_everywhere(db: TestDb) {
    let world = World::new(db).await;
    let rig = world.rig();
    let everything: Vec<&str> = Role::Owner.permissions().iter().map(Permission::as_str).collect();
    for (slug, status, code) in [
        ("isolasi", TenantStatus::Isolated, "tenant_isolated"),
        ("bubar", TenantStatus::Disabled, "tenant_disabled"),
    ] {
        let tenant = rig.tenant(slug).await;
        let (_, program) =
            program(rig, &tenant.owner, &json!({ "name": "x", "permissions": everything })).await;
        for token in [&tenant.owner, &program] {
            rig.get("/api/v1/plans").token(token).send().await.expect(200);
        }
        world.set_status(&tenant, status).await;
        for entry in world.of(|access| tenant_routes(access) || access == Access::SignedIn) {
            let path = entry.path.replace("{id}", &world.ids["tenants"]);
            for token in [&tenant.owner, &program] {
                let answer = rig.call(entry.method.clone(), &path).token(token).send().await;
                answer.problem(code);
            }
        }
        // Whoever is signed in may leave, and has left.
        let leave = || rig.post("/api/v1/logout").token(&tenant.owner).send();
        leave().await.expect(204);
        leave().await.problem("token_invalid");
        rig.post("/api/v1/logout").token(&program).send().await.problem("not_a_session");
        let login = json!({ "login": format!("owner@{slug}.test"), "password": PASSWORD });
        rig.post("/api/v1/login").json(&login).send().await.problem(code);
        let wrong = json!({ "login": format!("owner@{slug}.test"), "password": "not the password" });
        rig.post("/api/v1/login").json(&wrong).send().await.problem("login_refused");
        world.set_status(&tenant, TenantStatus::Active).await;
        let owner = rig.login(&format!("owner@{slug}.test"), Some(slug)).await;
        for token in [&owner, &program] {
            rig.get("/api/v1/plans").token(token).send().await.expect(200);
        }
    }
}

async fn an_isolated_tenant_s_subscribers_log_in(db: TestDb) {
    let mut world = World::new(db).await;
    for username in ["satu-siti", "satu-tuti"] {
        world.net.subscriber(username, MARKS[5]).await;
    }
    for (status, username) in [(TenantStatus::Isolated, "satu-siti"), (TenantStatus::Disabled, "satu-tuti")] {
        let mut tx = world.rig().db.begin().await.unwrap();
        let platform = world.rig().platform();
        tenant::set_status(&mut tx, &platform, world.net.tenant.id, status).await.unwrap();
        tx.commit().await.unwrap();
        world.net.feed().await;
        let (outcome, class) = world.net.dial(username, MARKS[5]);
        assert!(outcome == Outcome::Accepted && class.is_some(), "{status}: {outcome:?}");
    }
}

async fn a_feature_that_is_off_closes_its_routes_at_once(db: TestDb) {
    let world = World::new(db).await;
    let rig = world.rig();
    let tenant = rig.tenant("polos").await;
    let (_, program) =
        program(rig, &tenant.owner, &json!({ "name": "x", "permissions": ["plan.read"] })).await;
    let admin = world.admin.clone();
    rig.get("/api/v1/plans").token(&tenant.owner).send().await.expect(200);
    let switch = async |feature: Feature, on: Option<bool>| {
        let mut tx = rig.db.begin().await.unwrap();
        tenant::feature::set_feature(&mut tx, &rig.platform(), tenant.id, feature, on).await.unwrap();
        tx.commit().await.unwrap();
    };
    for feature in Feature::ALL {
        switch(*feature, Some(false)).await;
    }
    let mut closed = 0;
    for entry in world.of(tenant_routes) {
        let Access::Tenant(_, feature) = entry.access else { continue };
        let path = entry.path.replace("{id}", &world.ids["tenants"]);
        let answer = rig.call(entry.method.clone(), &path).token(&tenant.owner).send().await;
        let refused = answer.json()["code"] == "feature_disabled";
        assert_eq!(refused, feature.is_some(), "{entry:?} {}", answer.text);
        if let Some(feature) = feature {
            assert_eq!(answer.problem("feature_disabled")["detail"], format!("it is {feature}"));
            closed += 1;
            // The super admin is not bound to what the tenant bought.
            let over = rig.call(entry.method.clone(), &path).token(&admin).within(tenant.id).send().await;
            assert_ne!(over.json()["code"], "feature_disabled", "{entry:?}");
        }
    }
    assert!(closed > 30, "{closed} routes belong to a feature");
    rig.get("/api/v1/tenant").token(&program).send().await.problem("feature_disabled");
    switch(Feature::Radius, None).await;
    rig.get("/api/v1/plans").token(&tenant.owner).send().await.expect(200);
    rig.get("/api/v1/plans").token(&program).send().await.problem("feature_disabled");
    switch(Feature::ApiTokens, None).await;
    rig.get("/api/v1/plans").token(&program).send().await.expect(200);
}

async fn every_creation_honours_its_key(db: TestDb) {
    let world = World::new(db).await;
    let rig = world.rig();
    let admin = world.admin.clone();
    let mut creations = 0;
    for entry in world.of(|access| tenant_routes(access) || access == Access::Platform) {
        let operation = &rig.document["paths"][&entry.path][entry.method.as_str().to_lowercase()];
        let described = operation["responses"].get("201").is_some();
        if entry.method != Method::POST || (!described && entry.access == Access::Platform) {
            continue;
        }
        let Example { content, creates, .. } = world.example(&entry);
        assert_eq!(creates, described, "{entry:?}: what makes something answers 201, and nothing else does");
        let Content::Json(body) = content else { continue };
        if !creates {
            continue;
        }
        creations += 1;
        let parameters = operation["parameters"].as_array().unwrap();
        assert!(parameters.iter().any(|it| it["name"] == "Idempotency-Key"), "{entry:?}");
        let token = if entry.access == Access::Platform { &admin } else { &world.net.tenant.owner };
        let send = |body: String| {
            let call = rig.post(&entry.path).token(token).header("idempotency-key", "satu-kali");
            call.raw("application/json", body).send()
        };
        let first = send(body.to_string()).await;
        let made = first.expect(201);
        assert!(made["id"].is_string() && first.header("location").is_some(), "{entry:?} {made}");
        let again = send(body.to_string()).await;
        assert_eq!(again.expect(201)["id"], made["id"], "{entry:?}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{entry:?}");
        send(format!("{body} ")).await.problem("idempotency_key_reused");
        // A key is one for all of a caller's requests: taken back, it serves for the next route.
        let mut tx = rig.db.begin().await.unwrap();
        tx.query("DELETE FROM idempotency_key").execute().await.unwrap();
        tx.commit().await.unwrap();
    }
    assert!(creations >= 8, "{creations} routes make something");
}
