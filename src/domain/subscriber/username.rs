//! User names: what a router sends must find what an operator typed.

use base::MacAddress;

use super::super::values::{Invalid, invalid::ensure};

/// Longest user name: one attribute (RFC 2865 §5.1).
const MAX_OCTETS: usize = 253;

/// The form in which a user name is stored. Letters keep their case: RADIUS compares octets. A hardware address written with
/// separators becomes `AA:BB:CC:DD:EE:FF`, in whichever of its forms a router sends it. Twelve bare digits stay what they
/// are: many a customer number looks like that.
///
/// # Errors
/// When it is empty, too long, or has spaces at its ends or control characters.
pub fn canonical_username(text: &str) -> Result<String, Invalid> {
    ensure(!text.is_empty(), "username", "must not be empty")?;
    ensure(text.len() <= MAX_OCTETS, "username", "is longer than 253 octets")?;
    ensure(text.trim() == text, "username", "starts or ends with a space")?;
    ensure(!text.chars().any(char::is_control), "username", "has control characters")?;
    let has_separator = text.contains([':', '-', '.']);
    match MacAddress::parse(text.as_bytes()) {
        Some(mac) if has_separator => Ok(mac.to_string()),
        _ => Ok(text.to_owned()),
    }
}

/// The form of a user name that is a hardware address and all there is to the login.
///
/// # Errors
/// When it is none.
pub(super) fn hardware_username(text: &str) -> Result<String, Invalid> {
    MacAddress::parse(text.trim().as_bytes())
        .map(|mac| mac.to_string())
        .ok_or_else(|| Invalid::new("username", "must be a hardware address when there is no password"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_they_are_but_hardware_addresses_have_one_form() {
        for (text, stored) in [
            ("budi@warga.net", "budi@warga.net"),
            ("Budi", "Budi"),
            ("aa-bb-cc-dd-ee-ff", "AA:BB:CC:DD:EE:FF"),
            ("aabb.ccdd.eeff", "AA:BB:CC:DD:EE:FF"),
            ("131234567890", "131234567890"),
            ("aabbccddeeff", "aabbccddeeff"),
            ("nama panjang", "nama panjang"),
        ] {
            assert_eq!(canonical_username(text), Ok(stored.to_owned()));
        }
        for text in ["", " budi", "budi ", "bu\ndi", &"x".repeat(254)] {
            assert!(canonical_username(text).is_err(), "{text:?}");
        }
        assert_eq!(hardware_username("aabbccddeeff"), Ok("AA:BB:CC:DD:EE:FF".to_owned()));
        assert!(hardware_username("budi").is_err());
    }
}
