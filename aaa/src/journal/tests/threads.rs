//! The journal as it runs: its thread, several appenders, a reader beside them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use crate::journal::{Alarm, AppendError, Wake, storage::simulated::Faults};

/// Long enough for any machine; a test that waits so long has failed.
const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

pub(super) fn is_readable(wake: &Wake) -> bool {
    poll(&mut [PollFd::new(wake, PollFlags::IN)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
}

/// Waits to be woken, then clears.
fn wait(wake: &Wake) {
    let woken = poll(&mut [PollFd::new(wake, PollFlags::IN)], Some(&PATIENCE)).unwrap();
    assert_eq!(woken, 1, "not woken");
    wake.clear();
}

fn running(disk: Disk, config: Config) -> Journal {
    let (shared, writer) = handle::prepare(config, Clock::system(), Storage::Simulated(disk)).unwrap();
    Journal::start(shared, writer).unwrap()
}

#[test]
fn many_threads_append_and_all_is_durable_in_each_ones_order() {
    const THREADS: u64 = 4;
    const EACH: u64 = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        segment_octets: 256 * 1024,
        group_octets: 64 * 1024,
        ..Config::new(folder.path().join("journal"), DATABASE)
    };
    let journal = Journal::open(config.clone(), Clock::system()).unwrap();
    let writing = AtomicU64::new(THREADS);
    let seen = thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, writing) = (&journal, &writing);
            scope.spawn(move || {
                let wake = Wake::new().unwrap();
                let appender = journal.appender(wake.clone());
                let any = Wake::new().unwrap();
                let subscription = journal.subscribe(any.clone());
                let mut last = Position::NONE;
                for index in 0..EACH {
                    loop {
                        match appender.append(&record(&payload(thread * EACH + index))) {
                            Ok(position) => {
                                assert!(position > last);
                                last = position;
                                break;
                            }
                            Err(error) => {
                                assert_eq!(error, AppendError::Full);
                                // Others may have filled the group: any group that is done makes room.
                                wait(&any);
                            }
                        }
                    }
                }
                drop(subscription);
                while !appender.is_settled() {
                    wait(&wake);
                }
                assert!(appender.durable() >= last);
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        // The drainer's part, beside the writer.
        let wake = Wake::new().unwrap();
        let _subscription = journal.subscribe(wake.clone());
        let mut reader = journal.reader(Position::FIRST).unwrap();
        let mut seen = Vec::new();
        while (seen.len() as u64) < THREADS * EACH {
            wait(&wake);
            seen.extend(read_all(&mut reader));
        }
        seen
    });
    assert_eq!(writing.load(Ordering::SeqCst), 0);
    let positions: Vec<u64> = seen.iter().map(|(position, _)| position.number()).collect();
    assert_eq!(positions, (1..=THREADS * EACH).collect::<Vec<_>>());
    for thread in 0..THREADS {
        let own: Vec<u64> = seen.iter().map(|(_, seed)| *seed).filter(|seed| seed / EACH == thread).collect();
        assert_eq!(own, (thread * EACH..(thread + 1) * EACH).collect::<Vec<_>>());
    }
    journal.shutdown().unwrap();
    let reopened = Journal::open(config, Clock::system()).unwrap();
    assert_eq!(read_all(&mut reopened.reader(Position::FIRST).unwrap()), seen);
}

#[test]
fn a_running_journal_survives_a_full_disk_without_a_restart() {
    let disk = Disk::new();
    let journal = running(disk.clone(), config());
    let (wake, alarm) = (Wake::new().unwrap(), Wake::new().unwrap());
    let appender = journal.appender(wake.clone());
    let _subscription = journal.subscribe(alarm.clone());
    disk.set_capacity(disk.used());
    let mut next = 0;
    loop {
        match appender.append(&record(&payload(next))) {
            Ok(_) => next += 1,
            Err(AppendError::Failing) => break,
            Err(_) => wait(&alarm),
        }
    }
    assert_eq!(journal.health().alarms(), [Alarm::DiskFull]);
    assert!(!appender.is_settled());
    disk.set_capacity(u64::MAX);
    while !journal.health().alarms().is_empty() {
        wait(&alarm);
    }
    while !appender.is_settled() {
        wait(&wake);
    }
    appender.append(&record(&payload(next))).unwrap();
    journal.shutdown().unwrap();
    let seeds: Vec<u64> =
        read_all(&mut journal.reader(Position::FIRST).unwrap()).into_iter().map(|(_, seed)| seed).collect();
    assert_eq!(seeds, (0..=next).collect::<Vec<_>>());
}

#[test]
fn a_running_journal_at_its_limit_goes_on_when_the_database_catches_up() {
    // A retry by the clock would come too late for this test: the release itself must wake the writer.
    let config = Config { total_octets: 2 * 24 * 1024, retry_every: Duration::from_secs(3600), ..config() };
    let journal = running(Disk::new(), config);
    let alarm = Wake::new().unwrap();
    let _subscription = journal.subscribe(alarm.clone());
    let mut next = 0;
    loop {
        match journal.append(&record(&payload(next))) {
            Ok(_) => next += 1,
            Err(AppendError::Failing) => break,
            Err(_) => wait(&alarm),
        }
    }
    assert_eq!(journal.health().alarms(), [Alarm::SizeLimit]);
    while journal.durable() < journal.appended() {
        journal.release(journal.durable());
        wait(&alarm);
    }
    journal.shutdown().unwrap();
    assert_eq!(journal.durable(), Position::new(next));
}

#[test]
fn shutdown_writes_what_was_accepted() {
    let disk = Disk::new();
    let journal = running(disk.clone(), config());
    for seed in 0..10 {
        journal.append(&record(&payload(seed))).unwrap();
    }
    journal.shutdown().unwrap();
    assert_eq!(journal.durable(), Position::new(10));
    drop(journal);
    let disk = disk.after_power_loss(|| false);
    assert_eq!(Fixture::on(disk, config()).unwrap().seeds(), (0..10).collect::<Vec<_>>());
}

#[test]
fn shutdown_ends_even_when_the_disk_does_not_recover() {
    let disk = Disk::new();
    disk.set_capacity(0);
    let journal = running(disk, Config { retry_every: Duration::from_secs(3600), ..config() });
    journal.append(&record(&payload(1))).unwrap();
    assert_eq!(journal.shutdown().unwrap_err().records, 1);
}

#[test]
fn a_writer_that_dies_raises_the_alarm_and_accepts_nothing_more() {
    let disk = Disk::new();
    let journal = running(disk.clone(), config());
    let alarm = Wake::new().unwrap();
    let _subscription = journal.subscribe(alarm.clone());
    disk.set_faults(Faults { defect: true, ..Faults::default() });
    journal.append(&record(&payload(1))).unwrap();
    while journal.health().alarms().is_empty() {
        wait(&alarm);
    }
    assert_eq!(journal.health().alarms(), [Alarm::Stopped]);
    assert_eq!(journal.shutdown().unwrap_err().records, 1);
    assert_eq!(journal.append(&record(&payload(2))), Err(AppendError::Closed));
}

#[test]
fn a_real_folder_is_for_its_owner_alone_and_locked() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().unwrap();
    let config = Config::new(parent.path().join("data/journal"), DATABASE);
    let journal = Journal::open(config.clone(), Clock::system()).unwrap();
    assert!(matches!(Journal::open(config.clone(), Clock::system()), Err(OpenError::InUse)));
    let inspected = crate::journal::inspect(&config.folder);
    assert!(matches!(inspected, Err(crate::journal::InspectError::InUse)));
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&config.folder), 0o700);
    for entry in std::fs::read_dir(&config.folder).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    journal.append(&record(&payload(1))).unwrap();
    drop(journal);
    let rescued = crate::journal::inspect(&config.folder).unwrap();
    assert_eq!(read_all(&mut rescued.reader(Position::FIRST).unwrap()), [(Position::FIRST, 1)]);
}

#[test]
fn a_journal_whose_disk_is_away_opens_when_it_is_back() {
    let home = tempfile::tempdir().unwrap();
    let disk = home.path().join("disk");
    let config =
        Config { retry_every: Duration::from_millis(1), ..Config::new(disk.join("journal"), DATABASE) };
    std::fs::write(&disk, b"no folder").unwrap();
    assert!(matches!(Journal::open(config.clone(), Clock::system()), Err(OpenError::Folder(_))));
    let journal = Journal::open_when_possible(config.clone(), Clock::system()).unwrap();
    let (ours, any) = (Wake::new().unwrap(), Wake::new().unwrap());
    let appender = journal.appender(ours.clone());
    let _watching = journal.subscribe(any.clone());
    assert_eq!(appender.append(&record(&payload(1))), Err(AppendError::Failing));
    assert_eq!(journal.append(&record(&payload(1))), Err(AppendError::Failing));
    let health = journal.health();
    assert_eq!(health.alarms(), [Alarm::WriteFailed]);
    let cause = health.failing.unwrap().cause.unwrap().to_string();
    assert!(cause.starts_with("the journal's folder cannot be used: "), "{cause}");
    assert_eq!((journal.id(), journal.oldest(), journal.lag().records), (None, None, 0));
    assert_eq!(journal.reader(Position::FIRST).unwrap_err(), crate::journal::StartError::NotOpen);
    journal.release(Position::FIRST);

    std::fs::remove_file(&disk).unwrap();
    wait(&any);
    assert!(journal.id().is_some() && journal.health().alarms().is_empty());
    let position = appender.append(&record(&payload(2))).unwrap();
    while appender.durable() < position {
        wait(&ours);
    }
    assert_eq!(read_all(&mut journal.reader(position).unwrap()), [(position, 2)]);
    journal.shutdown().unwrap();
    let reopened = Journal::open(config, Clock::system()).unwrap();
    assert_eq!(read_all(&mut reopened.reader(Position::FIRST).unwrap()), [(position, 2)]);
}

#[test]
fn a_journal_that_waits_for_its_disk_can_be_ended() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("disk"), b"no folder").unwrap();
    let config = Config {
        retry_every: Duration::from_secs(3_600),
        ..Config::new(home.path().join("disk/journal"), DATABASE)
    };
    let journal = Journal::open_when_possible(config, Clock::system()).unwrap();
    journal.shutdown().unwrap();
    assert_eq!(journal.append(&record(&payload(1))), Err(AppendError::Closed));
}

#[test]
fn no_waiting_mends_a_journal_of_another_database() {
    let home = tempfile::tempdir().unwrap();
    let config = Config::new(home.path().join("journal"), DATABASE);
    let journal = Journal::open(config.clone(), Clock::system()).unwrap();
    journal.append(&record(&payload(1))).unwrap();
    journal.shutdown().unwrap();
    let foreign = Config { database: DatabaseId::from_bytes([1; 16]), ..config };
    let refused = Journal::open_when_possible(foreign, Clock::system()).unwrap_err();
    assert!(matches!(refused, OpenError::ForeignDatabase { .. }), "{refused}");
}
