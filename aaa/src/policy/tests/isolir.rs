//! Isolated subscribers: online, slow, walled.

use radius::{compose, vendor::ascend};

use super::*;

fn isolated(subscriber: &mut entry::Subscriber) {
    subscriber.overlay = OverlayReasons(OverlayReasons::UNPAID);
    subscriber.overlay_generation = 4;
    subscriber.static_address = Some([203, 0, 113, 9].into());
    subscriber.ipv6_prefix = Some(("2001:db8:1::".parse().unwrap(), 64));
    subscriber.delegated_ipv6_prefix = Some(("2001:db8:100::".parse().unwrap(), 56));
    subscriber.routes = ["198.51.100.0/28 0.0.0.0 1".into()].into();
    let mut buffer = [0; 256];
    let length = compose::attributes(&mut buffer, |own| {
        own.vendor_u32(ascend::DATA_RATE, 1)?.text(AttributeType::CONNECT_INFO, "kept")?;
        own.vendor_text(mikrotik::RATE_LIMIT, "100M/100M").map(|_| ())
    });
    subscriber.attributes = buffer[..length.unwrap()].into();
}

fn wall() -> IsolirProfile {
    IsolirProfile {
        rate_limit: Some("128k/128k".into()),
        address_list: Some("isolir".into()),
        group: Some("isolir".into()),
        filter: Some("isolir".into()),
        pool: None,
        session_timeout: None,
        kept_attributes: [
            (0, AttributeType::CONNECT_INFO.0),
            (mikrotik::RATE_LIMIT.vendor.0, mikrotik::RATE_LIMIT.kind),
        ]
        .into(),
    }
}

#[test]
fn an_isolated_subscriber_is_accepted_with_the_tenants_profile() {
    let mut world = World::new();
    world.tenant(|tenant| tenant.isolir = wall());
    world.subscriber(isolated);
    let reply = world.accept(&budi());
    assert_eq!(world.last(), Some(Outcome::AcceptedIsolated));
    assert_eq!(reply.vendor_text(mikrotik::RATE_LIMIT), Some("128k/128k"), "over the subscriber's own too");
    assert_eq!(reply.vendor_text(mikrotik::ADDRESS_LIST), Some("isolir"));
    assert_eq!(reply.vendor_text(mikrotik::GROUP), Some("isolir"));
    assert_eq!(reply.text(AttributeType::FILTER_ID), Some("isolir"));
    assert_eq!(
        reply.octets(AttributeType::FRAMED_IP_ADDRESS),
        Some(&[203, 0, 113, 9][..]),
        "a lift needs no re-dial"
    );
    for kind in [
        AttributeType::FRAMED_ROUTE,
        AttributeType::FRAMED_IPV6_PREFIX,
        AttributeType::DELEGATED_IPV6_PREFIX,
        AttributeType::FRAMED_IPV6_POOL,
        AttributeType::FRAMED_POOL,
    ] {
        assert_eq!(reply.octets(kind), None, "{kind}");
    }
    assert_eq!(reply.vendor(mikrotik::DELEGATED_IPV6_POOL), None);
    assert_eq!(reply.vendor(ascend::DATA_RATE), None);
    assert_eq!(reply.text(AttributeType::CONNECT_INFO), Some("kept"));
    let class = reply.octets(AttributeType::CLASS).unwrap();
    let cookie = super::super::class::parse(class, tenant(1).id, world.policy.class_key()).unwrap();
    assert_eq!(cookie.overlay_generation, 4);
}

#[test]
fn the_default_keeps_the_plans_pool_and_a_pool_of_its_own_leaves_the_address_out() {
    let mut world = World::new();
    world.tenant(|tenant| tenant.isolir = wall());
    world.subscriber(|subscriber| subscriber.overlay = OverlayReasons(OverlayReasons::MANUAL));
    assert_eq!(world.accept(&budi()).text(AttributeType::FRAMED_POOL), Some("pool-a"));
    world.tenant(|tenant| {
        tenant.isolir = IsolirProfile {
            pool: Some("pool-isolir".into()),
            session_timeout: Some(3_600),
            ..IsolirProfile::default()
        };
    });
    world.subscriber(isolated);
    let reply = world.accept(&budi());
    assert_eq!(reply.text(AttributeType::FRAMED_POOL), Some("pool-isolir"));
    assert_eq!(reply.octets(AttributeType::FRAMED_IP_ADDRESS), None);
    assert_eq!(reply.u32(AttributeType::SESSION_TIMEOUT), Some(3_600));
    assert_eq!(reply.vendor(mikrotik::RATE_LIMIT), None, "the plan's would undo the router's own profile");
    assert_eq!(reply.octets(AttributeType::CONNECT_INFO), None, "the profile keeps none");
}

#[test]
fn isolation_opens_no_door_that_is_shut() {
    let mut world = World::new();
    world.subscriber(|subscriber| {
        isolated(subscriber);
        subscriber.standing = entry::Standing::Suspended;
    });
    assert_eq!(world.reason(&budi()), Outcome::Suspended);
    world.subscriber(isolated);
    assert_eq!(world.reason(&dial("budi", "wrong", MAC)), Outcome::WrongPassword);
}
