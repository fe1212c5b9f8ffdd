//! Sessions that end without a Stop.

use super::{
    super::{ClosedSession, EndCause, Status, Sweeper, limits::SHARDS},
    *,
};

/// Sweeps every shard once.
fn sweep(live: &Live, seconds: i64) -> Vec<ClosedSession> {
    let (mut sweeper, mut closed) = (Sweeper::default(), Vec::new());
    for _ in 0..SHARDS / 16 {
        sweeper.step(live, now(seconds), |session| closed.push(session));
    }
    closed
}

#[test]
fn a_session_that_misses_its_interims_is_closed_and_comes_back() {
    // RFC 2869 §2.1: interims come at the interval that the Accept asked for.
    let bench = Bench::new();
    bench.apply(0, &with_cookie(1, event(Status::Start, 0, None)));
    bench.apply(300, &with_cookie(1, event(Status::Interim, 300, Some(300))));
    let patience = 300 + 3 * 300 + 60;
    assert!(sweep(&bench.live, patience).is_empty());
    let [closed] = sweep(&bench.live, patience + 1).try_into().unwrap();
    let end = closed.progress.end.unwrap();
    assert_eq!((closed.id, end.cause, end.at), (session(1), EndCause::Silent, at(300)));
    assert_eq!((bench.online(patience + 1), bench.live.stats().open), (0, 0));

    let again = with_cookie(1, event(Status::Interim, 1_500, Some(1_500)));
    assert_eq!(bench.apply(1_500, &again), Applied::Opened, "the router was offline, the session was not");
    let [live] = bench.live.of_subscriber(now(1_500), subscriber(1)).try_into().unwrap();
    assert_eq!((live.id, live.started), (session(1), at(0)));
}

#[test]
fn a_router_without_interims_is_given_a_day() {
    let bench = Bench::new();
    bench.apply(0, &event(Status::Start, 0, None));
    assert!(sweep(&bench.live, 86_400).is_empty());
    assert_eq!(sweep(&bench.live, 86_401).len(), 1);
}

#[test]
fn accounting_on_voids_at_once_and_is_closed_in_one_round() {
    // RFC 2866 §5.1, of that router alone.
    const SESSIONS: u16 = 3_000;
    let bench = Bench::new();
    let other = router(&bench.live, 1, 2);
    bench.apply_at(&other, 0, &event(Status::Start, 0, None));
    for number in 0..SESSIONS {
        let name = format!("id-{number}");
        let profile = || Profile { subscriber: Some(subscriber(number)), interval: 300 };
        let origin = Origin { router: &bench.router, profile: &profile };
        bench.live.apply(now(0), &origin, &on(name.as_bytes(), event(Status::Start, 0, None)));
    }
    // It was sent at 60 s, lost, and sent again: a session of after the boot is in the table already.
    let fresh = with_cookie(900, on(b"fresh", event(Status::Start, 62, None)));
    bench.apply(62, &fresh);
    let on = AccountingEvent { delay: 3, ..event(Status::On, 60, None) };
    assert_eq!(bench.apply(63, &on), Applied::RouterRestarted);
    let (left, _) = bench.live.page(
        now(63),
        &super::super::Filter {
            tenant: bench.router.tenant(),
            router: Some(bench.router.id()),
            address: None,
        },
        None,
        10,
    );
    assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [session(900)]);

    let mut closed = Vec::new();
    Sweeper::default().step(&bench.live, now(63), |session| closed.push(session));
    assert_eq!(closed.len(), usize::from(SESSIONS));
    let end = closed[0].progress.end.unwrap();
    assert_eq!((end.cause, end.at), (EndCause::RouterRestarted, at(60)));
    assert_eq!(bench.live.stats().open, 2);

    let late = super::on(b"id-5", event(Status::Interim, 59, Some(59)));
    assert_eq!(bench.apply(64, &late), Applied::Late, "of before the boot");
}

#[test]
fn the_sessions_of_a_router_that_was_deleted_are_over() {
    let bench = Bench::new();
    let other = router(&bench.live, 1, 2);
    bench.apply(0, &on(b"81000001", event(Status::Start, 0, None)));
    bench.apply_at(&other, 0, &on(b"81000002", event(Status::Start, 0, None)));
    assert_eq!(bench.online(1), 2);
    bench.live.forget_router(bench.router.id(), at(10));
    assert_eq!(bench.online(10), 1, "its subscriber may log in elsewhere");
    let [closed] = sweep(&bench.live, 10).try_into().unwrap();
    assert_eq!(
        (closed.router, closed.progress.end.unwrap().cause),
        (bench.router.id(), EndCause::RouterRestarted)
    );
}

#[test]
fn a_new_boot_counter_of_routeros_ends_the_sessions_before() {
    let bench = Bench::new();
    let start = |name, seconds| on(name, event(Status::Start, seconds, None));
    bench.apply(0, &start(b"81000001", 0));
    bench.apply(1, &AccountingEvent { mac: Some(mac(2)), ..start(b"81000002", 1) });
    assert_eq!(bench.online(1), 2);
    bench.apply(600, &start(b"81100000", 600));
    let [live] = bench.live.of_subscriber(now(600), subscriber(1)).try_into().unwrap();
    assert_eq!(live.started, at(600));
    assert_eq!(sweep(&bench.live, 601).len(), 2);
}

#[test]
fn a_session_that_its_router_knows_no_more_is_over_and_comes_back() {
    // RFC 5176 §3.5: 503, Session-Context-Not-Found.
    let bench = Bench::new();
    bench.apply(0, &with_cookie(1, event(Status::Start, 0, None)));
    let [asked] = bench.live.of_subscriber(now(1), subscriber(1)).try_into().unwrap();
    bench.apply(300, &with_cookie(1, event(Status::Interim, 300, Some(300))));
    assert!(!bench.live.presume_gone(now(301), &asked), "something of it came since it was asked for");
    assert_eq!(bench.online(301), 1);
    let [asked] = bench.live.of_subscriber(now(301), subscriber(1)).try_into().unwrap();
    assert!(bench.live.presume_gone(now(302), &asked));
    assert!(!bench.live.presume_gone(now(302), &asked), "once");
    assert_eq!((bench.online(302), bench.live.stats().open), (0, 0));

    let late = with_cookie(1, event(Status::Interim, 300, Some(300)));
    assert_eq!(bench.apply(303, &late), Applied::Late, "sent again");
    let again = with_cookie(1, event(Status::Interim, 600, Some(600)));
    assert_eq!(bench.apply(600, &again), Applied::Opened, "the router was wrong");
    let [live] = bench.live.of_subscriber(now(600), subscriber(1)).try_into().unwrap();
    assert_eq!((live.id, live.started), (session(1), at(0)));
}
