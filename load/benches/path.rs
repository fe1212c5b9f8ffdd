//! The path in process, without sockets: identify a request and answer it, at ten thousand and at a million subscribers.
//!
//! `cargo bench -p rrnetd-load --bench path [-- SUBSCRIBERS...]`. Interleaved rounds, medians. Each round asks for other
//! subscribers than the one before, in an order without locality; an accounting answer includes what the live table does once
//! its record is in the journal, but not the journal.

#![expect(clippy::print_stdout, reason = "a bench reports on the terminal")]

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use aaa::policy::{Action, Datagram, Policy, Port, Scratch};
use base::Clock;
use load::{
    population::Population,
    request::{self, Nas, Noise, Record},
    session::{Method, Step, Usage, scramble, session_id},
    world::{HotPath, World},
};
use radius::secret::SharedSecret;

/// Requests of one round.
const REQUESTS: u64 = 20_000;

/// Rounds; one more is thrown away before them.
const ROUNDS: u64 = 5;

const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

type Outcome<T> = anyhow::Result<T>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Login(Method),
    Start,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::Login(Method::Pap), "PAP"),
    (Kind::Login(Method::Chap), "CHAP"),
    (Kind::Login(Method::Mschap2), "MS-CHAPv2"),
    (Kind::Start, "accounting Start"),
];

fn main() -> Outcome<()> {
    let sizes: Vec<u32> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10_000, 1_000_000] } else { sizes };
    let clock = Clock::system();
    let folder = tempfile::tempdir()?;
    let mut paths = Vec::new();
    for size in &sizes {
        let world = World {
            subscribers: *size,
            routers: vec![ROUTER],
            secret: SharedSecret::new(b"secret")?,
            simultaneous: 1,
        };
        paths.push(world.build(&folder.path().join(size.to_string()), &clock)?);
    }
    for (kind, name) in KINDS {
        let mut nanos = vec![Vec::new(); sizes.len()];
        for round in 0..=ROUNDS {
            for (at, size) in sizes.iter().enumerate() {
                let requests = compose(kind, *size, round, &clock)?;
                let took = ask(&paths[at], kind, &requests, &clock)?;
                if round > 0 {
                    nanos[at].push(took.as_secs_f64() * 1e9 / REQUESTS as f64);
                }
            }
        }
        let medians: Vec<f64> = nanos.into_iter().map(median).collect();
        for (size, nanos) in sizes.iter().zip(&medians) {
            println!("{name:<17} {size:>9} subscribers {nanos:>8.0} ns a request");
        }
        if let [first, .., last] = medians.as_slice() {
            println!("{name:<17} {:>21} {:>8.2}", "ratio", last / first);
        }
    }
    Ok(())
}

fn compose(kind: Kind, subscribers: u32, round: u64, clock: &Clock) -> Outcome<Vec<Vec<u8>>> {
    let population = Population::Numbered(subscribers);
    let nas = Nas {
        address: ROUTER,
        identity: "router-0".into(),
        secret: SharedSecret::new(b"secret")?,
        signs_accounting: false,
    };
    let at = u32::try_from(clock.wall().as_seconds()).unwrap_or(0);
    let mut out = [0; 4096];
    (0..REQUESTS)
        .map(|number| {
            let number = round * REQUESTS + number;
            let user = population.nth(number);
            let id = session_id(1, number);
            let length = match kind {
                Kind::Login(method) => {
                    request::access(&mut out, 0, &nas, &user, &id, method, &noise(number))?.0
                }
                Kind::Start => {
                    let record = Record {
                        step: Step::Start,
                        session_id: &id,
                        class: None,
                        seconds: 0,
                        delay: 0,
                        usage: Usage::default(),
                        at,
                    };
                    request::accounting(&mut out, 0, &nas, &user, &record)?
                }
            };
            Ok(out[..length].to_vec())
        })
        .collect()
}

fn ask(path: &HotPath, kind: Kind, requests: &[Vec<u8>], clock: &Clock) -> Outcome<Duration> {
    let policy: &Policy = &path.shared.policy;
    let mut scratch = Scratch::new();
    let mut out = [0; 4096];
    let port = if kind == Kind::Start { Port::Accounting } else { Port::Authentication };
    let started = clock.now();
    for bytes in requests {
        let datagram = Datagram { bytes, peer: SocketAddr::new(ROUTER, 40_000), local: ROUTER, port };
        let Ok(request) = policy.identify(&mut scratch, &datagram) else {
            anyhow::bail!("a request is not recognised")
        };
        black_box(request.key());
        match policy.answer(started, &request, &mut scratch, &mut out) {
            Action::Reply { length } if kind != Kind::Start && out[0] == 2 => {
                black_box(&out[..length]);
            }
            Action::Record { length, .. } if kind == Kind::Start => {
                policy.recorded(started, &request, &mut scratch);
                black_box(&out[..length]);
            }
            other => anyhow::bail!("a request got {other:?}"),
        }
    }
    Ok(clock.now().monotonic.saturating_sub(started.monotonic))
}

fn noise(number: u64) -> Noise {
    let sixteen = |salt: u64| {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&scramble(number ^ salt).to_le_bytes());
        octets[8..].copy_from_slice(&scramble(number ^ salt << 32).to_le_bytes());
        octets
    };
    Noise { authenticator: sixteen(1), challenge: sixteen(2), peer_challenge: sixteen(3) }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
