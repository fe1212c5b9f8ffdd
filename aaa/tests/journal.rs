//! `kill -9` of a process that appends to a journal: every record that it has acknowledged is there afterwards, once.
//!
//! The process is this test binary again. It prints `ack SEED POSITION` for a record once that is durable; the parent
//! kills it after a random number of such lines. `TEST_JOURNAL_KILLS` sets how often; the default is a short form.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, HashSet},
    env,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use aaa::journal::{Batch, Config, Journal, Kind, Position, Reader, Record, Wake, inspect};
use base::{Clock, DatabaseId, RouterId, TenantId};
use rustix::event::{PollFd, PollFlags, poll};

const FOLDER: &str = "TEST_JOURNAL_FOLDER";
const ROUND: &str = "TEST_JOURNAL_ROUND";
const KILLS: &str = "TEST_JOURNAL_KILLS";

/// Enough to hit groups, segment changes and recoveries in each run.
const DEFAULT_KILLS: u64 = 12;

/// A process is killed before it has acknowledged more than this.
const MAX_ACKNOWLEDGED: u64 = 4_000;

const THREADS: u64 = 4;

#[test]
fn what_a_killed_process_acknowledged_is_there_once() {
    if let (Some(folder), Ok(round)) = (env::var_os(FOLDER), env::var(ROUND)) {
        append_until_killed(Path::new(&folder), round.parse().unwrap());
    }
    let kills = env::var(KILLS).map_or(DEFAULT_KILLS, |kills| kills.parse().unwrap());
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("journal");
    let random = RandomState::new();
    let mut acknowledged = BTreeMap::new();
    for round in 0..kills {
        let before_kill = 1 + random.hash_one(round) % MAX_ACKNOWLEDGED;
        let new = run_and_kill(&folder, round, before_kill);
        assert!(new.len() as u64 >= before_kill);
        acknowledged.extend(new);

        let rescued = inspect(&folder).unwrap();
        let seen_before_recovery = read(&mut rescued.reader(Position::FIRST).unwrap());
        drop(rescued);
        let journal = Journal::open(config(&folder), Clock::system()).unwrap();
        assert!(journal.health().alarms().is_empty(), "a kill is no damage");
        let there = read(&mut journal.reader(Position::FIRST).unwrap());
        assert!(seen_before_recovery == there, "recovery shows what an inspection shows");

        let positions: HashSet<_> = there.iter().map(|(position, _)| *position).collect();
        let seeds: HashSet<_> = there.iter().map(|(_, seed)| *seed).collect();
        assert_eq!((positions.len(), seeds.len()), (there.len(), there.len()), "each record once");
        let there: BTreeMap<Position, u64> = there.into_iter().collect();
        for (position, seed) in &acknowledged {
            assert_eq!(there.get(position), Some(seed), "an acknowledged record is missing in round {round}");
        }
    }
    assert!(acknowledged.len() as u64 >= kills);
}

fn config(folder: &Path) -> Config {
    Config {
        segment_octets: 128 * 1024,
        group_octets: 32 * 1024,
        ..Config::new(folder, DatabaseId::from_bytes([3; 16]))
    }
}

/// Runs the other process, kills it after so many acknowledgements, and gives all that it made.
fn run_and_kill(folder: &Path, round: u64, before_kill: u64) -> BTreeMap<Position, u64> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "what_a_killed_process_acknowledged_is_there_once", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = BTreeMap::new();
    let mut killed = false;
    let mut line = String::new();
    loop {
        line.clear();
        // What it had printed before it died counts; half a line does not.
        if output.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            break;
        }
        let mut words = line.split_whitespace();
        if words.next() == Some("ack") {
            let seed = words.next().unwrap().parse().unwrap();
            let position = Position::new(words.next().unwrap().parse().unwrap());
            assert_eq!(acknowledged.insert(position, seed), None);
        }
        if !killed && acknowledged.len() as u64 >= before_kill {
            child.kill().unwrap();
            killed = true;
        }
    }
    assert!(killed, "it ended by itself: {}", child.wait().unwrap());
    child.wait().unwrap();
    acknowledged
}

/// The other process: appends from several threads, in bursts, and tells what is durable.
fn append_until_killed(folder: &Path, round: u64) -> ! {
    let journal = Journal::open(config(folder), Clock::system()).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let journal = &journal;
            scope.spawn(move || append_bursts(journal, round * 1_000_000_000 + thread * 100_000_000));
        }
    });
    unreachable!("the threads end with the process");
}

fn append_bursts(journal: &Journal, first_seed: u64) -> ! {
    let wake = Wake::new().unwrap();
    let appender = journal.appender(wake.clone());
    let mut seed = first_seed;
    loop {
        let mut burst = String::new();
        for _ in 0..seed % 37 + 1 {
            // A full group takes the record later, as a router's retransmission would bring it.
            if let Ok(position) = appender.append(&record(&payload(seed))) {
                burst.push_str(&format!("ack {seed} {}\n", position.number()));
                seed += 1;
            }
        }
        while !appender.is_settled() {
            poll(&mut [PollFd::new(&wake, PollFlags::IN)], None).unwrap();
            wake.clear();
        }
        std::io::stdout().write_all(burst.as_bytes()).unwrap();
        std::io::stdout().flush().unwrap();
    }
}

fn read(reader: &mut Reader) -> Vec<(Position, u64)> {
    let mut batch = Batch::new();
    let mut found = Vec::new();
    while reader.fill(&mut batch, 256).unwrap() > 0 {
        for stored in batch.iter() {
            let seed = u64::from_le_bytes(*stored.record.payload.first_chunk().unwrap());
            assert_eq!(stored.record, record(&payload(seed)));
            found.push((stored.position, seed));
        }
    }
    found
}

fn record(payload: &[u8]) -> Record<'_> {
    Record {
        kind: Kind::ACCOUNTING,
        version: 1,
        received_at: base::Timestamp::EPOCH,
        tenant: TenantId::from_bytes([1; 16]),
        router: RouterId::from_bytes([2; 16]),
        payload,
    }
}

fn payload(seed: u64) -> Vec<u8> {
    let len = 20 + usize::try_from(seed % 380).unwrap();
    seed.to_le_bytes().into_iter().cycle().take(len).collect()
}
