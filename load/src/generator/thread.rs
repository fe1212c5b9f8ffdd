//! The loop of one thread.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use aaa::net::socket::{End, Inbox, Options, Outbox, UdpSocket};
use anyhow::Context as _;
use base::Now;
use radius::code::Code;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    Pace, Phase, Shared, Tally,
    flights::{Flight, Flights, Place},
};
use crate::{
    ledger::{Entry, Ledger},
    population::{Text, User},
    reply::{self, Expected},
    request::{self, Noise, Proof, Record},
    session::{Mode, Step, scramble, session_id, usage},
};

/// The receive buffer of each socket: thousands of replies, so that a generator that the server starves loses none.
const RECEIVE_BUFFER: usize = 4 << 20;

/// How long a thread looks at nothing else than its sockets.
const LONGEST_POLL: Duration = Duration::from_millis(50);

/// A session at work.
#[derive(Debug)]
struct Life {
    number: u64,
    user: User,
    router: usize,
    /// Which of its steps comes next.
    at: u8,
    session_id: String,
    class: Option<Text>,
    /// When its Start was first sent.
    started: Option<Duration>,
    /// When the present step was first sent.
    tried: Option<Duration>,
}

pub(super) struct Thread {
    shared: Arc<Shared>,
    sockets: Vec<UdpSocket>,
    outboxes: Vec<Outbox>,
    flights: Flights,
    lives: Vec<Life>,
    /// Sessions whose next step waits for its turn.
    ready: VecDeque<u32>,
    /// Sessions whose next step does not wait for a turn.
    at_once: VecDeque<u32>,
    /// Places of sessions that are over.
    spare: Vec<u32>,
    tally: Tally,
    ledger: Option<Ledger>,
    random: u64,
    /// With a fixed rate: when the next request is due, and the time between two.
    due: Duration,
    every: Duration,
    exhausted: bool,
    kernel_drops: Vec<u32>,
}

impl Thread {
    pub(super) fn new(shared: Arc<Shared>, number: usize) -> anyhow::Result<Self> {
        let settings = &shared.settings;
        let mut sockets = Vec::new();
        for router in &settings.routers {
            for _ in 0..settings.sockets {
                let options = Options { share_port: false, receive_buffer: RECEIVE_BUFFER };
                let socket = UdpSocket::bind((router.address, 0).into(), options)
                    .with_context(|| format!("opening a socket on {}", router.address))?;
                sockets.push(socket);
            }
        }
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)?;
        let threads = u32::try_from(settings.threads).unwrap_or(1).max(1);
        let every = match settings.pace {
            Pace::Fixed { rate } => Duration::from_secs_f64(f64::from(threads) / rate.max(1e-3)),
            Pace::Closed { .. } => Duration::ZERO,
        };
        let offset = every / threads * u32::try_from(number).unwrap_or(0);
        let mut thread = Self {
            outboxes: sockets.iter().map(|_| Outbox::new()).collect(),
            flights: Flights::new(settings.routers.len(), settings.sockets),
            kernel_drops: vec![0; sockets.len()],
            sockets,
            lives: Vec::new(),
            ready: VecDeque::new(),
            at_once: VecDeque::new(),
            spare: Vec::new(),
            tally: Tally::new(),
            ledger: settings.ledger.as_deref().map(Ledger::append).transpose()?,
            random: u64::from_le_bytes(seed),
            due: shared.clock.now().monotonic + offset,
            every,
            exhausted: false,
            shared,
        };
        if thread.shared.settings.script.mode != Mode::Redial {
            for _ in 0..thread.shared.settings.sessions.div_ceil(threads) {
                thread.begin();
            }
        }
        Ok(thread)
    }

    pub(super) fn run(mut self) -> anyhow::Result<Tally> {
        let mut inbox = Inbox::new();
        loop {
            let now = self.shared.clock.now();
            let is_sending = self.shared.phase() != Phase::End;
            if is_sending {
                self.send_due(now)?;
            }
            self.give_up_overdue(now);
            self.flush();
            let received = self.receive_all(&mut inbox)?;
            let is_over = !is_sending || self.has_nothing_left();
            if is_over && self.flights.len() == 0 {
                return Ok(self.tally);
            }
            if received == 0 {
                self.wait();
            }
        }
    }

    fn has_nothing_left(&self) -> bool {
        self.exhausted && self.ready.is_empty() && self.at_once.is_empty()
    }

    /// Begins another session, if there is one.
    fn begin(&mut self) -> Option<u32> {
        let shared = Arc::clone(&self.shared);
        let settings = &shared.settings;
        let Some(number) = shared.next_session() else {
            self.exhausted = true;
            return None;
        };
        let routers = settings.routers.len() as u64;
        let life = Life {
            number,
            user: settings.population.nth(number),
            router: usize::try_from(number % routers).unwrap_or(0),
            at: 0,
            session_id: session_id(settings.boot, number / routers),
            class: None,
            started: None,
            tried: None,
        };
        let place = match self.spare.pop() {
            Some(place) => {
                self.lives[place as usize] = life;
                place
            }
            None => {
                self.lives.push(life);
                u32::try_from(self.lives.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if settings.script.mode != Mode::Redial {
            self.ready.push_back(place);
        }
        Some(place)
    }

    /// Sends what is due by now.
    fn send_due(&mut self, now: Now) -> anyhow::Result<()> {
        let moment = now.monotonic;
        while let Some(life) = self.at_once.pop_front() {
            if !self.flights.has_room(self.lives[life as usize].router) {
                self.at_once.push_front(life);
                return Ok(());
            }
            self.send(now, life, moment)?;
        }
        match self.shared.settings.pace {
            Pace::Closed { window } => {
                let threads = u32::try_from(self.shared.settings.threads).unwrap_or(1).max(1);
                let window = window.div_ceil(threads) as usize;
                while self.flights.len() < window {
                    let Some(life) = self.next_ready() else { break };
                    self.send(now, life, moment)?;
                }
            }
            Pace::Fixed { .. } => {
                while self.due <= moment {
                    let is_measuring = self.shared.phase() == Phase::Measure;
                    let Some(life) = self.next_ready() else { break };
                    self.send(now, life, self.due)?;
                    self.tally.due += u64::from(is_measuring);
                    self.due += self.every;
                }
            }
        }
        Ok(())
    }

    /// The session whose turn it is, if its router can send.
    fn next_ready(&mut self) -> Option<u32> {
        if self.shared.settings.script.mode == Mode::Redial {
            // One router's identifiers may be used up; its subscribers wait, and their wait counts.
            let has_room =
                (0..self.shared.settings.routers.len()).all(|router| self.flights.has_room(router));
            return if has_room && !self.exhausted { self.begin() } else { None };
        }
        let life = *self.ready.front()?;
        if !self.flights.has_room(self.lives[life as usize].router) {
            return None;
        }
        self.ready.pop_front()
    }

    /// Composes and queues the next step of a session.
    fn send(&mut self, now: Now, life: u32, intended: Duration) -> anyhow::Result<()> {
        let shared = Arc::clone(&self.shared);
        let settings = &shared.settings;
        let noise = self.noise();
        let this = &mut self.lives[life as usize];
        let router = &settings.routers[this.router];
        let Some(step) = settings.script.step(this.number, this.at) else { return Ok(()) };
        let Some(place) = self.flights.take(this.router) else { return Ok(()) };
        if self.outboxes[place.socket()].is_full() {
            self.sockets[place.socket()].send(&mut self.outboxes[place.socket()]);
        }
        let Some(out) = self.outboxes[place.socket()].slot() else {
            self.flights.give_back(place);
            return Ok(());
        };
        let moment = now.monotonic;
        let tried = *this.tried.get_or_insert(moment);
        let delay = seconds(moment.saturating_sub(tried));
        let mut lasted = 0;
        let (length, proof, to) = if let Step::Login(method) = step {
            let (length, proof) = request::access(
                out,
                place.identifier(),
                router,
                &this.user,
                &this.session_id,
                method,
                &noise,
            )?;
            (length, proof, settings.authentication)
        } else {
            let started = *this.started.get_or_insert(tried);
            lasted = seconds(tried.saturating_sub(started));
            let at = now.wall.saturating_sub(moment.saturating_sub(tried)).as_seconds();
            let record = Record {
                step,
                session_id: &this.session_id,
                class: this.class.as_ref().map(Text::as_bytes),
                seconds: lasted,
                delay,
                usage: usage(this.number, settings.script.accounted(this.at)),
                at: u32::try_from(at).unwrap_or(0),
            };
            let length = request::accounting(out, place.identifier(), router, &this.user, &record)?;
            (length, Proof::Plain, settings.accounting)
        };
        let mut authenticator = [0; 16];
        authenticator.copy_from_slice(&out[4..20]);
        let packet = if settings.attempts > 1 { out[..length].to_vec() } else { Vec::new() };
        self.outboxes[place.socket()].keep(length, End { peer: to, local: None });
        let flight = Flight { life, step, authenticator, proof, intended, seconds: lasted, sent: 1, packet };
        self.flights.sent(moment, place, flight);
        Ok(())
    }

    fn flush(&mut self) {
        for (socket, outbox) in self.sockets.iter().zip(&mut self.outboxes) {
            if !outbox.is_empty() {
                // What the kernel refuses counts as lost in time, and is sent again then.
                socket.send(outbox);
            }
        }
    }

    /// Takes the replies of all sockets; how many there were.
    fn receive_all(&mut self, inbox: &mut Inbox) -> anyhow::Result<usize> {
        let mut total = 0;
        for socket in 0..self.sockets.len() {
            let count = self.sockets[socket].receive(inbox)?;
            if count == 0 {
                continue;
            }
            total += count;
            let now = self.shared.clock.now();
            for received in inbox.datagrams() {
                if let Some(drops) = received.kernel_drops {
                    self.tally.dropped_here += u64::from(drops.wrapping_sub(self.kernel_drops[socket]));
                    self.kernel_drops[socket] = drops;
                }
                self.take(now, socket, received.bytes);
            }
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.flush()?;
        }
        Ok(total)
    }

    /// Judges one reply, and sets its session on.
    fn take(&mut self, now: Now, socket: usize, datagram: &[u8]) {
        let shared = Arc::clone(&self.shared);
        let settings = &shared.settings;
        let Some(&identifier) = datagram.get(1) else {
            self.tally.wrong(reply::Wrong::Malformed);
            return;
        };
        let place = Place::new(socket, identifier);
        let Some(flight) = self.flights.get(place) else {
            self.tally.late += 1;
            return;
        };
        let life = &self.lives[flight.life as usize];
        let expected = match flight.step {
            Step::Login(_) => Expected { code: settings.login_code, signed: settings.signed_replies },
            _ => Expected { code: Code::ACCOUNTING_RESPONSE, signed: false },
        };
        let secret = &settings.routers[life.router].secret;
        let checked =
            reply::check(datagram, &flight.authenticator, secret, &expected, &life.user, &flight.proof);
        let (class, is_right) = match checked {
            Ok(reply) => (reply::class(&reply).and_then(Text::new), true),
            // It may be the answer to the request that had this identifier before: the real one may still come.
            Err(wrong @ reply::Wrong::Signature) => return self.tally.wrong(wrong),
            Err(wrong) => {
                self.tally.wrong(wrong);
                (None, false)
            }
        };
        let Some(flight) = self.flights.land(place) else { return };
        let latency = now.monotonic.saturating_sub(flight.intended);
        self.tally.slow += u64::from(latency > settings.slow);
        if is_right && shared.phase() == Phase::Measure {
            self.tally.answered += 1;
            self.tally.accounting += u64::from(flight.step.is_accounting());
            self.tally.took(latency);
        }
        if !is_right {
            return self.end(flight.life);
        }
        let life = &mut self.lives[flight.life as usize];
        if let (Some(ledger), true) = (&mut self.ledger, flight.step.is_accounting()) {
            ledger.note(&Entry {
                session_id: &life.session_id,
                number: life.number,
                step: settings.script.accounted(life.at),
                status: flight.step.as_str(),
                seconds: flight.seconds,
                username: life.user.name.as_bytes(),
            });
        }
        life.class = class.or(life.class);
        life.at += 1;
        life.tried = None;
        match settings.script.step(life.number, life.at) {
            None => self.end(flight.life),
            Some(_) if settings.script.mode == Mode::Redial => self.at_once.push_back(flight.life),
            Some(_) => self.ready.push_back(flight.life),
        }
    }

    /// A session is over: another takes its place.
    fn end(&mut self, life: u32) {
        self.spare.push(life);
        if self.shared.settings.script.mode != Mode::Redial && self.shared.phase() != Phase::End {
            self.begin();
        }
    }

    /// Sends again, or gives up, what waits for too long.
    fn give_up_overdue(&mut self, now: Now) {
        let shared = Arc::clone(&self.shared);
        let settings = &shared.settings;
        let Some(before) = now.monotonic.checked_sub(settings.patience) else { return };
        while let Some(place) = self.flights.overdue(before) {
            let Some(flight) = self.flights.get(place) else { continue };
            if flight.sent < settings.attempts {
                let to =
                    if flight.step.is_accounting() { settings.accounting } else { settings.authentication };
                let (outbox, socket) = (&mut self.outboxes[place.socket()], &self.sockets[place.socket()]);
                if outbox.is_full() {
                    socket.send(outbox);
                }
                outbox.push(self.flights.again(now.monotonic, place), End { peer: to, local: None });
                self.tally.repeated += 1;
                continue;
            }
            let Some(flight) = self.flights.land(place) else { continue };
            self.tally.lost += 1;
            self.tally.slow += 1;
            if shared.phase() == Phase::End {
                continue;
            }
            match flight.step {
                // As a router does: the subscriber dials again.
                Step::Login(_) => self.end(flight.life),
                // What was not acknowledged is told again, so that no step is left out.
                _ if settings.script.mode == Mode::Redial => self.at_once.push_back(flight.life),
                _ => self.ready.push_back(flight.life),
            }
        }
    }

    /// Waits for a reply, or for what is due next.
    fn wait(&mut self) {
        let now = self.shared.clock.now().monotonic;
        let mut until = now + LONGEST_POLL;
        if let Some(oldest) = self.flights.oldest() {
            until = until.min(oldest + self.shared.settings.patience);
        }
        if !self.every.is_zero() && !self.has_nothing_left() && self.shared.phase() != Phase::End {
            until = until.min(self.due.max(now + Duration::from_micros(50)));
        }
        let left = until.saturating_sub(now);
        let timeout =
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
        let mut descriptors: Vec<PollFd<'_>> =
            self.sockets.iter().map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        // An interruption only ends the wait early.
        let _ = poll(&mut descriptors, Some(&timeout));
    }

    fn noise(&mut self) -> Noise {
        let mut octets = [0; 48];
        for word in octets.chunks_exact_mut(8) {
            self.random = self.random.wrapping_add(1);
            word.copy_from_slice(&scramble(self.random).to_le_bytes());
        }
        let (authenticator, rest) = octets.split_at(16);
        let (challenge, peer_challenge) = rest.split_at(16);
        let sixteen = |octets: &[u8]| octets.try_into().unwrap_or([0; 16]);
        Noise {
            authenticator: sixteen(authenticator),
            challenge: sixteen(challenge),
            peer_challenge: sixteen(peer_challenge),
        }
    }
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
