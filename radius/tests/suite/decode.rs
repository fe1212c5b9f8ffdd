//! Packets as text.

use radius::attribute::AttributeType;
use radius::code::Code;
use radius::compose::Composer;
use radius::decode::{HexadecimalError, Knowledge, decode, octets_from_hexadecimal};
use radius::dictionary::builtin;
use radius::hide::Salt;
use radius::index::Index;
use radius::packet::ParseError;
use radius::secret::SharedSecret;
use radius::vendor::{microsoft, mikrotik};

use crate::hex::{AUTHENTICATOR, octets, secret};

fn lines(datagram: &[u8], knowledge: Knowledge<'_>) -> Vec<String> {
    decode(datagram, &builtin::dictionary().unwrap(), knowledge).unwrap().lines
}

/// RFC 2865 §7.1 with and without its secret.
#[test]
fn request() {
    let datagram = octets_from_hexadecimal(
        "0x01000038 0f:40:3f:94:73:97:80:57:bd:83:d5:cb:98:f4:22:7a 01 06 6e 65 6d 6f 02 12 0d be 70 8d
         93 d4 13 ce 31 96 e4 3f 78 2a 0a ee 04 06 c0 a8 01 10 05 06 00 00 00 03",
    )
    .unwrap();
    let mut expected = vec![
        "Packet-Type = Access-Request",
        "Packet-Identifier = 0",
        "Packet-Length = 56",
        "Packet-Authenticator = 0x0f403f9473978057bd83d5cb98f4227a",
        "User-Name = \"nemo\"",
        "raw.User-Password = 0x0dbe708d93d413ce3196e43f782a0aee",
        "NAS-IP-Address = 192.168.1.16",
        "NAS-Port = 3",
    ];
    assert_eq!(lines(&datagram, Knowledge::default()), expected);
    expected.insert(4, "Packet-Signature = none");
    expected[6] = "User-Password = \"arctangent\"";
    let secret = secret();
    let knowledge = Knowledge { secret: Some(&secret), request_authenticator: None };
    assert_eq!(lines(&datagram, knowledge), expected);

    let decoded = decode(&datagram, &builtin::dictionary().unwrap(), Knowledge::default()).unwrap();
    assert!(decoded.to_string().starts_with("Packet-Type = Access-Request\nPacket-Identifier = 0\n"));
    assert!(decoded.to_string().ends_with("NAS-Port = 3\n"));
}

/// A reply: its signature and hidden values need the authenticator of the request.
#[test]
fn reply() {
    let mut request = [0; 20];
    let composer = Composer::request(&mut request, Code::ACCESS_REQUEST, 9, &AUTHENTICATOR).unwrap();
    composer.finish(&secret());
    let request = Index::parse(&request).unwrap();
    let mut buffer = [0; 512];
    let mut composer = Composer::reply(&mut buffer, Code::ACCESS_ACCEPT, &request).unwrap();
    composer
        .vendor_text(mikrotik::RATE_LIMIT, "1M/2M")
        .and_then(|c| c.vendor_salted(microsoft::MS_MPPE_SEND_KEY, &[0xab; 16], Salt::new(1), &secret()))
        .unwrap();
    let length = composer.finish(&secret()) + 3;

    let secret = secret();
    let blind = lines(&buffer[..length], Knowledge { secret: Some(&secret), request_authenticator: None });
    assert!(blind.contains(&"Packet-Padding = 3".to_owned()));
    assert!(blind.contains(&"Packet-Signature = unknown without the request's authenticator".to_owned()));
    assert!(blind.contains(&"Mikrotik-Rate-Limit = \"1M/2M\"".to_owned()));
    assert!(!blind.iter().any(|line| line.starts_with("MS-MPPE-Send-Key = ")));

    let knowledge = Knowledge { secret: Some(&secret), request_authenticator: Some(&AUTHENTICATOR) };
    let seen = lines(&buffer[..length], knowledge);
    assert!(seen.contains(&"Packet-Signature = valid".to_owned()));
    assert!(seen.contains(&format!("MS-MPPE-Send-Key = 0x{}", "ab".repeat(16))), "{seen:?}");

    let wrong = SharedSecret::new(b"wrong").unwrap();
    let knowledge = Knowledge { secret: Some(&wrong), request_authenticator: Some(&AUTHENTICATOR) };
    let seen = lines(&buffer[..length], knowledge);
    assert!(seen.contains(&"Packet-Signature = wrong: the authenticator is wrong".to_owned()));
}

/// A signed request, an unknown code and unknown attributes.
#[test]
fn signed_and_unknown() {
    let secret = secret();
    let knowledge = Knowledge { secret: Some(&secret), request_authenticator: None };
    let mut buffer = [0; 512];
    let mut composer = Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, 1).unwrap();
    composer
        .u32(AttributeType::ACCT_STATUS_TYPE, 3)
        .and_then(|c| c.octets(AttributeType(222), &[1, 2]))
        .unwrap();
    let length = composer.finish(&secret);
    let seen = lines(&buffer[..length], knowledge);
    assert_eq!(
        seen[4..],
        ["Packet-Signature = valid", "Acct-Status-Type = Interim-Update", "Attr-222 = 0x0102"]
    );
    buffer[0] = 99;
    let seen = lines(&buffer[..length], knowledge);
    assert_eq!(seen[0], "Packet-Type = 99");
}

#[test]
fn not_a_packet() {
    let dictionary = builtin::dictionary().unwrap();
    let decoded = decode(&octets("01"), &dictionary, Knowledge::default());
    assert_eq!(decoded, Err(ParseError::DatagramShort));
}

#[test]
fn hexadecimal() {
    assert_eq!(octets_from_hexadecimal(" 0X0a:0B-0c\n0d "), Ok(vec![10, 11, 12, 13]));
    assert_eq!(octets_from_hexadecimal(""), Ok(vec![]));
    assert_eq!(octets_from_hexadecimal("0a0"), Err(HexadecimalError::Odd));
    assert_eq!(octets_from_hexadecimal("0g"), Err(HexadecimalError::Digit('g')));
    assert_eq!(octets_from_hexadecimal(&"00".repeat(65_508)), Err(HexadecimalError::Long));
}
