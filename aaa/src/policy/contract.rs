//! What a worker hands to the policy, and what it is told to do.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use base::{RouterId, TenantId};

use crate::journal::Kind;

/// Which of the two ports a datagram came to. A request's code must belong to its port (RFC 2865 §3, RFC 2866 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// Access-Request and Status-Server.
    Authentication,
    /// Accounting-Request and Status-Server.
    Accounting,
}

/// A datagram as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Its octets.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub peer: SocketAddr,
    /// The address of ours that was asked.
    pub local: IpAddr,
    /// The port of ours that was asked.
    pub port: Port,
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the reply.
    Reply {
        /// Its octets in the caller's buffer.
        length: usize,
    },
    /// Sign the reply, together with others, and send it: in place of [`Action::Reply`] where the worker
    /// [asked for it](super::Scratch::signing_later).
    Sign {
        /// Its octets in the caller's buffer.
        length: usize,
    },
    /// Send the reply later, without holding the worker: a reject's delay.
    Delay {
        /// Its octets in the caller's buffer.
        length: usize,
        /// How much later.
        by: Duration,
    },
    /// Append this record to the journal and send the reply once it is durable; if it cannot be appended, send nothing.
    Record {
        /// Octets of the reply in the caller's buffer.
        length: usize,
        /// What the record is about.
        kind: Kind,
        /// The version of its payload.
        version: u16,
        /// Whose router asks.
        tenant: TenantId,
        /// The router.
        router: RouterId,
        /// What the record holds.
        payload: Payload,
    },
    /// Send nothing.
    Drop(DropReason),
}

/// What a journal record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The datagram, trimmed to its packet.
    Datagram,
    /// The first octets of the worker's [`Scratch`](super::Scratch).
    Composed {
        /// How many.
        length: usize,
    },
}

base::text_enum! {
    /// Why a datagram was discarded without an answer. The text is a metric's label.
    pub enum DropReason {
        /// No router has this source address (RFC 2865 §3).
        UnknownClient = "unknown_client",
        /// It is no well-formed packet (RFC 2865 §3, §5).
        Malformed = "malformed",
        /// A server answers no such code, or not on this port.
        UnexpectedCode = "unexpected_code",
        /// Message-Authenticator is missing where this router, EAP-Message (RFC 3579 §3.1), Proxy-State or
        /// Status-Server (RFC 5997 §3) asks for one.
        MessageAuthenticatorMissing = "message_authenticator_missing",
        /// Message-Authenticator is wrong, malformed or there twice (RFC 3579 §3.2): most often another shared secret.
        MessageAuthenticatorInvalid = "message_authenticator_invalid",
        /// The Request Authenticator of an accounting packet is wrong (RFC 2866 §3): most often another shared secret.
        AuthenticatorInvalid = "authenticator_invalid",
        /// Several routers share the source address, and nothing in the packet proves which of them sent it.
        AmbiguousRouter = "ambiguous_router",
        /// The directory is not loaded yet, or lacks what the subscriber refers to: never a reject out of ignorance.
        DirectoryIncomplete = "directory_incomplete",
        /// This device failed too often in too short a time.
        Throttled = "throttled",
        /// A table of the hot path is full (reservations, first uses): the NAS asks again.
        Overload = "overload",
        /// The reply does not fit into 4096 octets (RFC 2865 §3): too many custom attributes.
        ReplyTooLong = "reply_too_long",
    }
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its place among all reasons, for plain arrays of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
