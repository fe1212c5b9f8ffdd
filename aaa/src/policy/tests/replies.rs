//! What an Accept and a Reject hold.

use radius::{compose, vendor::ascend};

use super::*;

#[test]
fn an_accept_holds_the_plan() {
    let mut world = World::new();
    let reply = world.accept(&budi());
    assert_eq!(reply.u32(AttributeType::SERVICE_TYPE), Some(ServiceType::FRAMED.0));
    assert_eq!(reply.u32(AttributeType::FRAMED_PROTOCOL), Some(FramedProtocol::PPP.0));
    assert_eq!(reply.vendor_text(mikrotik::RATE_LIMIT), Some("5M/10M 10M/20M"));
    assert_eq!(reply.vendor_text(mikrotik::GROUP), Some("ten"));
    assert_eq!(reply.vendor_text(mikrotik::ADDRESS_LIST), Some("customers"));
    assert_eq!(reply.vendor_text(mikrotik::DELEGATED_IPV6_POOL), Some("pd"));
    assert_eq!(reply.text(AttributeType::FILTER_ID), Some("usual"));
    assert_eq!(reply.text(AttributeType::FRAMED_POOL), Some("pool-a"));
    assert_eq!(reply.text(AttributeType::FRAMED_IPV6_POOL), Some("pool6"));
    assert_eq!(reply.octets(AttributeType::FRAMED_IP_ADDRESS), None);
    assert_eq!(reply.u32(AttributeType::SESSION_TIMEOUT), Some(86_400));
    assert_eq!(reply.u32(AttributeType::IDLE_TIMEOUT), Some(600));
    assert_eq!(reply.octets(AttributeType::STATE), None);
    let class = super::super::class::parse(
        reply.octets(AttributeType::CLASS).unwrap(),
        tenant(1).id,
        world.policy.class_key(),
    );
    let cookie = class.unwrap();
    assert_eq!((cookie.subscriber, cookie.overlay_generation), (subscriber_id(1), 3));
    let again = world.accept(&budi());
    assert_ne!(again.octets(AttributeType::CLASS), reply.octets(AttributeType::CLASS), "one for each Accept");
}

#[test]
fn a_subscribers_own_addresses_come_before_the_plans_pools() {
    let mut world = World::new();
    world.subscriber(|subscriber| {
        subscriber.static_address = Some([203, 0, 113, 9].into());
        subscriber.ipv6_prefix = Some(("2001:db8:1::".parse().unwrap(), 64));
        subscriber.delegated_ipv6_prefix = Some(("2001:db8:100::".parse().unwrap(), 56));
        subscriber.routes = ["198.51.100.0/28 0.0.0.0 1".into(), "198.51.100.32/28 0.0.0.0 1".into()].into();
    });
    let reply = world.accept(&budi());
    assert_eq!(reply.octets(AttributeType::FRAMED_IP_ADDRESS), Some(&[203, 0, 113, 9][..]));
    assert_eq!(reply.octets(AttributeType::FRAMED_POOL), None);
    let prefix = reply.index().framed_ipv6_prefix().unwrap();
    assert_eq!(prefix.to_string(), "2001:db8:1::/64");
    let delegated = reply.index().delegated_ipv6_prefix().unwrap();
    assert_eq!(delegated.to_string(), "2001:db8:100::/56", "RFC 4818 §3");
    assert_eq!(reply.count(AttributeType::FRAMED_ROUTE), 2, "RFC 2865 §5.22: several, in order");
    assert_eq!(reply.text(AttributeType::FRAMED_ROUTE), Some("198.51.100.0/28 0.0.0.0 1"));
    assert_eq!(reply.octets(AttributeType::FRAMED_IPV6_POOL), None);
    assert_eq!(reply.vendor(mikrotik::DELEGATED_IPV6_POOL), None);
}

#[test]
fn interims_are_spread_and_never_under_a_minute() {
    // RFC 2869 §5.16.
    let mut world = World::new();
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..200 {
        world.put(Change::Subscriber(entry::Subscriber {
            id: subscriber_id(number),
            ..subscriber(number, &format!("user{number}"))
        }));
        let packet = dial(&format!("user{number}"), "rahasia", MAC);
        let interval = world.accept(&packet).u32(AttributeType::ACCT_INTERIM_INTERVAL).unwrap();
        assert_eq!(world.accept(&packet).u32(AttributeType::ACCT_INTERIM_INTERVAL), Some(interval));
        assert!((270..=330).contains(&interval));
        seen.insert(interval);
    }
    assert!(seen.len() > 50, "{}", seen.len());
    world.plan(|plan| plan.interim_interval = 60);
    for number in 0..200 {
        let packet = dial(&format!("user{number}"), "rahasia", MAC);
        assert!(world.accept(&packet).u32(AttributeType::ACCT_INTERIM_INTERVAL) >= Some(60));
    }
    world.plan(|plan| plan.interim_interval = 0);
    assert_eq!(world.accept(&dial("user1", "rahasia", MAC)).u32(AttributeType::ACCT_INTERIM_INTERVAL), None);
}

fn composed(fill: impl FnOnce(&mut Composer<'_>)) -> Box<[u8]> {
    let mut buffer = [0; 4096];
    let length = compose::attributes(&mut buffer, |composer| {
        fill(composer);
        Ok(())
    })
    .unwrap();
    buffer[..length].into()
}

#[test]
fn a_subscribers_attributes_replace_the_plans_of_the_same_type() {
    let mut world = World::new();
    world.plan(|plan| {
        plan.attributes = composed(|plan| {
            plan.text(AttributeType::FRAMED_IP_NETMASK, "abcd").unwrap();
            plan.vendor_u32(ascend::DATA_RATE, 1).unwrap().vendor_u32(ascend::XMIT_RATE, 2).unwrap();
        });
    });
    world.subscriber(|subscriber| {
        subscriber.attributes = composed(|own| {
            own.vendor_u32(ascend::DATA_RATE, 9).unwrap().vendor_u32(ascend::DATA_RATE, 10).unwrap();
            own.vendor_text(mikrotik::RATE_LIMIT, "1M/1M").unwrap();
            own.u32(AttributeType::SESSION_TIMEOUT, 100).unwrap();
        });
    });
    let reply = world.accept(&budi());
    let of = |kind: VendorType| -> Vec<_> {
        let packet = reply.index().packet();
        packet.vendor_attributes(kind.vendor).filter(|a| a.kind == kind).filter_map(|a| a.u32()).collect()
    };
    assert_eq!(of(ascend::DATA_RATE), [9, 10], "all of the subscriber's, none of the plan's");
    assert_eq!(of(ascend::XMIT_RATE), [2]);
    assert_eq!(reply.text(AttributeType::FRAMED_IP_NETMASK), Some("abcd"));
    assert_eq!(reply.vendor_text(mikrotik::RATE_LIMIT), Some("1M/1M"));
    assert_eq!(reply.count(AttributeType::SESSION_TIMEOUT), 1);
    assert_eq!(reply.u32(AttributeType::SESSION_TIMEOUT), Some(100));
}

#[test]
fn custom_attributes_cannot_forge_what_the_protocol_writes() {
    let mut world = World::new();
    world.subscriber(|subscriber| {
        subscriber.attributes = composed(|own| {
            own.text(AttributeType::CLASS, "mine").unwrap().text(AttributeType::STATE, "x").unwrap();
            own.text(AttributeType::PROXY_STATE, "p")
                .unwrap()
                .text(AttributeType::CONNECT_INFO, "kept")
                .unwrap();
        });
    });
    let reply = world.accept(&budi());
    assert_eq!(reply.count(AttributeType::CLASS), 1);
    assert_eq!((reply.count(AttributeType::STATE), reply.count(AttributeType::PROXY_STATE)), (0, 0));
    assert_eq!(reply.text(AttributeType::CONNECT_INFO), Some("kept"));
    // Broken octets cost nobody his service.
    world.subscriber(|subscriber| subscriber.attributes = [77, 9, 1].into());
    world.accept(&budi());
    world.subscriber(|subscriber| subscriber.attributes = [77, 2].into());
    world.accept(&budi());
}

#[test]
fn what_does_not_fit_into_a_packet_is_not_sent() {
    // RFC 2865 §3: 4096 octets.
    let mut world = World::new();
    world.subscriber(|subscriber| {
        subscriber.simultaneous = Some(1);
        subscriber.routes = (0..30).map(|_| "x".repeat(200).into()).collect();
    });
    let got = world.send(Port::Authentication, &budi());
    assert!(matches!(got, Got::Dropped(DropReason::ReplyTooLong)), "{got:?}");
    world.subscriber(|subscriber| subscriber.simultaneous = Some(1));
    world.accept(&dial("budi", "rahasia", "AA:BB:CC:00:00:02"));
}

#[test]
fn proxy_state_comes_back_unmodified_and_in_order() {
    // RFC 2865 §5.33, in Accept and Reject.
    let mut world = World::new();
    for password in ["rahasia", "wrong"] {
        let packet = access(|packet| {
            pppoe(packet, "budi", MAC)?
                .octets(AttributeType::PROXY_STATE, b"one")?
                .octets(AttributeType::PROXY_STATE, &[0, 0xff])?
                .user_password(password.as_bytes(), &secret())
        });
        let (Got::Reply(reply) | Got::Delayed(reply, _)) = world.send(Port::Authentication, &packet) else {
            panic!("no reply");
        };
        let index = reply.index();
        assert_eq!(index.proxy_states().collect::<Vec<_>>(), [&b"one"[..], &[0, 0xff]]);
    }
}

#[test]
fn a_reject_tells_nothing() {
    let mut world = World::new();
    let (reason, wrong) = world.reject(&dial("budi", "wrong", MAC));
    assert_eq!(reason, Outcome::WrongPassword);
    let (reason, unknown) = world.reject(&dial("nobody", "wrong", MAC));
    assert_eq!(reason, Outcome::UnknownUser);
    assert_eq!(wrong.0.len(), unknown.0.len());
    for reply in [wrong, unknown] {
        let kinds: Vec<_> = reply.index().packet().attributes().map(|attribute| attribute.kind).collect();
        assert_eq!(kinds, [AttributeType::MESSAGE_AUTHENTICATOR], "RFC 5080 §2.1.1: no State either");
    }
    world.router(|router| router.reject_delay = Duration::ZERO);
    let got = world.send(Port::Authentication, &dial("budi", "wrong", MAC));
    assert!(matches!(got, Got::Reply(_)), "{got:?}");
}

#[test]
fn chargeable_user_identity_is_given_when_asked_for() {
    // RFC 4372 §2.1, §2.2.
    let mut world = World::new();
    let ask = |password: &str| {
        access(|packet| {
            pppoe(packet, "budi", MAC)?
                .octets(AttributeType::CHARGEABLE_USER_IDENTITY, &[0])?
                .user_password(password.as_bytes(), &secret())
        })
    };
    let first = world.accept(&ask("rahasia"));
    let identity = first.text(AttributeType::CHARGEABLE_USER_IDENTITY).unwrap();
    assert_eq!(identity.len(), 32);
    assert_eq!(world.accept(&ask("rahasia")).text(AttributeType::CHARGEABLE_USER_IDENTITY), Some(identity));
    assert_eq!(world.accept(&budi()).octets(AttributeType::CHARGEABLE_USER_IDENTITY), None);
    let (_, reject) = world.reject(&ask("wrong"));
    assert_eq!(reject.octets(AttributeType::CHARGEABLE_USER_IDENTITY), None);
}

#[test]
fn a_hotspot_gets_no_ppp_framing() {
    let mut world = World::new();
    let reply = world.accept(&hotspot("budi", "rahasia", MAC));
    assert_eq!(
        (reply.count(AttributeType::SERVICE_TYPE), reply.count(AttributeType::FRAMED_PROTOCOL)),
        (0, 0)
    );
    assert_eq!(reply.vendor_text(mikrotik::RATE_LIMIT), Some("5M/10M 10M/20M"));
}

/// A worker signs the Accepts of a batch together; a first use and a Reject are signed at once.
#[test]
fn a_worker_may_sign_accepts_itself() {
    let mut world = World::new();
    world.scratch = Scratch::with_seed([9; 16]).signing_later();
    world.accept(&budi());
    world.subscriber(|subscriber| subscriber.mac_lock = entry::MacLock::Learn);
    let got = world.send(Port::Authentication, &budi());
    assert!(matches!(got, Got::Recorded(Kind::FIRST_USE, ..)), "{got:?}");
    assert_eq!(world.reason(&dial("budi", "wrong", MAC)), Outcome::WrongPassword);
}
