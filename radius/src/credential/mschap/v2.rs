//! MS-CHAP version 2 (RFC 2759): both sides challenge, and the server proves that it knows the password too.
//!
//! ```text
//!  0               1               2 ... 17          18 ... 25      26 ... 49
//! +---------------+---------------+-----------------+--------------+-----------------------+
//! |  identifier   |     flags     | peer challenge  | reserved     | NT response (24)      |
//! +---------------+---------------+-----------------+--------------+-----------------------+
//! ```

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

use super::des;
use super::hash::NtHash;

/// Octets of MS-CHAP2-Response (RFC 2548 §2.3.2).
const LENGTH: usize = 50;

/// The MS-CHAP2-Response of a request with its challenge.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    identifier: u8,
    peer_challenge: &'a [u8; 16],
    nt_response: &'a [u8; 24],
    challenge: &'a [u8; 16],
}

impl<'a> Response<'a> {
    /// Reads MS-CHAP2-Response and MS-CHAP-Challenge; `None` unless they have 50 and 16 octets.
    pub fn parse(response: &'a [u8], challenge: &'a [u8]) -> Option<Self> {
        let response: &[u8; LENGTH] = response.try_into().ok()?;
        let [identifier, _flags, rest @ ..] = response;
        Some(Self {
            identifier: *identifier,
            peer_challenge: rest.first_chunk()?,
            nt_response: rest.last_chunk()?,
            challenge: challenge.try_into().ok()?,
        })
    }

    /// The identifier that MS-CHAP2-Success and MS-CHAP-Error repeat.
    pub const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// The response itself, from which the session keys come.
    pub const fn nt_response(&self) -> &'a [u8; 24] {
        self.nt_response
    }

    /// Checks the response against the hash of the user's password, in constant time. The user name is that of the
    /// request; a domain before it does not count (RFC 2759 §8.2). If it is right, answers the value of MS-CHAP2-Success.
    pub fn verify(&self, user_name: &[u8], hash: &NtHash) -> Option<Success> {
        let challenge_hash = challenge_hash(self.peer_challenge, self.challenge, user_name);
        let expected = des::challenge_response(challenge_hash, hash.expose());
        bool::from(expected.ct_eq(self.nt_response))
            .then(|| Success::new(self.identifier, hash, self.nt_response, challenge_hash))
    }
}

/// Prints nothing: passwords are guessed from less.
impl std::fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Response(..)")
    }
}

/// The value of MS-CHAP2-Success (RFC 2548 §2.3.3): the response's identifier and `S=` with 40 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Success([u8; 43]);

impl Success {
    /// The authenticator response (RFC 2759 §8.7).
    fn new(identifier: u8, hash: &NtHash, nt_response: &[u8; 24], challenge_hash: [u8; 8]) -> Self {
        let digest = Sha1::new()
            .chain_update(hash.hashed().expose())
            .chain_update(nt_response)
            .chain_update(SERVER_TO_CLIENT)
            .finalize();
        let digest: [u8; 20] = Sha1::new()
            .chain_update(digest)
            .chain_update(challenge_hash)
            .chain_update(MORE_THAN_ONE)
            .finalize()
            .into();

        let mut octets = [0; 43];
        let [identifier_octet, s, equals, digits @ ..] = &mut octets;
        (*identifier_octet, *s, *equals) = (identifier, b'S', b'=');
        for (pair, octet) in digits.chunks_mut(2).zip(digest) {
            pair.copy_from_slice(&[digit(octet >> 4), digit(octet & 0x0f)]);
        }
        Self(octets)
    }

    /// The attribute's value.
    pub const fn octets(&self) -> &[u8; 43] {
        &self.0
    }

    /// The text alone, as a client compares it.
    pub const fn text(&self) -> &[u8; 42] {
        let [_identifier, text @ ..] = &self.0;
        text
    }
}

impl std::fmt::Debug for Success {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Success").field(&self.text().escape_ascii().to_string()).finish()
    }
}

/// The NT response of a client (RFC 2759 §8.1).
pub fn respond(user_name: &[u8], hash: &NtHash, challenge: &[u8; 16], peer_challenge: &[u8; 16]) -> [u8; 24] {
    des::challenge_response(challenge_hash(peer_challenge, challenge, user_name), hash.expose())
}

/// The value of a client's MS-CHAP2-Response.
pub fn compose(
    identifier: u8,
    user_name: &[u8],
    hash: &NtHash,
    challenge: &[u8; 16],
    peer_challenge: &[u8; 16],
) -> [u8; LENGTH] {
    let mut value = [0; LENGTH];
    let [identifier_octet, _flags, rest @ ..] = &mut value;
    *identifier_octet = identifier;
    if let Some(place) = rest.first_chunk_mut() {
        *place = *peer_challenge;
    }
    if let Some(place) = rest.last_chunk_mut() {
        *place = respond(user_name, hash, challenge, peer_challenge);
    }
    value
}

/// The user name without a Windows domain: what stands behind the last backslash.
pub fn without_domain(user_name: &[u8]) -> &[u8] {
    user_name.rsplit(|octet| *octet == b'\\').next().unwrap_or(user_name)
}

/// The eight octets that both challenges and the user name come down to (RFC 2759 §8.2).
fn challenge_hash(peer_challenge: &[u8; 16], challenge: &[u8; 16], user_name: &[u8]) -> [u8; 8] {
    let digest: [u8; 20] = Sha1::new()
        .chain_update(peer_challenge)
        .chain_update(challenge)
        .chain_update(without_domain(user_name))
        .finalize()
        .into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    [a, b, c, d, e, f, g, h]
}

/// An upper-case hexadecimal digit.
const fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

/// RFC 2759 §8.7, `Magic1`.
const SERVER_TO_CLIENT: &[u8] = b"Magic server to client signing constant";

/// RFC 2759 §8.7, `Magic2`.
const MORE_THAN_ONE: &[u8] = b"Pad to make it do more than one iteration";
