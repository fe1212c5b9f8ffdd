//! Codes that change with time (RFC 6238 over RFC 4226): HMAC-SHA-1, steps of 30 seconds, six digits, which is what every
//! authenticator application speaks.

use base::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

/// Octets of a secret: the length of the hash, as RFC 4226 §4 recommends.
pub(super) const SECRET_OCTETS: usize = 20;
/// How long a code stands, milliseconds.
const STEP: i64 = 30_000;
/// A code may be this many steps early or late: clocks differ, and typing takes time (RFC 6238 §5.2).
const DRIFT: i64 = 1;
/// Digits of a code.
pub(super) const DIGITS: usize = 6;
/// Beyond six digits.
const MODULUS: u32 = 1_000_000;

/// The step whose code this is, if it is one that may be shown at `now`.
pub(super) fn matching_step(secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
    let current = now.as_millis().div_euclid(STEP);
    let mut matching = None;
    // All of them are compared, so that the time tells nothing.
    for step in current - DRIFT..=current + DRIFT {
        if bool::from(compose(secret, step).as_bytes().ct_eq(code.as_bytes())) {
            matching = Some(step);
        }
    }
    matching
}

/// The code of a step (RFC 4226 §5.3).
fn compose(secret: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let digest: [u8; 20] = mac.finalize().into_bytes().into();
    let offset = usize::from(digest[19] & 0x0f);
    let word = [digest[offset], digest[offset + 1], digest[offset + 2], digest[offset + 3]];
    let number = (u32::from_be_bytes(word) & 0x7fff_ffff) % MODULUS;
    format!("{number:0DIGITS$}")
}

/// The code that somebody's device shows at `now`: for tests of what takes codes.
#[cfg(test)]
pub(super) fn code_at(secret: &[u8], now: Timestamp) -> String {
    compose(secret, now.as_millis().div_euclid(STEP))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B, the last six of the eight digits.
    #[test]
    fn the_vectors_of_the_standard() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(SECRET, Timestamp::from_millis(seconds * 1_000)), code);
        }
    }

    #[test]
    fn a_code_stands_for_its_step_and_one_on_either_side() {
        let at = |seconds: i64| matching_step(SECRET, "287082", Timestamp::from_millis(seconds * 1_000));
        assert_eq!((at(30), at(59), at(0), at(89)), (Some(1), Some(1), Some(1), Some(1)));
        assert_eq!((at(90), at(-1)), (None, None));
        for wrong in ["", "28708", "2870820", "287083", "abcdef"] {
            assert_eq!(matching_step(SECRET, wrong, Timestamp::from_millis(59_000)), None, "{wrong}");
        }
    }
}
