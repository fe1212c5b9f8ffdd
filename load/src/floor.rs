//! The floor: what any server must spend on a request, and nothing else. It receives and sends in batches, verifies
//! Message-Authenticator and the authenticators, answers with an Accept or an Accounting-Response and signs it; it looks
//! nobody up, checks no password, keeps nothing. Threads and sockets are laid out as the daemon's.

use std::{net::SocketAddr, sync::Arc, thread};

use aaa::net::socket::{BATCH, End, Inbox, Options, Outbox, UdpSocket};
use anyhow::Context as _;
use radius::{
    attribute::AttributeType,
    authenticator::verify_request,
    code::Code,
    compose::{ComposeError, Composer},
    index::{Index, Presence},
    packet::MAX_LENGTH,
    secret::SharedSecret,
};
use rustix::event::{PollFd, PollFlags, poll};

/// Batches taken from one socket before the other has its turn, as the daemon's workers do.
const BATCHES_PER_TURN: usize = 4;

/// The receive buffer of each socket, as the daemon asks for.
const RECEIVE_BUFFER: usize = 8 << 20;

/// How the floor is laid out.
#[derive(Clone, Debug)]
pub struct Floor {
    /// Where logins are answered.
    pub authentication: SocketAddr,
    /// Where accounting is answered.
    pub accounting: SocketAddr,
    /// Threads.
    pub workers: usize,
    /// The secret of everybody.
    pub secret: SharedSecret,
    /// Octets of attributes in each Accept beside Message-Authenticator; none is the bare floor.
    pub padding: usize,
}

/// A floor at work.
#[derive(Debug)]
pub struct Running {
    /// Where logins are answered.
    pub authentication: SocketAddr,
    /// Where accounting is answered.
    pub accounting: SocketAddr,
}

impl Floor {
    /// Opens the sockets and starts the threads, which end with the process.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub fn start(self) -> anyhow::Result<Running> {
        let mut running = Running { authentication: self.authentication, accounting: self.accounting };
        let floor = Arc::new(self);
        for number in 0..floor.workers.max(1) {
            let options = Options { share_port: true, receive_buffer: RECEIVE_BUFFER };
            let bind = |address: SocketAddr| {
                UdpSocket::bind(address, options).with_context(|| format!("listening on {address}"))
            };
            let sockets = [bind(running.authentication)?, bind(running.accounting)?];
            // With port 0 the first worker's ports become everybody's.
            running.authentication.set_port(sockets[0].local().port());
            running.accounting.set_port(sockets[1].local().port());
            let floor = Arc::clone(&floor);
            thread::Builder::new()
                .name(format!("floor-{number}"))
                .spawn(move || Worker::new(floor, sockets).run())?;
        }
        Ok(running)
    }
}

struct Worker {
    floor: Arc<Floor>,
    sockets: [UdpSocket; 2],
    inbox: Inbox,
    outbox: Outbox,
}

impl Worker {
    fn new(floor: Arc<Floor>, sockets: [UdpSocket; 2]) -> Self {
        Self { floor, sockets, inbox: Inbox::new(), outbox: Outbox::new() }
    }

    fn run(mut self) {
        loop {
            let mut descriptors =
                [PollFd::new(&self.sockets[0], PollFlags::IN), PollFd::new(&self.sockets[1], PollFlags::IN)];
            // An interruption only makes it look in vain.
            let _ = poll(&mut descriptors, None);
            let ready = [0, 1].map(|index: usize| !descriptors[index].revents().is_empty());
            for (socket, _) in ready.into_iter().enumerate().filter(|(_, ready)| *ready) {
                self.serve(socket);
            }
        }
    }

    fn serve(&mut self, socket: usize) {
        for _ in 0..BATCHES_PER_TURN {
            let count = self.sockets[socket].receive(&mut self.inbox).unwrap_or(0);
            for received in self.inbox.datagrams() {
                let Some(out) = self.outbox.slot() else { break };
                let answered =
                    Index::parse(received.bytes).ok().and_then(|index| self.floor.answer(&index, out));
                if let Some(length) = answered {
                    self.outbox.keep(length, End { peer: received.peer, local: received.local });
                }
            }
            self.sockets[socket].send(&mut self.outbox);
            if count < BATCH {
                break;
            }
        }
    }
}

impl Floor {
    /// Answers a request that is signed rightly; the length of the answer.
    fn answer(&self, request: &Index<'_>, out: &mut [u8]) -> Option<usize> {
        verify_request(request, &self.secret).ok()?;
        let signed = request.message_authenticator() != Presence::Absent;
        self.compose(request, signed, out).ok()
    }

    fn compose(&self, request: &Index<'_>, signed: bool, out: &mut [u8]) -> Result<usize, ComposeError> {
        let reply = match request.packet().code() {
            Code::ACCESS_REQUEST => {
                let mut reply = Composer::reply(out, Code::ACCESS_ACCEPT, request)?;
                let padding = [b'x'; MAX_LENGTH];
                for part in padding[..self.padding.min(MAX_LENGTH / 2)].chunks(40) {
                    reply.octets(AttributeType::REPLY_MESSAGE, part)?;
                }
                reply
            }
            _ if signed => Composer::reply(out, Code::ACCOUNTING_RESPONSE, request)?,
            _ => Composer::bare_reply(out, Code::ACCOUNTING_RESPONSE, request)?,
        };
        Ok(reply.finish(&self.secret))
    }
}
