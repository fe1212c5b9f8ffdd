//! Packets that no router sends: nothing panics, and nobody gets in without the password.

use std::cell::{Cell, RefCell};

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;

/// Overwrites octets of a packet, then signs it again as the router would, where it is still a packet at all.
fn mutated(original: &[u8], changes: &[(usize, u8)], is_signed: bool) -> Vec<u8> {
    let mut packet = original.to_vec();
    for (at, octet) in changes {
        let at = 20 + at % (packet.len() - 20);
        packet[at] = *octet;
    }
    if !is_signed {
        return packet;
    }
    let Ok(index) = Index::parse(&packet) else { return packet };
    let mut buffer = [0; 4096];
    let code = index.packet().code();
    let composer = if code == Code::ACCESS_REQUEST {
        Composer::request(&mut buffer, code, 77, &AUTHENTICATOR)
    } else {
        Composer::signed_request(&mut buffer, code, 77)
    };
    let Ok(mut composer) = composer else { return packet };
    for attribute in index.packet().attributes() {
        if attribute.kind != AttributeType::MESSAGE_AUTHENTICATOR {
            let _full = composer.octets(attribute.kind, attribute.value).map(|_| ());
        }
    }
    if code == Code::ACCESS_REQUEST {
        composer.message_authenticator().unwrap();
    }
    let length = composer.finish(&secret());
    buffer[..length].to_vec()
}

/// RFC 2865 §3, §5: whatever comes is answered or discarded.
#[test]
fn nothing_panics() {
    const CASES: u32 = 20_000;
    let world = RefCell::new(World::new());
    let seconds = Cell::new(0);
    let start = account(1, None, |packet| packet.u32(AttributeType::ACCT_SESSION_TIME, 5));
    let eap = access(|packet| pppoe(packet, "budi", MAC)?.eap_message(&[2, 1, 0, 5, 1]));
    let originals = [dial("budi", "wrong", MAC), hotspot("budi", "wrong", MAC), eap, start];
    let changes = proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    let ran = TestRunner::new(config).run(
        &(0..originals.len(), changes, any::<bool>()),
        |(kind, changes, is_signed)| {
            let mut world = world.borrow_mut();
            // A second for each, or the device would be throttled.
            seconds.set(seconds.get() + 1);
            let port = if kind == 3 { Port::Accounting } else { Port::Authentication };
            let packet = mutated(&originals[kind], &changes, is_signed);
            let got = world.send_at(seconds.get(), ROUTER, port, &packet, true);
            match got {
                Got::Reply(reply) => prop_assert_ne!(reply.code(), Code::ACCESS_ACCEPT),
                Got::Delayed(reply, _) => prop_assert_eq!(reply.code(), Code::ACCESS_REJECT),
                Got::Recorded(kind, ..) => prop_assert_eq!(kind, Kind::ACCOUNTING),
                Got::Dropped(reason) => prop_assert!(!changes.is_empty(), "{reason}"),
            }
            Ok(())
        },
    );
    ran.unwrap();
}
