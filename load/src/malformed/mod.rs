//! Mutated packets, half of them rightly signed, at a bounded rate; then: does the server still answer, and do its counters
//! account for every packet?

mod mutate;

use std::{net::SocketAddr, time::Duration};

use aaa::net::socket::{End, Inbox, Options, Outbox, UdpSocket};
use anyhow::{Context as _, ensure};
use base::Clock;
use radius::{authenticator::verify_reply, code::Code, index::Index};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use crate::{
    metrics::Page,
    population::Population,
    request::{self, Nas, Noise, Record},
    session::{Method, Step, usage},
};
use mutate::{Random, bend, shatter, sign};

/// Packets between two looks at the clock.
const BURST: u64 = 32;

/// How long the server may take to answer, and to count what it has received.
const PATIENCE: Duration = Duration::from_secs(10);

/// Subscriber 0 stays out of the mutations: its device is not throttled, and asks at the end.
const FIRST_MUTATED: u32 = 1;

/// A run of mutated packets.
#[derive(Debug)]
pub struct Settings {
    /// Where logins go.
    pub authentication: SocketAddr,
    /// Where accounting goes.
    pub accounting: SocketAddr,
    /// The router that asks.
    pub router: Nas,
    /// Its secret, for signatures that the codec does not make.
    pub secret: Vec<u8>,
    /// Whose packets are mutated.
    pub population: Population,
    /// How many packets.
    pub count: u64,
    /// How many a second at the most.
    pub rate: f64,
    /// What the mutations follow from.
    pub seed: u64,
    /// `http://HOST:PORT/metrics`.
    pub metrics: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Packets sent.
    pub sent: u64,
    /// Of them, rightly signed after the mutation.
    pub signed: u64,
    /// Replies that came back.
    pub replies: u64,
    /// Whether a login and an accounting record were answered afterwards.
    pub still_answers: bool,
    /// What the server counted, where it was asked.
    pub counted: Option<Counted>,
}

/// The server's counters over the run.
#[derive(Clone, Debug, Serialize)]
pub struct Counted {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams that the kernel dropped before.
    pub kernel_drops: u64,
    /// Datagrams discarded, for all reasons.
    pub dropped: u64,
    /// Copies of requests in progress, which are discarded.
    pub in_progress: u64,
    /// Requests left unanswered.
    pub unanswered: u64,
    /// Replies that the kernel did not take.
    pub send_refused: u64,
    /// Panics in handling a packet.
    pub panics: u64,
    /// Whether every packet is accounted for, once, and nothing panicked.
    pub adds_up: bool,
}

/// Runs it.
///
/// # Errors
/// When there is no socket, or the metrics cannot be read.
pub fn run(settings: &Settings) -> anyhow::Result<Outcome> {
    let before = settings.metrics.as_deref().map(Page::read).transpose()?;
    let mut sender = Sender::new(settings)?;
    let mut outcome = sender.send_all()?;
    // Delayed rejects and group commits come a little later.
    sender.wait_for_replies(Duration::from_secs(2), u64::MAX)?;
    if let (Some(url), Some(before)) = (&settings.metrics, before) {
        outcome.counted = Some(sender.count(url, &before, outcome.sent)?);
    }
    outcome.replies = sender.replies;
    outcome.still_answers = sender.is_answered()?;
    Ok(outcome)
}

struct Sender<'s> {
    settings: &'s Settings,
    clock: Clock,
    socket: UdpSocket,
    inbox: Inbox,
    outbox: Outbox,
    random: Random,
    replies: u64,
    last: Vec<u8>,
}

impl<'s> Sender<'s> {
    fn new(settings: &'s Settings) -> anyhow::Result<Self> {
        let options = Options { share_port: false, receive_buffer: 16 << 20 };
        let socket =
            UdpSocket::bind((settings.router.address, 0).into(), options).context("opening a socket")?;
        Ok(Self {
            settings,
            clock: Clock::system(),
            socket,
            inbox: Inbox::new(),
            outbox: Outbox::new(),
            random: Random::new(settings.seed),
            replies: 0,
            last: Vec::new(),
        })
    }

    fn send_all(&mut self) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::default();
        let started = self.clock.now().monotonic;
        while outcome.sent < self.settings.count {
            for _ in 0..BURST.min(self.settings.count - outcome.sent) {
                let template = self.template()?;
                let is_signed = outcome.sent % 2 == 0;
                let mut packet = if is_signed {
                    bend(&template, &mut self.random)
                } else {
                    shatter(&template, &mut self.random)
                };
                if is_signed {
                    sign(&mut packet, &self.settings.secret);
                }
                let to = if self.random.below(2) == 0 {
                    self.settings.authentication
                } else {
                    self.settings.accounting
                };
                if self.outbox.is_full() {
                    self.socket.send(&mut self.outbox);
                }
                self.outbox.push(&packet, End { peer: to, local: None });
                outcome.sent += 1;
                outcome.signed += u64::from(is_signed);
            }
            let refused = self.socket.send(&mut self.outbox);
            ensure!(refused == 0, "the kernel refused {refused} packets");
            let due = Duration::from_secs_f64(outcome.sent as f64 / self.settings.rate);
            loop {
                let left = (started + due).saturating_sub(self.clock.now().monotonic);
                self.receive(left)?;
                if left.is_zero() {
                    break;
                }
            }
        }
        Ok(outcome)
    }

    /// A rightful packet of some subscriber.
    fn template(&mut self) -> anyhow::Result<Vec<u8>> {
        let random = &mut self.random;
        let others = self.settings.population.len().saturating_sub(FIRST_MUTATED).max(1);
        let index = FIRST_MUTATED + u32::try_from(random.below(others as usize)).unwrap_or(0);
        let user = self.settings.population.user(index);
        let identifier = random.next().to_le_bytes()[0];
        let sixteen = |random: &mut Random| {
            let mut octets = [0; 16];
            octets[..8].copy_from_slice(&random.next().to_le_bytes());
            octets[8..].copy_from_slice(&random.next().to_le_bytes());
            octets
        };
        let noise = Noise {
            authenticator: sixteen(random),
            challenge: sixteen(random),
            peer_challenge: sixteen(random),
        };
        let router = &self.settings.router;
        let mut out = [0; 4_096];
        let method = |method| (Step::Login(method), method);
        let (step, method) = [
            method(Method::Pap),
            method(Method::Chap),
            method(Method::Mschap2),
            (Step::Start, Method::Pap),
            (Step::Interim, Method::Pap),
            (Step::Stop, Method::Pap),
        ][random.below(6)];
        let length = if let Step::Login(_) = step {
            request::access(&mut out, identifier, router, &user, "81f00001", method, &noise)?.0
        } else {
            let at = u32::try_from(self.clock.wall().as_seconds()).unwrap_or(0);
            let record = Record {
                step,
                session_id: "81f00001",
                class: None,
                seconds: 60,
                delay: 0,
                usage: usage(index.into(), 1),
                at,
            };
            request::accounting(&mut out, identifier, router, &user, &record)?
        };
        Ok(out[..length].to_vec())
    }

    /// Takes replies for at most `time`; returns after the first batch.
    fn receive(&mut self, time: Duration) -> anyhow::Result<usize> {
        let timeout =
            Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: i64::from(time.subsec_nanos()) };
        // An interruption only ends the wait early.
        let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout));
        let count = self.socket.receive(&mut self.inbox)?;
        self.replies += count as u64;
        if let Some(last) = self.inbox.datagrams().last() {
            self.last = last.bytes.to_vec();
        }
        Ok(count)
    }

    /// Takes replies for `time`, or until there are so many.
    fn wait_for_replies(&mut self, time: Duration, enough: u64) -> anyhow::Result<()> {
        let until = self.clock.now().monotonic + time;
        loop {
            let left = until.saturating_sub(self.clock.now().monotonic);
            if left.is_zero() || self.replies >= enough {
                return Ok(());
            }
            self.receive(left)?;
        }
    }

    fn count(&mut self, url: &str, before: &Page, sent: u64) -> anyhow::Result<Counted> {
        let until = self.clock.now().monotonic + PATIENCE;
        loop {
            let counted = self.counted(&Page::read(url)?, before, sent)?;
            let left = until.saturating_sub(self.clock.now().monotonic);
            if counted.adds_up || left.is_zero() {
                return Ok(counted);
            }
            self.wait_for_replies(left.min(Duration::from_millis(300)), u64::MAX)?;
        }
    }

    fn counted(&self, after: &Page, before: &Page, sent: u64) -> anyhow::Result<Counted> {
        const RECEIVED: &str = "rrnetd_radius_datagrams_received_total";
        after.sum(RECEIVED).with_context(|| format!("the metrics have no {RECEIVED}"))?;
        let rise = |metric| after.sum(metric).unwrap_or(0).saturating_sub(before.sum(metric).unwrap_or(0));
        let rise_of = |metric, label| after.with(metric, label).saturating_sub(before.with(metric, label));
        let mut counted = Counted {
            received: rise(RECEIVED),
            kernel_drops: rise("rrnetd_radius_kernel_drops_total"),
            dropped: rise("rrnetd_radius_dropped_total"),
            in_progress: rise_of("rrnetd_radius_duplicates_total", "kind=\"in_progress\""),
            unanswered: rise("rrnetd_radius_unanswered_total"),
            send_refused: rise("rrnetd_radius_send_refused_total"),
            panics: rise("rrnetd_radius_panics_total"),
            adds_up: false,
        };
        let accounted =
            counted.dropped + counted.in_progress + counted.unanswered + counted.send_refused + self.replies;
        counted.adds_up = counted.panics == 0
            && counted.received + counted.kernel_drops == sent
            && counted.received == accounted;
        Ok(counted)
    }

    /// Whether a login and an accounting record of an untouched subscriber are answered rightly.
    fn is_answered(&mut self) -> anyhow::Result<bool> {
        let user = self.settings.population.user(0);
        let router = &self.settings.router;
        let noise = Noise { authenticator: [1; 16], challenge: [2; 16], peer_challenge: [3; 16] };
        let mut out = [0; 4_096];
        let (length, _) = request::access(&mut out, 1, router, &user, "81f00002", Method::Pap, &noise)?;
        let login = out[..length].to_vec();
        let at = u32::try_from(self.clock.wall().as_seconds()).unwrap_or(0);
        let record = Record {
            step: Step::Start,
            session_id: "81f00002",
            class: None,
            seconds: 0,
            delay: 0,
            usage: usage(0, 0),
            at,
        };
        let length = request::accounting(&mut out, 2, router, &user, &record)?;
        let start = out[..length].to_vec();
        let (login_to, start_to) = (self.settings.authentication, self.settings.accounting);
        Ok(self.ask(&login, login_to, Code::ACCESS_ACCEPT)?
            && self.ask(&start, start_to, Code::ACCOUNTING_RESPONSE)?)
    }

    fn ask(&mut self, request: &[u8], to: SocketAddr, code: Code) -> anyhow::Result<bool> {
        let mut authenticator = [0; 16];
        authenticator.copy_from_slice(&request[4..20]);
        for _ in 0..3 {
            self.outbox.push(request, End { peer: to, local: None });
            self.socket.send(&mut self.outbox);
            let enough = self.replies + 1;
            self.wait_for_replies(PATIENCE / 3, enough)?;
            let is_right = Index::parse(&self.last).is_ok_and(|reply| {
                verify_reply(&reply, &authenticator, &self.settings.router.secret).is_ok()
                    && reply.packet().code() == code
            });
            if is_right {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
