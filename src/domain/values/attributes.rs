//! Further attributes of a reply, set by an operator as `Name = value`, and their octets in a packet.

use radius::dictionary::{Dictionary, Number};
use serde::{Deserialize, Serialize};

use super::Invalid;

/// Attributes of one plan or subscriber: far more than anybody sets.
const MAX_ATTRIBUTES: usize = 32;
/// Their octets together: with everything that we compose ourselves a reply stays below 4,096 octets (RFC 2865 §3).
const MAX_OCTETS: usize = 1_024;
/// Longest text of one value: 253 octets in hexadecimal with their escapes.
const MAX_TEXT: usize = 1_024;

/// What may not be set by hand, by number, and why.
const RESERVED: [(&[u32], &str); 25] = [
    (&[1], "belongs to the exchange itself"),
    (&[2], "belongs to the exchange itself"),
    (&[3], "belongs to the exchange itself"),
    (&[24], "belongs to the exchange itself"),
    (&[33], "belongs to the exchange itself"),
    (&[60], "belongs to the exchange itself"),
    (&[79], "belongs to the exchange itself"),
    (&[80], "belongs to the exchange itself"),
    (&[25], "is the session's cookie"),
    (&[8], "has a field of its own: staticAddress"),
    (&[11], "has a field of its own: filter"),
    (&[22], "has a field of its own: routes"),
    (&[27], "has a field of its own: sessionTimeout"),
    (&[28], "has a field of its own: idleTimeout"),
    (&[85], "has a field of its own: interimInterval"),
    (&[88], "has a field of its own: pool"),
    (&[97], "has a field of its own: ipv6Prefix"),
    (&[100], "has a field of its own: ipv6Pool"),
    (&[123], "has a field of its own: delegatedIpv6Prefix"),
    (&[26, 14988, 3], "has a field of its own: group"),
    (&[26, 14988, 8], "has a field of its own: rateLimit"),
    (&[26, 14988, 19], "has a field of its own: addressList"),
    (&[26, 14988, 22], "has a field of its own: delegatedIpv6Pool"),
    (&[26, 311, 16], "belongs to the exchange itself"),
    (&[26, 311, 17], "belongs to the exchange itself"),
];

/// What may be set by hand and is never kept under isolation, by number: routes and IPv6 lead around the wall, as the fields
/// do that an isolated Accept leaves out (RFC 2865 §5.9, RFC 3162, RFC 5969, RFC 6911).
const NEVER_KEPT: [(u32, &str); 8] = [
    (9, "Framed-IP-Netmask"),
    (98, "Login-IPv6-Host"),
    (99, "Framed-IPv6-Route"),
    (168, "Framed-IPv6-Address"),
    (170, "Route-IPv6-Information"),
    (171, "Delegated-IPv6-Prefix-Pool"),
    (172, "Stateful-IPv6-Address-Pool"),
    (173, "IPv6-6rd-Configuration"),
];

/// One attribute as the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AttributeText {
    /// Its name in the dictionary, such as `Mikrotik-Mark-Id`.
    pub name: String,
    /// Its value, such as `gold`.
    pub value: String,
}

/// Attributes as texts, and as they stand in a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// What the operator wrote.
    pub texts: Vec<AttributeText>,
    /// One type-length-value after the other.
    pub composed: Vec<u8>,
}

impl Attributes {
    /// Composes `texts` by the dictionary.
    ///
    /// # Errors
    /// When one is unknown, not of its type, reserved, or hidden with a router's secret; when they are too many.
    pub fn compose(dictionary: &Dictionary, texts: Vec<AttributeText>) -> Result<Self, Invalid> {
        if texts.len() > MAX_ATTRIBUTES {
            return Err(Invalid::new("attributes", format!("has more than {MAX_ATTRIBUTES} entries")));
        }
        let mut composed = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            let octets = one(dictionary, text)
                .map_err(|problem| Invalid::new(format!("attributes.{place}"), problem))?;
            composed.extend_from_slice(&octets);
        }
        if composed.len() > MAX_OCTETS {
            return Err(Invalid::new(
                "attributes",
                format!("takes more than {MAX_OCTETS} octets of a reply"),
            ));
        }
        Ok(Self { texts, composed })
    }
}

fn one(dictionary: &Dictionary, text: &AttributeText) -> Result<Vec<u8>, String> {
    if text.value.len() > MAX_TEXT || text.name.len() > MAX_TEXT {
        return Err(format!("is longer than {MAX_TEXT} octets"));
    }
    // The name may not smuggle an assignment of its own into the line.
    if text.name.contains('=') {
        return Err("has an equals sign in its name".to_owned());
    }
    let assignment = dictionary
        .parse_assignment(&format!("{} = {}", text.name, text.value))
        .map_err(|error| error.to_string())?;
    if let Some((_, reason)) = RESERVED.iter().find(|(number, _)| assignment.number().path() == *number) {
        return Err(format!("{}: {reason}", text.name));
    }
    // The container itself would let any of the reserved ones through.
    if assignment.number().path() == [26] {
        return Err("Vendor-Specific is set by the names of the vendor's attributes".to_owned());
    }
    match assignment.wire() {
        Some(octets) => Ok(octets.to_vec()),
        None => Err(format!("{} is hidden with the router's secret and cannot be set", text.name)),
    }
}

/// An attribute to be kept under isolation as (vendor, type), vendor 0 being the standard space; `None` for those that stand
/// deeper, are reserved, or would lead around the wall.
#[must_use]
pub fn key(number: Number) -> Option<(u32, u8)> {
    if RESERVED.iter().any(|(reserved, _)| number.path() == *reserved) {
        return None;
    }
    match *number.path() {
        [26] => None,
        [kind] if NEVER_KEPT.iter().any(|(never, _)| *never == kind) => None,
        [kind] => Some((0, u8::try_from(kind).ok()?)),
        [26, vendor, kind] => Some((vendor, u8::try_from(kind).ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compose(name: &str, value: &str) -> Result<Vec<u8>, String> {
        let text = AttributeText { name: name.into(), value: value.into() };
        Attributes::compose(&radius::dictionary::builtin::dictionary().unwrap(), vec![text])
            .map(|attributes| attributes.composed)
            .map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn texts_become_octets() {
        assert_eq!(compose("Mikrotik-Mark-Id", "gold"), Ok(b"\x1a\x0c\x00\x00\x3a\x8c\x0b\x06gold".to_vec()));
        assert_eq!(compose("Port-Limit", "3"), Ok(vec![62, 6, 0, 0, 0, 3]));
    }

    #[test]
    fn what_has_a_field_or_belongs_to_the_exchange_is_refused() {
        for (name, value) in [
            ("Mikrotik-Rate-Limit", "1M/1M"),
            ("Framed-IP-Address", "10.0.0.1"),
            ("Class", "0x01"),
            ("Message-Authenticator", "0x00112233445566778899aabbccddeeff"),
            ("Attr-26.14988.8", "0x31"),
            ("Attr-26", "0x00003a8c0803 31"),
            ("Attr-80", "0x00112233445566778899aabbccddeeff"),
            ("raw.Class", "0x01"),
            ("MS-MPPE-Send-Key", "0x01"),
            ("Tunnel-Password", "secret"),
            ("Class = 0x01 #", "x"),
        ] {
            assert!(compose(name, value).is_err(), "{name}");
        }
        assert!(compose("Nonsense-Attribute", "1").unwrap_err().contains("Nonsense-Attribute"));
        assert!(compose("Port-Limit", "many").is_err());
    }

    #[test]
    fn what_leads_around_the_wall_is_set_by_hand_and_never_kept() {
        let dictionary = radius::dictionary::builtin::dictionary().unwrap();
        for (number, name) in NEVER_KEPT {
            let known = dictionary.find_name(name).unwrap();
            assert_eq!(known.number.path(), [number], "{name}");
            assert_eq!(key(known.number), None, "{name}");
        }
        for name in ["Framed-Route", "Framed-IPv6-Prefix", "Framed-IPv6-Pool", "Delegated-IPv6-Prefix"] {
            assert_eq!(key(dictionary.find_name(name).unwrap().number), None, "{name}");
        }
        assert!(compose("Framed-IPv6-Address", "2001:db8::1").is_ok());
        assert_eq!(key(dictionary.find_name("Port-Limit").unwrap().number), Some((0, 62)));
    }

    #[test]
    fn many_attributes_do_not_burst_a_reply() {
        let text = AttributeText { name: "Reply-Message".into(), value: "x".repeat(200) };
        let invalid = Attributes::compose(&radius::dictionary::builtin::dictionary().unwrap(), vec![text; 6])
            .unwrap_err();
        assert_eq!(invalid.field, "attributes");
    }
}
