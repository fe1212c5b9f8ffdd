//! An Accounting-Response is a promise: whatever kills the daemon, the record is in the database afterwards, once.
//!
//! A few kills by default; `TEST_KILLS=50 cargo nextest run --test e2e durability` for the whole.

use std::{collections::HashSet, fs, net::Ipv4Addr, path::Path, process::Command, thread, time::Duration};

use foundation::db::DatabaseUrl;
use load::{
    audit::{self, InputIs},
    generator::{self, Pace},
    population::Population,
    request::Nas,
    session::{Mode, Script},
};
use radius::{attribute::AcctStatusType, code::Code, secret::SharedSecret};

use crate::{
    harness::{Daemon, FREE_PORTS, PATIENCE, eventually, quickstart},
    quickstart::home,
    wire,
};

/// Kills unless `TEST_KILLS` says otherwise.
const KILLS: u64 = 2;

/// Records that are acknowledged before each kill.
const RECORDS_A_ROUND: usize = 400;

/// Session numbers that each round has for itself.
const NUMBERS_A_ROUND: u64 = 1 << 20;

/// How long the load goes on when nobody kills the daemon: each round is over far sooner.
const LOAD: Duration = Duration::from_secs(2);

#[test]
fn what_was_acknowledged_survives_kills_once() {
    let kills = std::env::var("TEST_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let (home, folder) = home();
    let ledger = home.path().join("ledger");
    let mut daemon = Daemon::quickstart(&folder, &[]);
    let secret = daemon.secret();
    for round in 0..kills {
        let before = lines(&ledger);
        let settings = load(&daemon, &secret, &ledger, round);
        let generator = thread::spawn(move || generator::run(settings).unwrap());
        eventually("records are acknowledged", || (lines(&ledger) >= before + RECORDS_A_ROUND).then_some(()));
        daemon.kill();
        let report = generator.join().unwrap();
        assert_eq!(report.wrong, 0, "{report}");
        daemon = Daemon::quickstart(&folder, &[]);
    }
    let url: DatabaseUrl = format!("sqlite:{}", folder.join("rrnetd.db").display()).parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let findings = runtime.block_on(audit::verify(&ledger, &url, InputIs::Upload, PATIENCE)).unwrap();
    println!("{kills} kills: {findings:?}");
    assert!(findings.is_clean(), "{findings:#?}");
    assert!(findings.records >= kills * RECORDS_A_ROUND as u64);
    assert!(daemon.terminate().success());
}

/// The kernel's own word: between the arrival of a record and its answer lies an fdatasync that began after the arrival and
/// ended before the answer. Tracing a process that hides its memory needs the right to (CAP_SYS_PTRACE).
#[test]
fn no_answer_precedes_its_fdatasync() {
    let (home, folder) = home();
    let trace = home.path().join("trace");
    let daemon = Daemon::quickstart(&folder, &[]);
    let secret = daemon.secret();
    assert!(daemon.terminate().success());
    let plain = quickstart(&folder, &FREE_PORTS);
    let mut traced = Command::new("strace");
    // The tracer steps aside (-D): the process that we start, and end, is the daemon.
    traced.args(["-D", "-f", "-xx", "-s", "24", "-e", "trace=fdatasync,recvmmsg,sendmmsg", "-o"]).arg(&trace);
    traced.arg(plain.get_program()).args(plain.get_args());
    let daemon = Daemon::start(&mut traced, &folder);
    let nas = wire::Nas::new(Ipv4Addr::LOCALHOST.into(), &secret);
    let server = daemon.ready.accounting[0];
    for number in 0..RECORDS_TRACED {
        let session = format!("8100{number:04}");
        assert!(nas.account(server, "budi001", &session, AcctStatusType::START, None));
    }
    let end = format!("{} +++ exited", daemon.pid());
    assert!(daemon.terminate().success());
    let text = eventually("the trace is whole", || {
        fs::read_to_string(&trace).ok().filter(|text| text.lines().any(|line| spaced(line).starts_with(&end)))
    });
    assert_eq!(answers_after_their_sync(&text), RECORDS_TRACED, "{text}");
}

/// Records of which the trace tells.
const RECORDS_TRACED: usize = 20;

/// Reads a trace of records that come one after the other; how many were answered, each after its fdatasync.
fn answers_after_their_sync(trace: &str) -> usize {
    let (mut requests, mut answered) = (HashSet::new(), 0);
    let (mut began, mut synced, mut open) = (HashSet::new(), false, false);
    for line in trace.lines().map(spaced) {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        if let Some(request) = datagram(call, "\\x04").filter(|_| call.contains("recvmmsg")) {
            // What is sent again is the same record.
            if requests.insert(request.to_owned()) {
                (began, synced, open) = (HashSet::new(), false, true);
            }
        } else if call.starts_with("fdatasync(") {
            began.insert(thread.to_owned());
            synced |= call.ends_with("= 0");
        } else if call.starts_with("<... fdatasync resumed>") {
            synced |= call.ends_with("= 0") && began.contains(thread);
        } else if call.starts_with("sendmmsg(") && datagram(call, "\\x05").is_some() {
            assert!(synced, "answered before the record was on the disk:\n{trace}");
            answered += usize::from(std::mem::take(&mut open));
        }
    }
    answered
}

/// The first octets of the datagram in a call, when it starts with `code`.
fn datagram<'a>(call: &'a str, code: &str) -> Option<&'a str> {
    let (_, octets) = call.split_once("iov_base=\"")?;
    octets.starts_with(code).then(|| octets.split('"').next().unwrap_or_default())
}

/// A line with single spaces: the tracer pads the process id.
fn spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn load(daemon: &Daemon, secret: &str, ledger: &Path, round: u64) -> generator::Settings {
    generator::Settings {
        script: Script { mode: Mode::Accounting, interims: 3 },
        population: Population::Numbered(10_000),
        authentication: daemon.ready.authentication[0],
        accounting: daemon.ready.accounting[0],
        routers: vec![Nas {
            address: Ipv4Addr::LOCALHOST.into(),
            identity: "demo".to_owned(),
            secret: SharedSecret::new(secret.as_bytes()).unwrap(),
            signs_accounting: false,
        }],
        sockets: 4,
        threads: 1,
        pace: Pace::Closed { window: 64 },
        sessions: 200,
        first_session: round * NUMBERS_A_ROUND,
        boot: 1,
        session_count: None,
        drained: None,
        warm_up: Duration::ZERO,
        duration: Some(LOAD),
        patience: Duration::from_millis(500),
        attempts: 1,
        slow: Duration::from_secs(1),
        login_code: Code::ACCESS_ACCEPT,
        signed_replies: true,
        ledger: Some(ledger.to_owned()),
        charge: Vec::new(),
    }
}

fn lines(ledger: &Path) -> usize {
    fs::read(ledger).map_or(0, |octets| octets.iter().filter(|octet| **octet == b'\n').count())
}
