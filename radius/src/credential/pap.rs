//! PAP: the password itself, hidden with the shared secret (RFC 2865 §5.2).

use subtle::ConstantTimeEq;

use crate::hide::{self, Concealed, HideError};
use crate::packet::Authenticator;
use crate::secret::SharedSecret;

/// The User-Password of a request, still hidden.
#[derive(Clone, Copy)]
pub struct UserPassword<'a> {
    hidden: &'a [u8],
    authenticator: &'a Authenticator,
}

impl<'a> UserPassword<'a> {
    /// A hidden password and the Request Authenticator it was hidden with.
    pub const fn new(hidden: &'a [u8], authenticator: &'a Authenticator) -> Self {
        Self { hidden, authenticator }
    }

    /// Reveals the password. With a wrong secret the result is noise, not an error.
    pub fn reveal(&self, secret: &SharedSecret) -> Result<Concealed, HideError> {
        hide::reveal_password(self.hidden, self.authenticator, secret)
    }

    /// Whether the user typed `password`, compared in constant time. What is malformed does not match.
    pub fn matches(&self, password: &[u8], secret: &SharedSecret) -> bool {
        match self.reveal(secret) {
            Ok(revealed) => revealed.expose().ct_eq(password).into(),
            Err(_) => false,
        }
    }
}

/// Prints nothing: passwords are guessed from less.
impl std::fmt::Debug for UserPassword<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserPassword(..)")
    }
}
