//! Passwords, secrets and identity numbers: absent from everything but the routes that reveal them, which say so in the
//! trail; and nowhere in the clear in the database.

use foundation::{db::dialect, testing::TestDb};
use rrnetd::{domain::access::Role, http::Access};
use serde_json::json;

use crate::harness::{Rig, Tenant};

foundation::battery! {
    secrets_are_in_no_answer_and_in_no_table,
    who_may_set_a_secret_does_not_therefore_see_it,
}

const SECRETS: [&str; 3] = ["sandi-pppoe-4711", "rahasia-router-4711", "3174012345674711"];

/// A router, a plan, a customer and a subscriber whose secrets are known; their paths.
async fn world(rig: &Rig, tenant: &Tenant) -> [String; 3] {
    let post = |path: &'static str, body: serde_json::Value| {
        rig.post(path).token(&tenant.owner).header("idempotency-key", path).json(&body).send()
    };
    let router =
        json!({ "router": { "name": "pusat", "addresses": ["198.51.100.7"] }, "secret": SECRETS[1] });
    let router = post("/api/v1/routers", router).await;
    router.expect(201);
    let plan = crate::plans::plan("rumahan");
    let plan = post("/api/v1/plans", plan).await.expect(201);
    let subscriber = json!({
        "subscriber": { "username": "budi", "planId": plan["id"] },
        "password": SECRETS[0],
        "customer": { "customer": { "name": "Budi" }, "identityNumber": SECRETS[2] },
    });
    let subscriber = post("/api/v1/subscribers", subscriber).await;
    let customer = subscriber.expect(201)["customerId"].as_str().unwrap().to_owned();
    [
        router.header("location").unwrap().to_owned(),
        subscriber.header("location").unwrap().to_owned(),
        format!("/api/v1/customers/{customer}"),
    ]
}

async fn secrets_are_in_no_answer_and_in_no_table(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let [router, subscriber, customer] = world(&rig, &tenant).await;
    let reveals = [
        (format!("{subscriber}/password/reveal"), "password", SECRETS[0]),
        (format!("{router}/secret/reveal"), "secret", SECRETS[1]),
        (format!("{customer}/identity-number/reveal"), "identityNumber", SECRETS[2]),
    ];
    let trail = async || {
        let page = rig.get("/api/v1/audit?limit=1").token(&tenant.owner).send().await.expect(200);
        page["rows"][0]["sequence"].as_i64().unwrap()
    };
    for (path, field, secret) in &reveals {
        let before = trail().await;
        assert_eq!(rig.post(path).token(&tenant.owner).send().await.expect(200)[*field], *secret);
        assert_eq!(trail().await, before + 1, "{path}: who saw it stands in the trail");
    }
    // Everything that can be read, with every id that there is.
    let mut read = 0;
    for entry in rig.routes.iter().filter(|entry| entry.method == "GET") {
        if !matches!(entry.access, Access::Tenant(..) | Access::SignedIn) {
            continue;
        }
        for known in [&router, &subscriber, &customer] {
            let id = known.rsplit('/').next().unwrap();
            let path = entry.path.replace("{id}", id);
            let path = if path.ends_with("/export") { format!("{path}?format=csv") } else { path };
            let path = if path.ends_with("/search") { format!("{path}?text=budi") } else { path };
            if path.ends_with("/stream") {
                continue;
            }
            let answer = rig.get(&path).token(&tenant.owner).send().await;
            read += usize::from(answer.status == 200);
            for secret in SECRETS {
                assert!(!answer.text.contains(secret), "{path} tells {secret}");
            }
        }
    }
    assert!(read > 20, "{read} answers were read");
    // And everything that is kept as text.
    let mut conn = rig.db.conn().await.unwrap();
    for table in [
        dialect("SELECT body FROM idempotency_key", "SELECT body::text FROM idempotency_key"),
        dialect("SELECT body FROM event", "SELECT body::text FROM event"),
        dialect(
            "SELECT COALESCE(before_state, '') || COALESCE(after_state, '') || COALESCE(reason, '') FROM audit",
            "SELECT COALESCE(before_state, '') || COALESCE(after_state, '') || COALESCE(reason, '') FROM audit",
        ),
    ] {
        let rows: Vec<(String,)> = conn.query(table).fetch_all().await.unwrap();
        assert!(!rows.is_empty());
        for secret in SECRETS {
            assert!(rows.iter().all(|(text,)| !text.contains(secret)), "{secret} is kept in the clear");
        }
    }
}

async fn who_may_set_a_secret_does_not_therefore_see_it(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let [router, subscriber, customer] = world(&rig, &tenant).await;
    let body =
        json!({ "name": "x", "permissions": ["subscriber.write", "router.write", "subscriber.import"] });
    let program = rig.post("/api/v1/tokens").token(&tenant.owner).json(&body).send().await.expect(201);
    let program = program["secret"].as_str().unwrap();
    let put = |path: String, token: &str| rig.put(&path).token(token).json(&json!({})).send();
    let seen = put(format!("{subscriber}/password"), &tenant.owner).await.expect(200);
    assert!(seen["password"].is_string());
    let unseen = put(format!("{subscriber}/password"), program).await.expect(200);
    assert_eq!(unseen, json!({ "password": null }));
    assert!(put(format!("{router}/secret"), &tenant.owner).await.expect(200)["secret"].is_string());
    assert_eq!(put(format!("{router}/secret"), program).await.expect(200), json!({ "secret": null }));
    rig.post(&format!("{subscriber}/password/reveal"))
        .token(program)
        .send()
        .await
        .problem("permission_missing");
    rig.post(&format!("{router}/secret/reveal")).token(program).send().await.problem("permission_missing");
    rig.post(&format!("{router}/script")).token(program).send().await.problem("permission_missing");
    let identity = format!("{customer}/identity-number/reveal");
    rig.post(&identity).token(program).send().await.problem("permission_missing");
    for role in [Role::Viewer, Role::Collector, Role::Reseller] {
        let login = format!("{role}@warga.test");
        rig.user(Some(&tenant.scope), &login, role).await;
        let token = rig.login(&login, Some("warga")).await;
        for path in [&identity, &format!("{subscriber}/password/reveal"), &format!("{router}/secret/reveal")]
        {
            rig.post(path).token(&token).send().await.problem("permission_missing");
        }
    }
}
