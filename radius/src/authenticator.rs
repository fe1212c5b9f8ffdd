//! Authenticators: who signed a packet, and was it changed on its way.
//!
//! | packet | authenticator in the header | Message-Authenticator is computed with |
//! |---|---|---|
//! | Access-Request, Status-Server | random | the packet as it is |
//! | Accounting-, CoA-, Disconnect-Request | `MD5(packet with zeros + secret)` | zeros as authenticator |
//! | every reply | `MD5(packet with the request's authenticator + secret)` | the request's authenticator |
//!
//! In all of them Message-Authenticator itself counts as 16 zero octets (RFC 3579 §3.2). Sources: RFC 2865 §3, RFC 2866 §3,
//! RFC 3579 §3.2, RFC 5176 §2.3 and §3.4, RFC 5997 §3. Comparisons take the same time wherever the first difference is,
//! and the packet is never copied.

use subtle::ConstantTimeEq;

use crate::attribute::AttributeType;
use crate::code::Code;
use crate::index::{Index, Presence};
use crate::packet::{Authenticator, HEADER_LENGTH};
use crate::secret::SharedSecret;

/// Octets in the place of an authenticator that is not yet known.
pub(crate) const ZERO: Authenticator = [0; 16];

/// What a verified packet showed of Message-Authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageAuthenticator {
    /// It has none. An Access-Request without it proves nothing about its sender.
    Absent,
    /// It has one, and it is right.
    Valid,
}

/// Why a packet was not signed by the holder of the secret. It is to be discarded without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AuthenticatorError {
    /// The authenticator in the header is wrong.
    #[error("the authenticator is wrong")]
    Wrong,
    /// Message-Authenticator is wrong.
    #[error("the Message-Authenticator is wrong")]
    MessageAuthenticatorWrong,
    /// Message-Authenticator is not 16 octets long.
    #[error("the Message-Authenticator is malformed")]
    MessageAuthenticatorMalformed,
    /// There is more than one Message-Authenticator.
    #[error("there is more than one Message-Authenticator")]
    MessageAuthenticatorRepeated,
    /// An EAP-Message or a Status-Server without Message-Authenticator (RFC 3579 §3.1, RFC 5997 §3).
    #[error("a Message-Authenticator is required and missing")]
    MessageAuthenticatorMissing,
    /// The packet is not a request that a server or a NAS answers.
    #[error("the packet is not a request")]
    NotRequest,
}

impl AuthenticatorError {
    /// Whether another secret could verify the packet: true only for a wrong signature.
    pub const fn depends_on_secret(self) -> bool {
        matches!(self, Self::Wrong | Self::MessageAuthenticatorWrong)
    }
}

/// Verifies a request by its code: the header's authenticator where it is a signature, and Message-Authenticator where
/// there is one. Access-Request without EAP may lack it; whether that is tolerated is the caller's policy.
pub fn verify_request(
    request: &Index<'_>,
    secret: &SharedSecret,
) -> Result<MessageAuthenticator, AuthenticatorError> {
    let packet = request.packet();
    match packet.code() {
        Code::ACCESS_REQUEST | Code::STATUS_SERVER => {
            let result = verify_message_authenticator(request, packet.authenticator(), secret)?;
            let required = packet.code() == Code::STATUS_SERVER || request.has(AttributeType::EAP_MESSAGE);
            if required && result == MessageAuthenticator::Absent {
                return Err(AuthenticatorError::MessageAuthenticatorMissing);
            }
            Ok(result)
        }
        code if code.is_signed_request() => {
            verify_header(request, &ZERO, secret)?;
            verify_message_authenticator(request, &ZERO, secret)
        }
        _ => Err(AuthenticatorError::NotRequest),
    }
}

/// Verifies a reply to the request whose authenticator is given. Matching the identifier and the source is the caller's.
pub fn verify_reply(
    reply: &Index<'_>,
    request_authenticator: &Authenticator,
    secret: &SharedSecret,
) -> Result<MessageAuthenticator, AuthenticatorError> {
    verify_header(reply, request_authenticator, secret)?;
    let result = verify_message_authenticator(reply, request_authenticator, secret)?;
    if result == MessageAuthenticator::Absent && reply.has(AttributeType::EAP_MESSAGE) {
        return Err(AuthenticatorError::MessageAuthenticatorMissing);
    }
    Ok(result)
}

/// Checks the header's authenticator, a hash over the packet with `authenticator` in its place.
fn verify_header(
    index: &Index<'_>,
    authenticator: &Authenticator,
    secret: &SharedSecret,
) -> Result<(), AuthenticatorError> {
    let packet = index.packet();
    let expected = header_authenticator(packet.as_bytes(), authenticator, secret);
    if equal(&expected, packet.authenticator()) { Ok(()) } else { Err(AuthenticatorError::Wrong) }
}

/// Checks Message-Authenticator, if there is one, with `authenticator` in the header's place.
fn verify_message_authenticator(
    index: &Index<'_>,
    authenticator: &Authenticator,
    secret: &SharedSecret,
) -> Result<MessageAuthenticator, AuthenticatorError> {
    let offset = match index.message_authenticator() {
        Presence::Absent => return Ok(MessageAuthenticator::Absent),
        Presence::Once(offset) => offset,
        Presence::Malformed => return Err(AuthenticatorError::MessageAuthenticatorMalformed),
        Presence::Repeated => return Err(AuthenticatorError::MessageAuthenticatorRepeated),
    };
    let bytes = index.packet().as_bytes();
    let received = bytes.get(offset..offset + ZERO.len()).unwrap_or_default();
    let expected = message_authenticator(bytes, offset, authenticator, secret);
    if bool::from(expected.ct_eq(received)) {
        Ok(MessageAuthenticator::Valid)
    } else {
        Err(AuthenticatorError::MessageAuthenticatorWrong)
    }
}

/// `MD5(code + identifier + length + authenticator + attributes + secret)` (RFC 2865 §3).
pub(crate) fn header_authenticator(
    packet: &[u8],
    authenticator: &Authenticator,
    secret: &SharedSecret,
) -> Authenticator {
    let (start, attributes) = parts(packet);
    secret.hash_after(&[start, authenticator, attributes])
}

/// HMAC-MD5 over the packet with `authenticator` in the header and zeros at `offset`, where the value of
/// Message-Authenticator stands (RFC 3579 §3.2).
pub(crate) fn message_authenticator(
    packet: &[u8],
    offset: usize,
    authenticator: &Authenticator,
    secret: &SharedSecret,
) -> Authenticator {
    let (start, attributes) = parts(packet);
    let place = offset.saturating_sub(HEADER_LENGTH);
    let before = attributes.get(..place).unwrap_or_default();
    let after = attributes.get(place + ZERO.len()..).unwrap_or_default();
    secret.sign(&[start, authenticator, before, &ZERO, after])
}

/// What stands before and behind the authenticator.
fn parts(packet: &[u8]) -> (&[u8], &[u8]) {
    let (header, attributes) = packet.split_at_checked(HEADER_LENGTH).unwrap_or((packet, &[]));
    (header.get(..HEADER_LENGTH - ZERO.len()).unwrap_or_default(), attributes)
}

fn equal(left: &Authenticator, right: &Authenticator) -> bool {
    left.ct_eq(right).into()
}
