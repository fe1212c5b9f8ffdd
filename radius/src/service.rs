//! The two services of a server, what each of them is asked, and how it answers a Status-Server.

use crate::code::Code;

/// Which port a datagram came to. The code must fit the port (RFC 2865 §3, RFC 2866 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Port 1812 by default.
    Authentication,
    /// Port 1813 by default.
    Accounting,
}

/// What a request asks of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Access-Request: may this user come in?
    Access,
    /// Accounting-Request: note this.
    Account,
    /// Status-Server: are you there? No user is looked at (RFC 5997 §3).
    Status,
}

impl Service {
    /// What a packet with this code asks here; `None` means that it is to be discarded: an unknown code, a reply, or a
    /// request for the other port.
    pub const fn ask(self, code: Code) -> Option<Ask> {
        match (self, code) {
            (Self::Authentication, Code::ACCESS_REQUEST) => Some(Ask::Access),
            (Self::Accounting, Code::ACCOUNTING_REQUEST) => Some(Ask::Account),
            (_, Code::STATUS_SERVER) => Some(Ask::Status),
            _ => None,
        }
    }

    /// The code of the answer to a Status-Server (RFC 5997 §4.2). The request must have a Message-Authenticator, as
    /// [`verify_request`](crate::authenticator::verify_request) demands.
    pub const fn status_reply(self) -> Code {
        match self {
            Self::Authentication => Code::ACCESS_ACCEPT,
            Self::Accounting => Code::ACCOUNTING_RESPONSE,
        }
    }
}
