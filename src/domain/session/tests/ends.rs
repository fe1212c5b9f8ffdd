//! Ends that no router told, and the live table after a start.

use std::time::Duration;

use aaa::live::{ClosedSession, End, Live, Progress};

use super::{super::housekeeping, *};

foundation::battery! {
    a_restart_closes_the_sessions_of_its_router_alone,
    late_word_from_before_a_restart_opens_nothing,
    a_restart_with_thousands_of_sessions_is_closed_in_steps,
    what_the_live_table_gave_up_is_closed,
    what_its_router_knows_no_more_is_over_and_stays_so,
    what_a_restart_ended_waits_for_the_restart,
    rows_that_nobody_has_any_more_are_closed,
    the_live_table_is_put_back_after_a_start,
}

/// RFC 2866 §5.1; radius.md §1.5, behaviour 49.
async fn a_restart_closes_the_sessions_of_its_router_alone(db: TestDb) {
    let world = World::new(db).await;
    for number in [1, 2, 100] {
        world.append(&packet(START, 0, None).on(number));
    }
    world.append(&packet(START, 10, None).named(b"8100000d").with(8, &[10, 1, 0, 8]));
    world.append(&packet(INTERIM, 900, Some(890)).named(b"8100000d"));
    world.take(&[packet(ON, 600, None)]).await;
    housekeeping::close_restarted(&world.db).await.unwrap();
    let ends =
        |rows: Vec<StoredSession>| rows.into_iter().map(|row| (row.router, row.end)).collect::<Vec<_>>();
    let restarted = Some((at(600), EndCause::RouterRestarted));
    let mut told = ends(world.sessions(1).await);
    told.sort_by_key(|(router, end)| (*router, end.is_none()));
    assert_eq!(told, [(router(1), restarted), (router(1), None), (router(2), None)], "one was heard since");
    assert_eq!(ends(world.sessions(2).await), [(router(100), None)]);
    // A packet from after the restart shows that the session lives; doing it again changes nothing.
    world.take(&[packet(INTERIM, 1_200, Some(1_200)), packet(ON, 600, None)]).await;
    housekeeping::close_restarted(&world.db).await.unwrap();
    assert!(world.sessions(1).await.iter().all(|row| row.end.is_none()));
    // The next restart counts.
    world.take(&[packet(ON, 2_000, None)]).await;
    housekeeping::close_restarted(&world.db).await.unwrap();
    assert_eq!(world.sessions(1).await.iter().filter(|row| row.end.is_some()).count(), 2);
}

async fn late_word_from_before_a_restart_opens_nothing(db: TestDb) {
    let world = World::new(db).await;
    world.take(&[packet(ON, 600, None)]).await;
    housekeeping::close_restarted(&world.db).await.unwrap();
    let late = packet(INTERIM, 700, Some(300)).with(41, &400_u32.to_be_bytes());
    world.take(&[late.clone(), packet(START, 650, None).named(b"8110000a")]).await;
    let [before, since] = world.sessions(1).await.try_into().unwrap();
    assert_eq!((before.started_at, before.end), (at(0), Some((at(600), EndCause::RouterRestarted))));
    assert_eq!(since.end, None);
    // In one batch with the restart as well.
    world.take(&[packet(ON, 600, None).on(2), late.on(2)]).await;
    let ended =
        world.sessions(1).await.iter().filter(|row| row.router == router(2) && row.end.is_some()).count();
    assert_eq!(ended, 1);
}

/// The battery's limit of rows holds for each step.
async fn a_restart_with_thousands_of_sessions_is_closed_in_steps(db: TestDb) {
    let world = World::new(db).await;
    let many: Vec<Packet> =
        (0..2_500_u16).map(|number| packet(START, 0, None).named(&number.to_be_bytes())).collect();
    world.take(&many).await;
    world.take(&[packet(ON, 10, None)]).await;
    housekeeping::close_restarted(&world.db).await.unwrap();
    let mut conn = world.db.conn().await.unwrap();
    let (open,): (i64,) =
        conn.query("SELECT COUNT(*) FROM session WHERE ended_at IS NULL").fetch_one().await.unwrap();
    assert_eq!(open, 0);
}

fn given_up(row: &StoredSession, end: Timestamp, cause: EndCause) -> ClosedSession {
    ClosedSession {
        id: row.id,
        tenant: tenant(1),
        router: row.router,
        subscriber: row.subscriber,
        progress: Progress {
            started: row.started_at,
            updated: row.updated_at,
            session_time: 0,
            usage: Usage::default(),
            end: Some(End { at: end, cause, terminate_cause: 0 }),
        },
    }
}

async fn what_the_live_table_gave_up_is_closed(db: TestDb) {
    let world = World::new(db).await;
    world
        .take(&[
            packet(INTERIM, 300, Some(300)),
            packet(INTERIM, 900, Some(900)).named(b"8100000d"),
            packet(STOP, 300, Some(300)).named(b"8100000e"),
        ])
        .await;
    let rows = world.sessions(1).await;
    let mut closed: Vec<_> = rows.iter().map(|row| given_up(row, at(300), EndCause::Silent)).collect();
    // One that the database does not have, and one that began before it ended.
    closed.push(ClosedSession { id: session(9), ..closed[0] });
    let given = closed.clone();
    for _ in 0..2 {
        housekeeping::close(&world.db, &mut closed, at(900)).await.unwrap();
        assert!(closed.is_empty());
        closed.clone_from(&given);
        let mut ends: Vec<_> = world.sessions(1).await.iter().map(|row| row.end).collect();
        ends.sort_by_key(|end| end.map(|end| end.1.as_str()));
        let stopped = Some((at(300), EndCause::Stopped));
        assert_eq!(ends, [None, Some((at(300), EndCause::Silent)), stopped]);
    }
    // It was not silent after all.
    world.take(&[packet(INTERIM, 1_500, Some(1_500))]).await;
    assert_eq!(world.sessions(1).await.iter().filter(|row| row.end.is_none()).count(), 2);
}

/// RFC 5176 §3.5, Error-Cause 503; radius.md, behaviour 54.
async fn what_its_router_knows_no_more_is_over_and_stays_so(db: TestDb) {
    let world = World::new(db).await;
    world.take(&[packet(START, 0, None), packet(INTERIM, 300, Some(300))]).await;
    let (clock, _) = Clock::mock(at(400));
    let restored = async || {
        let live = Live::new([9; 16]);
        housekeeping::restore_live(&world.db, &live, &world.drain.directory, &clock).await.unwrap();
        live
    };
    let live = restored().await;
    let [asked] = live.of_subscriber(clock.now(), subscriber(1)).try_into().unwrap();
    for _ in 0..2 {
        housekeeping::close_gone(&world.db, &live, &clock, &asked).await.unwrap();
        assert_eq!(live.of_subscriber(clock.now(), subscriber(1)), []);
        assert_eq!(world.only().await.end, Some((at(300), EndCause::Silent)));
        assert_eq!(restored().await.stats().open, 0, "a restart brings no ghost back");
    }
    // The router was wrong; and what came since it was asked shows the same.
    world.take(&[packet(INTERIM, 600, Some(600))]).await;
    assert_eq!(world.only().await.end, None);
    let live = restored().await;
    housekeeping::close_gone(&world.db, &live, &clock, &asked).await.unwrap();
    assert_eq!((world.only().await.end, live.stats().open), (None, 1));
}

/// The live table knows of a restart before the database does: naming each of a hundred thousand sessions would take long.
async fn what_a_restart_ended_waits_for_the_restart(db: TestDb) {
    let world = World::new(db).await;
    world.take(&[packet(START, 0, None), packet(START, 0, None).on(2)]).await;
    let rows = world.sessions(1).await;
    let mut closed: Vec<_> =
        rows.iter().map(|row| given_up(row, at(600), EndCause::RouterRestarted)).collect();
    let transactions = world.db.holds().transactions;
    housekeeping::close(&world.db, &mut closed, at(600)).await.unwrap();
    assert_eq!((closed.len(), world.db.holds().transactions), (2, transactions), "no record has come");
    world.take(&[packet(ON, 600, None)]).await;
    housekeeping::close(&world.db, &mut closed, at(601)).await.unwrap();
    let open = async || world.sessions(1).await.iter().filter(|row| row.end.is_none()).count();
    assert_eq!((closed.len(), open().await), (1, 1), "the other router's has not");
    // A new boot digit leaves no record of its own.
    housekeeping::close(&world.db, &mut closed, at(602)).await.unwrap();
    assert_eq!((closed.len(), open().await), (0, 0));
    assert!(world.sessions(1).await.iter().all(|row| row.end == Some((at(600), EndCause::RouterRestarted))));
}

async fn rows_that_nobody_has_any_more_are_closed(db: TestDb) {
    let world = World::new(db).await;
    world
        .take(&[
            packet(INTERIM, 600, Some(600)),
            packet(INTERIM, 600, Some(500)).named(b"8100000d").by(b"nobody of ours", 2),
            packet(INTERIM, 600, Some(400)).named(b"8100000e").with(8, &[10, 1, 0, 8]),
        ])
        .await;
    let live = Live::new([9; 16]);
    let (clock, hand) = Clock::mock(at(600));
    let directory = &world.drain.directory;
    let reconcile = async |live: &Live| {
        let mut reconciler = housekeeping::Reconciler::default();
        while reconciler.step(&world.db, live, directory, &clock).await.unwrap() {}
        world.sessions(1).await.iter().map(|row| row.end).collect::<Vec<_>>()
    };
    hand.advance(Duration::from_secs(900));
    assert_eq!(reconcile(&live).await, [None; 3], "three interims of 300 s may fail, and a minute more");
    // The third is still in the live table.
    housekeeping::restore_live(&world.db, &live, directory, &clock).await.unwrap();
    let [_, _, kept] = world.sessions(1).await.try_into().unwrap();
    let (only, _) = (Live::new([9; 16]), ());
    hand.advance(Duration::from_secs(100));
    let restored = live.find(clock.now(), tenant(1), kept.id).unwrap();
    assert_eq!(restored.framed_address, Some([10, 1, 0, 8].into()));
    let silent = Some((at(600), EndCause::Silent));
    assert_eq!(reconcile(&live).await, [None; 3]);
    assert_eq!(reconcile(&only).await, [silent, None, silent], "a user that is not ours has a day");
    hand.advance(Duration::from_secs(86_400));
    assert_eq!(reconcile(&only).await, [silent; 3]);
}

async fn the_live_table_is_put_back_after_a_start(db: TestDb) {
    let world = World::new(db).await;
    let many: Vec<Packet> = (0..1_100_u16)
        .map(|number| packet(START, 5, None).named(&number.to_be_bytes()).by(b"x", number.into()))
        .collect();
    world.take(&many).await;
    world
        .take(&[
            packet(START, 0, None).with_cookie(1).with(32, b"rb1"),
            packet(INTERIM, 300, Some(300)).with_cookie(1).downloading(77, Some(1)),
            packet(STOP, 60, Some(60)).named(b"8100000d"),
            packet(START, 0, None).on(100),
        ])
        .await;
    // Acknowledged before the stop, and not drained yet.
    world.append(&packet(INTERIM, 600, Some(600)).with_cookie(1).downloading(99, Some(1)));
    world.append(&packet(STOP, 600, Some(600)).on(100));
    world.append(&packet(START, 610, None).on(2).named(b"8100000f"));
    world.sync();

    let live = Live::new([9; 16]);
    let (clock, _) = Clock::mock(at(700));
    let directory = &world.drain.directory;
    let restored = housekeeping::restore_live(&world.db, &live, directory, &clock).await.unwrap();
    assert_eq!(restored, 1_102);
    let now = clock.now();
    let [found] = live.of_subscriber(now, subscriber(1)).try_into().unwrap();
    let row = world.sessions_of(1, session(1)).await;
    assert_eq!((found.id, found.started, found.updated), (row.id, row.started_at, row.updated_at));
    assert_eq!((found.usage, found.session_time), (row.usage, 300));
    assert_eq!((found.overlay_generation, found.interim_interval), (Some(3), 300));
    assert_eq!((found.framed_address, found.nas_port), (Some([10, 1, 0, 7].into()), Some(15_728_652)));
    assert_eq!((found.mac, found.router, found.tenant), (row.mac, router(1), tenant(1)));
    assert_eq!(found.identifiers.find(32), Some(&b"rb1"[..]), "octet for octet, for CoA (RFC 5176 §3)");
    assert_eq!(live.tenant_sessions(tenant(2)), 1);

    assert_eq!(world.drain.replay(&live).await.unwrap(), 3);
    let sessions = live.of_subscriber(now, subscriber(1));
    assert_eq!(sessions.iter().map(|row| row.usage.download).max(), Some((1 << 32) + 99));
    assert_eq!(sessions.len(), 2, "one began behind the database's position");
    assert_eq!(live.tenant_sessions(tenant(2)), 0, "one ended there");
}
