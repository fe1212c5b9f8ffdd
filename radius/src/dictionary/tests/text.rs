//! `Name = value` to the wire and back.

use super::super::{AssignmentError, DataType, Dictionary, LayerError, Reveal, ValueError};
use super::{builtin, parse};
use crate::code::Code;
use crate::compose::Composer;
use crate::hide::Salt;
use crate::index::Index;
use crate::packet::{MAX_LENGTH, Packet};
use crate::secret::SharedSecret;

/// A dictionary with an attribute of every type.
const TYPES: &str = "
ATTRIBUTE  Vendor-Specific  26  vsa
ATTRIBUTE  Number     200  integer
VALUE      Number     Seven  7
VALUE      Number     12     5
ATTRIBUTE  Large      201  integer64
ATTRIBUTE  Small      202  byte
ATTRIBUTE  Middle     203  short
ATTRIBUTE  Signed     204  signed
ATTRIBUTE  When       205  date
ATTRIBUTE  Prefix4    206  ipv4prefix
ATTRIBUTE  Prefix6    207  ipv6prefix
ATTRIBUTE  Either     208  combo-ip
ATTRIBUTE  Interface  209  ifid
ATTRIBUTE  Mac        210  ether
ATTRIBUTE  Four       211  octets[4]
ATTRIBUTE  Words      212  string
ATTRIBUTE  Any        213  octets
ATTRIBUTE  Address4   214  ipaddr
ATTRIBUTE  Address6   215  ipv6addr
ATTRIBUTE  Nest       216  tlv
ATTRIBUTE  Leaf       216.1  byte
ATTRIBUTE  Twig       216.2  tlv
ATTRIBUTE  Bud        216.2.9  string
ATTRIBUTE  Long       217  octets concat
ATTRIBUTE  Hidden3    218  string encrypt=3
ATTRIBUTE  Extended   241  extended
ATTRIBUTE  Inner      241.1  integer
ATTRIBUTE  Stretched  245  long-extended
ATTRIBUTE  Farther    245.2  string
ATTRIBUTE  Vendors    245.26  evs
ATTRIBUTE  Own        300  string
VENDOR     Wide  7   format=2,2
VENDOR     Bare  8   format=4,0
VENDOR     More  9   format=1,1,c
VENDOR     Acme  10
ATTRIBUTE  Wide-Thing  0x1234  string  Wide
ATTRIBUTE  Bare-Thing  0x01020304  short  Bare
ATTRIBUTE  More-Thing  5  byte  More
BEGIN-VENDOR Acme format=Vendors
ATTRIBUTE  Acme-Extended  6  byte
END-VENDOR Acme
";

fn wire(dictionary: &Dictionary, text: &str) -> Vec<u8> {
    dictionary.parse_assignment(text).unwrap().wire().expect("not hidden").to_vec()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The lines of a packet with these attributes.
fn lines(dictionary: &Dictionary, attributes: &[u8]) -> Vec<String> {
    let mut datagram = vec![0; 20];
    datagram.extend_from_slice(attributes);
    let length = u16::try_from(datagram.len()).unwrap().to_be_bytes();
    datagram[..4].copy_from_slice(&[Code::ACCESS_ACCEPT.0, 0, length[0], length[1]]);
    dictionary.describe(&Packet::parse(&datagram).unwrap(), None)
}

/// What is written, what is sent, and what is shown of it.
#[test]
fn every_type_to_the_wire_and_back() {
    let dictionary = parse(TYPES).unwrap();
    for (text, octets, shown) in [
        ("Number = 258", "c80600000102", "Number = 258"),
        ("number=seven", "c80600000007", "Number = Seven"),
        ("Number = 0x10", "c80600000010", "Number = 16"),
        // A value's name that is a number is never read as a name, nor shown as one.
        ("Number = 12", "c8060000000c", "Number = 12"),
        ("Number = 5", "c80600000005", "Number = 5"),
        ("Large = 18446744073709551615", "c90affffffffffffffff", "Large = 18446744073709551615"),
        ("Small = 255", "ca03ff", "Small = 255"),
        ("Middle = 65535", "cb04ffff", "Middle = 65535"),
        ("Signed = -2", "cc06fffffffe", "Signed = -2"),
        ("When = 2026-11-22T15:38:58Z", "cd066b030c92", "When = 2026-11-22T15:38:58Z"),
        ("When = 1000000000", "cd063b9aca00", "When = 2001-09-09T01:46:40Z"),
        ("Prefix4 = 192.0.2.0/24", "ce080018c0000200", "Prefix4 = 192.0.2.0/24"),
        ("Prefix6 = 2001:db8::/32", "cf14002020010db8000000000000000000000000", "Prefix6 = 2001:db8::/32"),
        ("Either = 192.0.2.1", "d006c0000201", "Either = 192.0.2.1"),
        ("Either = ::1", "d01200000000000000000000000000000001", "Either = ::1"),
        ("Interface = 1:22:333:4444", "d10a0001002203334444", "Interface = 0001:0022:0333:4444"),
        ("Mac = 4C-5E-0C-01-02-03", "d2084c5e0c010203", "Mac = 4c:5e:0c:01:02:03"),
        ("Four = 0x01020304", "d30601020304", "Four = 0x01020304"),
        ("Four = 'abcd'", "d30661626364", "Four = 0x61626364"),
        ("Words = two words", "d40b74776f20776f726473", "Words = \"two words\""),
        ("Any = 0x00", "d50300", "Any = 0x00"),
        ("Address4 = 192.0.2.1", "d606c0000201", "Address4 = 192.0.2.1"),
        ("Address6 = 2001:db8::1", "d71220010db8000000000000000000000001", "Address6 = 2001:db8::1"),
        ("Leaf = 9", "d805010309", "Leaf = 9"),
        ("Bud = x", "d8070205090378", "Bud = \"x\""),
        ("Wide-Thing = x", "1a0b000000071234000578", "Wide-Thing = \"x\""),
        ("Bare-Thing = 1", "1a0c00000008010203040001", "Bare-Thing = 1"),
        ("More-Thing = 1", "1a0a0000000905040001", "More-Thing = 1"),
        ("Inner = 1", "f1070100000001", "Inner = 1"),
        ("Farther = x", "f505020078", "Farther = \"x\""),
        ("Acme-Extended = 1", "f50a1a000000000a0601", "Acme-Extended = 1"),
        ("Attr-26.99.1 = 0x02", "1a0900000063010302", "Attr-26.99.1 = 0x02"),
        ("Attr-250 = 0x02", "fa0302", "Attr-250 = 0x02"),
        ("raw.Number = 0x02", "c80302", "raw.Number = 0x02"),
        ("Attr-200 = 0x02", "c80302", "raw.Number = 0x02"),
        ("Attr-216.1 = 0x0102", "d80601040102", "raw.Leaf = 0x0102"),
    ] {
        let sent = wire(&dictionary, text);
        assert_eq!(hex(&sent), octets, "{text}");
        assert_eq!(lines(&dictionary, &sent), [shown], "{text}");
        assert_eq!(wire(&dictionary, shown), sent, "{shown}");
    }
}

#[test]
fn text_is_quoted_with_escapes() {
    let dictionary = parse(TYPES).unwrap();
    let sent = wire(&dictionary, r#"Words = "a\"b\\c\n\x7f\xe2\x80\xae""#);
    assert_eq!(sent[2..], *b"a\"b\\c\n\x7f\xe2\x80\xae");
    assert_eq!(lines(&dictionary, &sent), [r#"Words = "a\"b\\c\n\x7f\xe2\x80\xae""#]);
    assert_eq!(wire(&dictionary, "Words = 'it\\n'")[2..], *b"it\\n");
    assert_eq!(wire(&dictionary, "Words = a=b # c")[2..], *b"a=b # c");
}

/// The attributes that an operator sets most, against octets written by hand.
#[test]
fn usual_attributes() {
    let dictionary = builtin();
    for (text, octets) in [
        ("Mikrotik-Rate-Limit = \"2M/10M\"", "1a0e00003a8c0808324d2f31304d"),
        ("Mikrotik-Address-List = isolir", "1a0e00003a8c130869736f6c6972"),
        ("Session-Timeout = 3600", "1b0600000e10"),
        ("Service-Type = Framed-User", "060600000002"),
        ("Framed-IP-Address = 192.0.2.7", "0806c0000207"),
        ("Framed-Pool = pppoe", "58077070706f65"),
        ("Framed-Interface-Id = 0000:0000:0000:0001", "600a0000000000000001"),
        ("WISPr-Bandwidth-Max-Up = 1000000", "1a0c0000372a0706000f4240"),
    ] {
        assert_eq!(hex(&wire(&dictionary, text)), octets, "{text}");
        assert_eq!(
            dictionary.parse_assignment(text).unwrap().number().path().len(),
            if octets.starts_with("1a") { 3 } else { 1 }
        );
    }
}

/// RFC 2868 §3.1: Tunnel-Type with tag 1 and value 1 is `40 06 01 00 00 01`; §3.3: the tag of a string may be left out.
#[test]
fn tags() {
    let dictionary = builtin();
    for (text, octets, shown) in [
        ("Tunnel-Type:1 = PPTP", "400601000001", "Tunnel-Type:1 = PPTP"),
        ("Tunnel-Type = PPTP", "400600000001", "Tunnel-Type = PPTP"),
        ("Tunnel-Private-Group-Id:31 = 7", "51041f37", "Tunnel-Private-Group-Id:31 = \"7\""),
        ("Tunnel-Private-Group-Id = 7", "510337", "Tunnel-Private-Group-Id = \"7\""),
        ("Tunnel-Private-Group-Id = \"\\x01a\"", "5105000161", "Tunnel-Private-Group-Id:0 = \"\\x01a\""),
    ] {
        let sent = wire(&dictionary, text);
        assert_eq!(hex(&sent), octets, "{text}");
        assert_eq!(lines(&dictionary, &sent), [shown]);
        assert_eq!(wire(&dictionary, shown), sent);
    }
    assert_eq!(lines(&dictionary, &[64, 6, 0x20, 0, 0, 1]), ["raw.Tunnel-Type = 0x20000001"]);
}

#[test]
fn every_mistake_has_its_own_error() {
    use AssignmentError as E;
    let dictionary = parse(TYPES).unwrap();
    let fails = |text: &str| dictionary.parse_assignment(text).unwrap_err();
    assert_eq!(fails("Number"), E::NotAssignment);
    assert_eq!(fails(" = 1"), E::NotAssignment);
    assert_eq!(fails("Nothing = 1"), E::UnknownName("Nothing".into()));
    assert_eq!(fails("Number + = 1"), E::UnknownName("Number +".into()));
    assert_eq!(fails("raw.Nothing = 0x01"), E::UnknownName("Nothing".into()));
    for number in ["Attr-", "Attr-x", "Attr-1..2", "Attr-1.2.3.4.5.6.7.8.9", "Attr-99999999999"] {
        assert_eq!(fails(&format!("{number} = 0x01")), E::BadNumber(number.into()), "{number}");
    }
    assert_eq!(fails("Number:1 = 1"), E::TagUnwanted("Number".into()));
    assert_eq!(fails("Number:32 = 1"), E::BadTag("32".into()));
    assert_eq!(fails("Attr-1 = 1"), E::NotHexadecimal);
    assert_eq!(fails("Attr-1 = 0x"), E::NotHexadecimal);
    assert_eq!(fails("Attr-1 = 0x123"), E::NotHexadecimal);
    assert_eq!(fails("Hidden3 = x"), E::Encryption("Hidden3".into()));

    let layer = |text: &str| match fails(text) {
        E::Layer { error, .. } => error,
        other => panic!("{text}: {other}"),
    };
    let number = |path: &[u32]| super::super::Number::new(path).unwrap();
    assert_eq!(layer("Own = x"), LayerError::NotSent(number(&[300])));
    assert_eq!(layer("Attr-26.10 = 0x01"), LayerError::NotAnAttribute(number(&[26, 10])));
    assert_eq!(layer("Attr-200.1 = 0x01"), LayerError::NotAContainer(number(&[200])));
    assert_eq!(layer("Attr-26.10.256 = 0x01"), LayerError::NotSent(number(&[26, 10, 256])));
    assert_eq!(layer(&format!("Words = {}", "x".repeat(254))), LayerError::Long);
    assert_eq!(layer(&format!("Wide-Thing = {}", "x".repeat(246))), LayerError::Long);
    assert_eq!(wire(&dictionary, &format!("Words = {}", "x".repeat(253))).len(), 255);
    assert_eq!(wire(&dictionary, &format!("Wide-Thing = {}", "x".repeat(245))).len(), 255);

    let value = |text: &str| match fails(text) {
        E::Value { error, .. } => error,
        other => panic!("{text}: {other}"),
    };
    for (text, error) in [
        ("Words =", ValueError::Empty),
        ("Words = \"\"", ValueError::Empty),
        ("Words = \"a", ValueError::Quoting),
        ("Words = \"a\" b", ValueError::Quoting),
        ("Words = \"", ValueError::Quoting),
        ("Words = \"\\q\"", ValueError::Quoting),
        ("Words = \"\\xff\"", ValueError::NotUtf8),
        ("Words = \"a\\x00\"", ValueError::EndsWithNul),
        ("Any = abc", ValueError::NotOctets),
        ("Any = 0x", ValueError::Empty),
        ("Four = 0x0102", ValueError::WrongLength(4)),
        ("Number = Eight", ValueError::NotInteger),
        ("Number = -1", ValueError::NotInteger),
        ("Number = 4294967296", ValueError::OutOfRange),
        ("Small = 256", ValueError::OutOfRange),
        ("Middle = 65536", ValueError::OutOfRange),
        ("Signed = 4294967296", ValueError::OutOfRange),
        ("When = yesterday", ValueError::NotDate),
        ("Address4 = 192.0.2.256", ValueError::NotIpv4),
        ("Address6 = 192.0.2.1", ValueError::NotIpv6),
        ("Either = x", ValueError::NotIp),
        ("Prefix4 = 192.0.2.1", ValueError::NotPrefix),
        ("Prefix4 = 192.0.2.0/33", ValueError::NotPrefix),
        ("Prefix4 = 192.0.2.1/24", ValueError::HostBits),
        ("Prefix6 = 2001:db8::1/64", ValueError::HostBits),
        ("Prefix6 = 2001:db8::/129", ValueError::NotPrefix),
        ("Interface = 1:2:3", ValueError::NotInterfaceId),
        ("Interface = 1:2:3:4:5", ValueError::NotInterfaceId),
        ("Interface = +1:2:3:4", ValueError::NotInterfaceId),
        ("Mac = 4c:5e:0c:01:02", ValueError::NotEther),
        ("Mac = 4c:5e:0c:01:02:100", ValueError::NotEther),
        ("Nest = 0x01", ValueError::Container),
    ] {
        assert_eq!(value(text), error, "{text}");
    }
    let message = fails("Number = Eight").to_string();
    assert_eq!(
        message,
        "Number is of type integer: the value is neither a number nor a name that the dictionary knows"
    );
    assert_eq!(DataType::Integer.to_string(), "integer");
}

/// RFC 2865 §5, RFC 6929 §2.8: a value that is not of its type is still shown, as raw octets.
#[test]
fn malformed_values_are_shown_raw() {
    let dictionary = parse(TYPES).unwrap();
    for (octets, shown) in [
        (&[200, 4, 0, 7][..], "raw.Number = 0x0007"),
        (&[212, 4, 0xff, 0xfe], "raw.Words = 0xfffe"),
        (&[212, 4, b'a', 0], "raw.Words = 0x6100"),
        (&[207, 6, 0, 129, 0, 0], "raw.Prefix6 = 0x00810000"),
        (&[206, 8, 0, 24, 192, 0, 2, 1], "raw.Prefix4 = 0x0018c0000201"),
        (&[216, 2], "raw.Nest = 0x"),
        (&[216, 5, 1, 4, 9], "raw.Nest = 0x010409"),
        (&[216, 4, 1, 1], "raw.Nest = 0x0101"),
        (&[26, 5, 0, 0, 0], "raw.Vendor-Specific = 0x000000"),
        (&[26, 6, 0, 0, 0, 7], "raw.Vendor-Specific = 0x00000007"),
        (&[26, 9, 0, 0, 0, 99, 1, 4, 2], "raw.Vendor-Specific = 0x00000063010402"),
        // Continued in the next attribute.
        (&[26, 10, 0, 0, 0, 9, 5, 4, 0x80, 1], "raw.Vendor-Specific = 0x0000000905048001"),
        (&[245, 5, 2, 0x80, 1], "raw.Stretched = 0x028001"),
        (&[245, 8, 26, 0, 0, 0, 0, 10], "raw.Vendors = 0x0000000a"),
    ] {
        assert_eq!(lines(&dictionary, octets), [shown]);
    }
}

/// RFC 2865 §5.26: several of a vendor's attributes in one Vendor-Specific are shown one by one.
#[test]
fn packed_vendor_attributes_are_taken_apart() {
    let dictionary = builtin();
    let octets = [26, 18, 0, 0, 0x3a, 0x8c, 3, 3, b'g', 8, 4, b'1', b'k', 99, 5, 1, 2, 3];
    assert_eq!(
        lines(&dictionary, &octets),
        ["Mikrotik-Group = \"g\"", "Mikrotik-Rate-Limit = \"1k\"", "Attr-26.14988.99 = 0x010203"]
    );
}

/// RFC 3579 §3.1: a long EAP-Message goes into several attributes.
#[test]
fn long_concatenated_values_are_split() {
    let dictionary = parse(TYPES).unwrap();
    let sent = wire(&dictionary, &format!("Long = 0x{}", "ab".repeat(300)));
    assert_eq!(sent.len(), 304);
    assert_eq!((sent[..2].to_vec(), sent[255..257].to_vec()), (vec![217, 255], vec![217, 49]));
}

/// RFC 2865 §5.2, RFC 2868 §3.5, RFC 2548 §2.4: hidden values are hidden for each packet with its own authenticator and
/// distinct salts, and revealed with the secret.
#[test]
fn hidden_values() {
    let dictionary = builtin();
    let secret = SharedSecret::new(b"testing123").unwrap();
    let mut salt = Salt::new(7);
    let mut request = [0; MAX_LENGTH];
    let length = Composer::request(&mut request, Code::ACCESS_REQUEST, 1, &[9; 16]).unwrap().finish(&secret);
    let request = Index::parse(&request[..length]).unwrap();
    let given = [
        "User-Password = \"a secret that is longer than a block\"",
        "Tunnel-Password:3 = \"tunnel\"",
        "Tunnel-Password = \"another\"",
        "MS-MPPE-Send-Key = 0x000102030405060708090a0b0c0d0e0f00",
        "MS-CHAP-MPPE-Keys = 0x000102030405060708090a0b0c0d0e0f1011121314151600",
        "Session-Timeout = 60",
    ];
    let mut buffer = [0; MAX_LENGTH];
    let mut composer = Composer::reply(&mut buffer, Code::ACCESS_ACCEPT, &request).unwrap();
    for text in given {
        let assignment = dictionary.parse_assignment(text).unwrap();
        assert_eq!(assignment.wire().is_some(), text.starts_with("Session"));
        assert!(!format!("{assignment:?}").contains("tunnel"));
        assignment.compose(&mut composer, &secret, &mut salt).unwrap();
    }
    let length = composer.finish(&secret);
    let packet = Packet::parse(&buffer[..length]).unwrap();

    let reveal = Reveal { secret: &secret, authenticator: &[9; 16] };
    let shown = dictionary.describe(&packet, Some(&reveal));
    assert_eq!(shown[1..], given);
    assert_eq!(salt, Salt::new(10));

    let raw = dictionary.describe(&packet, None);
    assert!(raw[1..6].iter().all(|line| line.starts_with("raw.")), "{raw:?}");
    assert!(!raw.concat().contains("tunnel"));
    let other = SharedSecret::new(b"another").unwrap();
    let wrong = dictionary.describe(&packet, Some(&Reveal { secret: &other, authenticator: &[9; 16] }));
    assert!(!wrong.concat().contains("tunnel"));
}

/// What is too long to be hidden is refused when it is set, not when it is sent.
#[test]
fn hidden_values_are_bounded() {
    let dictionary = builtin();
    for (name, longest) in [("User-Password", 128), ("Tunnel-Password", 239)] {
        let text = |length| format!("{name} = {}", "x".repeat(length));
        let secret = SharedSecret::new(b"s").unwrap();
        let assignment = dictionary.parse_assignment(&text(longest)).unwrap();
        let mut buffer = [0; MAX_LENGTH];
        let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &[9; 16]).unwrap();
        assignment.compose(&mut composer, &secret, &mut Salt::new(1)).unwrap();
        let error = dictionary.parse_assignment(&text(longest + 1)).unwrap_err();
        assert!(matches!(error, AssignmentError::Layer { error: LayerError::Long, .. }), "{error}");
    }
    // The vendor's header takes six octets, so one block less fits.
    let key = |octets: usize| format!("MS-MPPE-Send-Key = 0x{}", "00".repeat(octets));
    assert!(dictionary.parse_assignment(&key(239)).is_ok());
    assert!(dictionary.parse_assignment(&key(240)).is_err());
}
