//! The table of routes, walked: nothing is open that should not be, and nothing is there that nobody described.

use std::collections::BTreeSet;

use foundation::testing::TestDb;
use http::Method;
use rrnetd::{
    domain::{access::Role, tenant::Feature},
    http::Access,
};

use crate::harness::Rig;

foundation::battery! {
    every_route_but_the_open_ones_needs_a_token,
    every_tenant_route_needs_its_permission,
    platform_routes_are_for_the_super_admin,
    every_route_stands_in_the_document,
}

/// What anybody may call. A route that is to be open must be added here by hand.
const OPEN: [(&str, &str); 7] = [
    ("GET", "/docs"),
    ("GET", "/docs/problems"),
    ("GET", "/docs/style.css"),
    ("GET", "/healthz"),
    ("GET", "/openapi.json"),
    ("GET", "/readyz"),
    ("POST", "/api/v1/login"),
];

fn filled(path: &str) -> String {
    path.replace("{id}", "0192d3b0-0000-7000-8000-000000000000")
}

async fn every_route_but_the_open_ones_needs_a_token(db: TestDb) {
    let rig = Rig::new(db).await;
    let open: BTreeSet<(&str, &str)> = rig
        .routes
        .iter()
        .filter(|entry| entry.access == Access::Open)
        .map(|entry| (entry.method.as_str(), entry.path.as_str()))
        .collect();
    assert_eq!(open, BTreeSet::from(OPEN));
    let mut closed = 0;
    for entry in rig.routes.iter().filter(|entry| entry.access != Access::Open) {
        let path = filled(&entry.path);
        let answer = rig.call(entry.method.clone(), &path).send().await;
        answer.problem("unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
        let forged = format!("rrn_{}", "A".repeat(43));
        rig.call(entry.method.clone(), &path).token(&forged).send().await.problem("token_invalid");
        rig.call(entry.method.clone(), &path).token("nonsense").send().await.problem("token_invalid");
        closed += 1;
    }
    assert!(closed > 25, "{closed} routes were tried");
}

async fn every_tenant_route_needs_its_permission(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    for role in [Role::Collector, Role::Viewer, Role::Technician, Role::Finance, Role::Noc] {
        let login = format!("{role}@warga.test");
        rig.user(Some(&tenant.scope), &login, role).await;
        let token = rig.login(&login, Some("warga")).await;
        for entry in &rig.routes {
            let Access::Tenant(permission, _) = entry.access else { continue };
            let answer = rig.call(entry.method.clone(), &filled(&entry.path)).token(&token).send().await;
            let refused = answer.json()["code"] == "permission_missing";
            assert_eq!(refused, !role.permissions().allow(permission), "{role} {entry:?} {}", answer.text);
        }
    }
}

async fn platform_routes_are_for_the_super_admin(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let admin = rig.admin().await;
    for entry in rig.routes.iter().filter(|entry| entry.access == Access::Platform) {
        let path = filled(&entry.path);
        let call = || rig.call(entry.method.clone(), &path);
        call().token(&tenant.owner).send().await.problem("permission_missing");
        let answer = call().token(&admin).send().await;
        assert!(!matches!(answer.status.as_u16(), 401 | 403), "{path} {}", answer.text);
    }
    for entry in &rig.routes {
        if matches!(entry.access, Access::Tenant(..)) {
            let call = || rig.call(entry.method.clone(), &filled(&entry.path)).token(&admin);
            call().send().await.problem("tenant_required");
        }
    }
}

async fn every_route_stands_in_the_document(db: TestDb) {
    let rig = Rig::new(db).await;
    for entry in
        rig.routes.iter().filter(|entry| !entry.path.starts_with("/docs") && entry.path != "/openapi.json")
    {
        let operation = &rig.document["paths"][&entry.path][entry.method.as_str().to_lowercase()];
        assert!(operation["summary"].is_string(), "{entry:?}");
        assert!(operation["tags"][0].is_string(), "{entry:?}");
        let secured = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
        assert_eq!(secured, entry.access != Access::Open, "{entry:?}");
        if let Access::Tenant(permission, feature) = entry.access {
            assert_eq!(operation["x-permission"], permission.as_str());
            assert_eq!(operation["x-feature"].as_str(), feature.map(Feature::as_str));
        }
        let takes_body = matches!(entry.method, Method::PUT | Method::PATCH);
        assert!(!takes_body || operation["requestBody"].is_object(), "{entry:?}");
    }
}
