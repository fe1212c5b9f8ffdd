//! Who uses up a quota by what the router accounts is isolated on the live session and at the next login; a larger quota lifts
//! it.

use serde_json::{Value, json};

use crate::{
    api::{Api, metric},
    api_radius::spec_of,
    harness::{Daemon, PostgresDatabase, eventually},
    isolir::{ASKED, Listener, SESSION, Scene, USER, heard, subscriber},
};

const PLAN_RATE: &str = "2500k/10M";
const ISOLIR_RATE: &str = "128k/128k";

#[test]
fn a_quota_that_is_used_up_isolates_and_a_larger_one_lifts() {
    use_up(&Scene::new());
}

#[test]
fn a_quota_that_is_used_up_isolates_and_a_larger_one_lifts_on_postgres() {
    let Some(database) = PostgresDatabase::create() else { return };
    let mut scene = Scene::new();
    scene.settings.push(database.setting());
    use_up(&scene);
}

fn use_up(scene: &Scene) {
    let daemon = scene.daemon();
    let api = Api::first(&daemon);
    // A wall by speed alone: what CoA can change both ways.
    let shape = json!({ "rate": 128_000 });
    let profile = json!({ "rateLimit": { "upload": shape, "download": shape } });
    api.put("/tenant/isolir-profile", "*", &profile);
    set_quota(&api, 5_000_000);
    let password = daemon.password_of(USER);
    let (nas, class) = scene.online(&daemon, &api);
    let tell = |daemon: &Daemon, octets| {
        assert!(nas.downloaded(daemon.ready.accounting[1], USER, SESSION, &class, octets));
    };
    tell(&daemon, 4_999_999);
    eventually("the traffic is stored", || downloaded(&api, 4_999_999));
    // A round over everybody begins each minute, and at the start.
    assert!(daemon.terminate().success());
    let daemon = scene.daemon();
    let api = Api::again(&daemon);
    eventually("the first round is over", || metric(&daemon, "rrnetd_quota_round_seconds"));
    assert_eq!(isolir(&api)["reasons"], json!([]), "an octet is left");
    tell(&daemon, 5_000_000);
    eventually("the traffic is stored", || downloaded(&api, 5_000_000));
    assert!(daemon.terminate().success());
    let listener = Listener::start(scene);
    let daemon = scene.daemon();
    let api = Api::again(&daemon);

    let line = eventually("the router hears of it", || listener.lines().first().cloned());
    is_change(&line, ISOLIR_RATE);
    let isolir_now = isolir(&api);
    let reasons: Vec<&Value> =
        isolir_now["reasons"].as_array().unwrap().iter().map(|reason| &reason["reason"]).collect();
    assert_eq!(reasons, ["quota"]);
    let login = || nas.login(daemon.ready.authentication[1], USER, &password).rate_limit;
    assert_eq!(login().as_deref(), Some(ISOLIR_RATE));

    set_quota(&api, 50_000_000);
    let line = eventually("the router hears of the lift", || listener.lines().get(1).cloned());
    is_change(&line, PLAN_RATE);
    assert_eq!(isolir(&api)["reasons"], json!([]));
    assert_eq!(login().as_deref(), Some(PLAN_RATE));
}

/// Gives the subscriber's plan a quota of so many octets a month.
fn set_quota(api: &Api, octets: u64) {
    let plan = api.get(&subscriber(api)).0["planId"].as_str().unwrap().to_owned();
    let path = format!("/plans/{plan}");
    let (plan, tag) = api.get(&path);
    let mut spec = spec_of(&plan);
    spec["service"]["quota"] = json!({ "octets": octets, "period": "month" });
    // Logins are repeated here without an end of the session.
    spec["service"]["simultaneous"] = json!(0);
    api.put(&path, &tag, &spec);
}

/// Whether the session's row has so many octets.
fn downloaded(api: &Api, octets: u64) -> Option<()> {
    let sessions = api.get("/sessions?state=history").0;
    (sessions["rows"][0]["downloadOctets"].as_str() == Some(octets.to_string().as_str())).then_some(())
}

fn isolir(api: &Api) -> Value {
    api.get(&format!("{}/isolir", subscriber(api))).0
}

fn is_change(line: &str, rate: &str) {
    let heard = heard(line);
    assert_eq!((heard.kind.as_str(), heard.source.as_str()), ("CoA-Request", ASKED), "{line}");
    assert!(line.contains(&format!("Acct-Session-Id = \"{SESSION}\"")), "{line}");
    assert!(line.contains(&format!("Mikrotik-Rate-Limit = \"{rate}\"")), "{line}");
}
