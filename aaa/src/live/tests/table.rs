//! Events and the table.

use std::sync::Barrier;

use super::{
    super::{Applied, Filter, Path, Restored, Status, rules::Progress},
    *,
};

#[test]
fn a_session_comes_goes_on_and_ends() {
    let bench = Bench::new();
    assert_eq!(bench.apply(0, &with_cookie(1, event(Status::Start, 0, None))), Applied::Opened);
    let interim = counting(5, 6, with_cookie(1, event(Status::Interim, 300, Some(300))));
    assert_eq!(bench.apply(300, &interim), Applied::Updated);
    let [live] = bench.live.of_subscriber(now(300), subscriber(1)).try_into().unwrap();
    assert_eq!(
        (live.id, live.subscriber, live.overlay_generation),
        (session(1), Some(subscriber(1)), Some(7))
    );
    assert_eq!((live.usage.upload, live.usage.download, live.session_time), (5, 6, 300));
    assert_eq!((live.framed_address, live.interim_interval), (Some([10, 0, 0, 2].into()), 300));
    assert_eq!(live.identifiers.find(ACCT_SESSION_ID), Some(&b"8100000c"[..]));
    assert_eq!((bench.router.view().sessions, bench.live.tenant_sessions(live.tenant)), (1, 1));
    assert_eq!(bench.apply(400, &with_cookie(1, event(Status::Stop, 400, Some(400)))), Applied::Ended);
    assert_eq!((bench.online(400), bench.live.stats().open, bench.router.view().sessions), (0, 0, 0));
}

#[test]
fn late_packets_do_not_bring_an_ended_session_back() {
    // RFC 2866 §5.1 and RFC 5080 §2.3.2; with and without a cookie, the session seen before or not.
    type Dress = for<'a> fn(AccountingEvent<'a>) -> AccountingEvent<'a>;
    let dresses: [Dress; 2] = [|event| event, |event| with_cookie(1, event)];
    for dress in dresses {
        for is_seen in [true, false] {
            let bench = Bench::new();
            if is_seen {
                bench.apply(0, &dress(event(Status::Start, 0, None)));
            }
            assert_eq!(bench.apply(100, &dress(event(Status::Stop, 100, Some(100)))), Applied::Ended);
            assert_eq!(bench.apply(101, &dress(event(Status::Interim, 90, Some(90)))), Applied::Late);
            assert_eq!(bench.apply(102, &dress(event(Status::Start, 0, None))), Applied::Late);
            assert_eq!(bench.apply(103, &dress(event(Status::Stop, 100, Some(100)))), Applied::Late);
            assert_eq!(bench.online(103), 0);
        }
    }
}

#[test]
fn a_packet_too_late_for_the_table_to_judge_opens_nothing() {
    let bench = Bench::new();
    let held_back = AccountingEvent { delay: 300, ..event(Status::Interim, -300, Some(60)) };
    assert_eq!(bench.apply(0, &held_back), Applied::Late);
    assert_eq!(bench.apply(0, &event(Status::Other(15), 0, None)), Applied::Nothing);
}

#[test]
fn a_start_on_an_open_id_ends_the_old_session() {
    // The vendor says so too: its Stop was lost, for instance over a reboot.
    let bench = Bench::new();
    bench.apply(0, &event(Status::Start, 0, None));
    let anew = event(Status::Start, 90_000, None);
    assert_eq!(bench.apply(90_000, &anew), Applied::Opened);
    let [live] = bench.live.of_subscriber(now(90_000), subscriber(1)).try_into().unwrap();
    assert_eq!(live.started, at(90_000));
    assert_eq!(bench.apply(90_001, &event(Status::Interim, 300, Some(300))), Applied::Late, "of the old one");
    assert_eq!(bench.online(90_001), 1);
}

#[test]
fn one_id_in_one_second_on_two_lines_is_two_sessions() {
    // What pppd's RADIUS plugin of Debian 12 sends: the text `%lX…%hX` for all of them.
    let bench = Bench::new();
    let one = on(b"%lX6561A2B3%hX", event(Status::Start, 0, None));
    let two = AccountingEvent { nas_port: Some(1), ..one };
    assert_eq!(bench.apply(0, &one), Applied::Opened);
    assert_eq!(bench.apply(0, &two), Applied::Opened);
    assert_eq!(bench.online(0), 2);
    let stop = on(b"%lX6561A2B3%hX", event(Status::Stop, 60, Some(60)));
    assert_eq!(bench.apply(60, &AccountingEvent { nas_port: Some(1), ..stop }), Applied::Ended);
    let [left] = bench.live.of_subscriber(now(60), subscriber(1)).try_into().unwrap();
    assert_eq!(left.nas_port, one.nas_port);
}

#[test]
fn the_end_of_one_namesake_is_not_that_of_the_other() {
    let bench = Bench::new();
    bench.apply(0, &event(Status::Start, 0, None));
    bench.apply(30, &event(Status::Stop, 30, Some(30)));
    let profile = || Profile { subscriber: Some(subscriber(2)), interval: 300 };
    let origin = Origin { router: &bench.router, profile: &profile };
    let other = by(b"siti", event(Status::Interim, 60, Some(60)));
    assert_eq!(bench.live.apply(now(60), &origin, &other), Applied::Opened, "its Start was lost");
    assert_eq!(bench.apply(61, &event(Status::Interim, 20, Some(20))), Applied::Late);
}

#[test]
fn one_id_on_two_routers_is_two_sessions() {
    // RFC 2866 §5.5: an id is unique to its NAS alone. Two tenants with the same names and ids do not meet either.
    let bench = Bench::new();
    let other_router = router(&bench.live, 1, 2);
    let other_tenant = router(&bench.live, 2, 3);
    for router in [&bench.router, &other_router, &other_tenant] {
        let nobody = || Profile::default();
        let origin = Origin { router, profile: &nobody };
        assert_eq!(bench.live.apply(now(0), &origin, &event(Status::Start, 0, None)), Applied::Opened);
    }
    assert_eq!(bench.live.stats().open, 3);
    assert_eq!(bench.apply(10, &event(Status::Stop, 10, Some(10))), Applied::Ended);
    let of = |tenant| Filter { tenant: TenantId::from_bytes(octets(4, tenant)), router: None, address: None };
    let page = |tenant| bench.live.page(now(10), &of(tenant), None, 10).0;
    let [first] = page(1).try_into().unwrap();
    assert_eq!((first.router, first.subscriber), (other_router.id(), None));
    let [second] = page(2).try_into().unwrap();
    assert_eq!(second.router, other_tenant.id());
    assert_eq!(
        bench.live.find(now(10), first.tenant, second.id),
        None,
        "another tenant's session is not found"
    );
    assert_eq!(bench.live.find(now(10), second.tenant, second.id).map(|session| session.id), Some(second.id));
}

#[test]
fn what_names_the_session_is_kept_as_the_router_wrote_it() {
    // RFC 5176 §3: identification attributes are matched by the NAS.
    let bench = Bench::new();
    let bare = Identifiers::collect(|kind| (kind == ACCT_SESSION_ID).then_some(&b"8100000c"[..]));
    let start = AccountingEvent { identifiers: bare, framed_address: None, ..event(Status::Start, 0, None) };
    bench.apply(0, &start);
    bench.apply(300, &event(Status::Interim, 300, Some(300)));
    let [live] = bench.live.of_subscriber(now(300), subscriber(1)).try_into().unwrap();
    assert_eq!(live.identifiers.find(USER_NAME), Some(&b"budi"[..]));
    assert_eq!(live.framed_address, Some([10, 0, 0, 2].into()), "told by a later packet");
    let path = Path { peer: [192, 0, 2, 1].into(), local: [192, 0, 2, 53].into() };
    bench.router.seen(at(300), path);
    assert_eq!(bench.live.of_subscriber(now(300), subscriber(1))[0].path, Some(path));
    let moved = Path { peer: [198, 51, 100, 9].into(), ..path };
    bench.router.seen(at(301), moved);
    assert_eq!(bench.router.path(), Some(moved), "a router that changes its address keeps its sessions");
}

#[test]
fn pages_hold_every_session_once() {
    let bench = Bench::new();
    let names: Vec<_> = (0..250_u16).map(|number| (number, format!("id-{number}"))).collect();
    for (number, name) in &names {
        let profile = || Profile { subscriber: Some(subscriber(*number)), interval: 300 };
        let origin = Origin { router: &bench.router, profile: &profile };
        bench.live.apply(now(0), &origin, &on(name.as_bytes(), event(Status::Start, 0, None)));
    }
    let filter = Filter { tenant: bench.router.tenant(), router: Some(bench.router.id()), address: None };
    let (mut seen, mut after) = (std::collections::BTreeSet::new(), None);
    loop {
        let (rows, next) = bench.live.page(now(0), &filter, after, 60);
        assert!(rows.len() <= 60);
        seen.extend(rows.into_iter().map(|row| row.id));
        after = next.map(|cursor| crate::live::Cursor::from_number(cursor.number()));
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 250);
    let nobody = Filter { address: Some([10, 9, 9, 9].into()), ..filter };
    assert!(bench.live.page(now(0), &nobody, None, 10).0.is_empty());
}

#[test]
fn a_full_table_refuses_and_counts() {
    let live = Live::with_capacity([1; 16], 1);
    let router = router(&live, 1, 1);
    let profile = || Profile { subscriber: Some(subscriber(1)), interval: 300 };
    let origin = Origin { router: &router, profile: &profile };
    assert_eq!(live.apply(now(0), &origin, &on(b"a", event(Status::Start, 0, None))), Applied::Opened);
    assert_eq!(live.apply(now(0), &origin, &on(b"b", event(Status::Start, 0, None))), Applied::Full);
    assert_eq!((live.stats().open, live.stats().refused), (1, 1));
    assert_eq!(live.apply(now(1), &origin, &on(b"a", event(Status::Stop, 1, Some(1)))), Applied::Ended);
    assert_eq!(live.apply(now(2), &origin, &on(b"b", event(Status::Interim, 2, Some(2)))), Applied::Opened);
}

#[test]
fn sessions_are_restored_after_a_restart() {
    let bench = Bench::new();
    let (progress, _) = Progress::open(&counting(1, 2, event(Status::Interim, 300, Some(300))));
    let restored = Restored {
        id: session(1),
        from_cookie: true,
        subscriber: Some(subscriber(1)),
        progress,
        identifiers: named(b"8100000c", b"budi"),
        framed_address: None,
        nas_port: None,
        mac: None,
        overlay_generation: Some(7),
        interval: 300,
    };
    assert!(bench.live.restore(now(5_000), &bench.router, &restored));
    assert!(!bench.live.restore(now(5_000), &bench.router, &restored), "once");
    assert_eq!(bench.online(5_000), 1, "the silence was ours");
    assert_eq!(bench.apply(5_001, &event(Status::Interim, 5_001, Some(5_001))), Applied::Updated);
    assert_eq!(bench.apply(5_002, &with_cookie(1, event(Status::Stop, 5_002, Some(5_002)))), Applied::Ended);
}

#[test]
fn a_start_and_a_stop_on_two_threads_leave_nothing_behind() {
    const ROUNDS: u16 = 500;
    let bench = Bench::new();
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        for status in [Status::Start, Status::Interim, Status::Stop] {
            let (bench, barrier) = (&bench, &barrier);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let name = format!("81{round:06x}");
                    let packet = on(name.as_bytes(), event(status, 60, Some(60)));
                    let packet = AccountingEvent { at: at(60), ..packet };
                    let packet = if status == Status::Start { event_start(&packet) } else { packet };
                    let packet = if round % 2 == 0 { with_cookie(round, packet) } else { packet };
                    barrier.wait();
                    bench.apply(60, &packet);
                }
            });
        }
    });
    assert_eq!(bench.live.stats().open, 0);
}

/// The Start of the session that `packet` tells of.
fn event_start<'a>(packet: &AccountingEvent<'a>) -> AccountingEvent<'a> {
    AccountingEvent { at: at(0), session_time: None, ..*packet }
}
