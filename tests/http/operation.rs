//! Health, metrics, and how the daemon holds out against its callers.

use foundation::testing::TestDb;
use http::Method;
use rrnetd::http::Settings;
use serde_json::json;

use crate::harness::Rig;

/// A peer on this machine.
const HERE: Option<&str> = Some("127.0.0.1");

foundation::battery! {
    readiness_names_what_is_missing,
    metrics_are_for_this_machine_and_the_super_admin,
    readiness_tells_its_numbers_to_whom_it_trusts,
    a_page_under_another_name_is_not_of_this_machine,
    strange_requests_get_problems,
    answers_tell_browsers_to_be_careful,
    nobody_waits_for_a_turn,
}

async fn readiness_names_what_is_missing(db: TestDb) {
    let mut rig = Rig::new(db).await;
    assert_eq!(rig.get("/healthz").send().await.expect(200)["alive"], true);
    let cold = rig.get("/readyz").peer(HERE).send().await.expect(503);
    assert_eq!((&cold["ready"], &cold["directory"]["ready"]), (&json!(false), &json!(false)));
    assert_eq!((&cold["journal"]["accepting"], &cold["database"]["reachable"]), (&json!(true), &json!(true)));
    rig.directory.caught_up(rig.clock.wall());
    rig.hand.advance(std::time::Duration::from_secs(7));
    let warm = rig.get("/readyz").peer(HERE).send().await.expect(200);
    assert_eq!((&warm["ready"], &warm["directory"]["ageSeconds"]), (&json!(true), &json!(7)));
    rig.db.close().await;
    let down = rig.get("/readyz").peer(HERE).send().await.expect(503);
    assert_eq!((&down["database"]["reachable"], &down["directory"]["ready"]), (&json!(false), &json!(true)));
    let token = format!("rrn_{}", "A".repeat(43));
    let answer = rig.get("/api/v1/me").token(&token).send().await;
    answer.problem("database_unavailable");
    assert!(answer.header("retry-after").is_some());
    assert!(!answer.text.contains("pool"), "the cause is for the log");
}

async fn metrics_are_for_this_machine_and_the_super_admin(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let admin = rig.admin().await;
    for nearby in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        let answer = rig.get("/metrics").peer(Some(nearby)).send().await;
        answer.expect(200);
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    }
    rig.get("/metrics").send().await.problem("unauthenticated");
    rig.get("/metrics").peer(None).send().await.problem("unauthenticated");
    let through =
        rig.get("/metrics").peer(Some("127.0.0.1")).header("x-forwarded-for", "203.0.113.1").send().await;
    through.problem("unauthenticated");
    rig.get("/metrics").token(&tenant.owner).send().await.problem("permission_missing");
    rig.get("/metrics").token(&admin).send().await.expect(200);
}

async fn readiness_tells_its_numbers_to_whom_it_trusts(db: TestDb) {
    let mut rig = Rig::new(db).await;
    let (admin, tenant) = (rig.admin().await, rig.tenant("warga").await);
    let bare = |ready: bool| json!({ "ready": ready });
    let ask = || rig.get("/readyz");
    assert_eq!(ask().send().await.expect(503), bare(false));
    assert_eq!(ask().token(&tenant.owner).send().await.expect(503), bare(false));
    assert_eq!(ask().token("nonsense").send().await.expect(503), bare(false), "no failure of a probe");
    assert_eq!(
        ask().peer(HERE).header("x-forwarded-for", "203.0.113.1").send().await.expect(503),
        bare(false)
    );
    assert_eq!(ask().peer(HERE).header("host", "evil.test").send().await.expect(503), bare(false));
    assert_eq!(ask().token(&admin).send().await.expect(503)["directory"]["ready"], false);
    assert_eq!(ask().peer(HERE).send().await.expect(503)["directory"]["ready"], false);
    rig.directory.caught_up(rig.clock.wall());
    assert_eq!(rig.get("/readyz").send().await.expect(200), bare(true));
}

async fn a_page_under_another_name_is_not_of_this_machine(db: TestDb) {
    let settings = Settings { own_hosts: vec!["noc.example.net".into()], ..Settings::default() };
    let rig = Rig::with(db, settings).await;
    let ask = |host: &str| rig.get("/metrics").peer(HERE).header("host", host).send();
    for own in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "noc.example.net:8080"] {
        ask(own).await.expect(200);
    }
    for other in ["evil.test", "evil.test:8080", "192.0.2.1:8080", "localhost.evil.test", "@localhost"] {
        ask(other).await.problem("unauthenticated");
    }
    let admin = rig.admin().await;
    rig.get("/metrics").peer(HERE).header("host", "evil.test").token(&admin).send().await.expect(200);
}

async fn strange_requests_get_problems(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    rig.get("/api/v1/nothing").send().await.problem("not_found");
    rig.get("/").send().await.problem("not_found");
    rig.call(Method::DELETE, "/api/v1/login").send().await.problem("method_not_allowed");
    rig.call(Method::PUT, "/docs").send().await.problem("method_not_allowed");
    let post = || rig.post("/api/v1/plans").token(&tenant.owner);
    post().raw("application/json", "{").send().await.problem("malformed_json");
    post().raw("text/plain", "{}").send().await.problem("unsupported_media_type");
    post().send().await.problem("unsupported_media_type");
    post().raw("application/json; charset=utf-8", "{}").send().await.problem("invalid_body");
    post().raw("application/json", vec![b' '; 300 * 1024]).send().await.problem("body_too_large");
    post().raw("application/json", "[]").send().await.problem("invalid_body");
    let deep = format!("{{\"service\":{{\"x\":{}", "[".repeat(100_000));
    post().raw("application/json", deep).send().await.problem("malformed_json");
    post().raw("application/json", vec![0xff, 0xfe]).send().await.problem("malformed_json");
    post().header("rrnetd-reason", &"x".repeat(501)).json(&json!({})).send().await.problem("invalid_header");
}

async fn answers_tell_browsers_to_be_careful(db: TestDb) {
    let rig = Rig::new(db).await;
    for path in ["/healthz", "/api/v1/me", "/nothing", "/docs"] {
        let answer = rig.get(path).send().await;
        for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(
            answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"),
            "{path}"
        );
        assert_eq!(answer.header("rrnetd-request-id").unwrap().len(), 16, "{path}");
        assert!(answer.header("cache-control").is_some() && answer.header("set-cookie").is_none(), "{path}");
    }
}

async fn nobody_waits_for_a_turn(db: TestDb) {
    let rig = Rig::with(db, Settings { requests_at_once: 0, ..Settings::default() }).await;
    let answer = rig.get("/healthz").send().await;
    answer.problem("busy");
    assert_eq!(answer.header("retry-after"), Some("2"));
}
