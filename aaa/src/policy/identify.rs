//! Which router sent a datagram, and is it really that router?

use std::{net::SocketAddr, sync::Arc};

use radius::{
    attribute::AttributeType,
    authenticator::{AuthenticatorError, MessageAuthenticator, verify_request},
    index::{Index, Presence},
    packet::Packet,
    replay::Key,
    secret::SharedSecret,
    service::{Ask, Service},
};

use super::{
    Policy,
    contract::{Datagram, DropReason, Port},
    memo::Sender,
    scratch::Scratch,
};
use crate::{
    directory::entry::{MessageAuthenticatorPolicy, Router, Tenant},
    live::{Path, RouterState},
};

/// A request whose sender is known.
#[derive(Debug)]
pub struct Identified<'a> {
    pub(super) index: Index<'a>,
    pub(super) ask: Ask,
    sender: Arc<Sender>,
    pub(super) path: Path,
    pub(super) port: Port,
    key: Key,
}

impl<'a> Identified<'a> {
    /// What makes it a duplicate of another (RFC 5080 §2.2.2).
    #[must_use]
    pub const fn key(&self) -> Key {
        self.key
    }

    /// The packet, without what followed it in the datagram.
    #[must_use]
    pub const fn packet(&self) -> Packet<'a> {
        self.index.packet()
    }

    /// The router that sent it.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.sender.router
    }

    /// The secret shared with it, held on to: replies are signed with it once the request is gone.
    #[must_use]
    pub fn signer(&self) -> Signer {
        Signer(Arc::clone(&self.sender))
    }

    /// The router's tenant; `None` while the directory does not know it.
    pub(super) fn tenant(&self) -> Option<&Tenant> {
        self.sender.tenant.as_deref()
    }

    /// What is observed of the router.
    pub(super) fn state(&self) -> &Arc<RouterState> {
        &self.sender.state
    }
}

/// What signs the replies to a router.
#[derive(Debug)]
pub struct Signer(Arc<Sender>);

impl Signer {
    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &SharedSecret {
        &self.0.router.secret
    }
}

impl Policy {
    /// Parses a datagram and finds the router that sent it: by source address alone, never by what the packet says of
    /// itself (RFC 2865 §3, §5.4, §5.32). Where several routers share an address, it is the one whose secret verifies
    /// the packet. The address is looked up before anything else, so that a flood from elsewhere costs one probe.
    ///
    /// # Errors
    /// When the datagram is to be discarded, and why.
    pub fn identify<'a>(
        &self,
        scratch: &mut Scratch,
        datagram: &Datagram<'a>,
    ) -> Result<Identified<'a>, DropReason> {
        let peer = datagram.peer.ip();
        let senders =
            scratch.memo.senders(&self.directory, &self.live, peer).ok_or(DropReason::UnknownClient)?;
        let index = Index::parse(datagram.bytes).map_err(|_| DropReason::Malformed)?;
        let service = match datagram.port {
            Port::Authentication => Service::Authentication,
            Port::Accounting => Service::Accounting,
        };
        let ask = service.ask(index.packet().code()).ok_or(DropReason::UnexpectedCode)?;
        let sender = sender_of(senders, &index, ask)?;
        if ask == Ask::Access {
            sender.state.message_authenticator(index.message_authenticator() != Presence::Absent);
        }
        Ok(Identified {
            ask,
            sender: Arc::clone(sender),
            path: Path { peer, local: datagram.local },
            port: datagram.port,
            key: key(datagram, &index),
            index,
        })
    }
}

/// The one of `senders` that signed the packet.
fn sender_of<'s>(
    senders: &'s [Arc<Sender>],
    index: &Index<'_>,
    ask: Ask,
) -> Result<&'s Arc<Sender>, DropReason> {
    if let [sender] = senders {
        return match verify_request(index, &sender.router.secret) {
            Ok(MessageAuthenticator::Absent) if ask == Ask::Access => {
                tolerates_unsigned(sender, index).map(|()| sender)
            }
            Ok(_) => Ok(sender),
            Err(error) => {
                if error.depends_on_secret() {
                    sender.state.forged();
                }
                Err(reason(error))
            }
        };
    }
    let mut refusal = DropReason::AmbiguousRouter;
    for sender in senders {
        match verify_request(index, &sender.router.secret) {
            // An Access-Request without Message-Authenticator is signed by nobody: any secret "verifies" it.
            Ok(MessageAuthenticator::Absent) if ask == Ask::Access => {
                let sender = sole_unsigned(senders)?;
                return tolerates_unsigned(sender, index).map(|()| sender);
            }
            Ok(_) => return Ok(sender),
            Err(error) if error.depends_on_secret() => refusal = reason(error),
            Err(error) => return Err(reason(error)),
        }
    }
    // Nobody's secret verifies it: whosever it is, it shows there.
    senders.iter().for_each(|sender| sender.state.forged());
    Err(refusal)
}

/// The one of `senders` that may leave its requests unsigned: from one of the others the request would not be taken.
fn sole_unsigned(senders: &[Arc<Sender>]) -> Result<&Arc<Sender>, DropReason> {
    let mut unsigned = senders
        .iter()
        .filter(|sender| sender.router.message_authenticator == MessageAuthenticatorPolicy::Off);
    match (unsigned.next(), unsigned.next()) {
        (Some(sender), None) => Ok(sender),
        // It shows at each that may have sent it: those that are not known to sign.
        _ => {
            let suspects = senders.iter().filter(|sender| !sender.state.signs_requests());
            suspects.for_each(|sender| sender.state.message_authenticator(false));
            Err(DropReason::AmbiguousRouter)
        }
    }
}

/// Whether this router may send an Access-Request without Message-Authenticator. One with Proxy-State never may: that
/// is where the forgery of CVE-2024-3596 puts its collision.
fn tolerates_unsigned(sender: &Sender, index: &Index<'_>) -> Result<(), DropReason> {
    let is_tolerated = sender.router.message_authenticator == MessageAuthenticatorPolicy::Off
        && !index.has(AttributeType::PROXY_STATE);
    if is_tolerated {
        return Ok(());
    }
    sender.state.message_authenticator(false);
    Err(DropReason::MessageAuthenticatorMissing)
}

const fn reason(error: AuthenticatorError) -> DropReason {
    match error {
        AuthenticatorError::Wrong => DropReason::AuthenticatorInvalid,
        AuthenticatorError::MessageAuthenticatorMissing => DropReason::MessageAuthenticatorMissing,
        AuthenticatorError::MessageAuthenticatorWrong
        | AuthenticatorError::MessageAuthenticatorMalformed
        | AuthenticatorError::MessageAuthenticatorRepeated => DropReason::MessageAuthenticatorInvalid,
        AuthenticatorError::NotRequest => DropReason::UnexpectedCode,
    }
}

fn key(datagram: &Datagram<'_>, index: &Index<'_>) -> Key {
    // The registered numbers stand for the two ports, wherever they really are: a probe to one is no copy of a probe to
    // the other.
    let port = match datagram.port {
        Port::Authentication => 1_812,
        Port::Accounting => 1_813,
    };
    let packet = index.packet();
    let local = SocketAddr::new(datagram.local, port);
    Key::new(datagram.peer, local, packet.code(), packet.identifier(), *packet.authenticator())
}
