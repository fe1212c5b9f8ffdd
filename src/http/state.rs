//! What the handlers work with. Made by the daemon, shared by all requests.

use std::{net::IpAddr, sync::Arc, time::Duration};

use base::{Clock, SecretBytes, seal::Sealer};
use foundation::Db;
use metrics_exporter_prometheus::PrometheusHandle;
use radius::dictionary::Dictionary;

use super::{live::Streams, observed::Observed, reloadable::Reloadable};
use crate::domain::access::{Door, LoginThrottle, PasswordPool};

/// What the handlers work with.
#[derive(Debug)]
pub struct State {
    /// The database, which services use; no handler does.
    pub db: Db,
    /// Opens and closes secrets.
    pub sealer: Arc<Sealer>,
    /// Hashes people's passwords.
    pub passwords: Arc<PasswordPool>,
    /// Keys what is kept of requests with an Idempotency-Key, the same after a restart: the plain hash of a body that holds
    /// a password would let it be guessed.
    pub fingerprint_key: SecretBytes,
    /// Slows guessing down.
    pub throttle: Arc<LoginThrottle>,
    /// The attributes that may be set by hand.
    pub dictionary: Reloadable<Dictionary>,
    /// The time.
    pub clock: Clock,
    /// What the hot path shows of itself.
    pub observed: Observed,
    /// Who listens to events.
    pub streams: Streams,
    /// Every kind of job, those of modules to come too.
    pub job_kinds: Vec<JobKind>,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// What the operator chose.
    pub settings: Reloadable<Settings>,
}

impl State {
    /// Where people sign in.
    pub(super) fn door(&self) -> Door<'_> {
        Door { db: &self.db, passwords: &self.passwords, throttle: &self.throttle, sealer: &self.sealer }
    }
}

/// A kind of job, for who operates the queue.
#[derive(Clone, Copy, Debug)]
pub struct JobKind {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What enqueues it; `None` until its module is there.
    pub comes_from: Option<&'static str>,
}

/// What the operator chooses of the API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Proxies in front of the daemon, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Names and addresses, beside loopback's, by which programs of this machine ask for it.
    pub own_hosts: Vec<String>,
    /// The session cookie goes over TLS alone: when a proxy speaks TLS for the daemon.
    pub secure_cookies: bool,
    /// Requests a minute of one tenant, or of one person of the platform, at least 1; as it was at the start.
    pub requests_per_minute: u32,
    /// Requests a minute from one address, of nobody who is known, at least 1; as it was at the start.
    pub visitor_requests_per_minute: u32,
    /// When an answer is given up; as it was at the start.
    pub answer_within: Duration,
    /// How long a body may be on its way, and longer at 64 KiB a second; as it was at the start.
    pub body_within: Duration,
    /// Requests that are worked on at a time, as it was at the start; beyond it the caller is asked to come back.
    pub requests_at_once: usize,
}

/// Longer than any answer should take, shorter than what proxies wait for.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// A form arrives within one round trip; a bad line has time to send it again.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// The database has at most a dozen connections and a waiter costs some tens of kilobytes: more at a time would only
/// wait longer.
const REQUESTS_AT_ONCE: usize = 512;

/// A hundred a second: a panel with twenty people at it and a few programs stay far below, and one tenant's runaway program
/// leaves the machine to the others.
const REQUESTS_PER_MINUTE: u32 = 6_000;
/// Ten a second: monitoring, a page that loads, an office that signs in. What is open costs little, but not nothing.
const VISITOR_REQUESTS_PER_MINUTE: u32 = 600;

impl Default for Settings {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            own_hosts: Vec::new(),
            secure_cookies: false,
            requests_per_minute: REQUESTS_PER_MINUTE,
            visitor_requests_per_minute: VISITOR_REQUESTS_PER_MINUTE,
            answer_within: ANSWER_WITHIN,
            body_within: BODY_WITHIN,
            requests_at_once: REQUESTS_AT_ONCE,
        }
    }
}
