//! The journal against the disk: records a second by group size, latency, the cost of `append`.
//!
//! `cargo bench -p rrnetd-aaa --bench journal [-- FOLDER]`. The disk of FOLDER is measured, by default that of the build
//! folder. All figures are of one run; the ratios are against a sync for each record on the same disk.

#![expect(clippy::print_stdout, reason = "a bench reports on the terminal")]

use std::{
    error::Error,
    fs::OpenOptions,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use aaa::journal::{AppendError, Appender, Batch, Config, Journal, Kind, Position, Record, Wake};
use base::{Clock, DatabaseId, RouterId, TenantId};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A usual Accounting-Request.
const PAYLOAD_LEN: usize = 300;

/// What the baseline writes for it: payload and as much framing as the journal's.
const FRAME_LEN: usize = 376;

const BASELINE_RECORDS: u32 = 2_000;
const RECORDS: u32 = 400_000;
const GROUPS: u32 = 1_000;
const ROUNDS: usize = 5;

fn main() -> Outcome<()> {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let place = arguments.first().map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let clock = Clock::system();
    let folder = tempfile::tempdir_in(&place)?;
    println!("{PAYLOAD_LEN} octets a record, median of {ROUNDS} rounds");

    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        rounds.push((
            one_sync_per_record(&folder.path().join(format!("baseline-{round}")), &clock)?,
            saturate(&folder.path().join(format!("saturated-{round}")), &clock, 4)?,
        ));
    }
    let baseline = median(rounds.iter().map(|(baseline, _)| *baseline));
    let saturated = median(rounds.iter().map(|(_, saturated)| saturated.rate));
    let ratio = median(rounds.iter().map(|(baseline, saturated)| saturated.rate / baseline));
    println!("one sync per record        {baseline:>10.0} records/s");
    println!("4 threads, as fast as goes {saturated:>10.0} records/s   {ratio:.1} times as many");

    for threads in [1, 2, 4] {
        let mut costs = Vec::new();
        for round in 0..ROUNDS {
            costs.push(saturate(&folder.path().join(format!("cost-{threads}-{round}")), &clock, threads)?);
        }
        println!(
            "append, {threads} threads          {:>10.0} ns each accepted, {:.0} records a group, read again {:.0} records/s",
            median(costs.iter().map(|cost| cost.append_nanos)),
            median(costs.iter().map(|cost| cost.group)),
            median(costs.iter().map(|cost| cost.read_rate)),
        );
    }

    println!("\nrecords a group   records/s   p50 append to durable   p99");
    for group in [1, 4, 16, 64, 256, 1024, 4096] {
        let (rate, latencies) = grouped(&folder.path().join(format!("grouped-{group}")), &clock, group)?;
        let [middle, late] = percentiles(latencies);
        println!("{group:>15} {rate:>11.0} {:>17.3} ms {:>9.3} ms", millis(middle), millis(late));
    }

    let half = saturated / 2.0;
    let (rate, latencies) = paced(&folder.path().join("paced"), &clock, half)?;
    let [middle, late] = percentiles(latencies);
    println!(
        "\nat half of the highest rate ({rate:.0} records/s): append to durable p50 {:.3} ms, p99 {:.3} ms",
        millis(middle),
        millis(late)
    );
    Ok(())
}

/// Writes each record and syncs it, into a file whose room is reserved as the journal's is.
fn one_sync_per_record(path: &Path, clock: &Clock) -> Outcome<f64> {
    let file = OpenOptions::new().create_new(true).write(true).open(path)?;
    let size = u64::from(BASELINE_RECORDS) * FRAME_LEN as u64;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size)?;
    file.sync_all()?;
    let octets = [0xa5; FRAME_LEN];
    let started = clock.now().monotonic;
    for index in 0..u64::from(BASELINE_RECORDS) {
        file.write_all_at(&octets, index * FRAME_LEN as u64)?;
        file.sync_data()?;
    }
    Ok(f64::from(BASELINE_RECORDS) / (clock.now().monotonic - started).as_secs_f64())
}

struct Saturated {
    /// Durable records a second.
    rate: f64,
    /// Wall time that a thread spent in `append` for each record accepted, waits for the lock and the processor included.
    append_nanos: f64,
    group: f64,
    read_rate: f64,
}

/// Appends from several threads without a pause; a full group is waited for.
fn saturate(folder: &Path, clock: &Clock, threads: u32) -> Outcome<Saturated> {
    let journal = open(folder, clock)?;
    let each = RECORDS / threads;
    let started = clock.now().monotonic;
    let spent = thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| append_all(&journal, clock, each))).collect();
        let spent: Vec<_> =
            workers.into_iter().map(|worker| worker.join().map_err(|_| "a thread panicked")).collect();
        spent.into_iter().map(|spent| spent?).collect::<Outcome<Vec<Appending>>>()
    })?;
    let took = clock.now().monotonic - started;
    let in_append: Duration = spent.iter().map(|spent| spent.in_append).sum();
    let groups = spent.iter().map(|spent| spent.groups).max().unwrap_or(1).max(1);
    let started = clock.now().monotonic;
    let mut reader = journal.reader(Position::FIRST)?;
    let mut batch = Batch::new();
    let mut read = 0;
    while reader.fill(&mut batch, 256)? > 0 {
        read += batch.len();
    }
    if read != (each * threads) as usize {
        return Err(format!("{read} records came back").into());
    }
    let reading = clock.now().monotonic - started;
    journal.shutdown()?;
    std::fs::remove_dir_all(folder)?;
    let records = f64::from(each * threads);
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let groups = groups as f64;
    Ok(Saturated {
        rate: records / took.as_secs_f64(),
        append_nanos: in_append.as_secs_f64() * 1e9 / records,
        group: records / groups,
        read_rate: records / reading.as_secs_f64(),
    })
}

struct Appending {
    in_append: Duration,
    groups: u64,
}

fn append_all(journal: &Journal, clock: &Clock, records: u32) -> Outcome<Appending> {
    let wake = Wake::new()?;
    let _subscription = journal.subscribe(wake.clone());
    let appender = journal.appender(Wake::new()?);
    let payload = [0x5a; PAYLOAD_LEN];
    let mut result = Appending { in_append: Duration::ZERO, groups: 0 };
    let mut left = records;
    while left > 0 {
        let started = clock.now().monotonic;
        let mut accepted = 0;
        while accepted < left {
            match appender.append(&record(&payload)) {
                Ok(_) => accepted += 1,
                Err(AppendError::Full) => break,
                Err(error) => return Err(error.into()),
            }
        }
        result.in_append += clock.now().monotonic - started;
        left -= accepted;
        wait(&wake)?;
        result.groups += 1;
    }
    while !appender.is_settled() {
        wait(&wake)?;
    }
    Ok(result)
}

/// Appends so many records at once, waits until they are durable, and so on.
fn grouped(folder: &Path, clock: &Clock, group: u32) -> Outcome<(f64, Vec<Duration>)> {
    let journal = open(folder, clock)?;
    let wake = Wake::new()?;
    let appender = journal.appender(wake.clone());
    let payload = [0x5a; PAYLOAD_LEN];
    let groups = GROUPS.min(RECORDS / group);
    let mut latencies = Vec::new();
    let started = clock.now().monotonic;
    for _ in 0..groups {
        let before = clock.now().monotonic;
        for _ in 0..group {
            appender.append(&record(&payload))?;
        }
        settle(&appender, &wake)?;
        latencies.push(clock.now().monotonic - before);
    }
    let took = clock.now().monotonic - started;
    journal.shutdown()?;
    std::fs::remove_dir_all(folder)?;
    Ok((f64::from(group * groups) / took.as_secs_f64(), latencies))
}

/// Appends at a fixed rate, as a worker does: a few records in each round, replies when their position is durable.
fn paced(folder: &Path, clock: &Clock, rate: f64) -> Outcome<(f64, Vec<Duration>)> {
    const TICK: Duration = Duration::from_micros(200);
    let journal = open(folder, clock)?;
    let wake = Wake::new()?;
    let appender = journal.appender(wake.clone());
    let payload = [0x5a; PAYLOAD_LEN];
    let mut parked = std::collections::VecDeque::new();
    let mut latencies = Vec::new();
    let started = clock.now().monotonic;
    let (mut sent, mut due) = (0_u32, 0.0);
    while sent < RECORDS || !parked.is_empty() {
        let now = clock.now().monotonic;
        let passed = (now - started).as_secs_f64();
        due = f64::max(due, passed * rate);
        while sent < RECORDS && f64::from(sent) < due {
            match appender.append(&record(&payload)) {
                // Counted from when it was due, so that a delay of the sender is not left out.
                Ok(position) => parked.push_back((position, Duration::from_secs_f64(f64::from(sent) / rate))),
                Err(AppendError::Full) => break,
                Err(error) => return Err(error.into()),
            }
            sent += 1;
        }
        let durable = appender.durable();
        let since_start = clock.now().monotonic - started;
        while let Some((_, due)) = parked.pop_front_if(|(position, _)| *position <= durable) {
            latencies.push(since_start.saturating_sub(due));
        }
        let pause = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
        poll(&mut [PollFd::new(&wake, PollFlags::IN)], Some(&pause))?;
        wake.clear();
    }
    let took = clock.now().monotonic - started;
    journal.shutdown()?;
    std::fs::remove_dir_all(folder)?;
    Ok((f64::from(RECORDS) / took.as_secs_f64(), latencies))
}

fn open(folder: &Path, clock: &Clock) -> Outcome<Journal> {
    Ok(Journal::open(Config::new(folder, DatabaseId::from_bytes([1; 16])), clock.clone())?)
}

fn settle(appender: &Appender, wake: &Wake) -> Outcome<()> {
    while !appender.is_settled() {
        wait(wake)?;
    }
    Ok(())
}

fn wait(wake: &Wake) -> Outcome<()> {
    poll(&mut [PollFd::new(wake, PollFlags::IN)], None)?;
    wake.clear();
    Ok(())
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

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn percentiles(mut latencies: Vec<Duration>) -> [Duration; 2] {
    latencies.sort_unstable();
    [latencies[latencies.len() / 2], latencies[latencies.len() * 99 / 100]]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
