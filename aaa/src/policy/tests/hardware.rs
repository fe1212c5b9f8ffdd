//! Hardware addresses: as a lock, to be learnt, and as the login itself.

use super::*;

const OTHER: &str = "AA:BB:CC:00:00:02";

#[test]
fn a_lock_lets_its_own_in() {
    let mut world = World::new();
    world.subscriber(|subscriber| subscriber.mac_lock = entry::MacLock::To([mac(MAC), mac(OTHER)].into()));
    world.accept(&budi());
    world.accept(&dial("budi", "rahasia", "aabb.cc00.0002"));
    assert_eq!(world.reason(&dial("budi", "rahasia", "AA:BB:CC:00:00:03")), Outcome::MacLocked);
    assert_eq!(world.reason(&dial("budi", "rahasia", "10.0.0.5")), Outcome::MacLocked, "none is told");
}

#[test]
fn the_first_device_is_recorded_before_it_is_accepted() {
    let mut world = World::new();
    world.subscriber(|subscriber| subscriber.mac_lock = entry::MacLock::Learn);
    let Got::Recorded(kind, payload, reply) = world.send(Port::Authentication, &budi()) else {
        panic!("not recorded");
    };
    assert_eq!((kind, reply.code()), (Kind::FIRST_USE, Code::ACCESS_ACCEPT));
    let first = FirstUse::parse(&payload).unwrap();
    assert_eq!((first.subscriber, first.mac), (subscriber_id(1), mac(MAC)));
    let cookie = super::super::class::parse(
        reply.octets(AttributeType::CLASS).unwrap(),
        tenant(1).id,
        world.policy.class_key(),
    );
    assert_eq!(cookie.map(|cookie| cookie.session), Some(first.session));

    assert_eq!(world.reason(&dial("budi", "rahasia", OTHER)), Outcome::MacLocked, "it holds at once");
    let again = world.send(Port::Authentication, &budi());
    assert!(matches!(again, Got::Recorded(Kind::FIRST_USE, ..)), "until the directory knows it: {again:?}");

    world.policy.settle_first_use(subscriber_id(1));
    world.policy.settle_first_uses();
    assert_eq!(world.policy.pending_first_uses(), 1, "the change was about something else");
    world.subscriber(|subscriber| subscriber.mac_lock = entry::MacLock::To([mac(MAC)].into()));
    world.policy.settle_first_use(subscriber_id(1));
    assert_eq!(world.policy.pending_first_uses(), 0);
    world.accept(&budi());
    assert_eq!(world.reason(&dial("budi", "rahasia", OTHER)), Outcome::MacLocked);

    world.subscriber(|subscriber| subscriber.mac_lock = entry::MacLock::Learn);
    let freed = world.send(Port::Authentication, &dial("budi", "rahasia", OTHER));
    assert!(matches!(freed, Got::Recorded(Kind::FIRST_USE, ..)), "{freed:?}");
}

#[test]
fn a_wrong_password_or_an_unknown_device_learns_nothing() {
    let mut world = World::new();
    world.subscriber(|subscriber| subscriber.mac_lock = entry::MacLock::Learn);
    assert_eq!(world.reason(&dial("budi", "wrong", OTHER)), Outcome::WrongPassword);
    assert_eq!(world.reason(&dial("budi", "rahasia", "10.0.0.5")), Outcome::MacLocked);
    assert_eq!(world.policy.pending_first_uses(), 0);
}

#[test]
fn a_first_use_read_back_from_the_journal_holds() {
    let mut world = World::new();
    world.subscriber(|subscriber| subscriber.mac_lock = entry::MacLock::Learn);
    let session = base::SessionId::from_bytes(octets(9, 1));
    world.policy.restore_first_use(&FirstUse { subscriber: subscriber_id(1), mac: mac(OTHER), session });
    assert_eq!(world.reason(&budi()), Outcome::MacLocked);
    world.subscriber(|subscriber| subscriber.mac_lock = entry::MacLock::To([mac(OTHER)].into()));
    world.policy.settle_first_uses();
    assert_eq!(world.policy.pending_first_uses(), 0);
}

#[test]
fn a_hardware_address_is_a_login_in_any_notation() {
    let mut world = World::new();
    world.put(Change::Subscriber(entry::Subscriber {
        password: entry::Password::HardwareAddress,
        ..subscriber(2, MAC)
    }));
    for name in [MAC, "aa-bb-cc-00-00-01", "AABBCC000001", "aabb.cc00.0001"] {
        world.accept(&hotspot(name, "", MAC));
        world.accept(&hotspot(name, "whatever the hotspot makes up", "aa-bb-cc-00-00-01"));
    }
    assert_eq!(
        world.reason(&hotspot(MAC, "", OTHER)),
        Outcome::WrongHardwareAddress,
        "names are easily copied"
    );
    assert_eq!(world.reason(&hotspot("AA:BB:CC:00:00:0F", "", MAC)), Outcome::UnknownUser);
    let bare = access(|packet| pppoe(packet, MAC, MAC));
    assert_eq!(world.reason(&bare), Outcome::NoPassword, "RFC 2865 §4.1");
    // With a password of its own it is a login as any other.
    world.put(Change::Subscriber(subscriber(3, OTHER)));
    world.accept(&hotspot("aabbcc000002", "rahasia", OTHER));
    assert_eq!(world.reason(&hotspot("aabbcc000002", "", OTHER)), Outcome::WrongPassword);
}
