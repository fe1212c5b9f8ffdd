//! Our codec against an independent one, crate `radius` 0.4.0: framing, strings, integers, addresses, User-Password,
//! the Response Authenticator, that of accounting, and strings of vendors.
//!
//! Not compared, because there it departs from the documents: padding behind the packet, NULs within a password, tagged
//! integers, Tunnel-Password, Message-Authenticator, integers of vendors.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground is not as it says")]

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use radius::attribute::{AttributeType, value};
use radius::authenticator::{MessageAuthenticator, verify_reply, verify_request};
use radius::code::Code;
use radius::compose::Composer;
use radius::hide;
use radius::index::Index;
use radius::packet::Packet;
use radius::secret::SharedSecret;
use radius::vendor::{Vendor, VendorType};
use radius_rs::core::avp::AVP;
use radius_rs::core::code::Code as TheirCode;
use radius_rs::core::packet::Packet as Theirs;
use radius_rs::core::vsa::{StringVSA, VSA};
use radius_rs::core::{rfc2865, rfc2866};

/// What one attribute holds.
#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Integer(u32),
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
    Octets(Vec<u8>),
    Vendor(u32, u8, String),
}

fn value() -> impl Strategy<Value = Value> {
    let text = "[a-zA-Z0-9 @.:äöü-]{1,60}";
    prop_oneof![
        text.prop_map(Value::Text),
        any::<u32>().prop_map(Value::Integer),
        any::<u32>().prop_map(|bits| Value::Ipv4(bits.into())),
        any::<u128>().prop_map(|bits| Value::Ipv6(bits.into())),
        vec(any::<u8>(), 1..=253).prop_map(Value::Octets),
        (0..=0x7fff_ffff_u32, any::<u8>(), text)
            .prop_map(|(vendor, kind, text)| Value::Vendor(vendor, kind, text)),
    ]
}

/// Types and values; Message-Authenticator is out, because it would have to be right.
fn attributes() -> impl Strategy<Value = Vec<(u8, Value)>> {
    vec((any::<u8>().prop_filter("see above", |kind| *kind != 80), value()), 0..10)
}

fn secret() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..70)
}

fn add_ours(composer: &mut Composer<'_>, attributes: &[(u8, Value)]) {
    for (kind, value) in attributes {
        let kind = AttributeType(*kind);
        match value {
            Value::Text(text) => composer.text(kind, text),
            Value::Integer(integer) => composer.u32(kind, *integer),
            Value::Ipv4(address) => composer.ipv4(kind, *address),
            Value::Ipv6(address) => composer.ipv6(kind, *address),
            Value::Octets(octets) => composer.octets(kind, octets),
            Value::Vendor(vendor, kind, text) => {
                composer.vendor_text(VendorType::new(Vendor(*vendor), *kind), text)
            }
        }
        .unwrap();
    }
}

fn add_theirs(packet: &mut Theirs, attributes: &[(u8, Value)]) {
    for (kind, value) in attributes {
        packet.add(match value {
            Value::Text(text) => AVP::from_string(*kind, text),
            Value::Integer(integer) => AVP::from_u32(*kind, *integer),
            Value::Ipv4(address) => AVP::from_ipv4(*kind, address),
            Value::Ipv6(address) => AVP::from_ipv6(*kind, address),
            Value::Octets(octets) => AVP::from_bytes(*kind, octets),
            Value::Vendor(vendor, kind, text) => {
                let inner = StringVSA::new(i32::try_from(*vendor).unwrap(), *kind, text);
                AVP::from_bytes(rfc2865::VENDOR_SPECIFIC_TYPE, &inner.message())
            }
        });
    }
}

proptest! {
    /// Both read the same attributes from the same octets, or both refuse them.
    #[test]
    fn framing(header in any::<[u8; 20]>(), mut body in vec(any::<u8>(), 0..120), off in -2_i32..=2) {
        // Most lengths small, so that a good part is well formed.
        let mut at = 0;
        while at + 1 < body.len() {
            body[at + 1] = body[at + 1] % 12 + u8::from(off == 0) * 2;
            at += usize::from(body[at + 1]).max(1);
        }
        let mut datagram = [&header[..], &body].concat();
        let length = u16::try_from(i32::try_from(datagram.len()).unwrap() + off).unwrap();
        datagram[2..4].copy_from_slice(&length.to_be_bytes());

        let ours = Packet::parse(&datagram);
        let theirs = Theirs::decode(&datagram, b"s");
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!(ours.identifier(), theirs.get_identifier());
            prop_assert_eq!(&ours.authenticator()[..], &theirs.get_authenticator()[..]);
            for kind in 0..=u8::MAX {
                let ours: Vec<_> = ours.find_all(AttributeType(kind)).map(|a| a.value.to_vec()).collect();
                let theirs: Vec<_> = theirs.lookup_all(kind).iter().map(|avp| avp.encode_bytes()).collect();
                prop_assert_eq!(ours, theirs);
            }
        }
    }

    /// Both compose the same Accounting-, CoA- and Disconnect-Request, signature included, and believe each other's.
    #[test]
    fn signed_requests(
        identifier: u8,
        attributes in attributes(),
        secret in secret(),
        code in prop::sample::select(vec![
            (Code::ACCOUNTING_REQUEST, TheirCode::AccountingRequest),
            (Code::COA_REQUEST, TheirCode::CoARequest),
            (Code::DISCONNECT_REQUEST, TheirCode::DisconnectRequest),
        ]),
        flip: prop::sample::Index,
    ) {
        let mut theirs = Theirs::new_with_identifier(code.1, &secret, identifier);
        add_theirs(&mut theirs, &attributes);
        let theirs = theirs.encode().unwrap();

        let shared = SharedSecret::new(&secret).unwrap();
        let mut buffer = [0; 4096];
        let mut composer = Composer::signed_request(&mut buffer, code.0, identifier).unwrap();
        add_ours(&mut composer, &attributes);
        let length = composer.finish(&shared);
        prop_assert_eq!(&buffer[..length], &theirs[..]);

        let index = Index::parse(&theirs).unwrap();
        prop_assert_eq!(verify_request(&index, &shared), Ok(MessageAuthenticator::Absent));
        prop_assert!(Theirs::is_authentic_request(&buffer[..length], &secret));

        // A flipped bit that leaves a packet: both refuse it.
        let bit = 8 * 4 + flip.index((length - 4) * 8);
        buffer[bit / 8] ^= 1 << (bit % 8);
        if let Ok(index) = Index::parse(&buffer[..length]) {
            prop_assert!(verify_request(&index, &shared).is_err());
            prop_assert!(!Theirs::is_authentic_request(&buffer[..length], &secret));
        }
    }

    /// Both answer an Access-Request alike, and believe each other's answer.
    #[test]
    fn replies(
        identifier: u8,
        authenticator: [u8; 16],
        attributes in attributes(),
        secret in secret(),
        code in prop::sample::select(vec![
            (Code::ACCESS_ACCEPT, TheirCode::AccessAccept),
            (Code::ACCESS_REJECT, TheirCode::AccessReject),
            (Code::ACCESS_CHALLENGE, TheirCode::AccessChallenge),
            (Code::ACCOUNTING_RESPONSE, TheirCode::AccountingResponse),
        ]),
    ) {
        let shared = SharedSecret::new(&secret).unwrap();
        let mut request = [0; 20];
        let composer =
            Composer::request(&mut request, Code::ACCESS_REQUEST, identifier, &authenticator).unwrap();
        composer.finish(&shared);

        let mut theirs = Theirs::decode(&request, &secret).unwrap().make_response_packet(code.1);
        add_theirs(&mut theirs, &attributes);
        let theirs = theirs.encode().unwrap();

        let index = Index::parse(&request).unwrap();
        let mut buffer = [0; 4096];
        let mut composer = Composer::bare_reply(&mut buffer, code.0, &index).unwrap();
        add_ours(&mut composer, &attributes);
        let length = composer.finish(&shared);
        prop_assert_eq!(&buffer[..length], &theirs[..]);
        prop_assert!(Theirs::is_authentic_response(&buffer[..length], &request, &secret));

        // With EAP-Message we ask for a Message-Authenticator, which they cannot make.
        let eap = attributes.iter().any(|(kind, value)| *kind == 79 && !matches!(value, Value::Vendor(..)));
        if !eap {
            let reply = Index::parse(&theirs).unwrap();
            let verified = verify_reply(&reply, &authenticator, &shared);
            prop_assert_eq!(verified, Ok(MessageAuthenticator::Absent));
        }
        // Ours with Message-Authenticator is right for them as well.
        let mut composer = Composer::reply(&mut buffer, code.0, &index).unwrap();
        add_ours(&mut composer, &attributes);
        let length = composer.finish(&shared);
        prop_assert!(Theirs::is_authentic_response(&buffer[..length], &request, &secret));
    }

    /// User-Password: each reveals what the other hid.
    #[test]
    fn user_passwords(password in vec(1..=u8::MAX, 0..=128), authenticator: [u8; 16], secret in secret()) {
        let shared = SharedSecret::new(&secret).unwrap();
        let ours = hide::hide_password(&password, &authenticator, &shared).unwrap();
        let theirs = AVP::from_user_password(2, &password, &secret, &authenticator).unwrap();
        prop_assert_eq!(ours.expose(), &theirs.encode_bytes()[..]);
        let revealed = hide::reveal_password(&theirs.encode_bytes(), &authenticator, &shared).unwrap();
        prop_assert_eq!(revealed.expose(), &password[..]);
        let revealed = AVP::from_bytes(2, ours.expose()).encode_user_password(&secret, &authenticator);
        prop_assert_eq!(revealed.unwrap(), password);
    }

    /// Values of one type read alike, and values of another type are refused alike.
    #[test]
    fn typed_values(octets in vec(any::<u8>(), 1..24)) {
        let theirs = AVP::from_bytes(1, &octets);
        prop_assert_eq!(value::u32(&octets), theirs.encode_u32().ok());
        prop_assert_eq!(value::ipv4(&octets), theirs.encode_ipv4().ok());
        prop_assert_eq!(value::ipv6(&octets), theirs.encode_ipv6().ok());
        if octets.last() != Some(&0) {
            prop_assert_eq!(value::text(&octets).map(str::to_owned), theirs.encode_string().ok());
        }
    }
}

/// A request of a router, composed by them attribute by attribute, and read by us through the index.
#[test]
fn router_accounting() {
    let secret = b"testing123";
    let mut theirs = Theirs::new_with_identifier(TheirCode::AccountingRequest, secret, 7);
    rfc2866::add_acct_status_type(&mut theirs, 3);
    rfc2865::add_user_name(&mut theirs, "budi");
    rfc2865::add_nas_ip_address(&mut theirs, &Ipv4Addr::new(10, 0, 0, 1));
    rfc2865::add_framed_ip_address(&mut theirs, &Ipv4Addr::new(100, 64, 0, 9));
    rfc2866::add_acct_session_id(&mut theirs, "8100000c");
    rfc2866::add_acct_input_octets(&mut theirs, 123);
    let bytes = theirs.encode().unwrap();
    let index = Index::parse(&bytes).unwrap();
    let shared = SharedSecret::new(secret).unwrap();
    assert_eq!(verify_request(&index, &shared), Ok(MessageAuthenticator::Absent));
    assert_eq!(index.user_name(), Some(&b"budi"[..]));
    assert_eq!(index.nas_ip_address(), Some(Ipv4Addr::new(10, 0, 0, 1)));
    assert_eq!(index.framed_ip_address(), Some(Ipv4Addr::new(100, 64, 0, 9)));
    assert_eq!(index.acct_session_id(), Some(&b"8100000c"[..]));
    assert_eq!(index.input_octets(), Some(123));
    assert_eq!(index.acct_status_type().unwrap().0, 3);
}
