//! A worker: one thread with its own sockets, duplicate cache and parked replies. It never waits for anything but its
//! poll: what can't be answered now is parked.

use std::{
    io,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base::{Clock, Now};
use radius::{
    replay::{Key, ReplayCache, Slot, Verdict},
    sign::{self, Unsigned},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    counters::Counters,
    parked::{Parked, Release, Reply},
    socket::{BATCH, End, Inbox, Outbox, Received, UdpSocket},
};
use crate::{
    journal::{Appender, Journal, Record, Wake},
    policy::{Action, Datagram, Payload, Policy, Port, Scratch, Signer},
};

/// Batches taken from one socket before the others have their turn: 256 datagrams, about a millisecond of work, bound
/// how long a parked reply or the other port waits behind a flood.
const BATCHES_PER_TURN: usize = 4;

/// Sockets of one worker: two ports in two families on four addresses each.
pub(super) const MAX_LISTENERS: usize = 16;

/// How long a worker that stops waits for its last group commit.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// What all workers share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Decides.
    pub policy: Arc<Policy>,
    /// Makes records durable.
    pub journal: Arc<Journal>,
    /// The time.
    pub clock: Clock,
}

/// A socket and what it is for.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: UdpSocket,
    pub(super) port: Port,
}

/// A reply in an outbox that is to be signed.
struct Pending {
    /// Its place in the outbox.
    place: usize,
    length: usize,
    signer: Signer,
    /// Its entry in the duplicate cache, which gets the reply once it is signed.
    slot: Slot,
}

/// One worker's state.
pub(super) struct Worker {
    shared: Shared,
    listeners: Vec<Listener>,
    wake: Wake,
    appender: Appender,
    stop: Arc<AtomicBool>,
    outboxes: Vec<Outbox>,
    /// The replies in each outbox that are still to be signed.
    unsigned: Vec<Vec<Pending>>,
    replay: ReplayCache,
    parked: Parked,
    scratch: Scratch,
    counters: Counters,
}

impl Worker {
    pub(super) fn new(
        number: usize,
        shared: Shared,
        listeners: Vec<Listener>,
        wake: Wake,
        stop: Arc<AtomicBool>,
        replay: ReplayCache,
    ) -> Self {
        Self {
            outboxes: listeners.iter().map(|_| Outbox::new()).collect(),
            unsigned: listeners.iter().map(|_| Vec::with_capacity(BATCH)).collect(),
            counters: Counters::new(number, listeners.len()),
            appender: shared.journal.appender(wake.clone()),
            shared,
            listeners,
            wake,
            stop,
            replay,
            parked: Parked::default(),
            scratch: Scratch::new().signing_later(),
        }
    }

    /// Serves until told to stop; then answers what is parked for durability, and ends.
    pub(super) fn run(mut self) {
        let mut inbox = Inbox::new();
        // Held once: counting it for each datagram would make all workers write one cache line.
        let policy = Arc::clone(&self.shared.policy);
        while !self.stop.load(Ordering::Acquire) {
            let ready = self.wait(true);
            let now = self.shared.clock.now();
            for (index, _) in ready.into_iter().enumerate().filter(|(_, ready)| *ready) {
                self.serve(&policy, now, index, &mut inbox);
            }
            self.release(self.shared.clock.now());
            self.counters.flush(&self.replay, self.parked.len());
            self.scratch.publish();
        }
        self.drain();
    }

    /// Waits until a socket is readable, the bell rings, or a parked reply is due. Says which sockets are readable.
    fn wait(&mut self, read: bool) -> [bool; MAX_LISTENERS] {
        let timeout = self.parked.next_deadline().map(|at| {
            let left = at.saturating_sub(self.shared.clock.now().monotonic);
            // Rounded up by a microsecond, so that a poll does not end just before the deadline and spin.
            let left = left + Duration::from_micros(1);
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) }
        });
        let listeners = if read { self.listeners.as_slice() } else { &[] };
        let mut descriptors: [PollFd<'_>; MAX_LISTENERS + 1] =
            std::array::from_fn(|index| match listeners.get(index) {
                Some(listener) => PollFd::new(&listener.socket, PollFlags::IN),
                None => PollFd::new(&self.wake, PollFlags::IN),
            });
        let used = listeners.len() + 1;
        if let Err(error) = poll(&mut descriptors[..used], timeout.as_ref())
            && error != rustix::io::Errno::INTR
        {
            tracing::error!(error = %io::Error::from(error), "polling the RADIUS sockets failed");
        }
        let is_ready = |index: usize| index < used && !descriptors[index].revents().is_empty();
        let ready = std::array::from_fn(|index| index < listeners.len() && is_ready(index));
        if is_ready(listeners.len()) {
            self.wake.clear();
        }
        ready
    }

    /// Takes a bounded number of datagrams from one socket.
    fn serve(&mut self, policy: &Policy, now: Now, index: usize, inbox: &mut Inbox) {
        for _ in 0..BATCHES_PER_TURN {
            let count = match self.listeners[index].socket.receive(inbox) {
                Ok(count) => count,
                Err(error) => {
                    self.counters.receive_failed(&error);
                    break;
                }
            };
            if count > 1 && self.listeners[index].port == Port::Authentication {
                self.look_ahead(policy, inbox);
            }
            for received in inbox.datagrams() {
                self.handle(policy, now, index, &received);
            }
            self.send(now, index);
            if count < BATCH {
                break;
            }
        }
    }

    /// Fetches what the datagrams of a batch will need. A panic leaves them to be found cold.
    fn look_ahead(&mut self, policy: &Policy, inbox: &Inbox) {
        let scratch = &mut self.scratch;
        let looked = catch_unwind(AssertUnwindSafe(|| policy.look_ahead(scratch, inbox.requests())));
        if looked.is_err() {
            self.counters.panics.add(1);
        }
    }

    /// Handles one datagram. A panic costs this datagram alone, and its entry in the duplicate cache is freed.
    fn handle(&mut self, policy: &Policy, now: Now, index: usize, received: &Received<'_>) {
        self.counters.received(index, received.kernel_drops);
        let mut claimed = None;
        let handled =
            catch_unwind(AssertUnwindSafe(|| self.judge(policy, now, index, received, &mut claimed)));
        if handled.is_err() {
            self.counters.panics.add(1);
            if let Some(slot) = claimed {
                self.replay.forget(slot);
            }
        }
    }

    fn judge(
        &mut self,
        policy: &Policy,
        now: Now,
        index: usize,
        received: &Received<'_>,
        claimed: &mut Option<Slot>,
    ) {
        let listener = &self.listeners[index];
        let local = received.local.unwrap_or_else(|| listener.socket.local().ip());
        let end = End { peer: received.peer, local: answer_from(local) };
        let datagram = Datagram { bytes: received.bytes, peer: received.peer, local, port: listener.port };
        let request = match policy.identify(&mut self.scratch, &datagram) {
            Ok(request) => request,
            Err(reason) => return self.counters.dropped(reason),
        };
        if self.outboxes[index].is_full() {
            self.send(now, index);
        }
        let slot = match self.replay.check(now.monotonic, &request.key()) {
            Verdict::New(slot) => slot,
            Verdict::InProgress => return self.answer_again(now, index, &request.key(), end),
            Verdict::Reply(bytes) => return self.outboxes[index].push(bytes, end),
        };
        *claimed = Some(slot);
        let Some(out) = self.outboxes[index].slot() else { return };
        match policy.answer(now, &request, &mut self.scratch, out) {
            Action::Reply { length } => {
                self.replay.answer(now.monotonic, slot, self.outboxes[index].composed(length));
                self.outboxes[index].keep(length, end);
            }
            Action::Sign { length } => {
                let place = self.outboxes[index].len();
                self.outboxes[index].keep(length, end);
                self.unsigned[index].push(Pending { place, length, signer: request.signer(), slot });
            }
            Action::Delay { .. } | Action::Record { .. } if self.parked.is_full() => {
                self.counters.parked_full.add(1);
                self.replay.forget(slot);
            }
            Action::Delay { length, by } => {
                let bytes = self.parked.copy(self.outboxes[index].composed(length));
                self.parked.until(now.monotonic + by, Reply { socket: index, end, slot, bytes });
            }
            Action::Record { length, kind, version, tenant, router, payload } => {
                let payload = match payload {
                    Payload::Datagram => request.packet().as_bytes(),
                    Payload::Composed { length } => self.scratch.composed(length),
                };
                let record = Record { kind, version, received_at: now.wall, tenant, router, payload };
                match self.appender.append(&record) {
                    Ok(position) => {
                        policy.recorded(now, &request, &mut self.scratch);
                        let bytes = self.parked.copy(self.outboxes[index].composed(length));
                        let reply = Reply { socket: index, end, slot, bytes };
                        self.parked.until_durable(now.monotonic, position, reply);
                    }
                    Err(_) => {
                        policy.not_recorded(now, &request, &mut self.scratch);
                        self.counters.journal_refused.add(1);
                        self.replay.forget(slot);
                    }
                }
            }
            Action::Drop(reason) => {
                self.counters.dropped(reason);
                self.replay.forget(slot);
            }
        }
    }

    /// Answers the copy of a request whose reply is in the same batch, and only lacks its signature.
    fn answer_again(&mut self, now: Now, index: usize, key: &Key, end: End) {
        if self.unsigned[index].is_empty() {
            return;
        }
        self.sign(now, index);
        if self.outboxes[index].is_full() {
            self.send(now, index);
        }
        match self.replay.check(now.monotonic, key) {
            Verdict::Reply(bytes) => self.outboxes[index].push(bytes, end),
            Verdict::New(slot) => {
                self.replay.forget(slot);
            }
            Verdict::InProgress => {}
        }
    }

    /// Signs what is to be signed in one outbox, together, and keeps it for copies of its requests.
    fn sign(&mut self, now: Now, index: usize) {
        let Self { outboxes, unsigned, replay, .. } = self;
        let (outbox, pending) = (&mut outboxes[index], &mut unsigned[index]);
        let mut wanted = pending.iter().peekable();
        let mut replies = Vec::with_capacity(pending.len());
        for (place, buffer) in outbox.kept().enumerate() {
            if let Some(Pending { length, signer, .. }) = wanted.next_if(|pending| pending.place == place) {
                replies.push(Unsigned { buffer, length: *length, secret: signer.secret() });
            }
        }
        sign::sign(&mut replies);
        for (reply, pending) in replies.iter().zip(&*pending) {
            replay.answer(now.monotonic, pending.slot, reply.buffer.get(..reply.length).unwrap_or_default());
        }
        drop(replies);
        pending.clear();
    }

    /// Sends the parked replies that are due.
    fn release(&mut self, now: Now) {
        let durable = self.appender.durable();
        while let Some(release) = self.parked.release(now.monotonic, durable) {
            match release {
                Release::Due(Reply { socket, end, slot, bytes }) => {
                    self.replay.answer(now.monotonic, slot, &bytes);
                    if self.outboxes[socket].is_full() {
                        self.send(now, socket);
                    }
                    self.outboxes[socket].push(&bytes, end);
                    self.parked.recycle(bytes);
                }
                Release::Expired(Reply { slot, bytes, .. }) => {
                    self.counters.expired.add(1);
                    self.replay.forget(slot);
                    self.parked.recycle(bytes);
                }
            }
        }
        for index in 0..self.listeners.len() {
            self.send(now, index);
        }
    }

    fn send(&mut self, now: Now, index: usize) {
        if !self.unsigned[index].is_empty() {
            self.sign(now, index);
        }
        let outbox = &mut self.outboxes[index];
        if !outbox.is_empty() {
            let refused = self.listeners[index].socket.send(outbox);
            self.counters.send_refused.add(refused as u64);
        }
    }

    /// After the stop: reads no more, and answers what its records make durable.
    fn drain(&mut self) {
        let until = self.shared.clock.now().monotonic + DRAIN_PATIENCE;
        loop {
            let now = self.shared.clock.now();
            self.release(now);
            if self.parked.len() == 0 || now.monotonic >= until {
                break;
            }
            self.wait(false);
        }
        self.counters.flush(&self.replay, 0);
        self.scratch.publish();
    }
}

/// The source address for a reply. An unspecified address means that the kernel did not say which one was asked.
fn answer_from(local: IpAddr) -> Option<IpAddr> {
    (!local.is_unspecified()).then_some(local)
}
