//! Isolating over the API reaches the live session: FreeRADIUS poses as the router's CoA listener, and notes only requests
//! whose signature holds.

use std::{
    fs::{self, File, Permissions},
    io::{BufRead as _, BufReader},
    net::{IpAddr, Ipv4Addr, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use base::Clock;
use radius::attribute::AcctStatusType;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    api::{Api, metric},
    harness::{Daemon, PostgresDatabase, eventually},
    quickstart::home,
    wire::Nas,
};

/// The router's address, and that of ours which it asks: not the first one.
pub(crate) const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
pub(crate) const ASKED: &str = "127.0.0.3";
const LISTEN: [&str; 2] =
    ["radius.authentication=127.0.0.1:0,127.0.0.3:0", "radius.accounting=127.0.0.1:0,127.0.0.3:0"];

pub(crate) const SECRET: &str = "the-router-s-own";
pub(crate) const USER: &str = "budi001";
pub(crate) const SESSION: &str = "81000042";

/// On a machine that does other things too. Alone it takes milliseconds: the figure is printed.
const PROMPT: Duration = Duration::from_secs(2);

#[test]
fn isolating_and_lifting_reach_the_live_session() {
    reach_the_live_session(&Scene::new());
}

#[test]
fn isolating_and_lifting_reach_the_live_session_on_postgres() {
    let Some(database) = PostgresDatabase::create() else { return };
    reach_the_live_session(&Scene { settings: vec![database.setting()], ..Scene::new() });
}

#[expect(clippy::print_stdout, reason = "the figure is what the test is read for")]
fn reach_the_live_session(scene: &Scene) {
    let daemon = scene.daemon();
    let api = Api::first(&daemon);
    // A wall by speed alone: what CoA can change both ways.
    let shape = json!({ "rate": 128_000 });
    let profile = json!({ "rateLimit": { "upload": shape, "download": shape } });
    api.put("/tenant/isolir-profile", "*", &profile);
    scene.online(&daemon, &api);
    let listener = Listener::start(scene);
    for (count, act, rate) in [(1, "isolate", "128k/128k"), (2, "lift", "2500k/10M")] {
        let path = format!("{}/{act}", subscriber(&api));
        let wanted = now();
        api.post(&path, &json!({ "reason": "manual" }));
        let line = eventually("the router hears of it", || listener.lines().get(count - 1).cloned());
        let heard = heard(&line);
        println!("{act}: at the router after {} µs", heard.at - wanted);
        assert!(Duration::from_micros(heard.at - wanted) < PROMPT);
        assert_eq!(heard.source, ASKED, "from the address that the router asked: {line}");
        assert_eq!(heard.kind, "CoA-Request");
        assert!(line.contains(&format!("Acct-Session-Id = \"{SESSION}\"")), "{line}");
        assert!(line.contains(&format!("User-Name = \"{USER}\"")), "{line}");
        assert!(line.contains(&format!("Mikrotik-Rate-Limit = \"{rate}\"")), "{line}");
    }
}

#[test]
fn a_router_that_was_away_still_hears_of_it() {
    let scene = Scene::new();
    let daemon = scene.daemon();
    let api = Api::first(&daemon);
    scene.online(&daemon, &api);
    api.post(&format!("{}/isolate", subscriber(&api)), &json!({ "reason": "unpaid" }));
    tried(&api, 1);
    let listener = Listener::start(&scene);
    let line = eventually("the router hears of it on its return", || listener.lines().first().cloned());
    is_disconnect(&line);
}

/// By way of the event: whoever suspends knows nothing of sessions.
#[test]
fn suspending_ends_the_live_session() {
    let scene = Scene::new();
    let daemon = scene.daemon();
    let api = Api::first(&daemon);
    scene.online(&daemon, &api);
    let listener = Listener::start(&scene);
    api.post(&format!("{}/suspend", subscriber(&api)), &json!({}));
    let line = eventually("the router hears of it", || listener.lines().first().cloned());
    is_disconnect(&line);
}

/// A short patience stands for a minute of silence: attempt after attempt ends without an answer.
#[test]
fn a_router_that_was_away_for_many_attempts_still_hears_of_it() {
    let scene = Scene { settings: vec!["radius.dynauth-patience-seconds=1".to_owned()], ..Scene::new() };
    let daemon = scene.daemon();
    let api = Api::first(&daemon);
    scene.online(&daemon, &api);
    api.post(&format!("{}/isolate", subscriber(&api)), &json!({ "reason": "unpaid" }));
    tried(&api, 3);
    let intent = api.get(&format!("{}/isolir", subscriber(&api))).0["intent"].clone();
    assert!(["unreachable", "pending"].contains(&intent["state"].as_str().unwrap()), "{intent}");
    let listener = Listener::start(&scene);
    let line = eventually("the router hears of it on its return", || listener.lines().first().cloned());
    is_disconnect(&line);
    eventually("the router's answer is noted", || {
        let intent = api.get(&format!("{}/isolir", subscriber(&api))).0["intent"].clone();
        (intent["state"] == "disconnected").then_some(())
    });
}

#[test]
fn a_kill_in_between_does_not_lose_it() {
    let scene = Scene::new();
    let daemon = scene.daemon();
    let api = Api::first(&daemon);
    scene.online(&daemon, &api);
    api.post(&format!("{}/isolate", subscriber(&api)), &json!({ "reason": "unpaid" }));
    tried(&api, 1);
    // The router says nothing after the start: what was seen of it before tells where from it is told.
    eventually("where the router was seen is stored", || {
        (metric(&daemon, "rrnetd_router_observations_total")? > 0.0).then_some(())
    });
    daemon.kill();
    let listener = Listener::start(&scene);
    let _daemon = scene.daemon();
    let line = eventually("the router hears of it", || listener.lines().first().cloned());
    is_disconnect(&line);
}

/// A data folder, and a router that nobody poses as yet.
pub(crate) struct Scene {
    home: TempDir,
    folder: PathBuf,
    port: u16,
    /// On top of the addresses.
    pub(crate) settings: Vec<String>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let (home, folder) = home();
        // The listener's user must reach its log.
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        let port = UdpSocket::bind((ROUTER, 0)).unwrap().local_addr().unwrap().port();
        Self { home, folder, port, settings: Vec::new() }
    }

    pub(crate) fn daemon(&self) -> Daemon {
        let settings: Vec<&str> =
            LISTEN.into_iter().chain(self.settings.iter().map(String::as_str)).collect();
        Daemon::quickstart(&self.folder, &settings)
    }

    /// The subscriber logs in at the router, and its session starts and is stored. The router, and the session's Class.
    pub(crate) fn online(&self, daemon: &Daemon, api: &Api) -> (Nas, Vec<u8>) {
        let router = json!({ "name": "Edge", "addresses": [ROUTER], "dynauthPort": self.port });
        api.post("/routers", &json!({ "router": router, "secret": SECRET }));
        let nas = Nas::new(ROUTER, SECRET);
        let password = daemon.password_of(USER);
        let accept = nas.login(daemon.ready.authentication[1], USER, &password);
        let class = accept.class.expect("each accept carries our Class");
        let accounting = daemon.ready.accounting[1];
        assert!(nas.account(accounting, USER, SESSION, AcctStatusType::START, Some(&class)));
        eventually("the session is stored", || {
            let sessions = api.get("/sessions?state=history").0;
            sessions["rows"].as_array().filter(|rows| !rows.is_empty()).map(|_| ())
        });
        (nas, class)
    }
}

/// FreeRADIUS in the router's place.
pub(crate) struct Listener {
    script: Child,
    log: PathBuf,
}

/// What the listener noted of a request.
pub(crate) struct Heard {
    /// Microseconds since 1970.
    at: u64,
    pub(crate) kind: String,
    pub(crate) source: String,
}

impl Listener {
    pub(crate) fn start(scene: &Scene) -> Self {
        let log = scene.home.path().join("coa.log");
        File::create(&log).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/freeradius-peer.sh");
        let mut script = Command::new(script)
            .args(["coa", "--secret", SECRET, "--address", &ROUTER.to_string()])
            .args(["--port", &scene.port.to_string(), "--log"])
            .arg(&log)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ready pid="), "FreeRADIUS does not start: {line:?}");
        Self { script, log }
    }

    /// A line for each request so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
    }
}

impl Drop for Listener {
    /// The script takes its FreeRADIUS and its folder with it.
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.script);
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _reaped = self.script.wait();
    }
}

pub(crate) fn subscriber(api: &Api) -> String {
    let found = api.get(&format!("/subscribers?usernamePrefix={USER}")).0;
    format!("/subscribers/{}", found["rows"][0]["id"].as_str().unwrap())
}

/// Waits until the daemon has tried so often to tell the router.
fn tried(api: &Api, times: i64) {
    let path = format!("{}/isolir", subscriber(api));
    eventually("the router is tried", || {
        api.get(&path).0["intent"]["attempts"].as_i64().filter(|attempts| *attempts >= times)
    });
}

/// The default profile walls by an address list, which RouterOS takes at login alone: the session is ended, to dial again.
fn is_disconnect(line: &str) {
    let heard = heard(line);
    assert_eq!((heard.kind.as_str(), heard.source.as_str()), ("Disconnect-Request", ASKED), "{line}");
    assert!(line.contains(&format!("Acct-Session-Id = \"{SESSION}\"")), "{line}");
    assert!(line.contains(&format!("User-Name = \"{USER}\"")), "{line}");
}

pub(crate) fn heard(line: &str) -> Heard {
    let fields: Vec<&str> = line.splitn(6, ' ').collect();
    let [seconds, micros, kind, source, ..] = fields[..] else { panic!("{line}") };
    let (seconds, micros): (u64, u64) = (seconds.parse().unwrap(), micros.parse().unwrap());
    Heard { at: seconds * 1_000_000 + micros, kind: kind.to_owned(), source: source.to_owned() }
}

/// Microseconds since 1970.
fn now() -> u64 {
    u64::try_from(Clock::system().wall().as_millis()).unwrap() * 1_000
}
