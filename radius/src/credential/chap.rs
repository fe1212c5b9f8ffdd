//! CHAP: `MD5(identifier + password + challenge)` (RFC 2865 §2.2, §5.3; RFC 1994 §4.1).

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

/// The CHAP-Password of a request with its challenge.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    identifier: u8,
    response: &'a [u8; 16],
    challenge: &'a [u8],
}

impl<'a> Response<'a> {
    /// Reads a CHAP-Password: one octet of CHAP identifier and 16 of response. The challenge may have any length.
    pub fn parse(password: &'a [u8], challenge: &'a [u8]) -> Option<Self> {
        let (&identifier, response) = password.split_first()?;
        Some(Self { identifier, response: response.try_into().ok()?, challenge })
    }

    /// Whether the user knows `password`, compared in constant time.
    pub fn matches(&self, password: &[u8]) -> bool {
        respond(self.identifier, password, self.challenge).ct_eq(self.response).into()
    }
}

/// Prints nothing: passwords are guessed from less.
impl std::fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Response(..)")
    }
}

/// What a client answers to a challenge.
pub fn respond(identifier: u8, password: &[u8], challenge: &[u8]) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update([identifier]);
    hash.update(password);
    hash.update(challenge);
    hash.finalize().into()
}
