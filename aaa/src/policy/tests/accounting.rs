//! Accounting: what is acknowledged, what is read, and what the live table makes of it.

use super::{super::Reading, *};
use crate::live::{AccountingEvent, Status};

/// Octets and packets of an interim, by the RFC's direction.
fn counters<'c, 'b>(packet: &'c mut Composer<'b>) -> Composed<'c, 'b> {
    packet
        .u32(AttributeType::ACCT_SESSION_TIME, 600)?
        .u32(AttributeType::ACCT_INPUT_OCTETS, 100)?
        .u32(AttributeType::ACCT_INPUT_GIGAWORDS, 1)?
        .u32(AttributeType::ACCT_OUTPUT_OCTETS, 200)?
        .u32(AttributeType::ACCT_OUTPUT_GIGAWORDS, 0)?
        .u32(AttributeType::ACCT_INPUT_PACKETS, 3)?
        .u32(AttributeType::ACCT_OUTPUT_PACKETS, 4)
}

fn read<'d>(world: &World, datagram: &'d [u8], octets: entry::OctetDirection) -> AccountingEvent<'d> {
    let reading = Reading { tenant: tenant(1).id, octets, class_key: world.policy.class_key() };
    reading.parse(datagram, now(0).wall).unwrap()
}

#[test]
fn a_session_lives_from_its_start_to_its_stop() {
    let mut world = World::new();
    let accept = world.accept(&budi());
    let class = accept.octets(AttributeType::CLASS);
    let start = account(1, class, |packet| Ok(packet));
    let Got::Recorded(kind, payload, reply) = world.send(Port::Accounting, &start) else {
        panic!("not recorded");
    };
    assert_eq!((kind, &payload), (Kind::ACCOUNTING, &start));
    assert_eq!(reply.code(), Code::ACCOUNTING_RESPONSE);
    assert_eq!(reply.index().packet().attributes().count(), 0, "RFC 2866 §4.2");

    let [live] = world.live.of_subscriber(now(0), subscriber_id(1)).try_into().unwrap();
    assert_eq!((live.overlay_generation, live.mac), (Some(3), Some(mac(MAC))));
    assert!((270..=330).contains(&live.interim_interval));
    let path = live.path.unwrap();
    assert_eq!((path.peer.to_string(), path.local.to_string()), (ROUTER.into(), SERVER.into()));
    assert_eq!(live.identifiers.find(87), Some(&b"ether2"[..]), "NAS-Port-Id, RFC 2869 §5.17");
    assert_eq!(live.identifiers.find(5), Some(&15_728_652_u32.to_be_bytes()[..]));

    world.send(Port::Accounting, &account(3, class, counters));
    let [live] = world.live.of_subscriber(now(0), subscriber_id(1)).try_into().unwrap();
    assert_eq!((live.usage.upload, live.usage.download), ((1 << 32) + 100, 200));
    world.send(Port::Accounting, &account(2, class, counters));
    assert!(world.live.of_subscriber(now(0), subscriber_id(1)).is_empty());
}

#[test]
fn nothing_reaches_the_table_that_the_journal_refused() {
    // RFC 2866 §4.1: what was not recorded is not answered.
    let mut world = World::new();
    let start = account(1, None, |packet| Ok(packet));
    world.send_at(0, ROUTER, Port::Accounting, &start, false);
    assert!(world.live.of_subscriber(now(0), subscriber_id(1)).is_empty());
    world.send_at(0, ROUTER, Port::Accounting, &start, true);
    let [live] = world.live.of_subscriber(now(0), subscriber_id(1)).try_into().unwrap();
    assert_eq!(live.overlay_generation, None, "found by its name, without a cookie");
}

#[test]
fn the_direction_of_octets_is_the_routers() {
    // RFC 2866 §5.3: input is from the user.
    let world = World::new();
    let packet = account(3, None, counters);
    let usual = read(&world, &packet, entry::OctetDirection::InputIsUpload).counters;
    assert_eq!((usual.upload, usual.download), ((1 << 32) + 100, 200));
    assert_eq!((usual.upload_packets, usual.download_packets, usual.gigawords), (3, 4, true));
    let turned = read(&world, &packet, entry::OctetDirection::InputIsDownload).counters;
    assert_eq!((turned.upload, turned.download), (200, (1 << 32) + 100));
    assert_eq!((turned.upload_packets, turned.download_packets), (4, 3));
}

#[test]
fn an_event_is_dated_by_its_timestamp_or_its_delay() {
    // RFC 2869 §5.3; RFC 2866 §5.2.
    let world = World::new();
    let seconds = u32::try_from(now(0).wall.as_seconds()).unwrap();
    let dated = |delay: u32, timestamp: Option<u32>| {
        let packet = account(3, None, |packet| {
            packet.u32(AttributeType::ACCT_DELAY_TIME, delay)?;
            match timestamp {
                Some(timestamp) => packet.u32(AttributeType::EVENT_TIMESTAMP, timestamp),
                None => Ok(packet),
            }
        });
        let at = read(&world, &packet, entry::OctetDirection::InputIsUpload).at;
        (at.as_millis() - now(0).wall.as_millis()) / 1_000
    };
    assert_eq!(dated(0, None), 0);
    assert_eq!(dated(10, None), -10);
    assert_eq!(dated(10, Some(seconds - 12)), -12);
    assert_eq!(dated(0, Some(seconds - 120)), -120);
    assert_eq!(dated(0, Some(seconds - 121)), 0, "a clock that is wrong");
    assert_eq!(dated(5, Some(seconds + 7 * 3_600)), -5, "local time taken for UTC");
    assert_eq!(dated(0, Some(0)), 0, "a router that woke up in 1970");
}

#[test]
fn our_class_is_found_among_others() {
    // RFC 2865 §5.25: several are legal.
    let mut world = World::new();
    let accept = world.accept(&budi());
    let class = accept.octets(AttributeType::CLASS).unwrap();
    let packet = account(1, Some(b"another server's"), |packet| {
        packet.octets(AttributeType::CLASS, class)?.octets(AttributeType::CLASS, &[0])
    });
    let event = read(&world, &packet, entry::OctetDirection::InputIsUpload);
    assert_eq!(event.cookie.map(|cookie| cookie.subscriber), Some(subscriber_id(1)));
}

#[test]
fn odd_packets_are_read_as_far_as_they_go_and_acknowledged() {
    // RFC 2866 §4.1, §5.1: tolerated, recorded, answered.
    let mut world = World::new();
    let odd = account(99, None, |packet| {
        packet
            .octets(AttributeType::REPLY_MESSAGE, b"not allowed here")?
            .octets(AttributeType::STATE, b"nor this")?
            .octets(AttributeType::ACCT_SESSION_TIME, &[1, 2])?
            .octets(AttributeType::PROXY_STATE, b"proxy")
    });
    let event = read(&world, &odd, entry::OctetDirection::InputIsUpload);
    assert_eq!((event.status, event.session_time), (Status::Other(99), None));
    let Got::Recorded(_, payload, reply) = world.send(Port::Accounting, &odd) else { panic!("not recorded") };
    assert_eq!(payload, odd);
    assert_eq!(reply.index().proxy_states().collect::<Vec<_>>(), [b"proxy"]);
    assert_eq!(world.live.stats().open, 0);

    let unaddressed = account(1, None, |packet| Ok(packet));
    let mut bytes = unaddressed;
    let at = bytes.windows(6).position(|window| window == [8, 6, 10, 1, 0, 7]).unwrap();
    bytes[at + 2..at + 6].fill(0);
    let event = read(&world, &bytes, entry::OctetDirection::InputIsUpload);
    assert_eq!((event.framed_address, event.identifiers.find(8)), (None, None), "0.0.0.0 is no address");
}

#[test]
fn accounting_on_and_off_void_the_routers_sessions() {
    // RFC 2866 §5.1.
    let mut world = World::new();
    for status in [7, 8] {
        world.send(Port::Accounting, &account(1, None, |packet| Ok(packet)));
        assert_eq!(world.live.of_subscriber(now(0), subscriber_id(1)).len(), 1);
        let packet = account(status, None, |packet| Ok(packet));
        world.send_at(5, ROUTER, Port::Accounting, &packet, true);
        assert!(world.live.of_subscriber(now(5), subscriber_id(1)).is_empty());
        world = World::new();
    }
}

/// A router that boots in 1970 and then learns the time counts half a century since.
#[test]
fn half_a_century_is_a_clock_that_jumped() {
    let world = World::new();
    let jump = 1_795_334_400;
    let jumped = account(3, None, |packet| {
        packet
            .u32(AttributeType::ACCT_SESSION_TIME, jump)?
            .u32(AttributeType::ACCT_DELAY_TIME, jump)?
            .u32(AttributeType::EVENT_TIMESTAMP, 30)
    });
    let event = read(&world, &jumped, entry::OctetDirection::InputIsUpload);
    assert_eq!((event.at, event.delay, event.session_time), (now(0).wall, 0, None));
    assert_eq!(event.started(), None);
}
