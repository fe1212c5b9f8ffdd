//! A request: which session, what change, and to whom.

use super::Pair;
use crate::attribute::AttributeType;
use crate::code::Code;
use crate::compose::{ComposeError, Composer};
use crate::packet::{MAX_LENGTH, Packet};
use crate::secret::SharedSecret;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Change the session's authorisation (RFC 5176 §2.2).
    Coa,
    /// End the session (RFC 5176 §2.1).
    Disconnect,
}

impl Kind {
    /// The request's code.
    pub const fn code(self) -> Code {
        match self {
            Self::Coa => Code::COA_REQUEST,
            Self::Disconnect => Code::DISCONNECT_REQUEST,
        }
    }

    pub(super) const fn ack(self) -> Code {
        match self {
            Self::Coa => Code::COA_ACK,
            Self::Disconnect => Code::DISCONNECT_ACK,
        }
    }

    pub(super) const fn nak(self) -> Code {
        match self {
            Self::Coa => Code::COA_NAK,
            Self::Disconnect => Code::DISCONNECT_NAK,
        }
    }
}

/// What to ask, whom, and about which session.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Change or end.
    pub kind: Kind,
    /// From where to where. RouterOS takes requests only from the address that it has in its list of servers, so use the one
    /// that the router asked last.
    pub pair: Pair,
    /// The secret shared with the router.
    pub secret: &'a SharedSecret,
    /// Which session.
    pub session: Session<'a>,
    /// The change: whole attributes as they stand in a packet ([`crate::compose::attributes`] makes them). Empty for a
    /// disconnect, which carries identification alone (RFC 5176 §3).
    pub changes: &'a [u8],
    /// Event-Timestamp, in seconds since 1970, for routers that ask for it against replays (RFC 5176 §6.3). Others may refuse
    /// a request whose clock is not theirs.
    pub event_timestamp: Option<u32>,
    /// Whether a reply without Message-Authenticator is dropped. It is always verified where it is there.
    pub requires_message_authenticator: bool,
}

/// What names a session (RFC 5176 §3), each value with the very octets that the router itself sent: it compares them with its
/// own, and writes addresses, case and padding as it likes. Every attribute must match, so leave out what is not known to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Session<'a> {
    /// NAS-IP-Address. A wrong one is refused with Error-Cause 403.
    pub nas_ip_address: Option<&'a [u8]>,
    /// NAS-IPv6-Address.
    pub nas_ipv6_address: Option<&'a [u8]>,
    /// NAS-Identifier.
    pub nas_identifier: Option<&'a [u8]>,
    /// User-Name.
    pub user_name: Option<&'a [u8]>,
    /// Framed-IP-Address. RouterOS wants it for hotspot users.
    pub framed_ip_address: Option<&'a [u8]>,
    /// Calling-Station-Id.
    pub calling_station_id: Option<&'a [u8]>,
    /// Acct-Session-Id.
    pub acct_session_id: Option<&'a [u8]>,
}

impl<'a> Session<'a> {
    /// Takes what a packet of the router says of its session; best the latest Accounting-Request. Empty values are taken for
    /// absent.
    pub fn of(packet: &Packet<'a>) -> Self {
        let value = |kind| {
            packet.find(kind).map(|attribute| attribute.value).filter(|value: &&[u8]| !value.is_empty())
        };
        Self {
            nas_ip_address: value(AttributeType::NAS_IP_ADDRESS),
            nas_ipv6_address: value(AttributeType::NAS_IPV6_ADDRESS),
            nas_identifier: value(AttributeType::NAS_IDENTIFIER),
            user_name: value(AttributeType::USER_NAME),
            framed_ip_address: value(AttributeType::FRAMED_IP_ADDRESS),
            calling_station_id: value(AttributeType::CALLING_STATION_ID),
            acct_session_id: value(AttributeType::ACCT_SESSION_ID),
        }
    }

    /// The same session without the names of its router, after [`super::Action::DropNasIdentification`].
    #[must_use]
    pub const fn without_nas(self) -> Self {
        Self { nas_ip_address: None, nas_ipv6_address: None, nas_identifier: None, ..self }
    }

    /// Whether it names any session at all, and not just a router.
    fn names_a_session(&self) -> bool {
        let names = [self.user_name, self.framed_ip_address, self.calling_station_id, self.acct_session_id];
        names.iter().any(Option::is_some)
    }

    fn attributes(&self) -> [(AttributeType, Option<&'a [u8]>); 7] {
        [
            (AttributeType::NAS_IP_ADDRESS, self.nas_ip_address),
            (AttributeType::NAS_IPV6_ADDRESS, self.nas_ipv6_address),
            (AttributeType::NAS_IDENTIFIER, self.nas_identifier),
            (AttributeType::USER_NAME, self.user_name),
            (AttributeType::ACCT_SESSION_ID, self.acct_session_id),
            (AttributeType::FRAMED_IP_ADDRESS, self.framed_ip_address),
            (AttributeType::CALLING_STATION_ID, self.calling_station_id),
        ]
    }
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The client has as many requests as it may: try again after an outcome.
    #[error("too many requests are in flight")]
    Full,
    /// This router has as many requests as it may: try again after one of its outcomes.
    #[error("too many requests to this router are in flight")]
    Busy,
    /// Nothing names the session; a router might take it for all of them.
    #[error("the request names no session")]
    NoSession,
    /// A CoA without a change.
    #[error("the request changes nothing")]
    NoChange,
    /// A disconnect carries identification alone (RFC 5176 §3).
    #[error("a disconnect carries no changes")]
    ChangeInDisconnect,
    /// The attributes do not fit, or are none.
    #[error("the request cannot be composed")]
    Compose(#[source] ComposeError),
}

impl Request<'_> {
    /// The whole datagram: identification, changes, Message-Authenticator, and the authenticator as in accounting, where 16
    /// zero octets stand in the place of both while they are computed (RFC 5176 §2.3 and §3.4).
    pub(super) fn compose(&self, identifier: u8) -> Result<Box<[u8]>, SubmitError> {
        if !self.session.names_a_session() {
            return Err(SubmitError::NoSession);
        }
        match (self.kind, self.changes.is_empty()) {
            (Kind::Coa, true) => return Err(SubmitError::NoChange),
            (Kind::Disconnect, false) => return Err(SubmitError::ChangeInDisconnect),
            _ => {}
        }
        let mut buffer = [0; MAX_LENGTH];
        let length = self.write(&mut buffer, identifier).map_err(SubmitError::Compose)?;
        Ok(buffer.get(..length).unwrap_or_default().into())
    }

    fn write(&self, buffer: &mut [u8], identifier: u8) -> Result<usize, ComposeError> {
        let mut composer = Composer::signed_request(buffer, self.kind.code(), identifier)?;
        composer.message_authenticator()?;
        for (kind, value) in self.session.attributes() {
            if let Some(value) = value {
                composer.octets(kind, value)?;
            }
        }
        if let Some(seconds) = self.event_timestamp {
            composer.u32(AttributeType::EVENT_TIMESTAMP, seconds)?;
        }
        composer.raw(self.changes)?;
        Ok(composer.finish(self.secret))
    }
}
