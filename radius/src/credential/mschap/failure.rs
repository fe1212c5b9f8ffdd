//! MS-CHAP-Error: why the server refuses, in a text that the client's PPP reads (RFC 2548 §2.1.5).

use std::io::Write;

/// Why MS-CHAP failed (RFC 2759 §6, RFC 2433 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// 646: not allowed at this hour.
    RestrictedLogonHours,
    /// 647: the account is disabled.
    AccountDisabled,
    /// 648: the password expired.
    PasswordExpired,
    /// 649: no permission to dial in.
    NoDialInPermission,
    /// 691: the password or the user name is wrong. The only answer that tells an outsider nothing.
    AuthenticationFailure,
}

impl Failure {
    /// The number after `E=`.
    pub const fn number(self) -> u16 {
        match self {
            Self::RestrictedLogonHours => 646,
            Self::AccountDisabled => 647,
            Self::PasswordExpired => 648,
            Self::NoDialInPermission => 649,
            Self::AuthenticationFailure => 691,
        }
    }
}

/// The value of an MS-CHAP-Error: the identifier of the response it answers, and the text.
///
/// ```text
///  0               1 ...
/// +---------------+----------------------------------------
/// |  identifier   | E=691 R=0 C=<32 hex digits> V=3
/// +---------------+----------------------------------------
/// ```
#[derive(Clone, Copy)]
pub struct FailureText {
    octets: [u8; CAPACITY],
    length: usize,
}

impl FailureText {
    /// For version 1: `E=… R=0 V=2`. No new challenge is offered, because retries are not (RFC 2433 §9).
    pub fn v1(identifier: u8, failure: Failure) -> Self {
        Self::write(identifier, |text| write!(text, "E={} R=0 V=2", failure.number()))
    }

    /// For version 2: `E=… R=0 C=… V=3`, with the 16 octets of a fresh challenge (RFC 2759 §6).
    pub fn v2(identifier: u8, failure: Failure, challenge: &[u8; 16]) -> Self {
        let digits = u128::from_be_bytes(*challenge);
        Self::write(identifier, |text| write!(text, "E={} R=0 C={digits:032X} V=3", failure.number()))
    }

    /// The attribute's value.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    fn write(identifier: u8, text: impl FnOnce(&mut &mut [u8]) -> std::io::Result<()>) -> Self {
        let mut octets = [identifier; CAPACITY];
        let mut rest = octets.get_mut(1..).unwrap_or_default();
        text(&mut rest).expect("the longest text fits");
        let length = CAPACITY - rest.len();
        Self { octets, length }
    }
}

impl std::fmt::Debug for FailureText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FailureText").field(&self.octets().escape_ascii().to_string()).finish()
    }
}

/// The identifier and the longest text, that of version 2.
const CAPACITY: usize = 1 + "E=691 R=0 C= V=3".len() + 32;
