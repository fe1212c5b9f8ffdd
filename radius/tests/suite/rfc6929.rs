//! RFC 6929: extended attributes and 64-bit integers are read.

use radius::attribute::{Attribute, AttributeType, value};

use crate::hex::octets;

fn extended(kind: AttributeType, value: &[u8]) -> Option<(u8, bool, Vec<u8>)> {
    let extended = Attribute { kind, value }.extended()?;
    assert_eq!(extended.kind, kind);
    Some((extended.extended, extended.more, extended.value.to_vec()))
}

/// §2.1: one octet of extended type.
#[test]
fn section_2_1_extended_type() {
    for kind in 241..=244 {
        let read = extended(AttributeType(kind), &octets("01 626f62"));
        assert_eq!(read, Some((1, false, b"bob".to_vec())));
    }
    assert_eq!(extended(AttributeType::EXTENDED_1, &[]), None);
    assert_eq!(extended(AttributeType::USER_NAME, b"bob"), None);
}

/// §2.2: an octet of flags behind the extended type, whose top bit says that more follows.
#[test]
fn section_2_2_long_extended_type() {
    for kind in 245..=246 {
        let read = extended(AttributeType(kind), &octets("04 80 626f62"));
        assert_eq!(read, Some((4, true, b"bob".to_vec())));
        let read = extended(AttributeType(kind), &octets("04 7f 626f62"));
        assert_eq!(read, Some((4, false, b"bob".to_vec())));
    }
    assert_eq!(extended(AttributeType::LONG_EXTENDED_1, &[4]), None);
}

/// §2.5.
#[test]
fn section_2_5_integer64() {
    assert_eq!(value::u64(&octets("0000000100000002")), Some(0x1_0000_0002));
    assert_eq!(value::u64(&octets("00000001")), None);
}
