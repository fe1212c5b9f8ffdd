//! What a stream never carries: another tenant's events, secrets, and what the listener's role does not see. And when it
//! ends: with the right to listen.

use std::collections::BTreeSet;

use base::{
    AddonId, CustomerId, EmployeeId, EnduserInvoiceId, Minor, OutageId, PlanId, RouterId, SaasChargeId,
    SaasInvoiceId, SaasPlanId, SubscriberId, TechnicianActivityId, TenantAddonId, Timestamp,
};
use foundation::testing::TestDb;
use http::Method;
use rrnetd::domain::{
    access::{Role, SESSION_LIFETIME},
    addon::{
        AddonActivated, AddonChangeScheduled, AddonDeactivated, AddonPendingApproval, AddonRejected,
        AddonUnitsChanged, SaasChargeRecorded,
    },
    billing::saas::{InvoiceCreated, InvoicePaid, InvoiceVoided},
    event::{
        EnduserInvoiceCreated, EnduserInvoiceOverdue, EnduserInvoicePaid, InvoiceOverdue, NodeKind,
        OutageResolve, OutageTrigger, RouterSyncComplete, TechnicianActivityCreated,
    },
    subscriber::SubscriberPlanChanged,
    tenant::{
        self, Feature, IsolationReason, Limit, TenantIsolated, TenantLifted, TenantStatus,
        feature::FeatureSwitched, limit::LimitSet, saas_plan::TenantPlanChanged,
    },
};
use serde_json::{Value, json};

use super::{Stream, publish};
use crate::{
    harness::{PASSWORD, Rig, Tenant},
    network::Network,
};

foundation::battery! {
    nothing_of_another_tenant_and_no_secret,
    attempts_are_for_who_may_read_their_log,
    a_stream_ends_with_its_token_and_its_tenant,
    who_may_listen_no_more_is_cut_off,
    who_catches_up_is_looked_at_too,
}

/// The kinds that stand in no tenant's durable stream.
const ELSEWHERE: [&str; 3] = ["job_failed", "radius_auth_attempt", "saas_plan_changed"];

/// All kinds of the catalogue flow for two tenants, while each one's owner and somebody who may listen and nothing else do.
async fn nothing_of_another_tenant_and_no_secret(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenants = [rig.tenant("warga").await, rig.tenant("desa").await];
    let mut streams = Vec::new();
    for tenant in &tenants {
        let listener = listener(&rig, tenant, &["event.read"]).await;
        for token in [&tenant.owner, &listener] {
            let call = rig.get("/api/v1/events/stream?lastEventId=0").token(token);
            streams.push(Stream::of(call.open().await));
        }
    }
    let [one, two] = [live_through(&rig, &tenants[0], 1).await, live_through(&rig, &tenants[1], 2).await];
    for tenant in &tenants {
        publish(&rig, &tenant.scope, [-1]).await;
    }
    for (at, mut stream) in streams.into_iter().enumerate() {
        let (own, foreign) = if at < 2 { (&one, &two) } else { (&two, &one) };
        let (mut kinds, mut text) = (BTreeSet::new(), String::new());
        loop {
            let frame = stream.next().await.unwrap();
            assert_eq!(frame.data["tenantId"], tenants[at / 2].id.to_string());
            if frame.event == "happened" {
                break;
            }
            text.push_str(&frame.data.to_string());
            kinds.insert(frame.event);
        }
        assert_eq!(kinds, catalogue(), "each kind has to flow here");
        for word in own.secrets.iter().chain(&foreign.secrets).chain(&foreign.own) {
            assert!(!text.contains(word.as_str()), "{word} in {text}");
        }
        assert!(own.own.iter().any(|word| text.contains(word.as_str())), "the ids are those that are told");
    }
}

/// The kinds that the documentation lists for a tenant's stream.
fn catalogue() -> BTreeSet<String> {
    include_str!("../../../docs/events.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|kind| !ELSEWHERE.contains(kind))
        .map(str::to_owned)
        .collect()
}

/// What is known of a tenant's life.
struct Life {
    /// Ids and names that are nobody else's business.
    own: Vec<String>,
    /// What no stream tells anybody.
    secrets: Vec<String>,
}

/// Makes, changes and removes things of a tenant, so that every event happens.
async fn live_through(rig: &Rig, tenant: &Tenant, number: u8) -> Life {
    let post = async |path: &str, body: Value| {
        let answer = rig.post(path).token(&tenant.owner).json(&body).send().await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        answer.json()
    };
    let mark = |what: &str| format!("{what}-of-{number}");
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    let plan = id(&post("/api/v1/plans", crate::plans::plan(&mark("plan"))).await);
    let address = format!("198.51.100.{number}");
    let router = json!({ "router": { "name": mark("router"), "addresses": [address] },
        "secret": mark("router-secret") });
    let router = id(&post("/api/v1/routers", router).await);
    let identity = format!("317101234567000{number}");
    let form = json!({
        "subscriber": { "username": mark("username"), "planId": plan },
        "password": mark("password"),
        "customer": { "customer": { "name": mark("name"), "phone": format!("0812-3456-78{number}") },
            "identityNumber": identity },
    });
    let subscriber = id(&post("/api/v1/subscribers", form).await);
    let path = format!("/api/v1/subscribers/{subscriber}");
    for (act, body) in [
        ("suspend", json!({})),
        ("resume", json!({})),
        ("isolate", json!({ "reason": "manual", "note": mark("note") })),
        ("lift", json!({ "reason": "manual" })),
        ("end", json!({})),
    ] {
        post(&format!("{path}/{act}"), body).await;
    }
    for path in [path, format!("/api/v1/routers/{router}")] {
        let call = rig.delete(&path).token(&tenant.owner).header("if-match", "*");
        assert!(call.send().await.status.is_success(), "{path}");
    }
    let told = tell_of_the_rest(rig, tenant, &mark("reason")).await;
    let mut own = vec![
        tenant.id.to_string(),
        plan,
        router,
        subscriber,
        mark("reason"),
        mark("plan"),
        mark("router"),
        mark("name"),
        mark("username"),
    ];
    own.extend(told);
    Life { own, secrets: vec![mark("password"), mark("router-secret"), mark("note"), identity] }
}

/// Events that no request makes here; their ids.
async fn tell_of_the_rest(rig: &Rig, tenant: &Tenant, reason: &str) -> Vec<String> {
    let scope = &tenant.scope;
    let now = rig.clock.wall();
    let (tenant_addon, addon) = (TenantAddonId::generate(now), AddonId::generate(now));
    let invoice = SaasInvoiceId::generate(now);
    let (enduser, customer) = (EnduserInvoiceId::generate(now), CustomerId::generate(now));
    let (subscriber, amount) = (SubscriberId::generate(now), Minor::new(150_000));
    let (outage, node) = (OutageId::generate(now), PlanId::generate(now).as_uuid());
    let (charge, router) = (SaasChargeId::generate(now), RouterId::generate(now));
    let (activity, employee) = (TechnicianActivityId::generate(now), EmployeeId::generate(now));
    let node_kind = NodeKind::Odp;
    let due_at = Timestamp::from_millis(now.as_millis() + 1);
    let mut tx = rig.db.begin().await.unwrap();
    tx.publish(scope, &AddonActivated { tenant_addon, addon, units: 1 });
    tx.publish(scope, &AddonPendingApproval { tenant_addon, addon, units: 1 });
    tx.publish(scope, &AddonRejected { tenant_addon, addon, reason: reason.to_owned() });
    tx.publish(scope, &AddonUnitsChanged { tenant_addon, addon, from: 1, to: 2 });
    tx.publish(scope, &AddonChangeScheduled { tenant_addon, addon, next_units: 0 });
    tx.publish(scope, &AddonDeactivated { tenant_addon, addon });
    tx.publish(scope, &SaasChargeRecorded { tenant_addon, addon, charge });
    tx.publish(scope, &InvoiceCreated { invoice });
    tx.publish(scope, &InvoiceOverdue { invoice });
    tx.publish(scope, &InvoicePaid { invoice });
    tx.publish(scope, &InvoiceVoided { invoice });
    tx.publish(scope, &EnduserInvoiceCreated { invoice: enduser, customer, amount, due_at });
    let subscribers = vec![subscriber];
    tx.publish(scope, &EnduserInvoiceOverdue { invoice: enduser, customer, amount, subscribers });
    tx.publish(scope, &EnduserInvoicePaid { invoice: enduser, customer, amount });
    tx.publish(scope, &RouterSyncComplete { router, changed: 1, learnt: 0 });
    tx.publish(scope, &OutageTrigger { outage, node_kind, node });
    tx.publish(scope, &OutageResolve { outage });
    tx.publish(scope, &TechnicianActivityCreated { activity, employee, node_kind, node });
    let (from, to) = (PlanId::generate(now), PlanId::generate(now));
    tx.publish(scope, &SubscriberPlanChanged { subscriber, from, to });
    tx.publish(scope, &FeatureSwitched { feature: Feature::LiveEvents, enabled: true });
    tx.publish(scope, &LimitSet { limit: Limit::ALL[0], maximum: Some(1) });
    let (from, to) = (SaasPlanId::generate(now), SaasPlanId::generate(now));
    tx.publish(scope, &TenantPlanChanged { from, to });
    let reason = IsolationReason::Unpaid;
    tx.publish(scope, &TenantIsolated { reason });
    tx.publish(scope, &TenantLifted { reason, free: true });
    tx.commit().await.unwrap();
    vec![
        tenant_addon.to_string(),
        addon.to_string(),
        invoice.to_string(),
        enduser.to_string(),
        customer.to_string(),
        subscriber.to_string(),
        outage.to_string(),
        node.to_string(),
        charge.to_string(),
        router.to_string(),
        activity.to_string(),
        employee.to_string(),
    ]
}

/// The session of somebody whose role has these permissions alone.
async fn listener(rig: &Rig, tenant: &Tenant, permissions: &[&str]) -> String {
    let slug = tenant.scope.tenant();
    let role = json!({ "name": format!("listener {}", permissions.len()), "permissions": permissions });
    let role = rig.post("/api/v1/roles").token(&tenant.owner).json(&role).send().await.expect(201);
    let login = format!("listener{}@{slug}", permissions.len());
    let user = json!({
        "login": login, "name": "Listener", "role": "custom", "roleId": role["id"], "password": PASSWORD
    });
    rig.post("/api/v1/users").token(&tenant.owner).json(&user).send().await.expect(201);
    let own = rig.get("/api/v1/tenant").token(&tenant.owner).send().await.expect(200);
    rig.login(&login, own["slug"].as_str()).await
}

/// They tell names and devices, which stand in the authentication log.
async fn attempts_are_for_who_may_read_their_log(db: TestDb) {
    let mut net = Network::new(db).await;
    net.subscriber("budi", "rahasia").await;
    net.feed().await;
    let path = "/api/v1/events/stream?kinds=happened,radius_auth_attempt";
    let less = listener(&net.rig, &net.tenant, &["event.read"]).await;
    net.rig.get(path).token(&less).send().await.problem("permission_missing");
    let more = listener(&net.rig, &net.tenant, &["event.read", "authentication_log.read"]).await;
    let mut stream = Stream::of(net.rig.get(path).token(&more).open().await);
    net.rig.hand.advance(std::time::Duration::from_secs(1));
    net.dial("budi", "wrong");
    assert_eq!(stream.next().await.unwrap().event, "radius_auth_attempt");
    // The role loses the one permission and keeps the other.
    let roles = net.rig.get("/api/v1/roles").token(&net.tenant.owner).send().await.expect(200);
    let role = roles["rows"].as_array().unwrap().iter().find(|role| role["name"] == "listener 2").unwrap();
    let path = format!("/api/v1/roles/{}", role["id"].as_str().unwrap());
    let body = json!({ "name": "listener 2", "permissions": ["event.read"] });
    let put = net.rig.put(&path).token(&net.tenant.owner).header("if-match", "*").json(&body);
    put.send().await.expect(200);
    assert_eq!(farewell(&mut stream).await, "revoked");
}

/// Why the stream ends, whatever came before.
async fn farewell(stream: &mut Stream) -> String {
    loop {
        let frame = stream.next().await.unwrap();
        if frame.event == "end" {
            assert_eq!(stream.next().await, None);
            return frame.data["reason"].as_str().unwrap().to_owned();
        }
    }
}

async fn who_may_listen_no_more_is_cut_off(db: TestDb) {
    const HOUR: std::time::Duration = std::time::Duration::from_hours(1);
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let listen = async |token: &str| Stream::of(rig.get("/api/v1/events/stream").token(token).open().await);
    let program = async |expires: Option<Timestamp>| {
        let body = json!({ "name": "p", "permissions": ["event.read"], "expiresAt": expires });
        let made = rig.post("/api/v1/tokens").token(&tenant.owner).json(&body).send().await.expect(201);
        (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    };
    let mut untouched = listen(&other.owner).await;

    let (id, secret) = program(None).await;
    let mut revoked = listen(&secret).await;
    rig.delete(&format!("/api/v1/tokens/{id}")).token(&tenant.owner).send().await.expect(204);
    assert_eq!(farewell(&mut revoked).await, "revoked");

    let (_, secret) = program(Some(rig.clock.wall().saturating_add(HOUR))).await;
    let mut expired = listen(&secret).await;
    rig.hand.advance(HOUR);
    assert_eq!(farewell(&mut expired).await, "revoked");

    rig.user(Some(&tenant.scope), "noc@warga.test", Role::Noc).await;
    let noc = rig.login("noc@warga.test", Some("warga")).await;
    let mut demoted = listen(&noc).await;
    let users = rig.get("/api/v1/users").token(&tenant.owner).send().await.expect(200);
    let user = users["rows"].as_array().unwrap().iter().find(|user| user["role"] == "noc").unwrap();
    let person = format!("/api/v1/users/{}", user["id"].as_str().unwrap());
    let patch = rig.call(Method::PATCH, &person).token(&tenant.owner).header("if-match", "*");
    patch.json(&json!({ "role": "collector" })).send().await.expect(200);
    assert_eq!(farewell(&mut demoted).await, "revoked");

    let mut disabled = listen(&tenant.owner).await;
    let mut tx = rig.db.begin().await.unwrap();
    tenant::set_status(&mut tx, &rig.platform(), tenant.id, TenantStatus::Disabled).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(farewell(&mut disabled).await, "locked");

    publish(&rig, &other.scope, [1]).await;
    assert_eq!(untouched.numbers(1).await, [1], "the other tenant is not concerned");
    rig.hand.advance(SESSION_LIFETIME);
    assert_eq!(farewell(&mut untouched).await, "revoked", "a session has its time");
}

async fn a_stream_ends_with_its_token_and_its_tenant(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    rig.user(Some(&tenant.scope), "collector@warga.test", Role::Collector).await;
    let collector = rig.login("collector@warga.test", Some("warga")).await;
    rig.get("/api/v1/events/stream").token(&collector).send().await.problem("permission_missing");

    let session = rig.login("owner@warga.test", Some("warga")).await;
    let mut stream = Stream::of(rig.get("/api/v1/events/stream").token(&session).open().await);
    rig.post("/api/v1/logout").token(&session).send().await;
    publish(&rig, &tenant.scope, [1]).await;
    let last = stream.next().await.unwrap();
    let told = (last.event.as_str(), &last.data["reason"]);
    assert_eq!(told, ("end", &json!("revoked")), "nothing of what is committed after it");

    let mut stream = Stream::of(rig.get("/api/v1/events/stream").token(&tenant.owner).open().await);
    let mut tx = rig.db.begin().await.unwrap();
    tenant::set_status(&mut tx, &rig.platform(), tenant.id, TenantStatus::Isolated).await.unwrap();
    tx.commit().await.unwrap();
    let last = stream.next().await.unwrap();
    assert_eq!((last.event.as_str(), &last.data["reason"]), ("end", &json!("locked")));
}

async fn who_catches_up_is_looked_at_too(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    publish(&rig, &tenant.scope, 1..=900).await;
    let session = rig.login("owner@warga.test", Some("warga")).await;
    let call = rig.get("/api/v1/events/stream").token(&session).header("last-event-id", "1");
    let mut stream = Stream::of(call.open().await);
    // It has read the first pages, and waits for somebody to take them.
    assert_eq!(stream.numbers(1).await, [1]);
    rig.post("/api/v1/logout").token(&session).send().await;
    rig.hand.advance(std::time::Duration::from_secs(5));
    let mut heard = 1;
    let last = loop {
        let frame = stream.next().await.unwrap();
        if frame.event != "happened" {
            break frame;
        }
        heard += 1;
    };
    assert_eq!((last.event.as_str(), &last.data["reason"]), ("end", &json!("revoked")));
    assert!(heard < 900, "it got everything");
}
