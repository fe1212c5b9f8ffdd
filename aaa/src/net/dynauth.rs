//! Sends CoA and Disconnect requests: one thread around the client of RFC 5176, with one socket a family. Each request
//! leaves from the address of ours that its router last asked, or the router does not know the sender.

use std::{
    collections::HashMap,
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use base::{Clock, SessionId};
use metrics::{counter, gauge};
use radius::dynauth::{Client, Kind, Limits, Outcome, Pair, Request, Session, SubmitError, Ticket};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::socket::{End, Inbox, Options, Outbox, UdpSocket};
use crate::{
    directory::entry::Router,
    journal::Wake,
    live::{
        StoredIdentifiers,
        identifiers::{
            ACCT_SESSION_ID, CALLING_STATION_ID, FRAMED_IP_ADDRESS, NAS_IDENTIFIER, NAS_IP_ADDRESS,
            NAS_IPV6_ADDRESS, USER_NAME,
        },
    },
};

/// Orders that may wait for the thread. Its callers keep their own queue in the database and try again.
const ORDERS: usize = 1_024;

/// Receive buffer, octets: the replies to every request in flight.
const RECEIVE_BUFFER: usize = 1 << 20;

/// What is to be sent. A newer order for the same session takes the place of one in flight, whose copies must not arrive
/// behind it.
pub struct Order {
    /// Which session.
    pub session: SessionId,
    /// Change or end.
    pub kind: Kind,
    /// The router, with its secret and the form that it wants.
    pub router: Arc<Router>,
    /// To which address and port.
    pub remote: SocketAddr,
    /// From which address of ours; unspecified lets the kernel choose.
    pub local: IpAddr,
    /// What names the session, as the router itself wrote it.
    pub identifiers: StoredIdentifiers,
    /// Whether the router's own names go along (NAS-IP-Address, NAS-Identifier): not after it refused them.
    pub names_router: bool,
    /// The change, as attributes stand in a packet; empty for a disconnect.
    pub changes: Vec<u8>,
    /// Called once with the outcome, on the sending thread: it must be quick.
    pub done: Done,
}

/// Takes the end of an order.
pub type Done = Box<dyn FnOnce(Ended) + Send>;

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The router answered, or did not.
    Answered {
        /// What it said.
        outcome: Outcome,
        /// How long after the first copy was sent.
        elapsed: Duration,
    },
    /// It could not be sent.
    Unsent(SubmitError),
    /// There is no way to the router's address family on this machine.
    NoRoute,
    /// A newer order for the session took its place.
    Superseded,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("session", &self.session)
            .field("kind", &self.kind)
            .field("router", &self.router.id)
            .field("remote", &self.remote)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// The sender is full or has ended; the order comes back to be tried again.
#[derive(Debug, thiserror::Error)]
#[error("the sender of CoA requests takes no more at present")]
pub struct Refused(pub Box<Order>);

/// The way to the sending thread. Clones are the same thread.
#[derive(Clone, Debug)]
pub struct Sender {
    orders: SyncSender<Order>,
    wake: Wake,
}

impl Sender {
    /// Hands an order over.
    ///
    /// # Errors
    /// When the thread has too many, or has ended.
    pub fn send(&self, order: Order) -> Result<(), Refused> {
        self.orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(order) | TrySendError::Disconnected(order) => Refused(Box::new(order)),
        })?;
        self.wake.notify();
        Ok(())
    }
}

/// The thread. Dropping it ends it; orders in flight end without an outcome, and their callers try again later.
#[derive(Debug)]
pub struct Running {
    sender: Sender,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Opens the sockets and starts the thread. A router that is silent for `patience` is given up, after 30 s at the most.
    ///
    /// # Errors
    /// When the system gives no socket, thread or randomness.
    pub fn start(clock: Clock, patience: Duration) -> io::Result<Self> {
        let limits = Limits::default();
        let limits = Limits { patience: patience.min(limits.patience), ..limits };
        let options = Options { share_port: false, receive_buffer: RECEIVE_BUFFER };
        let v4 = UdpSocket::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0), options)?;
        // A machine without IPv6 has no IPv6 routers to talk to.
        let v6 = UdpSocket::bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0), options).ok();
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)?;
        let wake = Wake::new()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (orders, receiver) = mpsc::sync_channel(ORDERS);
        let sender = Sender { orders, wake: wake.clone() };
        let worker = Worker {
            client: Client::new(limits, Box::new(random(u64::from_ne_bytes(seed)))),
            sockets: [Some(v4), v6],
            waiting: HashMap::new(),
            by_session: HashMap::new(),
            orders: receiver,
            wake,
            stop: Arc::clone(&stop),
            clock,
            inbox: Inbox::new(),
            outbox: Outbox::new(),
        };
        let thread = thread::Builder::new().name("dynauth".to_owned()).spawn(move || worker.run())?;
        Ok(Self { sender, stop, thread: Some(thread) })
    }

    /// The way to the thread.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.sender.wake.notify();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the sender of CoA requests ended with a panic");
        }
    }
}

struct Worker {
    client: Client,
    sockets: [Option<UdpSocket>; 2],
    waiting: HashMap<Ticket, (SessionId, Done)>,
    by_session: HashMap<SessionId, Ticket>,
    orders: Receiver<Order>,
    wake: Wake,
    stop: Arc<AtomicBool>,
    clock: Clock,
    inbox: Inbox,
    outbox: Outbox,
}

impl Worker {
    fn run(mut self) {
        let in_flight = gauge!("rrnetd_dynauth_in_flight");
        while !self.stop.load(Ordering::Acquire) {
            self.wait();
            self.take_orders();
            self.receive();
            self.client.handle_timeout(self.clock.now().monotonic);
            self.transmit();
            self.finish();
            in_flight.set(u32::try_from(self.client.in_flight()).unwrap_or(u32::MAX));
        }
    }

    fn wait(&self) {
        let timeout = self.client.next_timeout().map(|at| {
            let left = at.saturating_sub(self.clock.now().monotonic) + Duration::from_micros(1);
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) }
        });
        let mut descriptors = vec![PollFd::new(&self.wake, PollFlags::IN)];
        descriptors.extend(self.sockets.iter().flatten().map(|socket| PollFd::new(socket, PollFlags::IN)));
        if let Err(error) = poll(&mut descriptors, timeout.as_ref())
            && error != rustix::io::Errno::INTR
        {
            tracing::error!(error = %io::Error::from(error), "polling the CoA sockets failed");
        }
        if !descriptors[0].revents().is_empty() {
            self.wake.clear();
        }
    }

    fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            let Some(local) = self.local(&order) else {
                (order.done)(Ended::NoRoute);
                continue;
            };
            let named = session(&order.identifiers);
            let event_timestamp =
                order.router.dynauth_event_timestamp.then(|| self.clock.wall().as_seconds());
            let request = Request {
                kind: order.kind,
                pair: Pair { local, remote: order.remote },
                secret: &order.router.secret,
                session: if order.names_router { named } else { named.without_nas() },
                changes: &order.changes,
                event_timestamp: event_timestamp.and_then(|seconds| u32::try_from(seconds).ok()),
                // RouterOS signs its replies only in recent versions; the Response Authenticator is always there.
                requires_message_authenticator: false,
            };
            if let Some(older) = self.by_session.remove(&order.session)
                && let Some((_, done)) = self.waiting.remove(&older)
            {
                self.client.cancel(older);
                done(Ended::Superseded);
            }
            match self.client.submit(&request) {
                Ok(ticket) => {
                    self.by_session.insert(order.session, ticket);
                    self.waiting.insert(ticket, (order.session, order.done));
                }
                Err(error) => (order.done)(Ended::Unsent(error)),
            }
        }
    }

    /// The end of ours: the wanted address with the port of the family's socket.
    fn local(&self, order: &Order) -> Option<SocketAddr> {
        let socket = self.sockets[usize::from(order.remote.is_ipv6())].as_ref()?;
        let unspecified = socket.local().ip();
        let address = if order.local.is_ipv6() == order.remote.is_ipv6() { order.local } else { unspecified };
        Some(SocketAddr::new(address, socket.local().port()))
    }

    fn transmit(&mut self) {
        loop {
            let now = self.clock.now().monotonic;
            // Copies to both families may alternate: each is sent by itself, for there are few.
            let Some(transmit) = self.client.poll_transmit(now) else { return };
            let local = Some(transmit.pair.local.ip()).filter(|address| !address.is_unspecified());
            let kind = if transmit.copy == 0 { "first" } else { "copy" };
            counter!("rrnetd_dynauth_sent_total", "transmission" => kind).increment(1);
            self.outbox.push(transmit.octets, End { peer: transmit.pair.remote, local });
            if let Some(socket) = &self.sockets[usize::from(transmit.pair.remote.is_ipv6())]
                && socket.send(&mut self.outbox) > 0
            {
                // Nobody hears of it but the metric: the next copy may get through.
                counter!("rrnetd_dynauth_send_refused_total").increment(1);
            }
        }
    }

    fn receive(&mut self) {
        for socket in self.sockets.iter().flatten() {
            loop {
                match socket.receive(&mut self.inbox) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::error!(%error, "receiving CoA replies failed");
                        break;
                    }
                }
                let now = self.clock.now().monotonic;
                for reply in self.inbox.datagrams() {
                    let asked =
                        SocketAddr::new(reply.local.unwrap_or(socket.local().ip()), socket.local().port());
                    let unspecified = socket.local();
                    // A request whose source the kernel chose is known under the unspecified address.
                    let result = self
                        .client
                        .handle(now, asked, reply.peer, reply.bytes)
                        .or_else(|_| self.client.handle(now, unspecified, reply.peer, reply.bytes));
                    if let Err(reason) = result {
                        counter!("rrnetd_dynauth_replies_dropped_total", "reason" => reason.to_string())
                            .increment(1);
                    }
                }
            }
        }
    }

    fn finish(&mut self) {
        while let Some(finished) = self.client.poll_outcome() {
            let label = match finished.outcome {
                Outcome::Ack => "ack",
                Outcome::Nak(_) => "nak",
                Outcome::TimedOut => "timed_out",
            };
            counter!("rrnetd_dynauth_outcomes_total", "outcome" => label).increment(1);
            if let Some((session, done)) = self.waiting.remove(&finished.ticket) {
                self.by_session.remove(&session);
                done(Ended::Answered { outcome: finished.outcome, elapsed: finished.elapsed });
            }
        }
    }
}

/// What names the session, in the client's form.
fn session(identifiers: &StoredIdentifiers) -> Session<'_> {
    Session {
        nas_ip_address: identifiers.find(NAS_IP_ADDRESS),
        nas_ipv6_address: identifiers.find(NAS_IPV6_ADDRESS),
        nas_identifier: identifiers.find(NAS_IDENTIFIER),
        user_name: identifiers.find(USER_NAME),
        framed_ip_address: identifiers.find(FRAMED_IP_ADDRESS),
        calling_station_id: identifiers.find(CALLING_STATION_ID),
        acct_session_id: identifiers.find(ACCT_SESSION_ID),
    }
}

/// Jitter and starting identifiers need to be unlike each other's, not secret: SplitMix64 from a random seed.
fn random(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(0)
    }
}
