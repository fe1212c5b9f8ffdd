//! A datagram as text for people: one `Name = value` a line, first what the header says, then every attribute.
//!
//! ```text
//! Packet-Type = Access-Request
//! Packet-Identifier = 0
//! Packet-Length = 56
//! Packet-Authenticator = 0x0f403f9473978057bd83d5cb98f4227a
//! Packet-Signature = none
//! User-Name = "nemo"
//! User-Password = "arctangent"
//! ```

use std::fmt;

use crate::authenticator::{self, AuthenticatorError, MessageAuthenticator};
use crate::code::Code;
use crate::dictionary::{Dictionary, Reveal};
use crate::index::Index;
use crate::packet::{Authenticator, ParseError};
use crate::secret::SharedSecret;

/// What is known besides the datagram.
#[derive(Clone, Copy, Debug, Default)]
pub struct Knowledge<'a> {
    /// The secret: signatures are checked and hidden values revealed.
    pub secret: Option<&'a SharedSecret>,
    /// For a reply: the authenticator of its request, without which its signature cannot be checked and its hidden values
    /// cannot be revealed.
    pub request_authenticator: Option<&'a Authenticator>,
}

/// A packet as text; one line for each element, none of which has a line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The lines.
    pub lines: Vec<String>,
}

/// Whether the holder of the secret signed the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signature {
    /// Signed, and rightly so.
    Valid,
    /// Nothing in the packet is a signature.
    None,
    /// Not signed with this secret, or changed on its way.
    Wrong(AuthenticatorError),
    /// Cannot be told without the request's authenticator.
    NeedsRequest,
}

/// Decodes a datagram. Names come from `dictionary`; what it does not know is shown by number and in hexadecimal.
pub fn decode(
    datagram: &[u8],
    dictionary: &Dictionary,
    knowledge: Knowledge<'_>,
) -> Result<Decoded, ParseError> {
    let index = Index::parse(datagram)?;
    let packet = index.packet();
    let mut lines = vec![
        format!("Packet-Type = {}", packet.code()),
        format!("Packet-Identifier = {}", packet.identifier()),
        format!("Packet-Length = {}", packet.as_bytes().len()),
        format!("Packet-Authenticator = {:#034x}", u128::from_be_bytes(*packet.authenticator())),
    ];
    let padding = datagram.len() - packet.as_bytes().len();
    if padding > 0 {
        lines.push(format!("Packet-Padding = {padding}"));
    }
    let reveal = knowledge.secret.and_then(|secret| {
        let authenticator = if is_request(packet.code()) {
            Some(packet.authenticator())
        } else {
            knowledge.request_authenticator
        };
        lines.push(format!(
            "Packet-Signature = {}",
            signature(&index, secret, knowledge.request_authenticator)
        ));
        authenticator.map(|authenticator| Reveal { secret, authenticator })
    });
    lines.extend(dictionary.describe(&packet, reveal.as_ref()));
    Ok(Decoded { lines })
}

fn signature(index: &Index<'_>, secret: &SharedSecret, request: Option<&Authenticator>) -> Signature {
    let code = index.packet().code();
    let verified = if is_request(code) {
        authenticator::verify_request(index, secret)
    } else {
        let Some(request) = request else { return Signature::NeedsRequest };
        authenticator::verify_reply(index, request, secret)
    };
    match verified {
        // Only an Access-Request has no signature in its header.
        Ok(MessageAuthenticator::Absent) if code == Code::ACCESS_REQUEST => Signature::None,
        Ok(_) => Signature::Valid,
        Err(error) => Signature::Wrong(error),
    }
}

const fn is_request(code: Code) -> bool {
    matches!(code, Code::ACCESS_REQUEST | Code::STATUS_SERVER) || code.is_signed_request()
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::None => f.write_str("none"),
            Self::Wrong(error) => write!(f, "wrong: {error}"),
            Self::NeedsRequest => f.write_str("unknown without the request's authenticator"),
        }
    }
}

impl fmt::Display for Decoded {
    /// Each line with its line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Why a text is not a datagram in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HexadecimalError {
    /// Another character than a digit or a separator.
    #[error("{0:?} is not a hexadecimal digit")]
    Digit(char),
    /// Half an octet at the end.
    #[error("the number of hexadecimal digits is odd")]
    Odd,
    /// More octets than a UDP datagram has.
    #[error("there are more octets than a datagram has")]
    Long,
}

/// Reads hexadecimal digits as captures show them: `0x` before them, white space, colons and dashes between them.
pub fn octets_from_hexadecimal(text: &str) -> Result<Vec<u8>, HexadecimalError> {
    let text = text.trim();
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let mut octets = Vec::new();
    let mut high: Option<u32> = None;
    for character in text.chars() {
        if character.is_whitespace() || matches!(character, ':' | '-') {
            continue;
        }
        let digit = character.to_digit(16).ok_or(HexadecimalError::Digit(character))?;
        match high.take() {
            None => high = Some(digit),
            Some(high) => {
                if octets.len() == MAX_DATAGRAM_LENGTH {
                    return Err(HexadecimalError::Long);
                }
                octets.push((high << 4 | digit).to_le_bytes()[0]);
            }
        }
    }
    if high.is_some() { Err(HexadecimalError::Odd) } else { Ok(octets) }
}

/// What UDP over IPv4 carries at most. A packet is shorter, but padding may follow it.
const MAX_DATAGRAM_LENGTH: usize = 65_507;
