//! RFC 2865: whole packets of §7, and the rules of §3 and §5.

use std::net::Ipv4Addr;

use radius::attribute::{AttributeType, ServiceType};
use radius::authenticator::{MessageAuthenticator, verify_reply, verify_request};
use radius::code::Code;
use radius::compose::{ComposeError, Composer};
use radius::credential::{Credential, chap};
use radius::hide::{self, HideError};
use radius::index::Index;
use radius::packet::{Packet, ParseError};
use radius::vendor::{Vendor, VendorType, microsoft, mikrotik};

use crate::hex::{AUTHENTICATOR, array, octets, secret};

/// §7.1: user nemo telnets to a host, authenticated by PAP.
const TELNET_REQUEST: &str =
    "01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a 01 06 6e 65 6d 6f 02 12 0d be 70 8d
    93 d4 13 ce 31 96 e4 3f 78 2a 0a ee 04 06 c0 a8 01 10 05 06 00 00 00 03";
const TELNET_ACCEPT: &str =
    "02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2 06 06 00 00 00 01 0f 06 00 00 00 00
    0e 06 c0 a8 01 03";

/// §7.2: user flopsy starts PPP, authenticated by CHAP.
const CHAP_REQUEST: &str = "01 01 00 47 2a ee 86 f0 8d 0d 55 96 9c a5 97 8e 0d 33 67 a2 01 08 66 6c 6f 70 73 79 03 13 16 e9
    75 57 c3 16 18 58 95 f2 93 ff 63 44 07 72 75 04 06 c0 a8 01 10 05 06 00 00 00 14 06 06 00 00 00 02 07 06 00 00 00 01";
const CHAP_ACCEPT: &str =
    "02 01 00 38 15 ef bc 7d ab 26 cf a3 dc 34 d9 c0 3c 86 01 a4 06 06 00 00 00 02 07 06 00 00 00 01
    08 06 ff ff ff fe 0a 06 00 00 00 02 0d 06 00 00 00 01 0c 06 00 00 05 dc";

#[test]
fn section_7_1_request_parses() {
    let bytes = octets(TELNET_REQUEST);
    let request = Index::parse(&bytes).unwrap();
    let packet = request.packet();
    assert_eq!((packet.code(), packet.identifier()), (Code::ACCESS_REQUEST, 0));
    assert_eq!(packet.as_bytes(), bytes);
    assert_eq!(request.user_name(), Some(&b"nemo"[..]));
    assert_eq!(request.nas_ip_address(), Some(Ipv4Addr::new(192, 168, 1, 16)));
    assert_eq!(request.nas_port(), Some(3));
    assert_eq!(verify_request(&request, &secret()), Ok(MessageAuthenticator::Absent));

    let Credential::Pap(password) = Credential::from_request(&request) else { panic!("not PAP") };
    assert_eq!(password.reveal(&secret()).unwrap().expose(), b"arctangent");
    assert!(password.matches(b"arctangent", &secret()));
    for wrong in [&b"arctangen"[..], b"arctangent\0", b"arctangents", b"Arctangent", b""] {
        assert!(!password.matches(wrong, &secret()), "{wrong:?}");
    }
}

#[test]
fn section_7_1_request_composes() {
    let authenticator = array("0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a");
    let mut buffer = [0xee; 64];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 0, &authenticator).unwrap();
    composer
        .text(AttributeType::USER_NAME, "nemo")
        .and_then(|c| c.user_password(b"arctangent", &secret()))
        .and_then(|c| c.ipv4(AttributeType::NAS_IP_ADDRESS, Ipv4Addr::new(192, 168, 1, 16)))
        .and_then(|c| c.u32(AttributeType::NAS_PORT, 3))
        .unwrap();
    let length = composer.finish(&secret());
    assert_eq!(&buffer[..length], octets(TELNET_REQUEST));
}

#[test]
fn section_7_1_accept_verifies_and_composes() {
    let request = octets(TELNET_REQUEST);
    let request = Index::parse(&request).unwrap();
    let accept = octets(TELNET_ACCEPT);
    let reply = Index::parse(&accept).unwrap();
    assert_eq!(
        verify_reply(&reply, request.packet().authenticator(), &secret()),
        Ok(MessageAuthenticator::Absent)
    );
    assert_eq!(reply.service_type(), Some(ServiceType::LOGIN));

    let mut buffer = [0xee; 64];
    let mut composer = Composer::bare_reply(&mut buffer, Code::ACCESS_ACCEPT, &request).unwrap();
    composer
        .u32(AttributeType::SERVICE_TYPE, 1)
        .and_then(|c| c.u32(AttributeType::LOGIN_SERVICE, 0))
        .and_then(|c| c.ipv4(AttributeType::LOGIN_IP_HOST, Ipv4Addr::new(192, 168, 1, 3)))
        .unwrap();
    let length = composer.finish(&secret());
    assert_eq!(&buffer[..length], accept);
}

/// §7.2, and §5.3: without CHAP-Challenge the Request Authenticator is the challenge.
#[test]
fn section_7_2_chap() {
    let request = octets(CHAP_REQUEST);
    let request = Index::parse(&request).unwrap();
    let Credential::Chap(response) = Credential::from_request(&request) else { panic!("not CHAP") };
    assert!(response.matches(b"arctangent"));
    assert!(!response.matches(b"arctangens"));

    let accept = octets(CHAP_ACCEPT);
    let reply = Index::parse(&accept).unwrap();
    assert_eq!(
        verify_reply(&reply, request.packet().authenticator(), &secret()),
        Ok(MessageAuthenticator::Absent)
    );
    assert_eq!(reply.framed_ip_address(), Some(Ipv4Addr::new(255, 255, 255, 254)));
}

/// §5.40: CHAP-Challenge has any length from 5 octets on.
#[test]
fn section_5_40_chap_challenge_of_any_length() {
    for length in [1, 5, 16, 17, 64, 253] {
        let challenge = vec![0xc4; length];
        let response = chap::respond(9, b"rahasia", &challenge);
        let mut buffer = [0; 512];
        let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
        composer
            .octets(AttributeType::CHAP_CHALLENGE, &challenge)
            .and_then(|c| c.octets(AttributeType::CHAP_PASSWORD, &[&[9], &response[..]].concat()))
            .unwrap();
        let length = composer.finish(&secret());
        let request = Index::parse(&buffer[..length]).unwrap();
        let Credential::Chap(response) = Credential::from_request(&request) else { panic!("not CHAP") };
        assert!(response.matches(b"rahasia"));
        assert!(!response.matches(b"rahasiA"));
    }
}

/// §3: datagrams that are no packets.
#[test]
fn section_3_lengths() {
    assert_eq!(Packet::parse(&[]), Err(ParseError::DatagramShort));
    assert_eq!(Packet::parse(&[1; 19]), Err(ParseError::DatagramShort));
    let mut packet = vec![0; 5000];
    packet[0] = 1;
    for (length, expected) in [
        (0_u16, Err(ParseError::LengthShort)),
        (19, Err(ParseError::LengthShort)),
        (20, Ok(())),
        (4097, Err(ParseError::LengthLong)),
        (u16::MAX, Err(ParseError::LengthLong)),
    ] {
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(Packet::parse(&packet).map(drop), expected, "{length}");
    }
    packet.truncate(20);
    packet[2..4].copy_from_slice(&21_u16.to_be_bytes());
    assert_eq!(Packet::parse(&packet), Err(ParseError::LengthBeyondDatagram));
}

/// §3: the longest packet is 4096 octets, and is read and written whole.
#[test]
fn section_3_longest_packet() {
    let mut buffer = [0; 5000];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    while composer.octets(AttributeType::PROXY_STATE, &[7; 253]).is_ok() {}
    assert_eq!(composer.octets(AttributeType::PROXY_STATE, &[7; 253]).err(), Some(ComposeError::Full));
    let room = 4096 - composer.length();
    composer.octets(AttributeType::PROXY_STATE, &vec![7; room - 2]).unwrap();
    let length = composer.finish(&secret());
    assert_eq!(length, 4096);
    assert_eq!(Packet::parse(&buffer).unwrap().as_bytes().len(), 4096);
}

/// §3: octets behind the length are padding, also in every hash.
#[test]
fn section_3_padding_is_ignored() {
    let mut accept = octets(TELNET_ACCEPT);
    accept.extend_from_slice(&[0xff, 0x00, 0x01]);
    let reply = Index::parse(&accept).unwrap();
    assert_eq!(reply.packet().attributes().count(), 3);
    let request = array("0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a");
    assert_eq!(verify_reply(&reply, &request, &secret()), Ok(MessageAuthenticator::Absent));
}

/// §5: attributes must fill the packet exactly, and be as long as their own header at least.
#[test]
fn section_5_attribute_lengths() {
    let with = |attributes: &[u8]| {
        let mut packet = vec![1, 2, 0, 0];
        packet.extend_from_slice(&AUTHENTICATOR);
        packet.extend_from_slice(attributes);
        let length = u16::try_from(packet.len()).unwrap();
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        Packet::parse(&packet).map(|packet| packet.attributes().count())
    };
    assert_eq!(with(&[]), Ok(0));
    assert_eq!(with(&[1, 2]), Ok(1));
    assert_eq!(with(&[1, 3, 65, 4, 6, 1, 2, 3, 4]), Ok(2));
    assert_eq!(with(&[1, 0]), Err(ParseError::AttributeShort));
    assert_eq!(with(&[1, 1]), Err(ParseError::AttributeShort));
    assert_eq!(with(&[1, 3, 65, 4, 1]), Err(ParseError::AttributeShort));
    assert_eq!(with(&[1]), Err(ParseError::AttributeBeyondPacket));
    assert_eq!(with(&[1, 3]), Err(ParseError::AttributeBeyondPacket));
    assert_eq!(with(&[1, 2, 4, 255, 0]), Err(ParseError::AttributeBeyondPacket));
}

/// §5: the order within a type is kept, and unknown types are passed over.
#[test]
fn section_5_order_and_unknown_types() {
    let mut buffer = [0; 512];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    composer
        .octets(AttributeType::CLASS, b"one")
        .and_then(|c| c.octets(AttributeType(222), b"unknown"))
        .and_then(|c| c.octets(AttributeType::CLASS, b"two"))
        .and_then(|c| c.octets(AttributeType::CLASS, b"three"))
        .unwrap();
    let length = composer.finish(&secret());
    let index = Index::parse(&buffer[..length]).unwrap();
    assert_eq!(index.classes().collect::<Vec<_>>(), [&b"one"[..], b"two", b"three"]);
    assert_eq!(index.find(AttributeType(222)).unwrap().value, b"unknown");
    assert_eq!(index.find_all(AttributeType(222)).count(), 1);
    assert_eq!(index.find_all(AttributeType(223)).count(), 0);
    assert_eq!(index.proxy_states().count(), 0);
}

/// §5 and RFC 6929 §2.8: a value that is not of its type is ignored, the packet is not.
#[test]
fn section_5_invalid_values_are_ignored() {
    let mut buffer = [0; 512];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    composer
        .octets(AttributeType::NAS_IP_ADDRESS, &[10, 0])
        .and_then(|c| c.octets(AttributeType::NAS_PORT, &[1, 2, 3, 4, 5]))
        .and_then(|c| c.octets(AttributeType::NAS_IPV6_ADDRESS, &[1; 15]))
        .and_then(|c| c.octets(AttributeType::FRAMED_IPV6_PREFIX, &[0, 129]))
        .and_then(|c| c.octets(AttributeType::FRAMED_INTERFACE_ID, &[1; 7]))
        .and_then(|c| c.octets(AttributeType::ACCT_STATUS_TYPE, &[1]))
        .and_then(|c| c.text(AttributeType::USER_NAME, "budi"))
        .unwrap();
    let length = composer.finish(&secret());
    let index = Index::parse(&buffer[..length]).unwrap();
    assert_eq!(index.nas_ip_address(), None);
    assert_eq!(index.nas_port(), None);
    assert_eq!(index.nas_ipv6_address(), None);
    assert_eq!(index.framed_ipv6_prefix(), None);
    assert_eq!(index.framed_interface_id(), None);
    assert_eq!(index.acct_status_type(), None);
    assert_eq!(index.user_name(), Some(&b"budi"[..]));
}

/// §5: values are 1 to 253 octets; longer ones are refused, empty ones never sent.
#[test]
fn section_5_value_lengths() {
    let mut buffer = [0; 1024];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    let before = composer.length();
    assert_eq!(composer.text(AttributeType::REPLY_MESSAGE, "").err(), Some(ComposeError::ValueEmpty));
    assert_eq!(
        composer.octets(AttributeType::REPLY_MESSAGE, &[65; 254]).err(),
        Some(ComposeError::ValueLong)
    );
    assert_eq!(composer.vendor(mikrotik::GROUP, &[]).err(), Some(ComposeError::ValueEmpty));
    assert_eq!(composer.vendor(mikrotik::GROUP, &[65; 248]).err(), Some(ComposeError::ValueLong));
    assert_eq!(composer.vendor(mikrotik::GROUP, &[65; 260]).err(), Some(ComposeError::ValueLong));
    assert_eq!(composer.length(), before);
    composer.octets(AttributeType::REPLY_MESSAGE, &[65; 253]).unwrap();
    composer.vendor(mikrotik::GROUP, &[65; 247]).unwrap();
    assert_eq!(composer.length(), before + 2 * 255);
}

/// §5.2: every length from 0 to 128 is hidden in whole blocks and revealed unchanged.
#[test]
fn section_5_2_password_lengths() {
    for length in 0..=128_u8 {
        let password: Vec<u8> = (1..=length).collect();
        let length = password.len();
        let hidden = hide::hide_password(&password, &AUTHENTICATOR, &secret()).unwrap();
        assert_eq!(hidden.expose().len(), length.max(1).next_multiple_of(16));
        let revealed = hide::reveal_password(hidden.expose(), &AUTHENTICATOR, &secret()).unwrap();
        assert_eq!(revealed.expose(), password);
    }
    let long = hide::hide_password(&[1; 129], &AUTHENTICATOR, &secret());
    assert_eq!(long.err(), Some(HideError::Long));
}

/// §5.2: only trailing NULs are padding, and the hidden value is 1 to 8 whole blocks.
#[test]
fn section_5_2_nuls_and_broken_lengths() {
    let hidden = hide::hide_password(b"a\0b\0\0", &AUTHENTICATOR, &secret()).unwrap();
    let revealed = hide::reveal_password(hidden.expose(), &AUTHENTICATOR, &secret()).unwrap();
    assert_eq!(revealed.expose(), b"a\0b");
    for length in [0, 1, 15, 17, 31, 127, 129, 144] {
        let revealed = hide::reveal_password(&vec![1; length], &AUTHENTICATOR, &secret());
        assert_eq!(revealed.err(), Some(HideError::HiddenLength), "{length}");
    }
}

/// §5.26: several attributes of a vendor in one Vendor-Specific, other vendors and broken ones beside them.
#[test]
fn section_5_26_packed_vendor_attributes() {
    let mut packed = 14988_u32.to_be_bytes().to_vec();
    packed.extend_from_slice(&[9, 6, b'i', b's', b'p', b'1', 10, 6, 10, 5, 0, 7]);
    let mut buffer = [0; 512];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    composer
        // A vendor nobody knows, whose layout is its own; then one too short for a vendor number.
        .octets(AttributeType::VENDOR_SPECIFIC, &[0, 0, 0xff, 0xff, 9, 0])
        .and_then(|c| c.octets(AttributeType::VENDOR_SPECIFIC, &[0, 0, 1]))
        // MikroTik's number with a broken inner length: nothing is read from it.
        .and_then(|c| c.octets(AttributeType::VENDOR_SPECIFIC, &[0, 0, 0x3a, 0x8c, 9, 200, 1]))
        .and_then(|c| c.octets(AttributeType::VENDOR_SPECIFIC, &packed))
        .and_then(|c| c.vendor(microsoft::MS_CHAP_DOMAIN, b"\x01isp"))
        .unwrap();
    let length = composer.finish(&secret());
    let index = Index::parse(&buffer[..length]).unwrap();
    assert_eq!(index.mikrotik_realm(), Some(&b"isp1"[..]));
    assert_eq!(index.mikrotik_host_ip(), Some(Ipv4Addr::new(10, 5, 0, 7)));
    assert_eq!(index.find_vendor(microsoft::MS_CHAP_DOMAIN).unwrap().value, b"\x01isp");
    assert_eq!(index.find_vendor(mikrotik::GROUP), None);
    // The same through the packet, which walks instead of indexing.
    let packet = index.packet();
    let kinds: Vec<VendorType> = packet.vendor_attributes(Vendor::MIKROTIK).map(|a| a.kind).collect();
    assert_eq!(kinds, [mikrotik::REALM, mikrotik::HOST_IP]);
    assert_eq!(packet.find_vendor(mikrotik::REALM).unwrap().text(), Some("isp1"));
}

/// §5.26: what we send has one vendor attribute in each Vendor-Specific.
#[test]
fn section_5_26_composed() {
    let mut buffer = [0; 512];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    composer
        .vendor_text(mikrotik::RATE_LIMIT, "1M/2M")
        .and_then(|c| c.vendor_u32(mikrotik::TOTAL_LIMIT, 7))
        .unwrap();
    let length = composer.finish(&secret());
    assert_eq!(&buffer[20..length], octets("1a 0d 00003a8c 08 07 314d2f324d  1a 0c 00003a8c 11 06 00000007"));
}

/// §5.33: every Proxy-State comes back, unmodified and in order, even an empty one.
#[test]
fn section_5_33_proxy_state() {
    let attributes = octets("21 05 535134 01 03 61 21 02 21 05 323330");
    let mut request = vec![1, 9, 0, u8::try_from(20 + attributes.len()).unwrap()];
    request.extend_from_slice(&AUTHENTICATOR);
    request.extend_from_slice(&attributes);
    let request = Index::parse(&request).unwrap();
    for code in [Code::ACCESS_ACCEPT, Code::ACCESS_REJECT, Code::ACCESS_CHALLENGE, Code::ACCOUNTING_RESPONSE]
    {
        let mut buffer = [0; 128];
        let mut composer = Composer::reply(&mut buffer, code, &request).unwrap();
        composer.proxy_states(&request).unwrap();
        let length = composer.finish(&secret());
        assert_eq!(&buffer[38..length], octets("21 05 535134 21 02 21 05 323330"));
        assert_eq!(buffer[1], 9, "the identifier of the request");
    }
}

/// §4.1: two methods, or none.
#[test]
fn section_4_1_conflicting_credentials() {
    let find = |fill: &dyn Fn(&mut Composer<'_>) -> Result<(), ComposeError>| {
        let mut buffer = [0; 512];
        let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
        fill(&mut composer).unwrap();
        let length = composer.finish(&secret());
        format!("{:?}", Credential::from_request(&Index::parse(&buffer[..length]).unwrap()))
    };
    assert_eq!(find(&|_| Ok(())), "None");
    let both = find(&|c| {
        c.user_password(b"a", &secret())?.octets(AttributeType::CHAP_PASSWORD, &[1; 17])?;
        Ok(())
    });
    assert_eq!(both, "Conflict");
    // A CHAP-Password of a wrong length proves nothing, and neither does a response without its challenge.
    assert_eq!(find(&|c| c.octets(AttributeType::CHAP_PASSWORD, &[1; 16]).map(drop)), "Conflict");
    assert_eq!(find(&|c| c.vendor(microsoft::MS_CHAP2_RESPONSE, &[1; 50]).map(drop)), "Conflict");
    assert_eq!(find(&|c| c.eap_message(&[2, 1, 0, 4]).map(drop)), "Eap");
}
