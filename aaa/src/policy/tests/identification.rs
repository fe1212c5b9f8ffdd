//! Which router sent a packet, and what is discarded.

use super::*;

fn dropped(got: Got) -> DropReason {
    match got {
        Got::Dropped(reason) => reason,
        other => panic!("answered: {other:?}"),
    }
}

/// The same request without its last attribute, Message-Authenticator.
fn unsigned(fill: impl for<'c, 'b> Fn(&'c mut Composer<'b>) -> Composed<'c, 'b>) -> Vec<u8> {
    let mut packet = access(fill);
    packet.truncate(packet.len() - 18);
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    packet[2..4].copy_from_slice(&length);
    packet
}

fn unsigned_budi() -> Vec<u8> {
    unsigned(|packet| pppoe(packet, "budi", MAC)?.user_password(b"rahasia", &secret()))
}

#[test]
fn the_source_address_alone_selects_the_router() {
    // RFC 2865 §3, §5.4: never NAS-IP-Address, which the packet has right.
    let mut world = World::new();
    let got = world.send_from("192.0.2.99", Port::Authentication, &budi());
    assert_eq!(dropped(got), DropReason::UnknownClient);
    world.router(|router| router.addresses = ["2001:db8::1".parse().unwrap()].into());
    assert_eq!(dropped(world.send(Port::Authentication, &budi())), DropReason::UnknownClient);
    let got = world.send_from("2001:db8::1", Port::Authentication, &budi());
    assert!(matches!(got, Got::Reply(_)), "{got:?}");
}

#[test]
fn malformed_packets_and_unexpected_codes_are_discarded() {
    // RFC 2865 §3, RFC 2866 §3.
    let mut world = World::new();
    for length in 0..budi().len() {
        let got = world.send(Port::Authentication, &budi()[..length]);
        assert_eq!(dropped(got), DropReason::Malformed, "cut to {length}");
    }
    let start = account(1, None, |packet| Ok(packet));
    assert_eq!(dropped(world.send(Port::Authentication, &start)), DropReason::UnexpectedCode);
    assert_eq!(dropped(world.send(Port::Accounting, &budi())), DropReason::UnexpectedCode);
    let mut unknown = budi();
    unknown[0] = 200;
    assert_eq!(dropped(world.send(Port::Authentication, &unknown)), DropReason::UnexpectedCode);
    let mut padded = budi();
    padded.extend_from_slice(&[0xff; 40]);
    world.accept(&padded);
}

#[test]
fn message_authenticator_is_required_unless_the_router_cannot() {
    // RFC 3579 §3.2; CVE-2024-3596.
    let mut world = World::new();
    let router_id = RouterId::from_bytes(octets(3, 1));
    let got = world.send(Port::Authentication, &unsigned_budi());
    assert_eq!(dropped(got), DropReason::MessageAuthenticatorMissing);
    let view = |world: &World| world.live.find_router(router_id).unwrap().view();
    assert_eq!((view(&world).signs_requests, view(&world).unsigned_requests), (false, 1));

    world.router(|router| router.message_authenticator = MessageAuthenticatorPolicy::Off);
    world.accept(&unsigned_budi());
    assert_eq!((view(&world).signs_requests, view(&world).unsigned_requests), (false, 2));
    let proxied = unsigned(|packet| {
        pppoe(packet, "budi", MAC)?
            .user_password(b"rahasia", &secret())?
            .octets(AttributeType::PROXY_STATE, b"collision")
    });
    assert_eq!(dropped(world.send(Port::Authentication, &proxied)), DropReason::MessageAuthenticatorMissing);
    world.accept(&budi());
    assert!(view(&world).signs_requests);
    let eap = unsigned(|packet| pppoe(packet, "budi", MAC)?.eap_message(&[2, 1, 0, 5, 1]));
    assert_eq!(dropped(world.send(Port::Authentication, &eap)), DropReason::MessageAuthenticatorMissing);
}

#[test]
fn a_wrong_message_authenticator_is_discarded_and_counted() {
    let mut world = World::new();
    world.router(|router| router.message_authenticator = MessageAuthenticatorPolicy::Off);
    let packet = budi();
    for at in [packet.len() - 1, packet.len() - 16, 25, 4] {
        let mut altered = packet.clone();
        altered[at] ^= 1;
        let got = world.send(Port::Authentication, &altered);
        assert_eq!(dropped(got), DropReason::MessageAuthenticatorInvalid, "octet {at}");
    }
    let state = world.live.find_router(RouterId::from_bytes(octets(3, 1))).unwrap();
    assert_eq!(state.view().forged_packets, 4, "most likely it has another secret");
    let mut twice = packet.clone();
    twice.extend_from_slice(&packet[packet.len() - 18..]);
    let length = u16::try_from(twice.len()).unwrap().to_be_bytes();
    twice[2..4].copy_from_slice(&length);
    let got = world.send(Port::Authentication, &twice);
    assert_eq!(dropped(got), DropReason::MessageAuthenticatorInvalid);
}

#[test]
fn routers_behind_one_address_are_told_apart_by_their_secrets() {
    let mut world = World::new();
    world.put(Change::Router(router(2, ROUTER, b"the other secret")));
    world.accept(&budi());
    let got = world.send(Port::Authentication, &unsigned_budi());
    assert_eq!(dropped(got), DropReason::AmbiguousRouter, "nothing proves whose it is");
    let mut forged = budi();
    forged[5] ^= 1;
    assert_eq!(dropped(world.send(Port::Authentication, &forged)), DropReason::MessageAuthenticatorInvalid);
    let mut start = account(1, None, |packet| Ok(packet));
    let got = world.send(Port::Accounting, &start);
    assert!(matches!(got, Got::Recorded(Kind::ACCOUNTING, ..)), "{got:?}");
    start[4] ^= 1;
    assert_eq!(dropped(world.send(Port::Accounting, &start)), DropReason::AuthenticatorInvalid);
    let seen = |number| {
        let view = world.live.find_router(RouterId::from_bytes(octets(3, number))).unwrap().view();
        (view.signs_requests, view.unsigned_requests, view.forged_packets)
    };
    assert_eq!(seen(1), (true, 0, 2), "it signs: the unsigned one is not its own");
    assert_eq!(seen(2), (false, 1, 2), "an operator sees at whose address something is wrong");
}

#[test]
fn an_unsigned_request_is_of_the_only_router_there_that_does_not_sign() {
    let mut world = World::new();
    let unsigned_of = |world: &World, number: u8| {
        world
            .live
            .find_router(RouterId::from_bytes(octets(3, number)))
            .map(|state| state.view().unsigned_requests)
    };
    let second = || router(2, ROUTER, b"the other secret");
    world.put(Change::Router(second()));
    world.router(|router| router.message_authenticator = MessageAuthenticatorPolicy::Off);
    world.accept(&unsigned_budi());
    assert_eq!(unsigned_of(&world, 1), Some(1));
    assert_eq!(unsigned_of(&world, 2).unwrap_or(0), 0, "the one that signs has nothing to do with it");
    let proxied = unsigned(|packet| {
        pppoe(packet, "budi", MAC)?
            .user_password(b"rahasia", &secret())?
            .octets(AttributeType::PROXY_STATE, b"collision")
    });
    assert_eq!(dropped(world.send(Port::Authentication, &proxied)), DropReason::MessageAuthenticatorMissing);
    world.accept(&budi());

    let off = entry::Router { message_authenticator: MessageAuthenticatorPolicy::Off, ..second() };
    world.put(Change::Router(off));
    let got = world.send(Port::Authentication, &unsigned_budi());
    assert_eq!(dropped(got), DropReason::AmbiguousRouter, "either may have sent it");
    world.accept(&budi());
}

#[test]
fn status_server_is_answered_on_both_ports() {
    // RFC 5997 §3, §4.2.
    let mut world = World::new();
    let mut buffer = [0; 64];
    let mut packet = Composer::request(&mut buffer, Code::STATUS_SERVER, 1, &AUTHENTICATOR).unwrap();
    packet.message_authenticator().unwrap();
    let length = packet.finish(&secret());
    let status = &buffer[..length];
    for (port, code) in
        [(Port::Authentication, Code::ACCESS_ACCEPT), (Port::Accounting, Code::ACCOUNTING_RESPONSE)]
    {
        match world.send(port, status) {
            Got::Reply(reply) => assert_eq!(reply.code(), code),
            other => panic!("{other:?}"),
        }
    }
    let mut bare = status[..20].to_vec();
    bare[3] = 20;
    assert_eq!(dropped(world.send(Port::Authentication, &bare)), DropReason::MessageAuthenticatorMissing);
    assert_eq!(world.last(), None, "no user is looked at");
}

#[test]
fn a_request_of_each_port_has_a_key_of_its_own() {
    // RFC 5080 §2.2.2.
    let world = World::new();
    let packet = budi();
    let datagram = |peer_port, local: &str| Datagram {
        bytes: &packet,
        peer: SocketAddr::new(ROUTER.parse().unwrap(), peer_port),
        local: local.parse().unwrap(),
        port: Port::Authentication,
    };
    let key = |peer_port, local| {
        world.policy.identify(&mut Scratch::new(), &datagram(peer_port, local)).unwrap().key()
    };
    assert_eq!(key(1, SERVER), key(1, SERVER));
    assert_ne!(key(1, SERVER), key(2, SERVER));
    assert_ne!(key(1, SERVER), key(1, "192.0.2.54"));
}

/// A worker keeps routers, tenants and plans to itself: every change is in force for its next packet all the same.
#[test]
fn what_a_worker_knows_by_heart_holds_no_longer_than_the_directory() {
    let mut world = World::new();
    let rate = |world: &mut World| world.accept(&budi()).vendor_text(mikrotik::RATE_LIMIT).map(str::to_owned);
    assert_eq!(rate(&mut world), rate(&mut world));
    world.plan(|plan| plan.rate_limit = Some("1M/2M".into()));
    assert_eq!(rate(&mut world).as_deref(), Some("1M/2M"));
    world.put(Change::PlanGone(plan().id));
    assert_eq!(dropped(world.send(Port::Authentication, &budi())), DropReason::DirectoryIncomplete);
    world.plan(|_| ());
    world.put(Change::TenantGone(tenant(1).id));
    assert_eq!(dropped(world.send(Port::Authentication, &budi())), DropReason::DirectoryIncomplete);
    world.tenant(|_| ());
    world.accept(&budi());
    world.router(|router| router.secret = SharedSecret::new(b"another").unwrap());
    let got = world.send(Port::Authentication, &budi());
    assert_eq!(dropped(got), DropReason::MessageAuthenticatorInvalid);
    world.put(Change::RouterGone(router(1, ROUTER, SECRET).id));
    assert_eq!(dropped(world.send(Port::Authentication, &budi())), DropReason::UnknownClient);
    world.router(|_| ());
    world.accept(&budi());
    let id = RouterId::from_bytes(octets(3, 1));
    world.live.forget_router(id, now(0).wall);
    world.accept(&budi());
    assert_eq!(world.live.find_router(id).unwrap().view().last_seen, Some(now(0).wall), "observed anew");
}

#[test]
fn looking_ahead_changes_nothing() {
    let mut world = World::new();
    for number in 0..70_000_u32 {
        let mut other = subscriber(0, &format!("subscriber-{number}"));
        let [a, b, c, d] = number.to_be_bytes();
        other.id = SubscriberId::from_bytes([9, a, b, c, d, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]);
        world.put(Change::Subscriber(other));
    }
    assert!(world.policy.directory.is_large());
    let (here, elsewhere) = (ROUTER.parse().unwrap(), "192.0.2.99".parse().unwrap());
    let (budi, start) = (budi(), account(1, None, |packet| Ok(packet)));
    let nameless = access(|packet| packet.user_password(b"rahasia", &secret()));
    let mut batch =
        vec![(&budi[..], here), (&budi, elsewhere), (&start, here), (&nameless, here), (&[], here)];
    batch.extend((0..budi.len()).map(|length| (&budi[..length], here)));
    world.policy.look_ahead(&mut world.scratch, batch.into_iter());
    assert_eq!(world.last(), None, "nothing was decided");
    world.accept(&budi);
    world.policy.look_ahead(&mut world.scratch, std::iter::repeat_n((&budi[..], here), 20));
    world.accept(&budi);
}
