//! Dictionaries, attributes from text and packets as text.

use std::sync::OnceLock;

use radius::compose::Composer;
use radius::decode::{Knowledge, octets_from_hexadecimal};
use radius::dictionary::{Dictionary, Source, builtin, no_includes};
use radius::hide::Salt;
use radius::index::Index;
use radius::packet::Packet;

use super::secret;

fn built_in() -> &'static Dictionary {
    static DICTIONARY: OnceLock<Dictionary> = OnceLock::new();
    DICTIONARY.get_or_init(|| builtin::dictionary().expect("the built-in dictionaries parse"))
}

/// Any text is a dictionary or a clear error; what was defined is found again.
pub(crate) fn dictionary(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    // A file that includes itself must end, whatever else is in it.
    let mut itself = |_: radius::dictionary::Include<'_>| {
        Ok(Some(Source { name: "again".to_owned(), text: text.clone().into_owned() }))
    };
    for parsed in [
        Dictionary::new().parse("fuzz", &text, &mut no_includes),
        built_in().clone().parse("fuzz", &text, &mut itself),
    ] {
        let dictionary = match parsed {
            Ok(dictionary) => dictionary,
            Err(error) => {
                assert!(error.line <= text.lines().count().max(1), "{error}");
                continue;
            }
        };
        for attribute in dictionary.attributes() {
            assert_eq!(dictionary.find_name(&attribute.name), Some(attribute));
            assert!(dictionary.find_number(attribute.number).is_some());
            for (name, value) in dictionary.values(attribute) {
                assert_eq!(dictionary.find_value(attribute, name), Some(value));
            }
            // Its own raw form is read, or refused as a number that is never sent.
            let raw = format!("raw.{} = 0x00", attribute.name);
            if let Ok(assignment) = dictionary.parse_assignment(&raw) {
                assert_eq!(assignment.number(), attribute.number);
            }
        }
        for vendor in dictionary.vendors() {
            assert_eq!(dictionary.find_vendor_name(&vendor.name), Some(vendor));
        }
    }
}

/// Any text is an attribute or a clear error; what is an attribute is whole attributes on the wire, and what they are shown
/// as is read as the same.
pub(crate) fn assignment(octets: &[u8]) {
    let dictionary = built_in();
    let Ok(text) = str::from_utf8(octets) else { return };
    let Ok(assignment) = dictionary.parse_assignment(text) else { return };
    let mut buffer = [0; 4096];
    let mut composer = Composer::request(&mut buffer, radius::code::Code::ACCESS_REQUEST, 1, &[7; 16])
        .expect("the buffer holds a header");
    let composed = assignment.compose(&mut composer, &secret(), &mut Salt::new(1));
    // Refused are Message-Authenticator, which the composer makes itself, and values that fill more than a packet.
    if composed.is_err() {
        let is_signature = assignment.number().path() == [80];
        assert!(is_signature || assignment.wire().is_some_and(|wire| wire.len() > 4096 - 20), "{text}");
        return;
    }
    let length = composer.finish(&secret());
    let packet = Packet::parse(&buffer[..length]).expect("what is composed is a packet");
    check_lines(dictionary, &packet);
}

/// Any datagram can be shown, and each line of it is read as the attribute that it shows.
pub(crate) fn decode(octets: &[u8]) {
    let dictionary = built_in();
    let knowledge = Knowledge { secret: Some(&secret()), request_authenticator: Some(&[9; 16]) };
    let decoded = radius::decode::decode(octets, dictionary, knowledge);
    assert_eq!(decoded.is_ok(), Packet::parse(octets).is_ok());
    if let Ok(packet) = Packet::parse(octets) {
        for line in decoded.expect("just seen").lines {
            assert!(!line.contains(char::is_control), "{line:?}");
        }
        check_lines(dictionary, &packet);
    }
    if let Ok(text) = str::from_utf8(octets) {
        let _ = octets_from_hexadecimal(text);
    }
}

/// Each line of a packet, read and composed again, is shown as that line; nothing is lost on the way.
fn check_lines(dictionary: &Dictionary, packet: &Packet<'_>) {
    let mut shown = Vec::new();
    for attribute in packet.attributes() {
        let lines = dictionary.describe_attribute(attribute, None);
        assert!(!lines.is_empty());
        let mut wire = Vec::new();
        let mut all_sendable = true;
        for line in &lines {
            // An attribute without a value is shown, but never sent.
            if line.ends_with(" = 0x") || line.ends_with(" = \"\"") {
                all_sendable = false;
                continue;
            }
            let assignment = dictionary.parse_assignment(line);
            assert!(assignment.is_ok(), "{line}: {assignment:?}");
            let Ok(assignment) = assignment else { return };
            let octets = assignment.wire().expect("nothing is revealed, so nothing is to be hidden");
            wire.extend_from_slice(octets);
            let mut datagram = vec![0; 20];
            datagram.extend_from_slice(octets);
            let length = u16::try_from(datagram.len()).expect("one attribute").to_be_bytes();
            datagram[2..4].copy_from_slice(&length);
            let index = Index::parse(&datagram).expect("one whole attribute");
            assert_eq!(dictionary.describe(&index.packet(), None), [line.as_str()]);
        }
        // A line that stands for the whole attribute is its very octets, but for a prefix that was shorter than could be.
        if let [line] = lines.as_slice()
            && all_sendable
            && !line.contains("Prefix")
            && !line.contains("Route-IPv6-Information")
            && !line.contains("6rd")
        {
            assert_eq!(&wire[2..], attribute.value, "{line}");
        }
        shown.extend(lines);
    }
    assert_eq!(dictionary.describe(packet, None), shown);
}
