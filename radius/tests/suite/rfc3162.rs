//! RFC 3162, 4818 and 6911: IPv6 addresses and prefixes.

use std::net::Ipv6Addr;

use radius::attribute::{AttributeType, Ipv6Prefix, value};
use radius::code::Code;
use radius::compose::Composer;
use radius::index::Index;

use crate::hex::{AUTHENTICATOR, octets, secret};

fn prefix(address: &str, length: u8) -> Ipv6Prefix {
    Ipv6Prefix::new(address.parse().unwrap(), length).unwrap()
}

/// RFC 3162 §2.3, RFC 8044 §3.10: 2 to 18 octets.
#[test]
fn rfc_3162_section_2_3_prefixes_read() {
    for (wire, expected) in [
        ("00 00", Some(prefix("::", 0))),
        ("00 20 20010db8", Some(prefix("2001:db8::", 32))),
        ("00 40 20010db8 00000001", Some(prefix("2001:db8:0:1::", 64))),
        ("00 40 20010db8 00000001 00000000 00000000", Some(prefix("2001:db8:0:1::", 64))),
        ("00 80 20010db8 00000000 00000000 00000001", Some(prefix("2001:db8::1", 128))),
        // Host bits that should be zero are ignored.
        ("00 21 20010db8 ff", Some(prefix("2001:db8:8000::", 33))),
        // Longer than the octets that came, than an address, than the attribute may be; shorter than its header.
        ("00 21 20010db8", None),
        ("00 81 20010db8 00000000 00000000 00000001", None),
        ("00 40 20010db8 00000000 00000000 00000001 00", None),
        ("00", None),
        ("", None),
    ] {
        assert_eq!(value::ipv6_prefix(&octets(wire)), expected, "{wire}");
    }
}

/// RFC 8044 §3.10: host bits are zero when sent.
#[test]
fn prefixes_have_no_host_bits() {
    assert_eq!(prefix("2001:db8::ffff", 64), prefix("2001:db8::", 64));
    assert_eq!(prefix("ffff::", 0).address(), Ipv6Addr::UNSPECIFIED);
    assert_eq!(prefix("2001:db8::ffff", 128).to_string(), "2001:db8::ffff/128");
    assert_eq!(Ipv6Prefix::new(Ipv6Addr::UNSPECIFIED, 129), None);
}

/// RFC 3162 §2.1 to §2.6, RFC 4818 §3, RFC 6911 §3.1: sent and read back.
#[test]
fn round_trip() {
    let address: Ipv6Addr = "2001:db8::7".parse().unwrap();
    let mut buffer = [0; 512];
    let mut composer = Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, 1).unwrap();
    composer
        .ipv6(AttributeType::NAS_IPV6_ADDRESS, address)
        .and_then(|c| c.interface_id(AttributeType::FRAMED_INTERFACE_ID, [1, 2, 3, 4, 5, 6, 7, 8]))
        .and_then(|c| c.ipv6_prefix(AttributeType::FRAMED_IPV6_PREFIX, prefix("2001:db8:5::", 64)))
        .and_then(|c| c.ipv6_prefix(AttributeType::DELEGATED_IPV6_PREFIX, prefix("2001:db8:100::", 56)))
        .and_then(|c| c.ipv6(AttributeType::FRAMED_IPV6_ADDRESS, address))
        .unwrap();
    let length = composer.finish(&secret());
    let index = Index::parse(&buffer[..length]).unwrap();
    assert_eq!(index.nas_ipv6_address(), Some(address));
    assert_eq!(index.framed_interface_id(), Some([1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!(index.framed_ipv6_prefix(), Some(prefix("2001:db8:5::", 64)));
    assert_eq!(index.delegated_ipv6_prefix(), Some(prefix("2001:db8:100::", 56)));
    assert_eq!(index.framed_ipv6_address(), Some(address));
}

/// RFC 4372 §2.1: a NAS asks for Chargeable-User-Identity with a NUL.
#[test]
fn rfc_4372_section_2_1_request() {
    for (value, wanted) in [(&b"\0"[..], true), (b"x", false)] {
        let mut buffer = [0; 64];
        let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
        composer.octets(AttributeType::CHARGEABLE_USER_IDENTITY, value).unwrap();
        let length = composer.finish(&secret());
        let index = Index::parse(&buffer[..length]).unwrap();
        assert_eq!(index.wants_chargeable_user_identity(), wanted);
    }
}
