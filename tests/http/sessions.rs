//! Sessions, history and the authentication log over the API, from real packets.

use std::time::Duration;

use aaa::policy::Outcome;
use foundation::testing::TestDb;
use serde_json::{Value, json};

use crate::network::{Accounting, Network};

foundation::battery! {
    a_session_is_seen_live_then_in_history,
    a_live_session_is_disconnected,
    attempts_stand_in_the_log_with_their_reasons,
    a_page_of_live_sessions_goes_on,
}

const START: u32 = 1;
const STOP: u32 = 2;

fn packet<'a>(status: u32, session_id: &'a str, address: &'a str, seconds: u32) -> Accounting<'a> {
    Accounting { status, session_id, username: "budi", address, seconds, download: seconds * 1_000 }
}

async fn get(net: &Network, path: &str) -> Value {
    net.rig.get(path).token(&net.tenant.owner).send().await.expect(200)
}

async fn a_session_is_seen_live_then_in_history(db: TestDb) {
    let mut net = Network::new(db).await;
    let path = net.subscriber("budi", "rahasia").await;
    let id = path.rsplit('/').next().unwrap().to_owned();
    let other = net.rig.tenant("desa").await;
    net.feed().await;
    let (outcome, class) = net.dial("budi", "rahasia");
    assert_eq!(outcome, Outcome::Accepted);
    net.account(&packet(START, "8100000c", "10.1.0.7", 0), class.as_deref());
    net.drain().await;

    let live = get(&net, "/api/v1/sessions").await;
    let session = &live["rows"][0];
    assert_eq!((&session["username"], &session["subscriberId"]), (&json!("budi"), &json!(id)));
    assert_eq!(
        (&session["framedAddress"], &session["mac"]),
        (&json!("10.1.0.7"), &json!("AA:BB:CC:00:00:01"))
    );
    assert_eq!((&session["online"], &session["uploadOctets"]), (&json!(true), &json!("0")));
    assert_eq!((&session["routerId"], &session["acctSessionId"]), (&json!(net.router), &json!("8100000c")));
    let one = format!("/api/v1/sessions/{}", session["id"].as_str().unwrap());
    assert_eq!(&get(&net, &one).await, session);
    for query in [
        format!("subscriberId={id}"),
        format!("routerId={}", net.router),
        "address=10.1.0.7".to_owned(),
        "state=history".to_owned(),
        format!("state=history&subscriberId={id}&routerId={}", net.router),
    ] {
        let found = get(&net, &format!("/api/v1/sessions?{query}")).await;
        assert_eq!(found["rows"].as_array().unwrap().len(), 1, "{query}");
        assert_eq!(found["rows"][0]["id"], session["id"], "{query}");
    }
    for query in [
        "address=10.1.0.8".to_owned(),
        format!("routerId={}", net.plan),
        format!("subscriberId={}", net.plan),
    ] {
        assert_eq!(get(&net, &format!("/api/v1/sessions?{query}")).await["rows"], json!([]), "{query}");
    }
    let seen = get(&net, &format!("/api/v1/routers/{}", net.router)).await["seen"].clone();
    assert_eq!((&seen["sessions"], &seen["signsRequests"]), (&json!(1), &json!(true)));

    for query in ["", "?state=history", "?address=10.1.0.7", "?address=10.1.0.7&at=2026-11-22T08:00:01Z"] {
        let rows =
            net.rig.get(&format!("/api/v1/sessions{query}")).token(&other.owner).send().await.expect(200);
        assert_eq!(rows["rows"], json!([]), "{query}");
    }
    net.rig.get(&one).token(&other.owner).send().await.problem("not_found");

    net.rig.hand.advance(Duration::from_secs(3_600));
    net.account(&packet(STOP, "8100000c", "10.1.0.7", 3_600), class.as_deref());
    net.drain().await;
    assert_eq!(get(&net, "/api/v1/sessions").await["rows"], json!([]));
    let ended = get(&net, &one).await;
    assert_eq!((&ended["online"], &ended["endCause"]), (&json!(false), &json!("stopped")));
    assert_eq!((&ended["seconds"], &ended["downloadOctets"]), (&json!(3_600), &json!("3600000")));
    // Who had it: within the session, not before, not after.
    for (at, hits) in [("2026-11-22T08:30:00Z", 1), ("2026-11-22T07:59:00Z", 0), ("2026-11-22T10:00:00Z", 0)]
    {
        let found = get(&net, &format!("/api/v1/sessions?address=10.1.0.7&at={at}")).await;
        assert_eq!(found["rows"].as_array().unwrap().len(), hits, "{at}");
    }
    let used = get(&net, &format!("{path}/usage?from=2026-11-22T08:00:00Z&to=2026-11-22T11:00:00Z")).await;
    assert_eq!(used, json!({ "uploadOctets": "0", "downloadOctets": "3600000" }));
    // Without an end the present hour counts, as a quota does.
    assert_eq!(get(&net, &format!("{path}/usage?from=2026-11-22T08:00:00Z")).await, used);
    // A plan without a quota has nothing to tell; one with it counts the same octets.
    assert_eq!(get(&net, &path).await["quota"], Value::Null);
    let plan = format!("/api/v1/plans/{}", net.plan);
    let mut spec = crate::plans::plan("20M");
    spec["service"]["quota"] = json!({ "octets": 5_000_000_000_u64, "period": "day" });
    let put = net.rig.put(&plan).token(&net.tenant.owner).header("if-match", "*").json(&spec);
    put.send().await.expect(200);
    let octets = |of: &str| used[of].as_str().unwrap().parse::<i64>().unwrap();
    let quota = json!({
        "usedOctets": (octets("uploadOctets") + octets("downloadOctets")).to_string(),
        "allowedOctets": "5000000000",
        "from": "2026-11-21T17:00:00Z", "until": "2026-11-22T17:00:00Z",
    });
    assert_eq!(get(&net, &path).await["quota"], quota);
    for wrong in ["at=2026-11-22T08:30:00Z", "address=nowhere", "state=maybe", "address=10.1.0.7&at=x"] {
        let answer = net.rig.get(&format!("/api/v1/sessions?{wrong}")).token(&net.tenant.owner).send().await;
        answer.problem("invalid_query");
    }
}

async fn a_live_session_is_disconnected(db: TestDb) {
    let mut net = Network::new(db).await;
    net.subscriber("budi", "rahasia").await;
    let other = net.rig.tenant("desa").await;
    net.feed().await;
    let (_, class) = net.dial("budi", "rahasia");
    net.account(&packet(START, "8100000c", "10.1.0.7", 0), class.as_deref());
    let session = get(&net, "/api/v1/sessions").await["rows"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/sessions/{session}/disconnect");
    net.rig.post(&path).token(&other.owner).send().await.problem("not_found");
    net.rig.post(&path).token(&net.tenant.owner).send().await.expect(202);
    let trail = get(&net, "/api/v1/audit?act=session.disconnect").await;
    assert_eq!(trail["rows"][0]["targetId"], session);
    net.rig.hand.advance(Duration::from_secs(60));
    net.account(&packet(STOP, "8100000c", "10.1.0.7", 60), class.as_deref());
    net.drain().await;
    net.rig.post(&path).token(&net.tenant.owner).send().await.problem("session_not_live");
    let nobody = format!("/api/v1/sessions/{}/disconnect", net.router_id());
    net.rig.post(&nobody).token(&net.tenant.owner).send().await.problem("not_found");
}

async fn attempts_stand_in_the_log_with_their_reasons(db: TestDb) {
    let mut net = Network::new(db).await;
    let path = net.subscriber("budi", "rahasia").await;
    let other = net.rig.tenant("desa").await;
    net.feed().await;
    net.dial("nobody", "x");
    net.rig.hand.advance(Duration::from_secs(1));
    net.dial("budi", "wrong");
    net.rig.hand.advance(Duration::from_secs(1));
    net.dial("budi", "rahasia");
    let isolate = net.rig.post(&format!("{path}/isolate")).token(&net.tenant.owner);
    isolate.json(&json!({ "reason": "unpaid" })).send().await.expect(200);
    net.feed().await;
    // The place that the accept holds for its session is given up when no accounting follows.
    net.rig.hand.advance(Duration::from_mins(10));
    net.dial("budi", "rahasia");
    let outcomes = |rows: &Value| -> Vec<String> {
        rows["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["outcome"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = get(&net, "/api/v1/authentications").await;
    assert_eq!(outcomes(&all), ["accepted_isolated", "accepted", "wrong_password", "unknown_user"]);
    assert_eq!((&all["rows"][2]["method"], &all["rows"][2]["service"]), (&json!("pap"), &json!("ppp")));
    let id = path.rsplit('/').next().unwrap();
    for (query, count) in [
        ("limit=2".to_owned(), 2),
        (format!("subscriberId={id}"), 3),
        ("outcome=wrong_password".to_owned(), 1),
        ("accepted=false".to_owned(), 2),
        ("username=nobody".to_owned(), 1),
        (format!("routerId={}", net.router), 4),
        (format!("routerId={}", net.plan), 0),
        ("mac=AA:BB:CC:00:00:01".to_owned(), 0),
    ] {
        let rows = get(&net, &format!("/api/v1/authentications?{query}")).await;
        assert_eq!(outcomes(&rows).len(), count, "{query}");
    }
    let theirs = net.rig.get("/api/v1/authentications").token(&other.owner).send().await.expect(200);
    assert_eq!(theirs["rows"], json!([]));
}

async fn a_page_of_live_sessions_goes_on(db: TestDb) {
    let mut net = Network::new(db).await;
    net.feed().await;
    for number in 0..25 {
        let (name, id, address) =
            (format!("user{number}"), format!("810000{number:02x}"), format!("10.1.0.{number}"));
        let told = Accounting {
            status: START,
            session_id: &id,
            username: &name,
            address: if number == 0 { "10.1.1.1" } else { &address },
            seconds: 0,
            download: 0,
        };
        net.account(&told, None);
    }
    let mut names = std::collections::BTreeSet::new();
    let (mut query, mut pages) = (String::new(), 0);
    loop {
        let page = get(&net, &format!("/api/v1/sessions?limit=10{query}")).await;
        for row in page["rows"].as_array().unwrap() {
            assert_eq!(row["subscriberId"], Value::Null, "none of ours");
            names.insert(row["username"].as_str().unwrap().to_owned());
        }
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        query = format!("&after={next}");
    }
    assert_eq!((names.len(), pages), (25, 3));
    net.rig.get("/api/v1/sessions?after=x").token(&net.tenant.owner).send().await.problem("invalid_cursor");
}
