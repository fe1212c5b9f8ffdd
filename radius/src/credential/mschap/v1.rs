//! MS-CHAP version 1 (RFC 2433): a challenge of eight octets, and a response by the NT hash.
//!
//! ```text
//!  0               1               2 ... 25                26 ... 49
//! +---------------+---------------+-----------------------+-----------------------+
//! |  identifier   |     flags     | LM response (24)      | NT response (24)      |
//! +---------------+---------------+-----------------------+-----------------------+
//! ```

use subtle::ConstantTimeEq;

use super::des;
use super::hash::NtHash;

/// Octets of MS-CHAP-Response (RFC 2548 §2.1.3).
const LENGTH: usize = 50;

/// The flag that says: the NT response is there, use it (RFC 2548 §2.1.3).
const USE_NT: u8 = 0x01;

/// The MS-CHAP-Response of a request with its challenge.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    identifier: u8,
    flags: u8,
    nt_response: &'a [u8; 24],
    challenge: &'a [u8; 8],
}

impl<'a> Response<'a> {
    /// Reads MS-CHAP-Response and MS-CHAP-Challenge; `None` unless they have 50 and 8 octets.
    pub fn parse(response: &'a [u8], challenge: &'a [u8]) -> Option<Self> {
        let response: &[u8; LENGTH] = response.try_into().ok()?;
        let [identifier, flags, rest @ ..] = response;
        Some(Self {
            identifier: *identifier,
            flags: *flags,
            nt_response: rest.last_chunk()?,
            challenge: challenge.try_into().ok()?,
        })
    }

    /// The identifier that an MS-CHAP-Error repeats.
    pub const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// Whether the user knows the password of this hash, compared in constant time. A response by LM hash alone never
    /// matches: it is broken, and no client in use needs it.
    pub fn matches(&self, hash: &NtHash) -> bool {
        let nt = self.flags & USE_NT != 0;
        nt & bool::from(respond(hash, *self.challenge).ct_eq(self.nt_response))
    }
}

/// Prints nothing: passwords are guessed from less.
impl std::fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Response(..)")
    }
}

/// The NT response of a client (RFC 2433 §A.1).
pub fn respond(hash: &NtHash, challenge: [u8; 8]) -> [u8; 24] {
    des::challenge_response(challenge, hash.expose())
}

/// The value of a client's MS-CHAP-Response, without an LM response.
pub fn compose(identifier: u8, hash: &NtHash, challenge: [u8; 8]) -> [u8; LENGTH] {
    let mut value = [0; LENGTH];
    let [identifier_octet, flags, _lm_and_nt @ ..] = &mut value;
    *identifier_octet = identifier;
    *flags = USE_NT;
    if let Some(place) = value.last_chunk_mut() {
        *place = respond(hash, challenge);
    }
    value
}
