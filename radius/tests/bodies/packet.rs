//! Packets: parse and index agree, nothing panics, and what is composed is read back.

use radius::attribute::AttributeType;
use radius::authenticator::{MessageAuthenticator, verify_reply, verify_request};
use radius::code::Code;
use radius::compose::Composer;
use radius::credential::eap;
use radius::dynauth::{Client, Kind, Limits, Pair, Request, Session};
use radius::index::Index;
use radius::packet::Packet;
use radius::vendor::{Vendor, VendorType};

use super::secret;

/// Everything that a server does with a datagram before it knows who sent it, and what a CoA client does with one.
pub(crate) fn parse(datagram: &[u8]) {
    let secret = secret();
    let parsed = Packet::parse(datagram);
    let indexed = Index::parse(datagram);
    assert_eq!(
        parsed.map(|packet| packet.as_bytes().len()),
        indexed.clone().map(|index| index.packet().as_bytes().len())
    );
    unasked_reply(datagram);
    let (Ok(packet), Ok(index)) = (parsed, indexed) else { return };
    let total: usize = packet.attributes().map(|attribute| attribute.value.len() + 2).sum();
    assert_eq!(total, packet.attribute_bytes().len());
    // Whether through the index or by walking, the answer is the same.
    for kind in 0..=u8::MAX {
        let kind = AttributeType(kind);
        assert_eq!(index.find(kind), packet.find(kind));
        assert!(index.find_all(kind).eq(packet.find_all(kind)));
    }
    for vendor in [Vendor::MICROSOFT, Vendor::MIKROTIK, Vendor::REDBACK, Vendor::ADSL_FORUM, Vendor::WISPR] {
        for kind in 0..=u8::MAX {
            let kind = VendorType::new(vendor, kind);
            assert_eq!(index.find_vendor(kind), packet.find_vendor(kind));
        }
    }
    for attribute in packet.attributes() {
        let _ = (attribute.u32(), attribute.u64(), attribute.ipv4(), attribute.ipv6(), attribute.text());
        let _ = (attribute.ipv6_prefix(), attribute.interface_id(), attribute.tagged_u32());
        let _ = (attribute.tagged_octets(), attribute.extended());
    }
    let _ = verify_request(&index, &secret);
    let _ = verify_reply(&index, &[1; 16], &secret);
    let mut joined = [0; 4096];
    let _ = eap::join(&index, &mut joined);
    let mut reply = [0; 4096];
    if let Ok(mut composer) = Composer::reply(&mut reply, Code::ACCESS_REJECT, &index) {
        let _ = composer.proxy_states(&index);
        let length = composer.finish(&secret);
        let reply = Index::parse(&reply[..length]).expect("what is composed is a packet");
        let verified = verify_reply(&reply, packet.authenticator(), &secret);
        assert_eq!(verified, Ok(MessageAuthenticator::Valid));
    }
}

/// A datagram that is not signed by the router never ends a request.
fn unasked_reply(datagram: &[u8]) {
    let [local, remote] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(|address| (address, 3799).into());
    let mut client = Client::new(Limits::default(), Box::new(|| 0));
    let secret = secret();
    let session = Session { user_name: Some(b"user"), ..Session::default() };
    let request = Request {
        kind: Kind::Disconnect,
        pair: Pair { local, remote },
        secret: &secret,
        session,
        changes: &[],
        event_timestamp: None,
        requires_message_authenticator: false,
    };
    client.submit(&request).expect("there is room");
    let now = core::time::Duration::ZERO;
    assert!(client.poll_transmit(now).is_some());
    assert!(client.handle(now, local, remote, datagram).is_err());
    assert_eq!(client.in_flight(), 1);
}

/// Composing what was parsed gives the same octets, signed for every kind of request.
pub(crate) fn round_trip(datagram: &[u8]) {
    let Ok(packet) = Packet::parse(datagram) else { return };
    let secret = secret();
    let sendable = packet.attributes().all(|attribute| {
        !attribute.value.is_empty() && attribute.kind != AttributeType::MESSAGE_AUTHENTICATOR
    });

    let mut buffer = [0; 4096];
    let mut composer =
        Composer::request(&mut buffer, packet.code(), packet.identifier(), packet.authenticator())
            .expect("the buffer holds a header");
    assert_eq!(composer.raw(packet.attribute_bytes()).is_ok(), sendable);
    if !sendable {
        return;
    }
    let length = composer.finish(&secret);
    assert_eq!(&buffer[..length], packet.as_bytes());

    // One by one it comes to the same as all at once.
    let mut second = [0; 4096];
    let mut composer =
        Composer::request(&mut second, packet.code(), packet.identifier(), packet.authenticator())
            .expect("the buffer holds a header");
    for attribute in packet.attributes() {
        composer.octets(attribute.kind, attribute.value).expect("the packet holds it");
    }
    let length = composer.finish(&secret);
    assert_eq!(&second[..length], packet.as_bytes());

    let mut signed = [0; 4096];
    for code in [Code::ACCOUNTING_REQUEST, Code::COA_REQUEST, Code::DISCONNECT_REQUEST] {
        let mut composer = Composer::signed_request(&mut signed, code, packet.identifier())
            .expect("the buffer holds a header");
        if composer.message_authenticator().is_err() || composer.raw(packet.attribute_bytes()).is_err() {
            // No room for Message-Authenticator beside so many attributes.
            return;
        }
        let length = composer.finish(&secret);
        let index = Index::parse(&signed[..length]).expect("what is composed is a packet");
        assert_eq!(verify_request(&index, &secret), Ok(MessageAuthenticator::Valid));
    }
}
