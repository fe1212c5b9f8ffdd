//! How fast accounting records become rows: a journal of whole sessions (Start, two interims, Stop) is drained into both
//! databases.
//!
//! `cargo bench -p rrnetd --bench drain`; `SESSIONS=200000` for more, `ONLINE=20000` for how many of them are online at a
//! time. PostgreSQL is the server of `TEST_DATABASE_URL`, and is left out without it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a bench prints, and ends when anything fails"
)]

use std::{net::IpAddr, sync::Arc};

use aaa::{
    journal::{Kind, Record},
    policy::{ACCOUNTING_VERSION, ClassKey},
};
use base::{Clock, Timestamp};
use foundation::testing::{NOW, TestDb, on_postgres, on_sqlite};
use load::{
    cpu::Charged,
    population::User,
    request::{self, Nas},
    session::{Mode, Script, session_id, usage},
    world::{HotPath, World},
};
use radius::secret::SharedSecret;
use rrnetd::domain::session::Drain;

const ROUTER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Minutes between two packets of a session.
const INTERVAL_MILLIS: i64 = 300_000;

fn main() {
    on_sqlite(|db| measure("SQLite", db));
    if std::env::var_os("TEST_DATABASE_URL").is_some() {
        on_postgres(|db| measure("PostgreSQL", db));
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

async fn measure(name: &'static str, db: TestDb) {
    let sessions = number("SESSIONS", 20_000);
    let online = number("ONLINE", 5_000);
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let world = World {
        subscribers: online as u32,
        routers: vec![ROUTER],
        secret: SharedSecret::new(b"bench-secret").unwrap(),
        simultaneous: 0,
    };
    let path = world.build(folder.path(), &clock).unwrap();
    let records = fill(&path, &world, sessions, online);
    let drain = Drain {
        db: db.clone(),
        journal: Arc::clone(&path.shared.journal),
        directory: Arc::clone(&path.directory),
        class_key: ClassKey::new([7; 16]),
        clock: clock.clone(),
    };
    let (started, spent) = (clock.now().monotonic, processor_seconds());
    drain.drain_now().await.unwrap();
    let seconds = (clock.now().monotonic - started).as_secs_f64();
    let spent = processor_seconds() - spent;
    let mut conn = db.conn().await.unwrap();
    let (rows,): (i64,) = conn.query("SELECT COUNT(*) FROM session").fetch_one().await.unwrap();
    assert_eq!(rows, sessions as i64);
    println!(
        "{name}: {records} records of {sessions} sessions in {seconds:.2} s: {:.0} records/s, {:.1} µs of this process each",
        records as f64 / seconds,
        spent * 1e6 / records as f64,
    );
}

/// Appends the records in the order in which they would come, `online` sessions at a time; how many there are.
fn fill(path: &HotPath, world: &World, sessions: u64, online: u64) -> u64 {
    let router = path.directory.routers_at(ROUTER).unwrap().iter().next().unwrap().clone();
    let nas = Nas {
        address: ROUTER,
        identity: "bench".to_owned(),
        secret: world.secret.clone(),
        signs_accounting: false,
    };
    let script = Script { mode: Mode::Accounting, interims: 2 };
    let mut buffer = [0; 4096];
    let mut records = 0;
    for first in (0..sessions).step_by(online as usize) {
        for at in (0..).take_while(|at| script.step(0, *at).is_some()) {
            for session in first..sessions.min(first + online) {
                let received_at = Timestamp::from_millis(
                    NOW.as_millis() + (first as i64 * 4 + i64::from(at)) * INTERVAL_MILLIS,
                );
                let seconds = u32::from(at) * (INTERVAL_MILLIS / 1_000) as u32;
                let record = request::Record {
                    step: script.step(session, at).unwrap(),
                    session_id: &session_id(0, session),
                    class: None,
                    seconds,
                    delay: 0,
                    usage: usage(session, at),
                    at: (received_at.as_millis() / 1_000) as u32,
                };
                let user = User::numbered((session % online) as u32);
                let length = request::accounting(&mut buffer, 1, &nas, &user, &record).unwrap();
                let record = Record {
                    kind: Kind::ACCOUNTING,
                    version: ACCOUNTING_VERSION,
                    received_at,
                    tenant: router.tenant,
                    router: router.id,
                    payload: &buffer[..length],
                };
                while path.shared.journal.append(&record).is_err() {
                    std::thread::yield_now();
                }
                records += 1;
            }
        }
    }
    while path.shared.journal.durable() < path.shared.journal.appended() {
        std::thread::yield_now();
    }
    records
}

/// Processor time of this process, seconds.
fn processor_seconds() -> f64 {
    Charged::new(&[std::process::id()]).read().unwrap().unwrap().as_secs_f64()
}
