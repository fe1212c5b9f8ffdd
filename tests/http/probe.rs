//! The probe: walks the router's own table of routes as an intruder does, with every kind of token that should not do.
//!
//! For each route it knows ids of a first tenant and a request that its owner may make (see [`example`]). A route that it has
//! no example for fails the probe: whoever adds a route says here what to ask of it.

use std::collections::BTreeMap;

use aaa::policy::Outcome;
use foundation::testing::TestDb;
use http::Method;
use rrnetd::{
    domain::{
        access::{Permission, Role},
        tenant::{self, Feature, TenantStatus},
    },
    http::{Access, Entry, Settings},
};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, PASSWORD, Rig, Tenant},
    network::{Accounting, Network},
};

foundation::battery! {
    nobody_gets_in_without_a_valid_token,
    a_second_tenant_sees_and_changes_nothing_of_the_first,
    each_role_does_what_it_may_and_no_more,
    a_locked_tenant_is_told_so_everywhere,
    an_isolated_tenant_s_subscribers_log_in,
    a_feature_that_is_off_closes_its_routes_at_once,
    every_creation_honours_its_key,
}

/// Names that stand in the first tenant's data, and nowhere else.
const MARKS: [&str; 6] =
    ["satu-budi", "satu-kasir", "satu-program", "satu-peran", "owner@warga.test", "sandi-satu-4711"];

/// A first tenant with one of everything.
struct World {
    net: Network,
    /// By the path's first part; what stands under `tenant` is its add-on.
    ids: BTreeMap<&'static str, String>,
    /// An add-on of the catalogue, which everybody may see.
    offer: String,
    /// The super admin's session.
    admin: String,
}

/// What is asked of a route.
struct Example {
    query: String,
    content: Content,
    /// It names ids of the first tenant, so that another's must be refused.
    names_others: bool,
    /// It makes something, once for each Idempotency-Key.
    creates: bool,
}

enum Content {
    None,
    Json(Value),
    Csv(&'static str),
}

fn asks(content: Content) -> Example {
    Example { query: String::new(), content, names_others: false, creates: false }
}

/// What to ask of a route so that the first tenant's owner (or the super admin) gets it done. `None` when nobody said.
#[expect(clippy::match_same_arms, reason = "a line for each route, by what it is about")]
fn example(world: &World, method: &Method, path: &str) -> Option<Example> {
    let id = |of: &str| &world.ids[of];
    let form = |body: Value| asks(Content::Json(body));
    let creates = |body: Value| Example { creates: true, ..form(body) };
    let about_others = |example: Example| Example { names_others: true, ..example };
    let plan = crate::plans::plan("satu-baru");
    let customer = json!({ "customer": { "name": "Siti" } });
    Some(match (method.as_str(), path) {
        ("GET", "/api/v1/audit/export" | "/api/v1/platform/audit/export") => {
            Example { query: "?format=csv".into(), ..asks(Content::None) }
        }
        ("GET", "/api/v1/subscribers/search") => {
            Example { query: "?text=satu".into(), ..asks(Content::None) }
        }
        ("GET", "/api/v1/subscribers/{id}/usage") => {
            Example { query: "?from=2026-11-01T00:00:00Z".into(), ..asks(Content::None) }
        }
        ("GET", "/api/v1/subscribers") => {
            let query = format!("?planId={}&routerId={}", id("plans"), id("routers"));
            Example { query, ..asks(Content::None) }
        }
        ("GET", "/api/v1/sessions") => {
            Example { query: format!("?subscriberId={}", id("subscribers")), ..asks(Content::None) }
        }
        ("GET" | "DELETE", _) => asks(Content::None),
        ("POST", "/api/v1/audit/verify") => asks(Content::None),
        ("POST", "/api/v1/customers") => creates(customer),
        ("PUT", "/api/v1/customers/{id}") => form(customer),
        ("POST", "/api/v1/customers/{id}/identity-number/reveal") => asks(Content::None),
        ("POST", "/api/v1/plans") => creates(plan),
        ("PUT", "/api/v1/plans/{id}") => form(crate::plans::plan("satu-lain")),
        ("POST", "/api/v1/roles") => creates(json!({ "name": "satu-dua", "permissions": ["plan.read"] })),
        ("PUT", "/api/v1/roles/{id}") => form(json!({ "name": "satu-peran", "permissions": ["plan.read"] })),
        ("POST", "/api/v1/routers") => {
            creates(json!({ "router": { "name": "satu-cabang", "addresses": ["198.51.100.9"] } }))
        }
        ("PUT", "/api/v1/routers/{id}") => form(json!({ "name": "core", "addresses": ["192.0.2.1"] })),
        ("PUT", "/api/v1/routers/{id}/secret") => form(json!({})),
        ("POST", "/api/v1/routers/{id}/secret/reveal") => asks(Content::None),
        ("POST", "/api/v1/routers/{id}/script") => {
            Example { query: "?server=192.0.2.200".into(), ..asks(Content::None) }
        }
        ("POST", "/api/v1/sessions/{id}/disconnect") => asks(Content::None),
        ("POST", "/api/v1/subscribers") => about_others(creates(json!({
            "subscriber": { "username": "satu-siti", "planId": id("plans"), "routerId": id("routers") },
            "customerId": id("customers"),
        }))),
        ("POST", "/api/v1/subscribers/import") => {
            asks(Content::Csv("username;password;paket\nsatu-tuti;x;20M\n"))
        }
        ("PUT", "/api/v1/subscribers/{id}") => {
            form(json!({ "username": "satu-budi", "planId": id("plans") }))
        }
        ("PUT", "/api/v1/subscribers/{id}/plan") => form(json!({ "planId": id("plans") })),
        ("PUT", "/api/v1/subscribers/{id}/password") => form(json!({})),
        ("POST", "/api/v1/subscribers/{id}/isolate") => form(json!({ "reason": "manual" })),
        ("POST", "/api/v1/subscribers/{id}/lift") => form(json!({ "reason": "manual" })),
        (
            "POST",
            "/api/v1/subscribers/{id}/suspend"
            | "/api/v1/subscribers/{id}/resume"
            | "/api/v1/subscribers/{id}/end"
            | "/api/v1/subscribers/{id}/password/reveal",
        ) => asks(Content::None),
        ("POST", "/api/v1/tenant/addons") => creates(json!({ "addonId": world.offer, "units": 1 })),
        ("PUT", "/api/v1/tenant/addons/{id}/units") => form(json!({ "units": 1 })),
        ("PUT", "/api/v1/tenant") => form(json!({
            "name": "Warga", "slug": "warga", "timeZone": "Asia/Jakarta", "currency": "IDR", "locale": "id-ID"
        })),
        ("PUT", "/api/v1/tenant/isolir-profile") => form(json!({})),
        ("POST", "/api/v1/tokens") => creates(json!({ "name": "satu-baru", "permissions": ["plan.read"] })),
        ("POST", "/api/v1/users") => about_others(creates(json!({
            "login": "satu-baru", "name": "Tuti", "role": "custom", "roleId": id("roles"), "password": PASSWORD
        }))),
        ("PATCH", "/api/v1/users/{id}") => form(json!({ "name": "Tono" })),
        ("POST", "/api/v1/users/{id}/password" | "/api/v1/users/{id}/sign-out") => asks(Content::None),
        ("POST", "/api/v1/tenants") => creates(json!({
            "name": "Tiga", "slug": "tiga", "timeZone": "Asia/Jakarta", "currency": "IDR", "locale": "id-ID"
        })),
        ("POST", "/api/v1/saas-plans") => creates(json!({
            "code": "satu", "name": "Satu", "price": 0, "currency": "IDR", "cycle": "monthly"
        })),
        ("POST", "/api/v1/addons") => creates(json!({
            "code": "satu", "name": "Satu", "kind": "official", "unitPrice": 0, "currency": "IDR", "cycle": "monthly",
            "maxUnits": 1, "features": ["maps"]
        })),
        _ => return None,
    })
}

impl World {
    async fn new(db: TestDb) -> Self {
        // The clock stands still for hundreds of requests: budgets are looked at elsewhere.
        let settings = Settings {
            requests_per_minute: 1_000_000,
            visitor_requests_per_minute: 1_000_000,
            ..Settings::default()
        };
        let mut net = Network::with(db, settings).await;
        let subscriber = net.subscriber("satu-budi", MARKS[5]).await;
        let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        let post = async |path: &str, body: Value| {
            let made = net.rig.post(path).token(&net.tenant.owner).json(&body).send().await;
            made.expect(201)["id"].as_str().unwrap().to_owned()
        };
        let role = json!({ "name": "satu-peran", "permissions": ["plan.read"] });
        let role = post("/api/v1/roles", role).await;
        let user = json!({ "login": "satu-kasir", "name": "Kasir", "role": "viewer", "password": PASSWORD });
        let user = post("/api/v1/users", user).await;
        let token = json!({ "name": "satu-program", "permissions": ["plan.read"] });
        let token = post("/api/v1/tokens", token).await;
        let admin = net.rig.admin().await;
        let addon = async |code: &str| {
            let spec = json!({
                "code": code, "name": code, "kind": "official", "unitPrice": 0, "currency": "IDR", "cycle": "monthly",
                "maxUnits": 5, "limits": { "network.max_router": 1 }
            });
            let made = net.rig.post("/api/v1/addons").token(&admin).json(&spec).send().await;
            made.expect(201)["id"].as_str().unwrap().to_owned()
        };
        let offer = addon("lain").await;
        let order = json!({ "addonId": addon("dua").await, "units": 1 });
        let ordered = post("/api/v1/tenant/addons", order).await;
        let read = net.rig.get(&subscriber).token(&net.tenant.owner).send().await.expect(200);
        let customer = read["customerId"].as_str().unwrap().to_owned();
        net.feed().await;
        let (outcome, class) = net.dial("satu-budi", MARKS[5]);
        assert_eq!(outcome, Outcome::Accepted);
        let start = Accounting {
            status: 1,
            session_id: "8100000c",
            username: "satu-budi",
            address: "10.1.0.7",
            seconds: 0,
            download: 0,
        };
        net.account(&start, class.as_deref());
        net.drain().await;
        let sessions = net.rig.get("/api/v1/sessions").token(&net.tenant.owner).send().await.expect(200);
        let session = sessions["rows"][0]["id"].as_str().unwrap().to_owned();
        let ids = BTreeMap::from([
            ("customers", customer),
            ("plans", net.plan.clone()),
            ("roles", role),
            ("routers", net.router.clone()),
            ("sessions", session),
            ("subscribers", id(&subscriber)),
            ("tenant", ordered),
            ("tenants", net.tenant.id.to_string()),
            ("tokens", token),
            ("users", user),
        ]);
        Self { net, ids, offer, admin }
    }

    fn rig(&self) -> &Rig {
        &self.net.rig
    }

    fn of(&self, wanted: impl Fn(Access) -> bool) -> Vec<Entry> {
        self.rig().routes.iter().filter(|entry| wanted(entry.access)).cloned().collect()
    }

    /// The path with the first tenant's id in it.
    fn path(&self, entry: &Entry) -> String {
        if !entry.path.contains('{') {
            return entry.path.clone();
        }
        let resource = entry.path.strip_prefix("/api/v1/").and_then(|path| path.split('/').next());
        let id = resource.and_then(|resource| self.ids.get(resource));
        let Some(id) = id.filter(|_| entry.path.matches('{').count() == 1 && entry.path.contains("{id}"))
        else {
            panic!("the probe has no id for {} {}: put one into World::new", entry.method, entry.path)
        };
        entry.path.replace("{id}", id)
    }

    fn example(&self, entry: &Entry) -> Example {
        example(self, &entry.method, &entry.path).unwrap_or_else(|| {
            panic!("the probe has no example for {} {}: put one into `example`", entry.method, entry.path)
        })
    }

    /// The example request with this token, and further headers.
    async fn ask(&self, entry: &Entry, token: &str, headers: &[(&'static str, &str)]) -> Answer {
        let Example { query, content, .. } = self.example(entry);
        let path = format!("{}{query}", self.path(entry));
        let mut call = self.rig().call(entry.method.clone(), &path).token(token).header("if-match", "*");
        for (name, value) in headers {
            call = call.header(*name, value);
        }
        match content {
            Content::None => call,
            Content::Json(body) => call.json(&body),
            Content::Csv(table) => call.raw("text/csv", table),
        }
        .send()
        .await
    }

    /// Nothing of the first tenant stands in the answer but what the request itself said.
    fn assert_no_leak(&self, entry: &Entry, answer: &Answer) {
        let text = format!("{} {:?}", answer.text, answer.headers);
        for mark in MARKS {
            assert!(!text.contains(mark), "{} {} tells {mark}: {text}", entry.method, entry.path);
        }
        let asked = format!("{} {}", self.path(entry), self.example(entry).query);
        for (of, id) in self.ids.iter().filter(|(_, id)| !asked.contains(id.as_str())) {
            assert!(!text.contains(id), "{} {} tells an id of {of}: {text}", entry.method, entry.path);
        }
        assert!(!answer.status.is_server_error(), "{} {}: {text}", entry.method, entry.path);
    }

    /// What the first tenant's things look like to their owner.
    async fn looks(&self) -> Vec<String> {
        let mut looks = Vec::new();
        for (of, id) in &self.ids {
            if ["customers", "plans", "roles", "routers", "subscribers", "users"].contains(of) {
                let path = format!("/api/v1/{of}/{id}");
                let answer = self.rig().get(&path).token(&self.net.tenant.owner).send().await;
                answer.expect(200);
                looks.push(answer.text);
            }
        }
        looks
    }

    async fn set_status(&self, tenant: &Tenant, status: TenantStatus) {
        let mut tx = self.rig().db.begin().await.unwrap();
        tenant::set_status(&mut tx, &self.rig().platform(), tenant.id, status).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn tenant_routes(access: Access) -> bool {
    matches!(access, Access::Tenant(..))
}

async fn program(rig: &Rig, owner: &str, body: &Value) -> (String, String) {
    let made = rig.post("/api/v1/tokens").token(owner).json(body).send().await.expect(201);
    (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
}

async fn nobody_gets_in_without_a_valid_token(db: TestDb) {
    let world = World::new(db).await;
    let (rig, owner) = (world.rig(), world.net.tenant.owner.clone());
    let everything: Vec<&str> = Role::Owner.permissions().iter().map(Permission::as_str).collect();
    let soon = json!({ "name": "x", "permissions": everything, "expiresAt": "2026-11-22T09:00:00Z" });
    let (_, expired_program) = program(rig, &owner, &soon).await;
    let lasting = json!({ "name": "x", "permissions": everything });
    let (id, revoked_program) = program(rig, &owner, &lasting).await;
    rig.delete(&format!("/api/v1/tokens/{id}")).token(&owner).send().await.expect(204);
    rig.hand.advance(std::time::Duration::from_hours(12));
    let ended = rig.login("owner@warga.test", Some("warga")).await;
    rig.post("/api/v1/logout").token(&ended).send().await.expect(204);
    let forged = format!("rrn_{}", "A".repeat(43));
    let bad: [(&str, &str); 6] = [
        ("an expired session", owner.as_str()),
        ("an expired program", &expired_program),
        ("a revoked program", &revoked_program),
        ("an ended session", &ended),
        ("a forged token", &forged),
        ("nonsense", "nonsense"),
    ];
    let closed = world.of(|access| access != Access::Open);
    assert!(closed.len() > 70, "{} routes", closed.len());
    for entry in &closed {
        // A platform's route needs no id of this world: its doors are what is looked at.
        let path = entry.path.replace("{id}", &world.ids["tenants"]);
        let answer = rig.call(entry.method.clone(), &path).send().await;
        answer.problem("unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
        for (what, token) in bad {
            let answer = rig.call(entry.method.clone(), &path).token(token).send().await;
            assert_eq!(answer.json()["code"], "token_invalid", "{what}: {} {path}", entry.method);
            assert_eq!(answer.status, 401);
        }
    }
    for entry in world.of(|access| access == Access::Open) {
        if entry.method == Method::GET {
            let answer = rig.get(&entry.path).send().await;
            world.assert_no_leak(&entry, &answer);
        }
    }
}

async fn a_second_tenant_sees_and_changes_nothing_of_the_first(db: TestDb) {
    let world = World::new(db).await;
    let (rig, first) = (world.rig(), world.net.tenant.id.to_string());
    let second = rig.tenant("desa").await;
    let everything: Vec<&str> = Role::Owner.permissions().iter().map(Permission::as_str).collect();
    let (_, program) = program(rig, &second.owner, &json!({ "name": "x", "permissions": everything })).await;
    let before = world.looks().await;
    let mut routes = world.of(tenant_routes);
    assert!(routes.len() > 50, "{} routes", routes.len());
    for entry in &routes {
        for token in [&second.owner, &program] {
            let answer = world.ask(entry, token, &[]).await;
            world.assert_no_leak(entry, &answer);
            if entry.path.contains("{id}") {
                assert_eq!(
                    answer.json()["code"],
                    "not_found",
                    "{} {} {}",
                    entry.method,
                    entry.path,
                    answer.text
                );
            }
            if world.example(entry).names_others {
                assert!(answer.status.is_client_error(), "{} {} {}", entry.method, entry.path, answer.text);
            }
            // Naming the first tenant helps nobody, however it is said.
            let named = world.ask(entry, token, &[("rrnetd-tenant", &first)]).await;
            assert_eq!(named.json()["code"], "not_found", "{} {}", entry.method, entry.path);
            world.assert_no_leak(entry, &named);
            let own = second.id.to_string();
            let twice = world.ask(entry, token, &[("rrnetd-tenant", &own), ("rrnetd-tenant", &first)]).await;
            assert_eq!(twice.json()["code"], "invalid_header", "{} {}", entry.method, entry.path);
        }
    }
    for entry in world.of(|access| access == Access::Platform) {
        let path = entry.path.replace("{id}", &first);
        let answer = rig.call(entry.method.clone(), &path).token(&second.owner).send().await;
        answer.problem("permission_missing");
        let program = rig.call(entry.method.clone(), &path).token(&program).send().await;
        program.problem("permission_missing");
    }
    assert_eq!(world.looks().await, before, "nothing was changed");

    // The requests are real: the first tenant's owner gets each of them done, those that take away last.
    routes.sort_by_key(|entry| {
        ["GET", "PUT", "PATCH", "POST", "DELETE"].iter().position(|it| entry.method == *it)
    });
    routes.sort_by_key(|entry| entry.path.ends_with("/end"));
    // What belongs to a thing goes before the thing itself.
    routes.sort_by_key(|entry| (entry.method == Method::DELETE).then(|| usize::MAX - entry.path.len()));
    for entry in &routes {
        let answer = world.ask(entry, &world.net.tenant.owner, &[]).await;
        let done = answer.status.is_success() || answer.status == 409;
        assert!(done, "{} {} is no example: {} {}", entry.method, entry.path, answer.status, answer.text);
    }
}

async fn each_role_does_what_it_may_and_no_more(db: TestDb) {
    let world = World::new(db).await;
    let rig = world.rig();
    let nobody = "0192d3b0-0000-7000-8000-000000000000";
    for role in Role::ALL.iter().copied().filter(|role| !matches!(role, Role::SuperAdmin | Role::Custom)) {
        let login = format!("{role}@warga.test");
        if role != Role::Owner {
            rig.user(Some(&world.net.tenant.scope), &login, role).await;
        }
        let token = rig.login(&login, Some("warga")).await;
        for entry in &rig.routes {
            let path = entry.path.replace("{id}", nobody);
            let call = || rig.call(entry.method.clone(), &path).token(&token);
            match entry.access {
                Access::Tenant(permission, _) => {
                    let answer = call().send().await;
                    let refused = answer.json()["code"] == "permission_missing";
                    assert_eq!(
                        refused,
                        !role.permissions().allow(permission),
                        "{role} {entry:?} {}",
                        answer.text
                    );
                }
                Access::Platform | Access::Nearby => drop(call().send().await.problem("permission_missing")),
                Access::Open | Access::SignedIn => {}
            }
        }
    }
    let admin = world.admin.clone();
    for entry in world.of(tenant_routes) {
        let path = entry.path.replace("{id}", nobody);
        rig.call(entry.method.clone(), &path).token(&admin).send().await.problem("tenant_required");
    }
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
        let login = json!({ "login": format!("owner@{slug}.test"), "password": PASSWORD });
        rig.post("/api/v1/login").json(&login).send().await.problem(code);
        let wrong = json!({ "login": format!("owner@{slug}.test"), "password": "not the password" });
        rig.post("/api/v1/login").json(&wrong).send().await.problem("login_refused");
        world.set_status(&tenant, TenantStatus::Active).await;
        for token in [&tenant.owner, &program] {
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
