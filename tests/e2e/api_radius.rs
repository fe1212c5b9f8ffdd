//! What is changed over the API is in force for the next packet.

use std::time::Duration;

use radius::code::Code;
use serde_json::{Value, json};

use crate::{
    api::Api,
    harness::{Daemon, PATIENCE, eventually, now},
    quickstart::home,
    wire::Nas,
};

/// How soon a change is to be in force.
const PROMPT: Duration = Duration::from_millis(50);

/// Changes that are measured: on a machine that does other things too, the best of them shows what the daemon does.
const CHANGES: u64 = 5;

#[test]
fn a_changed_plan_holds_for_the_next_login() {
    let (_home, folder) = home();
    let daemon = Daemon::quickstart(&folder, &[]);
    let api = Api::first(&daemon);
    let nas = Nas::new([127, 0, 0, 1].into(), &daemon.secret());
    let (server, password) = (daemon.ready.authentication[0], daemon.password_of("budi001"));
    let before = nas.login(server, "budi001", &password).rate_limit;
    assert_eq!(before.as_deref(), Some("2500k/10M"));

    let plans = api.get("/plans").0;
    let plan = plans["rows"].as_array().unwrap().iter().find(|plan| {
        let rate = &plan["service"]["rateLimit"]["download"]["rate"];
        rate.as_u64() == Some(10_000_000)
    });
    let path = format!("/plans/{}", plan.unwrap()["id"].as_str().unwrap());
    let mut taken = Vec::new();
    for change in 1..=CHANGES {
        let (plan, tag) = api.get(&path);
        let mut spec = spec_of(&plan);
        let megabits = 30 + change;
        let shape = json!({ "rate": megabits * 1_000_000 });
        spec["service"]["rateLimit"] = json!({ "upload": shape, "download": shape });
        // Logins are repeated here without an end of the session.
        spec["service"]["simultaneous"] = json!(0);
        api.put(&path, &tag, &spec);
        let changed = now();
        let wanted = format!("{megabits}M/{megabits}M");
        while nas.login(server, "budi001", &password).rate_limit.as_deref() != Some(wanted.as_str()) {
            assert!(now() - changed < PATIENCE, "the change never comes into force");
        }
        taken.push(now() - changed);
    }
    println!("changes in force after {taken:?}");
    assert!(taken.iter().min() < Some(&PROMPT), "{taken:?}");
}

#[test]
fn a_routers_policy_and_address_hold_for_its_next_packet() {
    let (_home, folder) = home();
    let daemon = Daemon::quickstart(&folder, &[]);
    let api = Api::first(&daemon);
    let (server, password) = (daemon.ready.authentication[0], daemon.password_of("budi001"));
    let nas = Nas::new([127, 0, 0, 5].into(), "a-secret-of-its-own");
    assert_eq!(nas.login_as(server, "budi001", &password, false), None, "nobody knows the router");

    let router = json!({ "name": "Second", "addresses": ["127.0.0.5"] });
    let made = api.post("/routers", &json!({ "router": router, "secret": "a-secret-of-its-own" }));
    let path = format!("/routers/{}", made["id"].as_str().unwrap());
    assert_eq!(nas.login(server, "budi001", &password).code, Code::ACCESS_ACCEPT);
    let unsigned = nas.login_as(server, "budi001", &password, false);
    assert_eq!(unsigned, None, "a router must sign its requests unless it is told otherwise");
    let (seen, tag) = api.get(&path);
    assert!(seen["seen"]["unsignedRequests"].as_u64().unwrap() > 0, "it is shown: {seen}");
    assert_eq!(seen["seen"]["localAddress"], "127.0.0.1");

    let mut router = router;
    router["messageAuthenticator"] = json!("off");
    api.put(&path, &tag, &router);
    let unsigned = nas.login_as(server, "budi001", &password, false).expect("an answer");
    assert_eq!(unsigned.code, Code::ACCESS_ACCEPT);
}

#[test]
fn a_subscriber_that_is_made_and_changed_holds_for_the_next_login() {
    let (_home, folder) = home();
    let daemon = Daemon::quickstart(&folder, &[]);
    let api = Api::first(&daemon);
    let nas = Nas::new([127, 0, 0, 1].into(), &daemon.secret());
    let server = daemon.ready.authentication[0];
    // The first answer may be of before the change; a reject is never the last word of a change that lets in.
    let becomes = |what: &str, password: &str, code: Code| {
        let since = now();
        eventually(what, || (nas.login(server, "wati777", password).code == code).then_some(()));
        println!("{what}: {:?}", now() - since);
    };
    let plan = api.get("/plans").0["rows"][0]["id"].clone();
    // Logins are repeated here without an end of the session.
    let subscriber = json!({ "username": "wati777", "planId": plan, "simultaneous": 0 });
    let customer = json!({ "customer": { "name": "Wati" } });
    let body = json!({ "subscriber": subscriber, "password": "rahasia-1", "customer": customer });
    let made = api.post("/subscribers", &body);
    let path = format!("/subscribers/{}", made["id"].as_str().unwrap());
    becomes("made", "rahasia-1", Code::ACCESS_ACCEPT);
    assert_eq!(api.try_put(&format!("{path}/password"), "*", &json!({ "password": "rahasia-2" })), 200);
    becomes("a new password", "rahasia-2", Code::ACCESS_ACCEPT);
    becomes("the old password", "rahasia-1", Code::ACCESS_REJECT);
    api.post(&format!("{path}/suspend"), &json!({}));
    becomes("suspended", "rahasia-2", Code::ACCESS_REJECT);
    api.post(&format!("{path}/resume"), &json!({}));
    becomes("resumed", "rahasia-2", Code::ACCESS_ACCEPT);
    api.delete(&path);
    becomes("removed", "rahasia-2", Code::ACCESS_REJECT);
}

/// What people may change of a plan.
pub(crate) fn spec_of(plan: &Value) -> Value {
    let mut spec = plan.clone();
    let fields = spec.as_object_mut().unwrap();
    for own in ["id", "version", "createdAt", "updatedAt"] {
        fields.remove(own);
    }
    spec
}
