//! The bodies of the fuzz targets on generated input, so that they hold in every run of the tests: octets, packets that are
//! nearly whole, and text that is nearly a dictionary.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::bodies;

/// A packet whose lengths mostly fit, with the attributes that have structure of their own.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        any::<u8>(),
        prop::sample::select(vec![1_u8, 2, 3, 8, 26, 40, 55, 60, 64, 69, 79, 80, 81, 97, 173, 241, 245])
    ];
    let vendor = prop::sample::select(vec![311_u32, 529, 2352, 3561, 14122, 14988, 99_999]);
    let value = prop_oneof![
        vec(any::<u8>(), 0..24),
        Just(vec![0, 0, 0, 1]),
        vec(any::<u8>(), 16),
        vec(any::<u8>(), 50),
        (vendor, any::<u8>(), vec(any::<u8>(), 0..60), -1_i8..=1).prop_map(|(vendor, kind, value, off)| {
            let length = u8::try_from(value.len() + 2).unwrap().saturating_add_signed(off);
            [&vendor.to_be_bytes()[..], &[kind, length], &value].concat()
        }),
    ];
    let attributes = vec((kind, value), 0..10);
    (any::<[u8; 16]>(), prop::sample::select(vec![1_u8, 2, 4, 40, 43, 45]), attributes, -1_i8..=2).prop_map(
        |(authenticator, code, attributes, off)| {
            let mut datagram = [&[code, 7, 0, 0][..], &authenticator].concat();
            for (kind, value) in attributes {
                datagram.extend_from_slice(&[kind, u8::try_from(value.len() + 2).unwrap()]);
                datagram.extend_from_slice(&value);
            }
            let length = u16::try_from(datagram.len()).unwrap().saturating_add_signed(off.min(0).into());
            datagram[2..4].copy_from_slice(&length.to_be_bytes());
            datagram
        },
    )
}

/// Lines of words that the format knows, in any order.
fn dictionaries() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "ATTRIBUTE",
            "VALUE",
            "VENDOR",
            "BEGIN-VENDOR",
            "END-VENDOR",
            "BEGIN-TLV",
            "END-TLV",
            "$INCLUDE-",
            "FLAGS",
            "A",
            "B",
            "C",
            "Vendor-Specific",
            "1",
            "2",
            "26",
            "1.1",
            "0x10",
            "256",
            "string",
            "integer",
            "tlv",
            "vsa",
            "evs",
            "extended",
            "byte",
            "octets[3]",
            "has_tag",
            "encrypt=2",
            "concat",
            "format=2,2",
            "format=4,0",
            "#",
            "\n",
            "\n",
            "\n",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,6}",
    ];
    let keyword = "(ATTRIBUTE [A-D] [1-3](\\.[1-3])? (string|tlv|integer|byte|vsa|extended)( has_tag)?|VALUE [A-D] [E-G] [0-9]|\
                   VENDOR [V-Z] [1-3]|BEGIN-VENDOR [V-Z]|END-VENDOR [V-Z]|BEGIN-TLV [A-D]|END-TLV [A-D])\n";
    vec(prop_oneof![word, keyword], 0..40).prop_map(|words| words.join(" ").replace("\n ", "\n"))
}

/// Lines that are nearly attributes.
fn assignments() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "User-Name",
        "User-Password",
        "Tunnel-Type:1",
        "Tunnel-Password:2",
        "Tunnel-Private-Group-Id",
        "Framed-IPv6-Prefix",
        "Framed-IP-Address",
        "Service-Type",
        "Event-Timestamp",
        "Framed-Interface-Id",
        "EAP-Message",
        "IPv6-6rd-Prefix",
        "Mikrotik-Rate-Limit",
        "MS-MPPE-Send-Key",
        "Attr-26.14988.8",
        "Attr-241.1",
        "Attr-26.9.1",
        "Attr-80",
        "raw.Class",
        "raw.Vendor-Specific",
        "Extended-Vendor-Specific-1",
        "Attr-241.26.9.1",
        "Message-Authenticator",
        "Nothing",
    ]);
    let value = prop_oneof![
        "[ -~]{0,20}",
        "\"([ -!#-\\[\\]-~]|\\\\[\\\\\"nrt]|\\\\x[0-9a-f]{2}){0,20}\"",
        "0x([0-9a-f]{2}){0,30}",
        "[0-9]{1,12}",
        "([0-9]{1,3}\\.){3}[0-9]{1,3}(/[0-9]{1,2})?",
        "([0-9a-f]{1,4}:){1,7}:?[0-9a-f]{0,4}(/[0-9]{1,3})?",
        "\\PC{0,20}",
    ];
    (name, value).prop_map(|(name, value)| format!("{name} = {value}"))
}

proptest! {
    /// RFC 2865 §5: no octets cause a panic.
    #[test]
    fn octets(octets in vec(any::<u8>(), 0..400)) {
        bodies::parse(&octets);
        bodies::round_trip(&octets);
        bodies::decode(&octets);
        bodies::credential(&octets);
        bodies::dictionary(&octets);
        bodies::assignment(&octets);
    }

    #[test]
    fn packets_parse(datagram in packets()) {
        bodies::parse(&datagram);
        bodies::credential(&datagram);
    }

    #[test]
    fn packets_come_back(datagram in packets()) {
        bodies::round_trip(&datagram);
    }

    #[test]
    fn packets_are_shown(datagram in packets()) {
        bodies::decode(&datagram);
    }

    #[test]
    fn texts_are_dictionaries_or_errors(text in dictionaries()) {
        bodies::dictionary(text.as_bytes());
    }

    #[test]
    fn texts_are_attributes_or_errors(text in assignments()) {
        bodies::assignment(text.as_bytes());
    }
}
