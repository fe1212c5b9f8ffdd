//! Which segments are deleted when, and what the lag is.

use super::*;
use crate::journal::StartError;

fn filled(config: Config) -> Fixture {
    let mut fixture = Fixture::on(Disk::new(), config).unwrap();
    for round in 0..20 {
        fixture.hand.advance(Duration::from_secs(60));
        fixture.commit(round * 20..round * 20 + 20);
    }
    assert!(fixture.segments().len() > 4);
    fixture
}

#[test]
fn nothing_is_deleted_that_the_database_does_not_have() {
    let fixture = filled(config());
    let all = fixture.segments().len();
    fixture.journal.release(Position::NONE);
    assert_eq!(fixture.segments().len(), all);
    fixture.journal.release(Position::new(1));
    assert_eq!(fixture.segments().len(), all, "a segment goes as a whole");
    let mut last_len = all;
    for applied in 2..=400 {
        fixture.journal.release(Position::new(applied));
        let oldest = fixture.journal.oldest().unwrap();
        assert!(oldest <= Position::new(applied + 1));
        let read = read_all(&mut fixture.journal.reader(Position::new(applied + 1)).unwrap());
        assert_eq!(read.len() as u64, 400 - applied);
        assert!(fixture.segments().len() <= last_len);
        last_len = fixture.segments().len();
    }
    assert_eq!(fixture.segments().len(), 1, "the segment that is written stays");
    let gone = fixture.journal.reader(Position::FIRST).unwrap_err();
    assert_eq!(gone, StartError::Gone { oldest: fixture.journal.oldest().unwrap() });
    assert_eq!(fixture.after_kill().journal.durable(), Position::new(400));
}

#[test]
fn applied_segments_are_kept_for_a_restore() {
    let fixture = filled(Config { keep_for: Duration::from_secs(3600), ..config() });
    let all = fixture.segments().len();
    fixture.journal.release(Position::new(400));
    assert_eq!(fixture.segments().len(), all);
    assert_eq!(fixture.seeds().len(), 400, "a restored database can be brought up to date");
    fixture.hand.advance(Duration::from_secs(3600));
    fixture.journal.release(Position::new(400));
    assert_eq!(fixture.segments().len(), 1);
}

#[test]
fn what_is_kept_for_a_restore_is_bounded() {
    let keep = 2 * 24 * 1024;
    let fixture = filled(Config { keep_for: Duration::from_secs(3600), keep_octets: keep, ..config() });
    fixture.journal.release(Position::new(400));
    assert!(fixture.disk.used() <= keep + fixture.config.segment_octets);
    assert!(fixture.segments().len() > 1);
}

#[test]
fn what_is_kept_for_a_restore_gives_way_to_new_records() {
    let limit = 6 * 24 * 1024;
    let mut fixture = filled(Config { keep_for: Duration::from_secs(3600), total_octets: limit, ..config() });
    for round in 20..60 {
        fixture.journal.release(fixture.journal.durable());
        fixture.commit(round * 20..round * 20 + 20);
        assert!(fixture.disk.used() <= limit);
    }
    assert!(fixture.journal.health().alarms().is_empty());
}

#[test]
fn a_reader_amid_deleted_segments_goes_on() {
    let fixture = filled(config());
    let mut reader = fixture.journal.reader(Position::FIRST).unwrap();
    let mut batch = Batch::new();
    reader.fill(&mut batch, 10).unwrap();
    fixture.journal.release(Position::new(400));
    let rest = read_all(&mut reader);
    assert_eq!(rest.last(), Some(&(Position::new(400), 399)));
}

#[test]
fn the_lag_is_known_by_records_octets_and_age() {
    let mut fixture = filled(config());
    fixture.journal.release(Position::new(400));
    assert_eq!(fixture.journal.lag(), crate::journal::Lag::default());
    let received_at = fixture.clock.wall();
    fixture.journal.append(&Record { received_at, ..record(&payload(400)) }).unwrap();
    assert_eq!(fixture.writer.turn(), Turn::Committed);
    fixture.hand.advance(Duration::from_secs(7));
    let lag = fixture.journal.lag();
    assert_eq!((lag.records, lag.age), (1, Duration::from_secs(7)));
    assert!((frame::HEADER_LEN as u64..500).contains(&lag.octets));
    fixture.journal.release(Position::new(9_999));
    assert_eq!(fixture.journal.applied(), Position::new(401), "what is not durable here cannot be applied");
}

#[test]
fn a_release_is_not_missed_by_a_writer_that_is_about_to_wait() {
    let fixture = Fixture::new();
    fixture.journal.release(Position::NONE);
    // Waits an hour unless it is told of the release before it.
    assert!(fixture.writer.wait_retry(Duration::from_secs(3600)));
}

#[test]
fn closed_segments_take_no_more_room_than_their_records() {
    let fixture = filled(config());
    let sizes: Vec<usize> = fixture.segments().iter().map(|name| fixture.disk.octets(name).len()).collect();
    let (open, closed) = sizes.split_last().unwrap();
    assert_eq!(*open as u64, fixture.config.segment_octets);
    assert!(closed.iter().all(|size| (*size as u64) < fixture.config.segment_octets));
    assert_eq!(fixture.journal.size(), fixture.disk.used());

    // A killed process leaves its open segment uncut: the next segment's first record sees to it.
    let mut fixture = fixture.after_kill();
    fixture.commit(400..410);
    let left = fixture.disk.octets(&fixture.segments()[sizes.len() - 1]).len();
    assert!((left as u64) < fixture.config.segment_octets);
    assert_eq!(fixture.journal.size(), fixture.disk.used());
}
