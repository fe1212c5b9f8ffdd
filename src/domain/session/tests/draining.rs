//! From the journal to rows: once, whatever happens in between.

use aaa::{
    journal::inspect,
    policy::{FIRST_USE_VERSION, FirstUse},
};
use foundation::db::dialect;
use tokio_util::sync::CancellationToken;

use super::*;

foundation::battery! {
    everything_is_applied_once,
    what_cannot_be_read_is_set_aside,
    what_the_database_refuses_is_set_aside_alone,
    a_position_that_was_moved_is_read_anew,
    two_nodes_write_the_same_sessions_without_losing_a_packet,
    a_rescued_journal_is_applied_once,
}

fn many(from: u16, to: u16) -> Vec<Packet> {
    (from..to).map(|number| packet(START, i64::from(number), None).named(&number.to_be_bytes())).collect()
}

async fn everything_is_applied_once(db: TestDb) {
    let world = World::new(db).await;
    for packet in many(0, 1_000) {
        world.append(&packet.downloading(3, Some(0)));
    }
    world.sync();
    // Two at once meet at the position, and neither counts twice.
    let (one, two) = tokio::join!(world.drain.drain_now(), world.drain.drain_now());
    one.unwrap();
    two.unwrap();
    assert_eq!(world.position().await, 1_000);
    world.take(&[]).await;
    let mut conn = world.db.conn().await.unwrap();
    let (count,): (i64,) = conn.query("SELECT COUNT(*) FROM session").fetch_one().await.unwrap();
    assert_eq!((count, world.usage().await), (1_000, (0, 3_000)));
    assert_eq!(world.drain.journal.applied().number(), 1_000);
}

async fn what_cannot_be_read_is_set_aside(db: TestDb) {
    let world = World::new(db).await;
    let good = packet(START, 0, None);
    world.append(&good);
    world.append_raw(Kind(77), 1, &good, b"from the future");
    world.append_raw(Kind::ACCOUNTING, ACCOUNTING_VERSION + 1, &good, &good.compose());
    world.append_raw(Kind::ACCOUNTING, ACCOUNTING_VERSION, &good, b"no packet");
    world.append_raw(Kind::FIRST_USE, FIRST_USE_VERSION, &good, b"no first use");
    world.take(&[packet(STOP, 60, Some(60))]).await;
    assert_eq!((world.refused().await, world.position().await), (4, 6));
    assert!(world.only().await.end.is_some());
    let mut conn = world.db.conn().await.unwrap();
    let rows: Vec<(i64, i64, Vec<u8>, String)> = conn
        .query("SELECT position, kind, payload, reason FROM journal_refused ORDER BY position")
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(
        rows[0],
        (2, 77, b"from the future".to_vec(), "the record's kind or version is unknown".into())
    );
    assert!(rows[2].3.starts_with("the payload is no RADIUS packet: "), "{}", rows[2].3);
}

async fn what_the_database_refuses_is_set_aside_alone(db: TestDb) {
    let world = World::new(db).await;
    let mut tx = world.db.begin().await.unwrap();
    tx.query(dialect(
        "CREATE TRIGGER poison BEFORE INSERT ON session WHEN NEW.username = 'poison' \
         BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
        "ALTER TABLE session ADD CONSTRAINT poison CHECK (username <> 'poison')",
    ))
    .execute()
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let mut packets = many(0, 600);
    for number in [0, 200, 201, 599] {
        packets[number].username = b"poison".to_vec();
    }
    world.take(&packets).await;
    assert_eq!((world.refused().await, world.position().await), (4, 600));
    let mut conn = world.db.conn().await.unwrap();
    let (count,): (i64,) = conn.query("SELECT COUNT(*) FROM session").fetch_one().await.unwrap();
    assert_eq!(count, 596);
    let (reason,): (String,) =
        conn.query("SELECT reason FROM journal_refused WHERE position = 202").fetch_one().await.unwrap();
    assert!(reason.starts_with("the database refuses the record: "), "{reason}");
}

/// The answer to a commit may be lost: the drainer thinks that it failed, and must not count twice.
async fn a_position_that_was_moved_is_read_anew(db: TestDb) {
    let world = World::new(db).await;
    let shutdown = CancellationToken::new();
    let Drain { db, journal, directory, class_key, clock } = &world.drain;
    let other = Drain {
        db: db.clone(),
        journal: Arc::clone(journal),
        directory: Arc::clone(directory),
        class_key: class_key.clone(),
        clock: clock.clone(),
    };
    let running = tokio::spawn(other.run(shutdown.clone()));
    for round in 0..20_u16 {
        for packet in many(round * 50, round * 50 + 50) {
            world.append(&packet.downloading(1, Some(0)));
        }
        world.sync();
        // Draining beside it moves the position under its feet.
        world.drain.drain_now().await.unwrap();
    }
    assert_eq!(world.position().await, 1_000);
    shutdown.cancel();
    running.await.unwrap();
    assert_eq!(world.usage().await, (0, 1_000));
}

/// A router that asks one node and then the other: each has a journal of its own, and both drain at once.
async fn two_nodes_write_the_same_sessions_without_losing_a_packet(db: TestDb) {
    const SESSIONS: u16 = 40;
    const ROUNDS: u32 = 30;
    let world = World::new(db).await;
    let folder = tempfile::tempdir().unwrap();
    let config = journal::Config::new(folder.path(), world.db.identity().await.unwrap());
    let Drain { directory, class_key, clock, .. } = &world.drain;
    let other = Drain {
        db: world.db.open_again().await,
        journal: Arc::new(Journal::open(config, clock.clone()).unwrap()),
        directory: Arc::clone(directory),
        class_key: class_key.clone(),
        clock: clock.clone(),
    };
    for round in 0..ROUNDS {
        for number in 0..SESSIONS {
            let seconds = i64::from(round);
            let packet = packet(if round == 0 { START } else { INTERIM }, seconds, Some(round))
                .named(&number.to_be_bytes())
                .downloading(round, Some(0));
            let drain = if round % 2 == 0 { &world.drain } else { &other };
            append(drain, Kind::ACCOUNTING, ACCOUNTING_VERSION, &packet, &packet.compose());
        }
        // In turn at first, then all at once: the second half of the records waits in both journals.
        if round > ROUNDS / 2 && round < ROUNDS - 2 {
            continue;
        }
        sync(&world.drain);
        sync(&other);
        let (one, two) = tokio::join!(world.drain.drain_now(), other.drain_now());
        one.unwrap();
        two.unwrap();
    }
    let mut conn = world.db.conn().await.unwrap();
    let sessions: Vec<(i64, i64)> =
        conn.query("SELECT download_octets, session_seconds FROM session").fetch_all().await.unwrap();
    let last = i64::from(ROUNDS - 1);
    assert_eq!(sessions, vec![(last, last); usize::from(SESSIONS)]);
    assert_eq!(world.usage().await, (0, last * i64::from(SESSIONS)));
}

async fn a_rescued_journal_is_applied_once(db: TestDb) {
    let world = World::new(db).await;
    for packet in many(0, 500) {
        world.append(&packet.downloading(1, Some(0)));
    }
    world.sync();
    let first =
        FirstUse { subscriber: subscriber(1), mac: MacAddress::from_octets([2; 6]), session: session(1) };
    world.append_raw(Kind::FIRST_USE, FIRST_USE_VERSION, &packet(START, 0, None), &first.compose());
    world.sync();
    world.drain.drain_now().await.unwrap();
    for packet in many(500, 900) {
        world.append(&packet.downloading(1, Some(0)));
    }
    world.append_raw(Kind(77), 1, &packet(START, 0, None), b"from the future");
    world.sync();
    world.drain.journal.shutdown().unwrap();
    let rescued = inspect(world.folder.path()).unwrap();
    let rescue = Rescue {
        db: &world.db,
        directory: &world.drain.directory,
        class_key: &key(),
        clock: &world.drain.clock,
    };
    let mut steps = 0;
    let report = apply_rescued(&rescue, &rescued, |_| steps += 1).await.unwrap();
    assert_eq!((report.applied, report.refused, report.missing, report.damaged), (400, 1, 0, 0));
    assert_eq!((report.position, steps), (902, 1));
    let again = apply_rescued(&rescue, &rescued, |_| ()).await.unwrap();
    assert_eq!((again.applied, again.position), (0, 902));
    assert_eq!(world.usage().await, (0, 900));
}
