//! Appending, reading and opening again.

use std::sync::Arc;

use super::*;
use crate::journal::{
    Alarm, AppendError, ConfigError, InspectError, StartError, Wake,
    inspect::inspect_storage,
    record::MAX_PAYLOAD_LEN,
    segment::{self, Header, Identity},
};

#[test]
fn nothing_is_durable_before_its_group_is_synced() {
    let mut fixture = Fixture::new();
    assert_eq!((fixture.journal.durable(), fixture.journal.appended()), (Position::NONE, Position::NONE));
    let syncs = fixture.disk.syncs();
    assert_eq!(fixture.append(1), Position::FIRST);
    assert_eq!(fixture.append(2), Position::new(2));
    assert_eq!((fixture.journal.durable(), fixture.journal.appended()), (Position::NONE, Position::new(2)));
    assert_eq!(fixture.seeds(), [0; 0]);
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    assert_eq!(fixture.journal.durable(), Position::new(2));
    assert_eq!(fixture.disk.syncs(), syncs + 1, "one sync for the group");
    assert_eq!(fixture.writer.turn(), Turn::Idle);
    assert_eq!(fixture.seeds(), [1, 2]);
}

#[test]
fn records_come_back_after_each_reopening() {
    let mut fixture = Fixture::new();
    let id = fixture.journal.id();
    for round in 0..5 {
        fixture.commit(round * 10..round * 10 + 10);
        fixture = fixture.after_kill();
        assert_eq!(fixture.journal.id(), id);
        assert_eq!(fixture.journal.durable(), Position::new(round * 10 + 10));
        assert_eq!(fixture.seeds(), (0..round * 10 + 10).collect::<Vec<_>>());
    }
    let positions: Vec<_> = fixture.read().iter().map(|(position, _)| position.number()).collect();
    assert_eq!(positions, (1..=50).collect::<Vec<_>>());
    assert!(fixture.journal.health().alarms().is_empty());
}

#[test]
fn an_idle_journal_makes_one_segment_however_often_it_is_opened() {
    let mut fixture = Fixture::new();
    for _ in 0..4 {
        fixture = fixture.after_kill();
    }
    assert_eq!(fixture.segments().len(), 1);
}

#[test]
fn a_reader_follows_across_segments_and_sees_each_record_once() {
    let mut fixture = Fixture::new();
    let mut reader = fixture.journal.reader(Position::FIRST).unwrap();
    let mut seen = Vec::new();
    for round in 0..40 {
        fixture.commit(round * 20..round * 20 + 20);
        if round % 3 == 0 {
            seen.extend(read_all(&mut reader));
        }
    }
    seen.extend(read_all(&mut reader));
    assert_eq!(seen, (0..800).map(|seed| (Position::new(seed + 1), seed)).collect::<Vec<_>>());
    assert!(fixture.segments().len() > 5);
    assert_eq!(reader.next_position(), Position::new(801));
    for from in [1, 2, 77, 400, 799, 800, 801] {
        let read = read_all(&mut fixture.journal.reader(Position::new(from)).unwrap());
        assert_eq!(read.first().map_or(801, |(position, _)| position.number()), from);
        assert_eq!(read.len() as u64, 801 - from);
    }
    let beyond = fixture.journal.reader(Position::new(802)).unwrap_err();
    assert_eq!(beyond, StartError::Beyond { last: Position::new(800) });
}

#[test]
fn a_batch_holds_what_it_was_asked_for() {
    let mut fixture = Fixture::new();
    fixture.commit(0..10);
    let mut reader = fixture.journal.reader(Position::new(4)).unwrap();
    let mut batch = Batch::new();
    assert_eq!(reader.fill(&mut batch, 5).unwrap(), 5);
    assert_eq!((batch.len(), batch.last()), (5, Some(Position::new(8))));
    assert_eq!(reader.fill(&mut batch, 5).unwrap(), 2);
    assert_eq!(reader.fill(&mut batch, 5).unwrap(), 0);
    assert!(batch.is_empty());
}

#[test]
fn the_longest_payload_fits_and_a_longer_one_is_refused() {
    let mut fixture = Fixture::new();
    let longest: Vec<u8> = 1_u64.to_le_bytes().into_iter().cycle().take(MAX_PAYLOAD_LEN).collect();
    let too_long = vec![0; MAX_PAYLOAD_LEN + 1];
    assert_eq!(fixture.journal.append(&record(&too_long)), Err(AppendError::TooLong));
    fixture.journal.append(&record(&longest)).unwrap();
    assert_eq!(fixture.journal.append(&record(&payload(2))), Err(AppendError::Full));
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    fixture.commit([2]);
    let mut reader = fixture.after_kill().journal.reader(Position::FIRST).unwrap();
    assert_eq!(reader.next_record().unwrap().unwrap().record.payload, longest);
    assert_eq!(reader.next_record().unwrap().unwrap().record.payload, payload(2));
}

#[test]
fn a_full_group_refuses_until_the_writer_has_taken_it() {
    let mut fixture = Fixture::new();
    let mut accepted = 0;
    while fixture.journal.append(&record(&payload(accepted))).is_ok() {
        accepted += 1;
    }
    assert_eq!(fixture.journal.append(&record(&payload(accepted))), Err(AppendError::Full));
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    fixture.commit([accepted]);
    assert_eq!(fixture.seeds(), (0..=accepted).collect::<Vec<_>>());
}

#[test]
fn a_folder_in_use_is_refused() {
    let fixture = Fixture::new();
    let second = Fixture::on(fixture.disk.clone(), config());
    assert!(matches!(second.map(drop), Err(OpenError::InUse)));
    assert!(matches!(inspect_storage(Storage::Simulated(fixture.disk.clone())), Err(InspectError::InUse)));
    fixture.journal.shutdown().unwrap();
    Fixture::on(fixture.disk, config()).unwrap();
}

#[test]
fn segments_of_another_database_are_refused() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    let other = Config { database: DatabaseId::from_bytes([9; 16]), ..config() };
    let refused = Fixture::on(fixture.disk.after_kill(), other).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::ForeignDatabase { found: DATABASE, .. }), "{refused}");
}

#[test]
fn a_segment_of_another_journal_is_refused() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    let mut other = Fixture::new();
    other.commit([2]);
    let foreign = other.disk.octets(&segment::name(1));
    fixture.disk.put(&segment::name(2), renumbered(foreign, 2, |_| ()));
    let refused = fixture.reopened().map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::ForeignJournal { .. }), "{refused}");
}

#[test]
fn a_renamed_or_overlapping_segment_is_refused() {
    let mut fixture = Fixture::new();
    fixture.commit([1, 2, 3]);
    let octets = fixture.disk.octets(&segment::name(1));
    fixture.disk.put(&segment::name(7), octets.clone());
    let refused = fixture.reopened().map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::OutOfOrder { .. }), "{refused}");

    let mut fixture = Fixture::new();
    fixture.commit([1]);
    let octets = fixture.disk.octets(&segment::name(1));
    fixture
        .disk
        .put(&segment::name(2), renumbered(octets.clone(), 2, |header| header.first = Position::new(9)));
    fixture.disk.put(&segment::name(3), renumbered(octets, 3, |header| header.first = Position::new(2)));
    let refused = fixture.reopened().map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::OutOfOrder { .. }), "{refused}");
}

#[test]
fn a_segment_of_a_later_version_is_refused() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    fixture.disk.damage(&segment::name(1), |octets| {
        octets[8] = 2;
        octets[12..16].fill(0);
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&octets[0..12]);
        hasher.update(&octets[16..80]);
        let crc = hasher.finalize();
        octets[12..16].copy_from_slice(&crc.to_le_bytes());
    });
    let refused = fixture.reopened().map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::OtherVersion { version: 2, .. }), "{refused}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { group_octets: 1, ..Config::new(folder.path(), DATABASE) };
    let refused = Journal::open(config, Clock::system()).unwrap_err();
    assert!(matches!(refused, OpenError::Config(ConfigError::GroupTooSmall)));
}

#[test]
fn positions_that_the_database_has_are_not_given_out_again() {
    let mut fixture = Fixture::new();
    fixture.commit(0..5);
    let disk = fixture.disk.after_kill();
    let mut fixture = Fixture::on(disk, Config { floor: Position::new(70), ..config() }).unwrap();
    assert_eq!(fixture.append(5), Position::new(71));
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    assert_eq!(read_all(&mut fixture.journal.reader(Position::new(71)).unwrap()), [(Position::new(71), 5)]);
    let fixture = fixture.after_kill();
    assert_eq!(fixture.seeds(), [0, 1, 2, 3, 4, 5]);
    assert!(fixture.journal.health().alarms().is_empty(), "a hole on purpose is no damage");
    assert_eq!(fixture.append(6), Position::new(72));
}

#[test]
fn a_closed_journal_accepts_nothing_but_can_be_read() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    fixture.journal.shutdown().unwrap();
    assert_eq!(fixture.journal.append(&record(&payload(2))), Err(AppendError::Closed));
    assert_eq!(fixture.seeds(), [1]);
}

#[test]
fn shutdown_tells_how_many_records_were_not_written() {
    let fixture = Fixture::new();
    fixture.append(1);
    fixture.append(2);
    assert_eq!(fixture.journal.shutdown().unwrap_err().records, 2);
}

#[test]
fn only_those_who_wait_are_woken() {
    let mut fixture = Fixture::new();
    let wakes = [(); 3].map(|()| Wake::new().unwrap());
    let waiting = fixture.journal.appender(wakes[0].clone());
    let idle = fixture.journal.appender(wakes[1].clone());
    let watcher = fixture.journal.subscribe(wakes[2].clone());
    waiting.append(&record(&payload(1))).unwrap();
    assert!(!waiting.is_settled() && idle.is_settled());
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    assert!(waiting.is_settled());
    assert_eq!(wakes.each_ref().map(threads::is_readable), [true, false, true]);
    wakes.iter().for_each(Wake::clear);
    drop(watcher);
    fixture.commit([2]);
    assert_eq!(wakes.each_ref().map(threads::is_readable), [false; 3]);
}

#[test]
fn a_rescued_folder_is_read_without_changing_it() {
    let mut fixture = Fixture::new();
    for round in 0..20 {
        fixture.commit(round * 20..round * 20 + 20);
    }
    let disk = fixture.disk.after_kill();
    let files =
        || disk.list().unwrap().into_iter().map(|name| (disk.octets(&name), name)).collect::<Vec<_>>();
    let before = files();
    let rescued = inspect_storage(Storage::Simulated(disk.clone())).unwrap();
    assert_eq!((rescued.id(), rescued.database()), (fixture.journal.id().unwrap(), DATABASE));
    assert_eq!((rescued.oldest(), rescued.last()), (Some(Position::FIRST), Position::new(400)));
    assert!(rescued.segments().count() > 3 && rescued.segments().all(|segment| segment.octets > 0));
    let mut reader = rescued.reader(Position::FIRST).unwrap();
    assert_eq!(read_all(&mut reader).len(), 400);
    assert!(reader.damage().is_empty() && rescued.damage().is_empty());
    assert_eq!(
        rescued.reader(Position::new(402)).unwrap_err(),
        StartError::Beyond { last: Position::new(400) }
    );
    assert!(files() == before);
}

#[test]
fn a_folder_without_a_journal_is_no_rescue() {
    assert!(matches!(inspect_storage(Storage::Simulated(Disk::new())), Err(InspectError::NoJournal)));
    let missing = std::path::Path::new("/nonexistent/journal");
    assert!(matches!(crate::journal::inspect(missing), Err(InspectError::Folder(_))));
}

#[test]
fn files_that_never_became_segments_are_removed() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    fixture.disk.put(&segment::temporary_name(9), vec![1; 100]);
    let fixture = fixture.after_kill();
    assert_eq!(fixture.disk.list().unwrap(), [segment::name(1)]);
    assert_eq!(fixture.seeds(), [1]);
}

#[test]
fn every_alarm_and_refusal_has_its_own_name() {
    let names: std::collections::BTreeSet<_> = Alarm::ALL
        .iter()
        .map(|alarm| alarm.as_str())
        .chain(AppendError::ALL.iter().map(|error| error.as_str()))
        .collect();
    assert_eq!(names.len(), Alarm::ALL.len() + AppendError::ALL.len());
}

/// The segment with its header changed, whole again.
fn renumbered(mut octets: Vec<u8>, number: u64, change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = Header::parse(&octets).unwrap();
    header.number = number;
    change(&mut header);
    header.after = header.first.previous();
    octets[..segment::HEADER_LEN].copy_from_slice(&header.compose());
    octets
}

#[test]
fn a_new_journal_has_an_id_of_its_own() {
    let (first, second) = (Fixture::new(), Fixture::new());
    assert_ne!(first.journal.id(), second.journal.id());
    let header = Header::parse(&first.disk.octets(&segment::name(1))).unwrap();
    assert_eq!(header.identity, Identity { journal: first.journal.id().unwrap(), database: DATABASE });
    drop(Arc::clone(&first.journal));
}
