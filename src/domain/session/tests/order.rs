//! Which packets make which session, in whatever order they come (radius.md §1.5: behaviours 42 to 48).

use super::*;

foundation::battery! {
    a_session_from_start_to_stop,
    stop_or_interim_alone_make_a_session,
    nothing_reopens_behind_a_stop,
    a_start_on_an_open_id_ends_the_older_session,
    one_id_on_two_routers_and_two_tenants,
    one_id_of_two_lines_in_one_second,
    a_cookie_names_the_session,
    octets_beyond_32_bits,
    names_that_are_no_text,
    a_users_name_is_found_with_realm,
    routers_with_wrong_clocks,
}

async fn a_session_from_start_to_stop(db: TestDb) {
    let world = World::new(db).await;
    world.take(&[packet(START, 0, None)]).await;
    let open = world.only().await;
    assert_eq!((open.started_at, open.end, open.subscriber), (at(0), None, Some(subscriber(1))));
    assert_eq!((open.username.as_str(), open.acct_session_id.as_str()), ("budi", "8100000c"));
    assert_eq!(open.framed_address.as_deref(), Some("10.1.0.7"));
    assert_eq!(open.mac, "02:00:00:00:00:01".parse().ok());
    world.take(&[packet(INTERIM, 300, Some(300)).downloading(1_000, Some(0))]).await;
    world.take(&[packet(STOP, 4_000, Some(4_000)).downloading(5_000, Some(0)).with(49, &[0, 0, 0, 2])]).await;
    let over = world.only().await;
    assert_eq!(over.end, Some((at(4_000), EndCause::Stopped)));
    assert_eq!((over.seconds, over.usage.download, over.terminate_cause), (4_000, 5_000, 2));
    assert_eq!((over.id, over.started_at), (open.id, open.started_at));
    assert_eq!(world.usage().await, (0, 5_000));
    // By the hour (UTC), that of each packet.
    let mut conn = world.db.conn().await.unwrap();
    let hour = |from: i64, to: i64| (at(from * 3_600), at(to * 3_600));
    for (hours, octets) in [(hour(0, 1), 1_000), (hour(1, 2), 4_000), (hour(2, 9), 0)] {
        let used = usage(&mut conn, &world.scope(1), subscriber(1), hours.0, hours.1).await.unwrap();
        assert_eq!(used, (0, octets), "{hours:?}");
    }
}

/// ppp-project/ppp #299: pppd itself may send an Interim first.
async fn stop_or_interim_alone_make_a_session(db: TestDb) {
    let world = World::new(db).await;
    world
        .take(&[
            packet(INTERIM, 600, Some(600)).downloading(100, Some(0)),
            packet(STOP, 900, Some(60)).downloading(7, Some(0)).named(b"8100000d"),
            // A line that drops before the first interim may bring zeros alone.
            packet(STOP, 950, Some(0)).named(b"8100000e"),
        ])
        .await;
    let sessions = world.sessions(1).await;
    let told: Vec<_> = sessions.iter().map(|row| (row.started_at, row.end.map(|end| end.0))).collect();
    assert_eq!(told, [(at(0), None), (at(840), Some(at(900))), (at(950), Some(at(950)))]);
    assert_eq!(world.usage().await, (0, 107));
}

async fn nothing_reopens_behind_a_stop(db: TestDb) {
    let world = World::new(db).await;
    world.take(&[packet(STOP, 600, Some(600)).downloading(9, Some(0))]).await;
    world.take(&[packet(START, 0, None), packet(INTERIM, 300, Some(300)).downloading(5, Some(0))]).await;
    let over = world.only().await;
    assert_eq!((over.started_at, over.end), (at(0), Some((at(600), EndCause::Stopped))));
    assert_eq!((over.usage.download, world.usage().await), (9, (0, 9)));
}

async fn a_start_on_an_open_id_ends_the_older_session(db: TestDb) {
    let world = World::new(db).await;
    let day = 86_400;
    world.take(&[packet(START, 0, None), packet(INTERIM, 300, Some(300))]).await;
    world.take(&[packet(START, day, None)]).await;
    let [older, newer] = world.sessions(1).await.try_into().unwrap();
    assert_eq!((older.end, newer.end), (Some((at(300), EndCause::Superseded)), None));
    // What comes late raises the end, and the Stop is the better witness.
    world.take(&[packet(INTERIM, 600, Some(600))]).await;
    assert_eq!(world.sessions(1).await[0].end, Some((at(600), EndCause::Superseded)));
    world.take(&[packet(STOP, 900, Some(900))]).await;
    assert_eq!(world.sessions(1).await[0].end, Some((at(900), EndCause::Stopped)));
    assert_eq!(world.sessions(1).await[1].end, None);
}

/// FreeRADIUS #874: the same id lives on two routers; and so it does at two tenants.
async fn one_id_on_two_routers_and_two_tenants(db: TestDb) {
    let world = World::new(db).await;
    for number in [1, 2, 100] {
        world.append(&packet(START, 0, None).on(number));
    }
    world.take(&[packet(STOP, 60, Some(60)).on(2).downloading(5, Some(0))]).await;
    let ended: Vec<_> = world.sessions(1).await.iter().map(|row| (row.router, row.end.is_some())).collect();
    assert_eq!(ended.len(), 2);
    assert!(ended.contains(&(router(1), false)) && ended.contains(&(router(2), true)), "{ended:?}");
    let [other] = world.sessions(2).await.try_into().unwrap();
    assert_eq!((other.end, other.subscriber), (None, Some(subscriber(2))));
    assert_eq!(world.usage().await, (0, 5));
}

/// pppd makes its ids of the second and the process: two lines of one second may share one.
async fn one_id_of_two_lines_in_one_second(db: TestDb) {
    let world = World::new(db).await;
    let first = |status, seconds, time| packet(status, seconds, time).named(b"6921F3A4A1B2");
    let second = |status, seconds, time| first(status, seconds, time).by(b"siti", 7);
    world.take(&[first(START, 0, None), second(START, 0, None)]).await;
    world
        .take(&[
            second(INTERIM, 60, Some(60)).downloading(20, Some(0)),
            first(STOP, 90, Some(90)).downloading(10, Some(0)),
        ])
        .await;
    let mut sessions = world.sessions(1).await;
    sessions.sort_by(|a, b| a.username.cmp(&b.username));
    let told: Vec<_> =
        sessions.iter().map(|row| (row.username.as_str(), row.usage.download, row.end.is_some())).collect();
    assert_eq!(told, [("budi", 10, true), ("siti", 20, false)]);
}

async fn a_cookie_names_the_session(db: TestDb) {
    let world = World::new(db).await;
    let far = 3 * 86_400;
    world
        .take(&[packet(START, 1, None).with_cookie(1), packet(INTERIM, 300, Some(299)).with_cookie(1)])
        .await;
    // A clock that drifts by hours makes no other session.
    world.take(&[packet(INTERIM, far, Some(100_000)).with_cookie(1)]).await;
    let only = world.only().await;
    assert_eq!((only.id, only.started_at, only.seconds), (session(1), at(1), 100_000));
    // The next Accept on the line has another cookie, and the same id after a restart of the router.
    world.take(&[packet(START, 400, None).with_cookie(2)]).await;
    let mut sessions = world.sessions(1).await;
    sessions.sort_by_key(|row| row.id);
    assert_eq!(sessions.iter().map(|row| row.id).collect::<Vec<_>>(), [session(1), session(2)]);
    assert_eq!(sessions[0].end.map(|end| end.1), Some(EndCause::Superseded));
    // A cookie of another tenant is no cookie here.
    let foreign = packet(START, 500, None).with_cookie(9).on(100).compose();
    world.append_raw(Kind::ACCOUNTING, ACCOUNTING_VERSION, &packet(START, 500, None).on(3), &foreign);
    world.take(&[]).await;
    assert!(world.sessions(1).await.iter().all(|row| row.id != session(9)));
}

async fn octets_beyond_32_bits(db: TestDb) {
    const WRAP: u64 = 1 << 32;
    let world = World::new(db).await;
    world.take(&[packet(INTERIM, 300, Some(300)).downloading(7, Some(3))]).await;
    assert_eq!(world.only().await.usage.download, 3 * WRAP + 7);
    let narrow =
        |seconds: u32, octets| packet(INTERIM, seconds.into(), Some(seconds)).downloading(octets, None);
    let narrow = |seconds, octets| narrow(seconds, octets).named(b"8100000d");
    world.take(&[narrow(300, 4_000_000_000)]).await;
    world.take(&[narrow(600, 100), narrow(600, 100), narrow(300, 4_000_000_000)]).await;
    let wrapped = &world.sessions(1).await[1..];
    let other = world.sessions(1).await[0].usage.download.max(wrapped[0].usage.download);
    assert_eq!(other, 3 * WRAP + 7);
    let total = i64::try_from(3 * WRAP + 7 + WRAP + 100).unwrap();
    assert_eq!(world.usage().await, (0, total));
}

async fn names_that_are_no_text(db: TestDb) {
    let world = World::new(db).await;
    world.take(&[packet(START, 0, None).by(b"bu\0di\xff", 1).named(b"\0\x01\xfe")]).await;
    world.take(&[packet(STOP, 9, Some(9)).by(b"bu\0di\xff", 1).named(b"\0\x01\xfe")]).await;
    let only = world.only().await;
    assert_eq!(only.username, "bu\u{fffd}di\u{fffd}");
    assert_eq!((only.acct_session_id.as_str(), only.end.is_some()), ("\u{fffd}\u{1}\u{fffd}", true));
    assert_eq!((only.subscriber, world.refused().await), (None, 0));
}

async fn a_users_name_is_found_with_realm(db: TestDb) {
    let world = World::new(db).await;
    world.take(&[packet(START, 0, None).by(b"budi@WARGA.net", 1)]).await;
    let only = world.only().await;
    assert_eq!((only.subscriber, only.username.as_str()), (Some(subscriber(1)), "budi@WARGA.net"));
}

async fn routers_with_wrong_clocks(db: TestDb) {
    let world = World::new(db).await;
    // Event-Timestamp of 1970, and delays and times that a jump to the present makes.
    let jump = u32::try_from(NOW.as_seconds()).unwrap();
    world
        .take(&[
            packet(START, 0, None).with(55, &[0, 0, 0, 9]),
            packet(INTERIM, 300, Some(jump)).with(55, &[0, 0, 1, 9]).downloading(5, Some(0)),
            packet(STOP, 600, Some(jump)).with(41, &jump.to_be_bytes()).downloading(8, Some(0)),
        ])
        .await;
    let only = world.only().await;
    assert_eq!((only.started_at, only.end), (at(0), Some((at(600), EndCause::Stopped))));
    // A delay that may be true is believed: the router kept its records while we were away.
    world.take(&[packet(START, 0, None).named(b"8100000d").with(41, &(80 * 86_400_u32).to_be_bytes())]).await;
    assert_eq!(world.sessions(1).await[0].started_at, at(-80 * 86_400));
}
