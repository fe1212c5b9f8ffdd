//! EAP as RADIUS carries it (RFC 3579): fragments to be joined, and the one answer of a server without EAP methods.
//!
//! No EAP method is checked here. What is offered is enough to look at an EAP packet and to refuse it as the standard asks:
//! an Access-Reject carries EAP-Failure, never EAP-Success (RFC 3579 §2.6.3). A request with EAP-Message and without
//! Message-Authenticator does not get this far: see [`verify_request`](crate::authenticator::verify_request).

use crate::attribute::AttributeType;
use crate::index::Index;

/// The code of an EAP-Failure (RFC 3748 §4.2).
const FAILURE: u8 = 4;

/// Octets of an EAP header: code, identifier, length (RFC 3748 §4).
const HEADER_LENGTH: usize = 4;

/// Why the EAP-Message attributes of a packet are not one EAP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EapError {
    /// There is no EAP-Message.
    #[error("there is no EAP-Message")]
    Missing,
    /// The joined packet exceeds the buffer; one of 4096 octets holds every packet.
    #[error("the EAP packet exceeds the buffer")]
    Full,
    /// The joined packet is shorter than its header, or its length field differs from its length.
    #[error("the EAP packet is malformed")]
    Malformed,
    /// Another attribute stands between two EAP-Messages (RFC 3579 §3.1 forbids it).
    #[error("the EAP-Message attributes are not consecutive")]
    Scattered,
}

/// Joins the EAP-Message attributes of `packet`, in order, into `buffer`, and answers the EAP packet (RFC 3579 §3.1).
pub fn join<'b>(packet: &Index<'_>, buffer: &'b mut [u8]) -> Result<&'b [u8], EapError> {
    let mut length = 0;
    let mut ended = false;
    for attribute in packet.packet().attributes() {
        if attribute.kind != AttributeType::EAP_MESSAGE {
            ended = length > 0;
            continue;
        }
        if ended {
            return Err(EapError::Scattered);
        }
        let end = length + attribute.value.len();
        buffer.get_mut(length..end).ok_or(EapError::Full)?.copy_from_slice(attribute.value);
        length = end;
    }
    if length == 0 {
        return Err(EapError::Missing);
    }
    let joined = buffer.get(..length).ok_or(EapError::Full)?;
    let &[_, _, high, low] = joined.first_chunk::<HEADER_LENGTH>().ok_or(EapError::Malformed)?;
    if usize::from(u16::from_be_bytes([high, low])) != joined.len() {
        return Err(EapError::Malformed);
    }
    Ok(joined)
}

/// The EAP-Failure that refuses an EAP packet; it repeats the packet's identifier.
pub fn failure(packet: &[u8]) -> Option<[u8; HEADER_LENGTH]> {
    let &[_, identifier, _, _] = packet.first_chunk()?;
    Some([FAILURE, identifier, 0, 4])
}
