//! The probe: walks the router's own table of routes as an intruder does, with every kind of token that should not do.
//!
//! For each route it knows ids of a first tenant and a request that its owner may make (see [`example`]). A route that it has
//! no example for fails the probe: whoever adds a route says here what to ask of it.

mod doors;
mod standing;

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
