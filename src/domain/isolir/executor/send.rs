//! One session's way through CoA, its refusals and Disconnect (RFC 5176 §3.5).

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use aaa::{
    directory::entry::Router,
    live::{LiveSession, RouterState},
    net::dynauth::{Ended, Order, Sender},
};
use base::Timestamp;
use radius::dynauth::{Action, Kind, Outcome};
use tokio::sync::oneshot;

use super::super::change::Way;

/// What is to be done about one session.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) way: Way,
    session: LiveSession,
    router: Arc<Router>,
    remote: SocketAddr,
    local: IpAddr,
    /// What is observed of the router, and since when an unanswered CoA shows that it takes none.
    observed: Option<(Arc<RouterState>, Timestamp)>,
}

impl Delivery {
    /// The router is asked where it says it listens, else where its packets come from; from the address that it asks.
    pub(super) fn new(session: &LiveSession, router: Arc<Router>, way: Way, source: IpAddr) -> Self {
        let heard = session.path;
        let address = router
            .dynauth_address
            .or(heard.map(|path| path.peer))
            .or(router.addresses.first().copied())
            .unwrap_or(source);
        Self {
            way,
            session: session.clone(),
            remote: SocketAddr::new(address, router.dynauth_port),
            local: heard.map_or(source, |path| path.local),
            router,
            observed: None,
        }
    }

    /// Goes on to Disconnect also where CoA stays without an answer although the router is heard after `since`.
    pub(super) fn or_disconnect(self, router: Option<Arc<RouterState>>, since: Timestamp) -> Self {
        Self { observed: router.map(|router| (router, since)), ..self }
    }

    /// Whom it is about, as it was when it was made.
    pub(super) const fn session(&self) -> &LiveSession {
        &self.session
    }

    fn is_heard(&self) -> bool {
        self.observed.as_ref().is_some_and(|(router, since)| router.view().last_seen > Some(*since))
    }
}

/// How it ended for one session.
#[derive(Debug)]
pub(super) enum Result {
    /// The router took the change.
    Changed(String),
    /// The router ended the session.
    Disconnected(String),
    /// The router knows the session no more.
    Gone(String),
    /// The router refuses.
    Refused(String),
    /// The router is silent.
    Unreachable(String),
    /// Something newer is on its way.
    Superseded,
}

impl Result {
    /// Of several sessions the worst counts.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Superseded => 0,
            Self::Changed(_) => 1,
            Self::Disconnected(_) | Self::Gone(_) => 2,
            Self::Refused(_) => 3,
            Self::Unreachable(_) => 4,
        }
    }
}

/// Sends.
#[derive(Clone, Debug)]
pub(super) struct Courier {
    pub(super) sender: Sender,
}

impl Courier {
    /// Sends the first request at once; the future brings it to an end.
    pub(super) fn send(&self, delivery: Delivery) -> impl Future<Output = Result> + Send + use<> {
        let (kind, changes) = match &delivery.way {
            Way::Coa(changes) => (Kind::Coa, changes.clone()),
            Way::Disconnect | Way::Nothing => (Kind::Disconnect, Vec::new()),
        };
        let first = self.order(&delivery, kind, changes, true);
        let courier = self.clone();
        async move { courier.follow(delivery, kind, first).await }
    }

    async fn follow(self, delivery: Delivery, kind: Kind, first: oneshot::Receiver<Ended>) -> Result {
        let mut kind = kind;
        let mut names_router = true;
        // What went before, where the router does not take CoA.
        let mut before = "";
        let mut ended = first.await;
        // CoA with and without the router's own names, Disconnect likewise: no more than four requests.
        loop {
            let outcome = match ended {
                Ok(Ended::Answered { outcome, .. }) => outcome,
                Ok(Ended::Superseded) => return Result::Superseded,
                Ok(Ended::NoRoute) => {
                    return Result::Unreachable(format!("this machine has no way to {}", delivery.remote));
                }
                Ok(Ended::Unsent(error)) => return Result::Unreachable(format!("not sent: {error}")),
                Err(_) => return Result::Unreachable("not sent: the sender is busy or has ended".to_owned()),
            };
            let name = if kind == Kind::Coa { "CoA" } else { "Disconnect" };
            match outcome {
                Outcome::Ack if kind == Kind::Coa => return Result::Changed("CoA-ACK".to_owned()),
                Outcome::Ack => return Result::Disconnected(format!("{before}Disconnect-ACK")),
                Outcome::TimedOut if kind == Kind::Coa && delivery.is_heard() => {
                    (kind, names_router, before) = (Kind::Disconnect, true, "no answer to CoA; ");
                }
                Outcome::TimedOut => {
                    return Result::Unreachable(format!(
                        "no answer from {}: is `/radius incoming` on, its port right, and the secret the same?",
                        delivery.remote
                    ));
                }
                Outcome::Nak(cause) => {
                    let text = match cause {
                        Some(cause) => format!("{before}{name}-NAK, Error-Cause {}", cause.0),
                        None => format!("{before}{name}-NAK"),
                    };
                    match Action::of(cause) {
                        Action::CloseSession => return Result::Gone(text),
                        Action::DropNasIdentification if names_router => names_router = false,
                        Action::RetryLater => return Result::Refused(text),
                        _ if kind == Kind::Coa => (kind, names_router) = (Kind::Disconnect, true),
                        _ => return Result::Refused(text),
                    }
                }
            }
            let changes = match (&delivery.way, kind) {
                (Way::Coa(changes), Kind::Coa) => changes.clone(),
                _ => Vec::new(),
            };
            ended = self.order(&delivery, kind, changes, names_router).await;
        }
    }

    fn order(
        &self,
        delivery: &Delivery,
        kind: Kind,
        changes: Vec<u8>,
        names_router: bool,
    ) -> oneshot::Receiver<Ended> {
        let (done, ended) = oneshot::channel();
        let order = Order {
            session: delivery.session.id,
            kind,
            router: Arc::clone(&delivery.router),
            remote: delivery.remote,
            local: delivery.local,
            identifiers: delivery.session.identifiers.clone(),
            names_router,
            changes,
            // The executor may have been stopped: then nobody waits for the end.
            done: Box::new(move |ended| {
                let _nobody_waits = done.send(ended);
            }),
        };
        if self.sender.send(order).is_err() {
            tracing::debug!("the sender of CoA requests is full");
        }
        ended
    }
}
