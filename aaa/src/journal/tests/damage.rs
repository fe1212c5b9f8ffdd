//! Torn tails, damaged middles, lost files, bad sectors.

use super::*;
use crate::journal::{Alarm, Damage, inspect::inspect_storage, scan::Scan, scan::Step, segment};

/// Where the frames of a journal end that has one segment.
fn frames_end(fixture: &Fixture) -> usize {
    let octets = fixture.disk.octets(&segment::name(1));
    let seed = segment::seed(fixture.journal.id().unwrap(), 1);
    let mut end = segment::HEADER_LEN;
    while let Ok(frame) = frame::parse(&octets[end..], seed) {
        end += frame.len;
    }
    end
}

/// A disk whose first segment was changed by `change`, as seen after a crash.
fn changed(disk: &Disk, change: impl FnOnce(&mut Vec<u8>)) -> Disk {
    let disk = disk.after_kill();
    disk.damage(&segment::name(1), change);
    disk
}

#[test]
fn a_tail_torn_at_any_octet_loses_only_what_is_torn() {
    let mut fixture = Fixture::new();
    fixture.commit([1, 2]);
    let kept = frames_end(&fixture);
    fixture.commit([3, 4, 5]);
    let (end, disk) = (frames_end(&fixture), fixture.disk.clone());
    let original = disk.octets(&segment::name(1));
    // The file ends there, or what follows never left the cache, or is rubbish.
    let ways: [fn(&mut Vec<u8>, usize, usize); 3] = [
        |octets, torn, _| octets.truncate(torn),
        |octets, torn, end| octets[torn..end].fill(0),
        |octets, torn, end| octets[torn..end].fill(0xa5),
    ];
    for torn in kept..end {
        for (way, tear) in ways.into_iter().enumerate() {
            let disk = changed(&disk, |octets| tear(octets, torn, end));
            let octets = disk.octets(&segment::name(1));
            let mut expected = vec![1, 2];
            let mut at = kept;
            for seed in [3, 4, 5] {
                // The zeros behind a payload are not checked, but a file must not end within them.
                let frame_end = at + frame::frame_len(payload(seed).len());
                let sealed = at..at + frame::HEADER_LEN + payload(seed).len();
                if octets.len() < frame_end || octets[sealed.clone()] != original[sealed] {
                    break;
                }
                expected.push(seed);
                at = frame_end;
            }
            assert!(expected.len() < 5 || torn > end - frame::ALIGNMENT - PAYLOAD_LEN);
            let mut fixture = Fixture::on(disk, config()).unwrap();
            assert_eq!(fixture.seeds(), expected, "torn at {torn} in way {way}");
            assert!(fixture.journal.health().alarms().is_empty(), "a torn tail is no damage");
            fixture.commit([6]);
            expected.push(6);
            assert_eq!(fixture.seeds(), expected);
            assert_eq!(fixture.after_kill().seeds(), expected);
        }
    }
}

#[test]
fn a_torn_group_whose_later_sectors_arrived_is_a_torn_tail() {
    let mut fixture = Fixture::new();
    fixture.commit([1, 2]);
    let kept = frames_end(&fixture);
    fixture.commit(3..20);
    let disk = changed(&fixture.disk, |octets| octets[kept..kept + 512].fill(0));
    let fixture = Fixture::on(disk, config()).unwrap();
    assert_eq!(fixture.seeds(), [1, 2]);
    assert!(fixture.journal.health().alarms().is_empty());
    assert!(fixture.append(3) > Position::new(19), "positions that were given out are not given out again");
}

#[test]
fn damage_anywhere_in_a_record_costs_that_record_alone() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    let start = frames_end(&fixture);
    fixture.commit([2]);
    let end = start + frame::HEADER_LEN + payload(2).len();
    fixture.commit([3, 4]);
    for at in start..end {
        let disk = changed(&fixture.disk, |octets| octets[at] ^= 0x10);
        let mut fixture = Fixture::on(disk, config()).unwrap();
        let health = fixture.journal.health();
        assert_eq!(health.alarms(), [Alarm::Damaged], "octet {at}");
        let damage = health.damage[0];
        assert_eq!(
            (damage.first_lost, damage.last_lost, damage.records()),
            (Position::new(2), Position::new(2), 1)
        );
        assert_eq!((damage.segment, damage.offset), (1, start as u64));
        assert_eq!(fixture.seeds(), [1, 3, 4]);
        fixture.commit([5]);
        assert_eq!(fixture.read().last(), Some(&(Position::new(5), 5)));
    }
}

#[test]
fn damage_is_set_aside_and_the_alarm_outlives_a_restart() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    let start = frames_end(&fixture);
    fixture.commit([2]);
    let end = frames_end(&fixture);
    fixture.commit([3]);
    let original = fixture.disk.octets(&segment::name(1));
    let disk = changed(&fixture.disk, |octets| octets[start + 80] ^= 1);
    let fixture = Fixture::on(disk, config()).unwrap();
    let aside: Vec<String> =
        fixture.disk.list().unwrap().into_iter().filter(|name| name.ends_with(".damaged")).collect();
    assert_eq!(aside.len(), 1);
    let copy = fixture.disk.octets(&aside[0]);
    assert_eq!((copy.len(), &copy[..80]), (end - start, &original[start..start + 80]));
    let health = fixture.reopened().unwrap().journal.health();
    assert_eq!((health.alarms(), health.set_aside), (vec![Alarm::Damaged], 1));
}

#[test]
fn a_reader_skips_damage_in_a_closed_segment_and_raises_the_alarm_once() {
    let mut fixture = Fixture::new();
    for round in 0..20 {
        fixture.commit(round * 20..round * 20 + 20);
    }
    assert!(fixture.segments().len() > 3);
    let name = segment::name(2);
    fixture.disk.damage(&name, |octets| octets[8192..8192 + 1024].fill(0));
    assert!(fixture.journal.health().alarms().is_empty());
    let seeds = fixture.seeds();
    let health = fixture.journal.health();
    assert_eq!((health.alarms(), health.damage.len(), health.set_aside), (vec![Alarm::Damaged], 1, 1));
    let lost = health.damage[0];
    let expected: Vec<u64> = (0..400)
        .filter(|seed| !(lost.first_lost.number()..=lost.last_lost.number()).contains(&(seed + 1)))
        .collect();
    assert_eq!(seeds, expected);
    assert!((3..20).contains(&lost.records()), "{lost:?}");
    assert_eq!(fixture.seeds(), seeds);
    assert_eq!(fixture.journal.health().damage.len(), 1, "the same damage is one alarm");
}

#[test]
fn a_sector_that_cannot_be_read_costs_its_records_alone() {
    let mut fixture = Fixture::new();
    for round in 0..20 {
        fixture.commit(round * 20..round * 20 + 20);
    }
    fixture.disk.lose_sector(&segment::name(2), 8192);
    let seeds = fixture.seeds();
    let lost = fixture.journal.health().damage[0].records();
    assert_eq!(seeds.len() as u64, 400 - lost);
    assert!(lost < 40, "{lost} records for 4096 octets");
    assert_eq!(seeds.last(), Some(&399));
}

#[test]
fn a_lost_or_cut_segment_is_damage_and_reading_goes_on_behind_it() {
    let mut fixture = Fixture::new();
    for round in 0..20 {
        fixture.commit(round * 20..round * 20 + 20);
    }
    let ways: [fn(&Disk); 2] = [
        |disk| disk.damage(&segment::name(2), |octets| octets.truncate(5000)),
        |disk| disk.forget(&segment::name(2)),
    ];
    for way in ways {
        let disk = fixture.disk.after_kill();
        way(&disk);
        let reopened = Fixture::on(disk, config()).unwrap();
        let seeds = reopened.seeds();
        let health = reopened.journal.health();
        let lost: u64 = health.damage.iter().map(Damage::records).sum();
        assert_eq!((seeds.len() as u64, seeds.last()), (400 - lost, Some(&399)));
        assert_eq!((health.alarms(), health.damage.len()), (vec![Alarm::Damaged], 1));
    }
}

#[test]
fn a_segment_with_a_damaged_header_is_still_read() {
    let mut fixture = Fixture::new();
    for round in 0..20 {
        fixture.commit(round * 20..round * 20 + 20);
    }
    let last = u64::try_from(fixture.segments().len()).unwrap();
    for number in [1, 2, last] {
        let disk = fixture.disk.after_kill();
        disk.damage(&segment::name(number), |octets| octets[0..100].fill(0xff));
        let reopened = Fixture::on(disk, config()).unwrap();
        assert_eq!(reopened.seeds(), (0..400).collect::<Vec<_>>(), "segment {number}");
        assert_eq!(reopened.append(400), Position::new(401));
    }
}

#[test]
fn a_last_segment_of_which_nothing_is_left_does_not_give_its_positions_again() {
    let mut fixture = Fixture::new();
    for round in 0..20 {
        fixture.commit(round * 20..round * 20 + 20);
    }
    let name = fixture.segments().pop().unwrap();
    fixture.disk.damage(&name, |octets| octets.fill(0xff));
    // An idle start in between must not forget what the damage said.
    let fixture = fixture.reopened().unwrap();
    assert_eq!(fixture.journal.health().alarms(), [Alarm::Damaged]);
    let mut fixture = fixture.reopened().unwrap();
    let kept = fixture.seeds().len() as u64;
    assert!(kept < 400);
    let position = fixture.append(1000);
    assert!(position > Position::new(400));
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    assert_eq!(fixture.read().last(), Some(&(position, 1000)));
    assert_eq!(fixture.disk.list().unwrap().iter().filter(|name| name.ends_with(".damaged")).count(), 1);
    let fixture = fixture.reopened().unwrap();
    assert_eq!(fixture.seeds().len() as u64, kept + 1);
    assert_eq!(fixture.journal.health().alarms(), [Alarm::Damaged]);
}

#[test]
fn a_folder_of_which_nothing_is_left_becomes_another_journal() {
    let mut fixture = Fixture::new();
    let id = fixture.journal.id();
    fixture.commit([1]);
    fixture.disk.damage(&segment::name(1), |octets| octets.fill(0xff));
    let mut fixture = fixture.reopened().unwrap();
    assert_ne!(fixture.journal.id(), id);
    assert_eq!(fixture.journal.health().alarms(), [Alarm::Damaged]);
    fixture.commit([2]);
    assert_eq!(fixture.after_kill().seeds(), [2]);
}

#[test]
fn a_payload_that_imitates_frames_is_not_taken_for_them() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    let genuine = fixture.disk.octets(&segment::name(1));
    let genuine = &genuine[segment::HEADER_LEN..frames_end(&fixture)];
    // Aligned copies of a true frame, and of one with a plausible later position but an unknown seed.
    let mut forged = Vec::new();
    frame::compose(&mut forged, Position::new(4), &record(&payload(66)));
    frame::seal(&mut forged, Position::new(4), 0);
    let mut imitation = 2_u64.to_le_bytes().to_vec();
    imitation.extend_from_slice(genuine);
    imitation.extend_from_slice(&forged);
    let start = frames_end(&fixture);
    fixture.journal.append(&record(&imitation)).unwrap();
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    fixture.commit([3]);
    let disk = changed(&fixture.disk, |octets| octets[start] ^= 1);
    let fixture = Fixture::on(disk, config()).unwrap();
    assert_eq!(fixture.read(), [(Position::new(1), 1), (Position::new(3), 3)]);
}

#[test]
fn a_rescued_folder_shows_its_damage() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    let start = frames_end(&fixture);
    fixture.commit([2]);
    fixture.commit([3]);
    let disk = changed(&fixture.disk, |octets| octets[start + 80] ^= 1);
    let rescued = inspect_storage(Storage::Simulated(disk)).unwrap();
    assert_eq!(rescued.damage().len(), 1);
    let mut reader = rescued.reader(Position::FIRST).unwrap();
    assert_eq!(read_all(&mut reader).len(), 2);
    assert_eq!(reader.damage().len(), 1);
}

#[test]
fn scanning_anything_ends() {
    use proptest::{prelude::*, test_runner::TestRunner};

    let octets = proptest::collection::vec(any::<u8>(), 0..20_000);
    TestRunner::new(ProptestConfig::with_cases(32))
        .run(&octets, |octets| {
            let disk = Disk::new();
            let len = octets.len() as u64;
            disk.put("file", octets);
            let file = Storage::Simulated(disk).open("file").unwrap();
            let mut scan = Scan::new(file, 1, Position::FIRST);
            scan.set_bounds(len + 5_000, Position::new(u64::MAX));
            let mut steps = 0;
            while scan.step().unwrap() != Step::End {
                steps += 1;
                prop_assert!(steps < 10);
            }
            Ok(())
        })
        .unwrap();
}
