//! Simultaneous use.

use std::sync::{
    Barrier,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    super::{Admission, Admitted, Status, limits::RESERVATION_LIFETIME},
    *,
};

fn admission<'a>(router: &'a Arc<RouterState>, device: u8, number: u16) -> Admission<'a> {
    Admission {
        subscriber: subscriber(1),
        limit: 1,
        router,
        mac: Some(mac(device)),
        nas_port: Some(device.into()),
        session: session(number),
    }
}

#[test]
fn of_many_requests_at_once_as_many_pass_as_may() {
    const THREADS: u8 = 8;
    for (round, limit) in (0..200_i64).zip([1_u16, 3].into_iter().cycle()) {
        let bench = Bench::new();
        let barrier = Barrier::new(THREADS.into());
        let granted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for device in 0..THREADS {
                let (bench, barrier, granted) = (&bench, &barrier, &granted);
                scope.spawn(move || {
                    let asked = Admission { limit, ..admission(&bench.router, device, device.into()) };
                    barrier.wait();
                    if bench.live.reserve(now(round), &asked) == Admitted::Granted {
                        granted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(granted.into_inner(), usize::from(limit));
    }
}

#[test]
fn a_reservation_ends_with_its_start_or_its_time() {
    let bench = Bench::new();
    let reserve =
        |seconds, device, number| bench.live.reserve(now(seconds), &admission(&bench.router, device, number));
    assert_eq!(reserve(0, 1, 1), Admitted::Granted);
    assert_eq!(reserve(1, 2, 2), Admitted::Full);
    let lifetime = i64::try_from(RESERVATION_LIFETIME.as_secs()).unwrap();
    assert_eq!(reserve(lifetime, 2, 3), Admitted::Granted, "no Start came");
    let start = AccountingEvent { mac: Some(mac(2)), ..with_cookie(3, event(Status::Start, 31, None)) };
    bench.apply(31, &start);
    assert_eq!(reserve(32, 1, 4), Admitted::Full, "it is a session now");
    bench.apply(40, &with_cookie(3, event(Status::Stop, 40, Some(9))));
    assert_eq!(reserve(41, 1, 5), Admitted::Granted);
    bench.live.release(subscriber(1), session(5));
    assert_eq!(reserve(42, 2, 6), Admitted::Granted, "the Accept was not sent");
}

#[test]
fn the_same_device_replaces_its_lost_session() {
    let bench = Bench::new();
    let start = |number, seconds, name| with_cookie(number, on(name, event(Status::Start, seconds, None)));
    bench.apply(0, &start(1, 0, b"81000001"));
    assert_eq!(
        bench.live.reserve(now(60), &admission(&bench.router, 1, 2)),
        Admitted::Granted,
        "same address"
    );
    assert_eq!(bench.live.reserve(now(60), &admission(&bench.router, 2, 3)), Admitted::Full);
    bench.apply(61, &start(2, 61, b"81000002"));
    let [live] = bench.live.of_subscriber(now(61), subscriber(1)).try_into().unwrap();
    assert_eq!(live.id, session(2));

    let port =
        |mac, number| Admission { mac, nas_port: Some(15_728_652), ..admission(&bench.router, 9, number) };
    assert_eq!(bench.live.reserve(now(70), &port(None, 4)), Admitted::Granted, "same port, address unknown");
    assert_eq!(
        bench.live.reserve(now(70), &port(Some(mac(7)), 5)),
        Admitted::Full,
        "same port, other device"
    );
}

#[test]
fn silent_and_void_sessions_do_not_block_a_login() {
    let bench = Bench::new();
    bench.apply(0, &with_cookie(1, event(Status::Start, 0, None)));
    bench.apply(300, &with_cookie(1, event(Status::Interim, 300, Some(300))));
    let reserve = |seconds, number| bench.live.reserve(now(seconds), &admission(&bench.router, 2, number));
    assert_eq!(reserve(900, 2), Admitted::Full);
    assert_eq!(reserve(300 + 3 * 300 + 61, 3), Admitted::Granted, "three interims missed");

    let bench = Bench::new();
    bench.apply(0, &with_cookie(1, event(Status::Start, 0, None)));
    bench.apply(60, &event(Status::On, 60, None));
    let asked = admission(&bench.router, 2, 2);
    assert_eq!(
        bench.live.reserve(now(60), &asked),
        Admitted::Granted,
        "RFC 2866 §5.1: the router has booted"
    );
}

#[test]
fn two_sessions_of_one_device_count_once() {
    let bench = Bench::new();
    for (number, name) in [(1, b"81000001"), (2, b"81000002")] {
        bench.apply(0, &with_cookie(number, on(name, event(Status::Start, 0, None))));
    }
    let asked = |device, number| Admission { limit: 2, ..admission(&bench.router, device, number) };
    assert_eq!(bench.live.reserve(now(1), &asked(2, 3)), Admitted::Granted, "one of them has lost its Stop");
    assert_eq!(bench.live.reserve(now(1), &asked(3, 4)), Admitted::Full);
}

/// It is a hint for who is about to ask, and must never make anybody wait, itself least of all.
#[test]
fn what_is_fetched_waits_for_nobody() {
    let bench = Bench::new();
    assert_eq!(bench.live.reserve(now(0), &admission(&bench.router, 1, 1)), Admitted::Granted);
    bench.live.fetch([Some(subscriber(1)), None, Some(subscriber(1)), Some(subscriber(2))]);
    let held: Vec<_> = bench.live.shards.iter().map(|shard| shard.lock()).collect();
    bench.live.fetch([Some(subscriber(1)), Some(subscriber(2))]);
    drop(held);
    assert_eq!(
        bench.live.reserve(now(1), &admission(&bench.router, 2, 2)),
        Admitted::Full,
        "nothing changed"
    );
}
