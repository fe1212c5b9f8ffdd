//! The built-in dictionaries: they can be read, nothing in them is said twice, and they agree with the code points of the
//! rest of the crate.

use std::collections::HashSet;

use super::super::builtin::{FILES, MAIN};
use super::super::{DataType, Number};
use super::{builtin, parse};
use crate::attribute::{
    AcctAuthentic, AcctStatusType, AttributeType, ErrorCause, FramedProtocol, NasPortType, ServiceType,
    TerminateCause,
};
use crate::vendor::{Vendor, VendorType, adsl_forum, ascend, microsoft, mikrotik, redback, wispr};

#[test]
fn every_file_is_included_once() {
    let main = FILES.iter().find(|(name, _)| *name == MAIN).unwrap().1;
    for (name, _) in FILES {
        let includes = main.lines().filter(|line| line.split_whitespace().nth(1) == Some(name)).count();
        assert_eq!(includes, usize::from(name != MAIN), "{name}");
    }
}

/// Everything on disk is embedded.
#[test]
fn every_file_of_the_folder_is_embedded() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../dictionaries");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "README.md" {
            assert!(FILES.iter().any(|(known, _)| *known == name), "{name}");
        }
    }
}

#[test]
fn no_number_and_no_name_is_used_twice() {
    let dictionary = builtin();
    let mut numbers = HashSet::new();
    let mut names = HashSet::new();
    for attribute in dictionary.attributes() {
        assert!(numbers.insert(attribute.number), "{} {}", attribute.number, attribute.name);
        assert!(names.insert(attribute.name.to_ascii_lowercase()), "{}", attribute.name);
        let values: Vec<_> = dictionary.values(attribute).collect();
        for (name, value) in &values {
            assert_eq!(dictionary.find_value(attribute, name), Some(*value));
            assert_eq!(dictionary.find_value_name(attribute, *value), Some(*name));
        }
    }
    // The tables would hide a line that says the same again; the text shows it.
    let lines = FILES.iter().flat_map(|(_, text)| text.lines());
    let definitions =
        lines.filter(|line| line.starts_with("ATTRIBUTE") || line.starts_with("VALUE")).collect::<Vec<_>>();
    let kept = dictionary.attributes().count()
        + dictionary.attributes().map(|attribute| dictionary.values(attribute).count()).sum::<usize>();
    assert_eq!(definitions.len(), kept);
    assert!(kept > 400, "{kept}");
}

/// Every standard number that the code knows has the same name in the dictionary.
#[test]
fn agrees_with_the_attribute_types() {
    let dictionary = builtin();
    let mut known = 0;
    for number in 0..=u8::MAX {
        let kind = AttributeType(number);
        if let Some(name) = kind.name() {
            known += 1;
            let attribute = dictionary.find_number(Number::from(kind));
            assert_eq!(attribute.map(|attribute| attribute.name.as_ref()), Some(name), "{number}");
        }
    }
    assert!(known > 90, "{known}");
}

/// Every named value that the code knows has the same name in the dictionary.
#[test]
fn agrees_with_the_named_values() {
    let dictionary = builtin();
    type Names = fn(u32) -> Option<&'static str>;
    let names: [(&str, Names); 7] = [
        ("Acct-Status-Type", |value| AcctStatusType(value).name()),
        ("Service-Type", |value| ServiceType(value).name()),
        ("Framed-Protocol", |value| FramedProtocol(value).name()),
        ("Acct-Terminate-Cause", |value| TerminateCause(value).name()),
        ("Acct-Authentic", |value| AcctAuthentic(value).name()),
        ("NAS-Port-Type", |value| NasPortType(value).name()),
        ("Error-Cause", |value| ErrorCause(value).name()),
    ];
    for (attribute, name) in names {
        let attribute = dictionary.find_name(attribute).unwrap();
        let mut known = 0;
        for value in 0..1_000 {
            if let Some(name) = name(value) {
                known += 1;
                let found = dictionary.find_value_name(attribute, u64::from(value));
                assert_eq!(found, Some(name), "{} {value}", attribute.name);
            }
        }
        assert!(known > 3, "{}", attribute.name);
    }
}

/// The vendors' attributes that the code uses stand in the dictionary under the names that operators know.
#[test]
fn agrees_with_the_vendor_attributes() {
    let dictionary = builtin();
    let expected: [(VendorType, &str); 41] = [
        (microsoft::MS_CHAP_RESPONSE, "MS-CHAP-Response"),
        (microsoft::MS_CHAP_ERROR, "MS-CHAP-Error"),
        (microsoft::MS_MPPE_ENCRYPTION_POLICY, "MS-MPPE-Encryption-Policy"),
        (microsoft::MS_MPPE_ENCRYPTION_TYPES, "MS-MPPE-Encryption-Types"),
        (microsoft::MS_CHAP_DOMAIN, "MS-CHAP-Domain"),
        (microsoft::MS_CHAP_CHALLENGE, "MS-CHAP-Challenge"),
        (microsoft::MS_CHAP_MPPE_KEYS, "MS-CHAP-MPPE-Keys"),
        (microsoft::MS_MPPE_SEND_KEY, "MS-MPPE-Send-Key"),
        (microsoft::MS_MPPE_RECV_KEY, "MS-MPPE-Recv-Key"),
        (microsoft::MS_CHAP2_RESPONSE, "MS-CHAP2-Response"),
        (microsoft::MS_CHAP2_SUCCESS, "MS-CHAP2-Success"),
        (microsoft::MS_CHAP2_CPW, "MS-CHAP2-CPW"),
        (microsoft::MS_PRIMARY_DNS_SERVER, "MS-Primary-DNS-Server"),
        (microsoft::MS_SECONDARY_DNS_SERVER, "MS-Secondary-DNS-Server"),
        (mikrotik::RECV_LIMIT, "Mikrotik-Recv-Limit"),
        (mikrotik::XMIT_LIMIT, "Mikrotik-Xmit-Limit"),
        (mikrotik::GROUP, "Mikrotik-Group"),
        (mikrotik::RATE_LIMIT, "Mikrotik-Rate-Limit"),
        (mikrotik::REALM, "Mikrotik-Realm"),
        (mikrotik::HOST_IP, "Mikrotik-Host-IP"),
        (mikrotik::MARK_ID, "Mikrotik-Mark-Id"),
        (mikrotik::ADVERTISE_URL, "Mikrotik-Advertise-URL"),
        (mikrotik::ADVERTISE_INTERVAL, "Mikrotik-Advertise-Interval"),
        (mikrotik::RECV_LIMIT_GIGAWORDS, "Mikrotik-Recv-Limit-Gigawords"),
        (mikrotik::XMIT_LIMIT_GIGAWORDS, "Mikrotik-Xmit-Limit-Gigawords"),
        (mikrotik::TOTAL_LIMIT, "Mikrotik-Total-Limit"),
        (mikrotik::TOTAL_LIMIT_GIGAWORDS, "Mikrotik-Total-Limit-Gigawords"),
        (mikrotik::ADDRESS_LIST, "Mikrotik-Address-List"),
        (mikrotik::DELEGATED_IPV6_POOL, "Mikrotik-Delegated-IPv6-Pool"),
        (mikrotik::WIRELESS_VLANID_TYPE, "Mikrotik-Wireless-VLANID-Type"),
        (mikrotik::SWITCHING_FILTER, "Mikrotik-Switching-Filter"),
        (wispr::LOCATION_ID, "WISPr-Location-ID"),
        (wispr::BANDWIDTH_MAX_UP, "WISPr-Bandwidth-Max-Up"),
        (wispr::BANDWIDTH_MAX_DOWN, "WISPr-Bandwidth-Max-Down"),
        (wispr::SESSION_TERMINATE_TIME, "WISPr-Session-Terminate-Time"),
        (ascend::DATA_RATE, "Ascend-Data-Rate"),
        (ascend::XMIT_RATE, "Ascend-Xmit-Rate"),
        (redback::AGENT_REMOTE_ID, "Agent-Remote-Id"),
        (redback::AGENT_CIRCUIT_ID, "Agent-Circuit-Id"),
        (adsl_forum::AGENT_REMOTE_ID, "ADSL-Agent-Remote-Id"),
        (adsl_forum::AGENT_CIRCUIT_ID, "ADSL-Agent-Circuit-Id"),
    ];
    for (kind, name) in expected {
        let attribute = dictionary.find_number(Number::from(kind));
        assert_eq!(attribute.map(|attribute| attribute.name.as_ref()), Some(name), "{kind:?}");
        assert_eq!(attribute.and_then(|attribute| attribute.number.vendor()), Some(kind.vendor));
    }
    for vendor in [Vendor::MICROSOFT, Vendor::ASCEND, Vendor::REDBACK, Vendor::WISPR, Vendor::MIKROTIK] {
        assert_eq!(dictionary.find_vendor(vendor).map(|vendor| vendor.name.as_ref()), vendor.name());
    }
}

/// The 30 attributes of MikroTik's table, with their types: 12 integers, one address, the rest text.
#[test]
fn mikrotik_is_complete() {
    let dictionary = builtin();
    let of_type = |kind| {
        let mut numbers: Vec<u32> = dictionary
            .attributes()
            .filter(|attribute| attribute.number.vendor() == Some(Vendor::MIKROTIK) && attribute.kind == kind)
            .filter_map(|attribute| attribute.number.path().last().copied())
            .collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(of_type(DataType::Integer), [1, 2, 4, 5, 6, 13, 14, 15, 17, 18, 26, 27]);
    assert_eq!(of_type(DataType::Ipv4), [10]);
    assert_eq!(of_type(DataType::Text).len(), 17);
}

/// Each vendor's file can be read without the others, as an operator may copy one.
#[test]
fn files_stand_alone() {
    for (name, text) in FILES {
        if name != MAIN {
            assert!(parse(text).is_ok(), "{name}");
        }
    }
}

/// An operator's file is read on top, may name what is built in, and may include it.
#[test]
fn operators_file_is_read_on_top() {
    let text = "$INCLUDE dictionary.mikrotik\nBEGIN-VENDOR Mikrotik\nATTRIBUTE Mikrotik-New 31 string\nEND-VENDOR Mikrotik\n\
                VALUE Service-Type Our-Service 0x8000\n";
    let dictionary = builtin().parse("local", text, &mut super::super::builtin::resolver).unwrap();
    assert!(dictionary.find_name("mikrotik-new").is_some());
    let attribute = dictionary.find_name("Service-Type").unwrap();
    assert_eq!(dictionary.find_value(attribute, "our-service"), Some(0x8000));
}
