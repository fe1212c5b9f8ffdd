//! Octets as the documents print them.

use radius::packet::Authenticator;
use radius::secret::SharedSecret;

/// Octets from pairs of hexadecimal digits; white space does not count.
pub(crate) fn octets(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).expect("a digit")).collect();
    assert!(digits.len().is_multiple_of(2), "odd number of digits");
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("two digits")).collect()
}

/// As [`octets`], of a length known in advance.
pub(crate) fn array<const N: usize>(text: &str) -> [u8; N] {
    octets(text).try_into().expect("the length asked for")
}

/// The secret of the examples in RFC 2865 §7 and RFC 5997 §6.
pub(crate) fn secret() -> SharedSecret {
    SharedSecret::new(b"xyzzy5461").expect("not empty")
}

/// An authenticator for packets whose authenticator does not matter.
pub(crate) const AUTHENTICATOR: Authenticator = [0x5a; 16];
