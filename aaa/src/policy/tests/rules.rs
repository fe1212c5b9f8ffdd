//! Who may come in, and when.

use super::*;
use crate::live::Admitted;

#[test]
fn standing_validity_and_a_stopped_tenant() {
    let mut world = World::new();
    world.subscriber(|subscriber| subscriber.standing = entry::Standing::Suspended);
    assert_eq!(world.reason(&budi()), Outcome::Suspended);
    world.subscriber(|subscriber| subscriber.standing = entry::Standing::Ended);
    assert_eq!(world.reason(&budi()), Outcome::Ended);
    world.subscriber(|subscriber| subscriber.expires_at = Some(now(0).wall));
    assert_eq!(world.reason(&budi()), Outcome::Expired);
    world.subscriber(|_| ());
    world.tenant(|tenant| tenant.stopped = true);
    assert_eq!(world.reason(&budi()), Outcome::TenantStopped);
}

#[test]
fn a_session_ends_with_the_validity() {
    let mut world = World::new();
    world.subscriber(|subscriber| subscriber.expires_at = Some(now(3_600).wall));
    assert_eq!(world.accept(&budi()).u32(AttributeType::SESSION_TIMEOUT), Some(3_600));
    world.subscriber(|subscriber| subscriber.expires_at = Some(now(1_000_000).wall));
    assert_eq!(
        world.accept(&budi()).u32(AttributeType::SESSION_TIMEOUT),
        Some(86_400),
        "the plan's is shorter"
    );
    world.plan(|plan| plan.session_timeout = None);
    assert_eq!(world.accept(&budi()).u32(AttributeType::SESSION_TIMEOUT), Some(1_000_000));
    world.subscriber(|subscriber| {
        subscriber.expires_at = Some(now(0).wall.saturating_add(Duration::from_millis(999)));
    });
    assert_eq!(world.reason(&budi()), Outcome::Expired, "less than a second can't be told to a router");
}

#[test]
fn access_hours_are_kept_in_the_tenants_zone() {
    // It is Sunday, 15:00 in Jakarta: minute 6 * 1,440 + 900 of the week.
    let sunday = |hour: u16| 6 * 1_440 + hour * 60;
    let mut world = World::new();
    world.plan(|plan| plan.hours = [(sunday(8), sunday(17))].into());
    assert_eq!(world.accept(&budi()).u32(AttributeType::SESSION_TIMEOUT), Some(2 * 3_600));
    world.subscriber(|subscriber| subscriber.expires_at = Some(now(60).wall));
    assert_eq!(world.accept(&budi()).u32(AttributeType::SESSION_TIMEOUT), Some(60));
    world.plan(|plan| plan.hours = [(sunday(8), sunday(15))].into());
    assert_eq!(world.reason(&budi()), Outcome::OutsideHours);
}

#[test]
fn service_and_router_are_bound() {
    let mut world = World::new();
    world.subscriber(|subscriber| subscriber.service = entry::ServiceType::Hotspot);
    assert_eq!(world.reason(&budi()), Outcome::WrongService);
    world.accept(&hotspot("budi", "rahasia", MAC));
    world.subscriber(|subscriber| subscriber.service = entry::ServiceType::Ppp);
    world.accept(&budi());
    assert_eq!(world.reason(&hotspot("budi", "rahasia", MAC)), Outcome::WrongService);
    world.subscriber(|subscriber| subscriber.router = Some(RouterId::from_bytes(octets(3, 2))));
    assert_eq!(world.reason(&budi()), Outcome::WrongRouter);
    world.subscriber(|subscriber| subscriber.router = Some(RouterId::from_bytes(octets(3, 1))));
    world.accept(&budi());
}

#[test]
fn a_login_to_the_router_is_never_a_subscribers() {
    let mut world = World::new();
    let login = |service: Option<ServiceType>| {
        access(|packet| {
            if let Some(service) = service {
                packet.u32(AttributeType::SERVICE_TYPE, service.0)?;
            }
            packet
                .text(AttributeType::USER_NAME, "budi")?
                .text(AttributeType::CALLING_STATION_ID, "10.0.0.5")?
                .text(AttributeType::NAS_IDENTIFIER, "edge-1")?
                .user_password(b"rahasia", &secret())
        })
    };
    for service in [ServiceType::LOGIN, ServiceType::ADMINISTRATIVE, ServiceType::NAS_PROMPT] {
        assert_eq!(world.reason(&login(Some(service))), Outcome::RouterLogin, "{service}");
    }
    assert_eq!(world.reason(&login(None)), Outcome::UnrecognisedService);
}

#[test]
fn a_realm_of_the_tenants_own_is_stripped() {
    let mut world = World::new();
    world.accept(&dial("budi@isp.example", "rahasia", MAC));
    world.accept(&dial("budi@ISP.Example", "rahasia", MAC));
    assert_eq!(world.reason(&dial("budi@other.example", "rahasia", MAC)), Outcome::UnknownUser);
    world.put(Change::Subscriber(entry::Subscriber {
        password: entry::Password::Clear(SecretBytes::new(b"lain".to_vec())),
        ..subscriber(2, "budi@isp.example")
    }));
    world.accept(&dial("budi@isp.example", "lain", MAC));
}

#[test]
fn the_limit_of_sessions_holds_from_the_accept_on() {
    let mut world = World::new();
    world.plan(|plan| plan.simultaneous = 1);
    let (one, two) = (budi(), dial("budi", "rahasia", "AA:BB:CC:00:00:02"));
    world.accept(&one);
    assert_eq!(world.reason(&two), Outcome::TooManySessions);
    let first = world.accept(&one);
    world.subscriber(|subscriber| subscriber.simultaneous = Some(2));
    let second = world.accept(&two);
    assert_ne!(first.octets(AttributeType::CLASS), second.octets(AttributeType::CLASS));
    world.subscriber(|subscriber| subscriber.simultaneous = Some(0));
    world.accept(&dial("budi", "rahasia", "AA:BB:CC:00:00:03"));
}

#[test]
fn of_many_logins_at_once_one_is_accepted() {
    const THREADS: usize = 8;
    for _ in 0..20 {
        let mut world = World::new();
        world.plan(|plan| plan.simultaneous = 1);
        let World { policy, .. } = &world;
        let barrier = std::sync::Barrier::new(THREADS);
        let accepts: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|number| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        let packet = dial("budi", "rahasia", &format!("AA:BB:CC:00:00:{number:02X}"));
                        let datagram = Datagram {
                            bytes: &packet,
                            peer: SocketAddr::new(ROUTER.parse().unwrap(), 40_000),
                            local: SERVER.parse().unwrap(),
                            port: Port::Authentication,
                        };
                        let mut scratch = Scratch::with_seed([u8::try_from(number).unwrap(); 16]);
                        barrier.wait();
                        let request = policy.identify(&mut scratch, &datagram).unwrap();
                        let action = policy.answer(now(0), &request, &mut scratch, &mut [0; 4096]);
                        usize::from(matches!(action, Action::Reply { .. }))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(accepts, 1);
    }
}

#[test]
fn without_a_directory_nobody_is_rejected() {
    // RFC 5080 §2.6.1: ignorance is no reason to reject.
    let mut world = World::empty();
    let dropped = |world: &mut World| match world.send(Port::Authentication, &budi()) {
        Got::Dropped(reason) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(dropped(&mut world), DropReason::UnknownClient);
    world.put(Change::Router(router(1, ROUTER, SECRET)));
    world.put(Change::Tenant(tenant(1)));
    assert_eq!(dropped(&mut world), DropReason::DirectoryIncomplete);
    world.put(Change::Subscriber(subscriber(1, "budi")));
    world.writer.caught_up(now(0).wall);
    assert_eq!(dropped(&mut world), DropReason::DirectoryIncomplete, "its plan is missing");
    world.put(Change::Plan(plan()));
    world.accept(&budi());
    world.put(Change::TenantGone(tenant(1).id));
    assert_eq!(dropped(&mut world), DropReason::DirectoryIncomplete);
}

#[test]
fn a_device_that_keeps_failing_is_left_unanswered() {
    let mut world = World::new();
    let wrong = dial("budi", "wrong", MAC);
    for _ in 0..10 {
        assert_eq!(world.reason(&wrong), Outcome::WrongPassword);
    }
    let got = world.send(Port::Authentication, &budi());
    assert!(matches!(got, Got::Dropped(DropReason::Throttled)), "even with the right password: {got:?}");
    world.accept(&dial("budi", "rahasia", "AA:BB:CC:00:00:02"));
    let got = world.send_at(1, ROUTER, Port::Authentication, &budi(), true);
    assert!(matches!(got, Got::Reply(_)), "{got:?}");
}

#[test]
fn tenants_with_the_same_names_never_mix() {
    let mut world = World::new();
    world.put(Change::Tenant(tenant(2)));
    let other_router = entry::Router { tenant: tenant(2).id, ..router(2, ROUTER, b"another secret") };
    world.put(Change::Router(other_router));
    let other_plan = entry::Plan {
        id: PlanId::from_bytes(octets(4, 2)),
        tenant: tenant(2).id,
        rate_limit: None,
        ..plan()
    };
    let other = entry::Subscriber { tenant: tenant(2).id, plan: other_plan.id, ..subscriber(2, "budi") };
    world.put(Change::Plan(other_plan));
    world.put(Change::Subscriber(other));
    // The same address, name, password and session id: the secret tells them apart.
    let packet = budi();
    let mine = world.accept(&packet);
    let mut theirs = packet;
    resign(&mut theirs, SECRET, b"another secret");
    let reply = world.accept(&theirs);
    assert_eq!(mine.vendor_text(mikrotik::RATE_LIMIT), Some("5M/10M 10M/20M"));
    assert_eq!(reply.vendor(mikrotik::RATE_LIMIT), None);
    let key = world.policy.class_key();
    let class = reply.octets(AttributeType::CLASS).unwrap();
    assert_eq!(super::super::class::parse(class, tenant(1).id, key), None);
    let cookie = super::super::class::parse(class, tenant(2).id, key).unwrap();
    assert_eq!(cookie.subscriber, subscriber_id(2));
}

/// Rebuilds a PAP request of router 1 as a router with another secret would send it.
fn resign(packet: &mut Vec<u8>, _from: &[u8], to: &[u8]) {
    let to = SharedSecret::new(to).unwrap();
    let mut buffer = [0; 4096];
    let mut request = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 77, &AUTHENTICATOR).unwrap();
    pppoe(&mut request, "budi", MAC).unwrap().user_password(b"rahasia", &to).unwrap();
    request.message_authenticator().unwrap();
    let length = request.finish(&to);
    *packet = buffer[..length].to_vec();
}

#[test]
fn a_granted_place_is_given_back_when_nothing_is_sent() {
    let mut world = World::new();
    world.plan(|plan| plan.simultaneous = 1);
    world.subscriber(|subscriber| subscriber.mac_lock = entry::MacLock::Learn);
    let got = world.send_at(0, ROUTER, Port::Authentication, &budi(), false);
    assert!(matches!(got, Got::Recorded(Kind::FIRST_USE, ..)), "{got:?}");
    let state = world.live.find_router(RouterId::from_bytes(octets(3, 1))).unwrap();
    let admission = crate::live::Admission {
        subscriber: subscriber_id(1),
        limit: 1,
        router: &state,
        mac: Some(mac("AA:BB:CC:00:00:09")),
        nas_port: None,
        session: base::SessionId::from_bytes(octets(9, 9)),
    };
    assert_eq!(world.live.reserve(now(0), &admission), Admitted::Granted);
}
