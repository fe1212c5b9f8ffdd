//! Full disks, failed syncs and writes, the journal's own limit.

use super::*;
use crate::journal::{Alarm, AppendError, Wake, segment, storage::simulated::Faults};

#[test]
fn a_failed_sync_moves_the_group_to_a_new_segment() {
    let mut fixture = Fixture::new();
    fixture.commit([1, 2]);
    fixture.disk.set_faults(Faults { syncs: 1, ..Faults::default() });
    fixture.commit([3, 4]);
    assert_eq!(fixture.segments(), [segment::name(1), segment::name(2)]);
    let health = fixture.journal.health();
    assert!(health.failing.is_none() && health.alarms().is_empty());
    assert_eq!(health.failures, 1);
    assert_eq!(fixture.seeds(), [1, 2, 3, 4]);
    // The simulated system forgot what it could not write: only the new file has it.
    let disk = fixture.disk.after_power_loss(|| false);
    assert_eq!(Fixture::on(disk, config()).unwrap().seeds(), [1, 2, 3, 4]);
}

#[test]
fn a_segment_whose_first_sync_failed_is_removed() {
    let mut fixture = Fixture::new();
    fixture.disk.set_faults(Faults { syncs: 1, ..Faults::default() });
    fixture.commit([1]);
    assert_eq!(fixture.segments(), [segment::name(2)]);
    assert_eq!(fixture.after_kill().seeds(), [1]);
}

#[test]
fn while_syncs_fail_nothing_is_acknowledged_or_accepted() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    let wake = Wake::new().unwrap();
    let _watching = fixture.journal.subscribe(wake.clone());
    fixture.disk.set_faults(Faults { syncs: 4, ..Faults::default() });
    fixture.append(2);
    assert_eq!(fixture.writer.turn(), Turn::Failed);
    assert_eq!(fixture.journal.durable(), Position::FIRST);
    assert_eq!(fixture.journal.append(&record(&payload(3))), Err(AppendError::Failing));
    let health = fixture.journal.health();
    let failing = health.failing.clone().unwrap();
    assert_eq!((health.alarms(), failing.since), (vec![Alarm::WriteFailed], fixture.clock.wall()));
    assert_eq!(failing.cause.unwrap().to_string(), "injected sync failure");
    assert!(threads::is_readable(&wake), "an alarm wakes watchers");
    fixture.hand.advance(Duration::from_secs(1));
    assert_eq!(fixture.writer.turn(), Turn::Failed);
    assert_eq!(fixture.journal.health().failing.unwrap().since, failing.since);
    while fixture.writer.turn() == Turn::Failed {}
    assert_eq!(fixture.journal.durable(), Position::new(2));
    assert!(fixture.journal.health().alarms().is_empty());
    fixture.commit([3]);
    assert_eq!(fixture.after_kill().seeds(), [1, 2, 3]);
}

#[test]
fn a_failed_write_moves_the_group_to_a_new_segment() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    fixture.disk.set_faults(Faults { writes: 1, ..Faults::default() });
    fixture.commit([2, 3, 4]);
    assert_eq!(fixture.segments().len(), 2);
    assert_eq!(fixture.seeds(), [1, 2, 3, 4]);
    assert_eq!(fixture.after_kill().seeds(), [1, 2, 3, 4]);
}

#[test]
fn short_writes_are_continued() {
    let mut fixture = Fixture::new();
    fixture.disk.set_faults(Faults { short_writes: 5, ..Faults::default() });
    fixture.commit(0..30);
    assert_eq!(fixture.segments().len(), 1);
    assert_eq!(fixture.after_kill().seeds(), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_refuses_records_and_recovers_by_itself() {
    let mut fixture = Fixture::new();
    fixture.commit(0..20);
    fixture.disk.set_capacity(fixture.disk.used() + 1000);
    let mut next = 20;
    while fixture.writer.turn() != Turn::Failed {
        for seed in next..next + 20 {
            fixture.append(seed);
        }
        next += 20;
    }
    let durable = fixture.journal.durable();
    assert!(durable.number() < next);
    assert_eq!(fixture.journal.health().alarms(), [Alarm::DiskFull]);
    assert_eq!(fixture.journal.append(&record(&payload(next))), Err(AppendError::Failing));
    assert_eq!(fixture.writer.turn(), Turn::Failed);
    assert_eq!(fixture.journal.durable(), durable);
    assert_eq!(fixture.seeds().len() as u64, durable.number(), "nothing unacknowledged is shown");
    fixture.disk.set_capacity(u64::MAX);
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    assert!(fixture.journal.health().alarms().is_empty());
    fixture.commit([next]);
    let fixture = fixture.after_kill();
    assert_eq!(fixture.seeds(), (0..=next).collect::<Vec<_>>());
    assert!(fixture.disk.list().unwrap().iter().all(|name| segment::parse_name(name).is_some()));
}

#[test]
fn a_disk_that_runs_full_within_a_segment_is_a_full_disk_too() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    fixture.disk.set_faults(Faults { full_writes: 1, ..Faults::default() });
    fixture.append(2);
    assert_eq!(fixture.writer.turn(), Turn::Failed);
    assert_eq!(fixture.journal.health().alarms(), [Alarm::DiskFull]);
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    assert_eq!(fixture.after_kill().seeds(), [1, 2]);
}

#[test]
fn a_journal_opens_on_a_full_disk_and_says_so() {
    let disk = Disk::new();
    disk.set_capacity(100);
    let mut fixture = Fixture::on(disk, config()).unwrap();
    assert_eq!(fixture.journal.health().alarms(), [Alarm::DiskFull]);
    fixture.append(1);
    assert_eq!(fixture.writer.turn(), Turn::Failed);
    assert_eq!(fixture.journal.append(&record(&payload(2))), Err(AppendError::Failing));
    fixture.disk.set_capacity(u64::MAX);
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    assert!(fixture.journal.health().alarms().is_empty());
    assert_eq!(fixture.after_kill().seeds(), [1]);
}

#[test]
fn a_new_name_that_cannot_be_made_durable_is_not_used() {
    let mut fixture = Fixture::new();
    fixture.commit(0..20);
    fixture.disk.set_faults(Faults { folder_syncs: 1, ..Faults::default() });
    let mut next = 20;
    let mut failed = 0;
    while fixture.segments().len() < 2 {
        for seed in next..next + 20 {
            fixture.append(seed);
        }
        next += 20;
        while fixture.writer.turn() == Turn::Failed {
            failed += 1;
        }
    }
    assert_eq!(failed, 1);
    assert_eq!(fixture.segments(), [segment::name(1), segment::name(3)]);
    let disk = fixture.disk.after_power_loss(|| false);
    assert_eq!(Fixture::on(disk, config()).unwrap().seeds(), (0..next).collect::<Vec<_>>());
}

#[test]
fn the_journals_own_limit_refuses_until_the_database_catches_up() {
    let disk = Disk::new();
    let config = Config { total_octets: 3 * 24 * 1024, ..config() };
    let mut fixture = Fixture::on(disk, config).unwrap();
    let mut next = 0;
    while fixture.writer.turn() != Turn::Failed {
        for seed in next..next + 20 {
            fixture.append(seed);
        }
        next += 20;
    }
    assert_eq!(fixture.journal.health().alarms(), [Alarm::SizeLimit]);
    assert!(fixture.disk.used() <= fixture.config.total_octets);
    assert_eq!(fixture.journal.append(&record(&payload(next))), Err(AppendError::Failing));
    assert_eq!(fixture.writer.turn(), Turn::Failed);
    let oldest = fixture.journal.reader(Position::FIRST).unwrap();
    drop(oldest);
    fixture.journal.release(fixture.journal.durable());
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    assert!(fixture.journal.health().alarms().is_empty());
    assert_eq!(fixture.journal.durable(), Position::new(next));
    assert!(fixture.disk.used() <= fixture.config.total_octets);
}

#[test]
fn damage_is_skipped_even_when_it_cannot_be_set_aside() {
    let mut fixture = Fixture::new();
    for round in 0..20 {
        fixture.commit(round * 20..round * 20 + 20);
    }
    fixture.disk.damage(&segment::name(2), |octets| octets[8192..8292].fill(0));
    fixture.disk.set_capacity(fixture.disk.used());
    let seeds = fixture.seeds();
    assert_eq!(seeds.last(), Some(&399));
    let health = fixture.journal.health();
    assert_eq!((health.alarms(), health.set_aside), (vec![Alarm::Damaged], 0));
    assert!(fixture.disk.list().unwrap().iter().all(|name| segment::parse_name(name).is_some()));
}
