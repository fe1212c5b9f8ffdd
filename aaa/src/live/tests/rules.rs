//! One session's life.

use super::{
    super::{
        End, EndCause, Progress, Status, Step, Usage,
        identity::{self, Known, Relation, RouterOsId, RouterOsService},
    },
    *,
};

#[test]
fn an_interim_or_a_stop_without_a_start_dates_the_session_back() {
    // RFC 2866 §5.7: Acct-Session-Time counts from the start.
    let (progress, change) = Progress::open(&counting(10, 20, event(Status::Interim, 600, Some(500))));
    assert_eq!(progress.started, at(100));
    assert_eq!((change.step, change.added.download), (Step::Online, 20));
    let (progress, change) = Progress::open(&event(Status::Stop, 600, Some(500)));
    assert_eq!((progress.started, change.step), (at(100), Step::Ended));
}

#[test]
fn counters_only_rise_and_each_octet_counts_once() {
    // RFC 2869 §2.1: interim counters are cumulative.
    let (mut progress, _) = Progress::open(&event(Status::Start, 0, None));
    let later = counting(100, 2_000, event(Status::Interim, 600, Some(600)));
    let earlier = counting(50, 1_000, event(Status::Interim, 300, Some(300)));
    assert_eq!(progress.apply(&later).added.download, 2_000);
    assert_eq!(progress.apply(&earlier).added, Usage::default());
    assert_eq!(progress.apply(&later).added, Usage::default(), "a retransmission with a new identifier");
    assert_eq!(progress.usage.download, 2_000);
    assert_eq!((progress.session_time, progress.updated), (600, at(600)));
}

#[test]
fn gigawords_are_the_upper_half() {
    // RFC 2869 §5.1, §5.2.
    let (progress, _) = Progress::open(&counting(5 << 32, (1 << 32) | 7, event(Status::Stop, 9, Some(9))));
    assert_eq!((progress.usage.upload, progress.usage.download), (5 << 32, (1 << 32) | 7));
}

#[test]
fn a_wrap_without_gigawords_is_counted_when_it_is_proven() {
    let interim = |time: u32, low| narrow(low, event(Status::Interim, time.into(), Some(time)));
    let (mut progress, _) = Progress::open(&event(Status::Start, 0, None));
    let mut after = |event| {
        progress.apply(&event);
        progress.usage.download
    };
    assert_eq!(after(interim(300, 4_000_000_000)), 4_000_000_000);
    assert_eq!(after(interim(600, 1_000)), (1 << 32) + 1_000);
    assert_eq!(after(interim(600, 1_000)), (1 << 32) + 1_000, "repeated");
    assert_eq!(after(interim(300, 4_000_000_000)), (1 << 32) + 1_000, "repeated late");
    assert_eq!(after(interim(900, 500)), (2 << 32) + 500);
    assert_eq!(after(narrow(0, event(Status::Stop, 950, Some(950)))), (2 << 32) + 500, "zeros tell nothing");

    let (mut progress, _) = Progress::open(&interim(600, 1_000));
    progress.apply(&interim(300, 4_000_000_000));
    assert_eq!(progress.usage.download, (1 << 32) + 1_000, "proven by the late packet");
    let (mut progress, _) = Progress::open(&narrow(1_000, event(Status::Interim, 600, None)));
    progress.apply(&narrow(500, event(Status::Interim, 601, None)));
    assert_eq!(progress.usage.download, 1_000, "without session times the order is not known");
}

#[test]
fn nothing_reopens_what_the_router_ended() {
    // RFC 2866 §5.1: a Stop marks the end of the service.
    let (mut progress, _) = Progress::open(&event(Status::Start, 0, None));
    let stop = AccountingEvent { terminate_cause: Some(10), ..event(Status::Stop, 100, Some(100)) };
    assert_eq!(progress.apply(&stop).step, Step::Ended);
    assert_eq!(progress.apply(&counting(1, 9, event(Status::Interim, 200, Some(90)))).step, Step::Over);
    assert_eq!(progress.apply(&event(Status::Start, 300, None)).step, Step::Over);
    assert_eq!(progress.end, Some(End { at: at(100), cause: EndCause::Stopped, terminate_cause: 10 }));
    assert_eq!(progress.usage.download, 9, "but a late packet may make the totals more exact");
    progress.apply(&event(Status::Stop, 101, Some(100)));
    assert_eq!(progress.end.unwrap().at, at(100), "the earliest Stop counts");
}

#[test]
fn a_presumed_end_gives_way_to_newer_packets_and_to_the_stop() {
    let (mut progress, _) = Progress::open(&event(Status::Start, 0, None));
    progress.apply(&event(Status::Interim, 300, Some(300)));
    progress.presume_ended(at(300), EndCause::Silent);
    assert_eq!(progress.apply(&event(Status::Interim, 300, Some(300))).step, Step::Over, "not newer");
    assert_eq!(progress.apply(&event(Status::Interim, 3_600, Some(3_600))).step, Step::Resumed);
    assert_eq!(progress.end, None);
    progress.presume_ended(at(3_600), EndCause::RouterRestarted);
    assert_eq!(progress.apply(&event(Status::Stop, 3_500, Some(3_500))).step, Step::Over);
    assert_eq!(progress.end.unwrap().cause, EndCause::Stopped);
    progress.presume_ended(at(9_999), EndCause::Silent);
    assert_eq!(progress.end.unwrap().at, at(3_500));

    let (mut progress, _) = Progress::open(&event(Status::Start, 0, None));
    progress.presume_ended(at(0), EndCause::Superseded);
    assert_eq!(
        progress.apply(&event(Status::Interim, 300, Some(300))).step,
        Step::Over,
        "its id has a new owner"
    );
    assert_eq!(progress.end.unwrap().at, at(300), "it ended no earlier than its last word");
}

#[test]
fn packets_that_tell_of_no_session_change_nothing() {
    let (mut progress, _) = Progress::open(&event(Status::Start, 0, None));
    let before = progress;
    for status in [Status::On, Status::Off, Status::Other(15)] {
        progress.apply(&counting(1, 1, event(status, 500, Some(500))));
    }
    assert_eq!(progress, before);
}

fn known(number: u16, from_cookie: bool, started: i64) -> Known<'static> {
    Known {
        session: session(number),
        from_cookie,
        started: at(started),
        username: b"budi",
        nas_port: Some(15_728_652),
    }
}

#[test]
fn our_cookie_is_the_identity() {
    let packet = with_cookie(5, event(Status::Interim, 90_000, Some(60)));
    assert_eq!(identity::relate(&known(5, true, 0), &packet), Relation::Same, "whatever the clocks say");
    assert_eq!(identity::relate(&known(4, true, 0), &packet), Relation::Later);
    assert_eq!(identity::relate(&known(6, true, 0), &packet), Relation::Earlier);
    let sibling = AccountingEvent { nas_port: Some(1), ..with_cookie(6, event(Status::Start, 1, None)) };
    assert_eq!(identity::relate(&known(5, true, 0), &sibling), Relation::Sibling);
    let first = with_cookie(5, event(Status::Interim, 300, Some(300)));
    assert_eq!(
        identity::relate(&known(9, false, 0), &first),
        Relation::Same,
        "seen without its cookie before"
    );
}

#[test]
fn without_a_cookie_the_start_must_fit() {
    // RFC 2866 §5.5 asks an id to be unique only "to make it easy to match" records; it repeats after reboots.
    let session = known(5, false, 0);
    let relate = |event: AccountingEvent<'_>| identity::relate(&session, &event);
    assert_eq!(relate(event(Status::Interim, 86_700, Some(86_400))), Relation::Same, "300 s apart");
    assert_eq!(relate(event(Status::Interim, 86_701, Some(86_400))), Relation::Later);
    assert_eq!(relate(event(Status::Start, 400, None)), Relation::Later);
    assert_eq!(relate(event(Status::Stop, 500, Some(900))), Relation::Earlier);
    assert_eq!(relate(event(Status::Stop, 90_000, Some(0))), Relation::Same, "zeros on a lost carrier");
    assert_eq!(relate(event(Status::Stop, 90_000, None)), Relation::Same);
    assert_eq!(relate(by(b"siti", event(Status::Start, 0, None))), Relation::Sibling);
    assert_eq!(relate(by(b"", event(Status::Interim, 300, Some(300)))), Relation::Same);
}

#[test]
fn derived_ids_are_a_function_of_the_first_packet() {
    let router = RouterId::from_bytes(octets(3, 1));
    let first = event(Status::Start, 0, None);
    let derived = identity::derive(router, &first);
    assert_eq!(derived, identity::derive(router, &event(Status::Interim, 300, Some(300))));
    assert_ne!(derived, identity::derive(RouterId::from_bytes(octets(3, 2)), &first));
    assert_ne!(derived, identity::derive(router, &on(b"8100000d", first)));
    assert_ne!(derived, identity::derive(router, &by(b"siti", first)));
    assert_ne!(derived, identity::derive(router, &event(Status::Start, 1, None)));
    let millis = derived.as_uuid().get_timestamp().map(|time| time.to_unix().0);
    assert_eq!(millis, Some(T.unsigned_abs()), "ids sort by start");
}

#[test]
fn routeros_ids_tell_service_and_boot() {
    let id = |text: &[u8]| RouterOsId::parse(text);
    assert_eq!(id(b"80100014"), Some(RouterOsId { service: RouterOsService::Hotspot, boot: 1 }));
    assert_eq!(id(b"81f0000C"), Some(RouterOsId { service: RouterOsService::Ppp, boot: 15 }));
    for other in [&b"8100000"[..], b"82000001", b"81g00001", b"810000001", b"test-001", b""] {
        assert_eq!(id(other), None);
    }
}
