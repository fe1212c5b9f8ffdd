//! Load on the HTTP API: so many connections, on each one request after the other, and what came back by status.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Context as _;
use base::Clock;
use hdrhistogram::Histogram;
use serde::Serialize;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a connection rests after it was refused or cut.
const REST: Duration = Duration::from_millis(100);

/// What is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `HOST:PORT`.
    pub address: String,
    /// Path and query.
    pub path: String,
    /// Who asks.
    pub token: String,
    /// Of which tenant; none for what is the platform's.
    pub tenant: Option<String>,
    /// JSON to be posted, each time under an Idempotency-Key of its own; without it the path is read.
    pub body: Option<String>,
    /// Connections at once.
    pub connections: usize,
    /// For how long.
    pub duration: Duration,
}

/// What came back. Times are microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How long it went on.
    pub seconds: f64,
    /// Answers of any status.
    pub answered: u64,
    /// Answers a second.
    pub rate: f64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without an answer: connections that were refused or cut.
    pub failed: u64,
    /// Half of the answers came within.
    pub p50_micros: f64,
    /// 99 of 100.
    pub p99_micros: f64,
    /// All.
    pub max_micros: f64,
}

/// What one connection saw.
struct Seen {
    statuses: BTreeMap<u16, u64>,
    failed: u64,
    latency: Histogram<u64>,
}

impl Seen {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { statuses: BTreeMap::new(), failed: 0, latency: Histogram::new(3)? })
    }
}

/// Runs the load.
///
/// # Errors
/// When there are no threads or no randomness. A server that does not answer is no error here but a figure.
pub fn run(settings: Settings) -> anyhow::Result<Report> {
    let clock = Clock::system();
    let started = clock.now().monotonic;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed)?;
    let (settings, serial) = (Arc::new(settings), Arc::new(AtomicU64::new(u64::from_le_bytes(seed))));
    let threads: Vec<_> = (0..settings.connections.max(1))
        .map(|number| {
            let (settings, serial, clock) = (Arc::clone(&settings), Arc::clone(&serial), clock.clone());
            thread::Builder::new()
                .name(format!("api-{number}"))
                .spawn(move || ask_on_and_on(&settings, &serial, &clock, started))
        })
        .collect::<Result<_, _>>()?;
    let mut total = Seen::new()?;
    for thread in threads {
        let seen = thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        for (status, count) in seen.statuses {
            *total.statuses.entry(status).or_default() += count;
        }
        total.failed += seen.failed;
        total.latency.add(&seen.latency)?;
    }
    let seconds = clock.now().monotonic.saturating_sub(started).as_secs_f64();
    let answered = total.statuses.values().sum::<u64>();
    let micros = |nanos: u64| nanos as f64 / 1e3;
    Ok(Report {
        seconds,
        answered,
        rate: answered as f64 / seconds.max(1e-9),
        statuses: total.statuses,
        failed: total.failed,
        p50_micros: micros(total.latency.value_at_quantile(0.5)),
        p99_micros: micros(total.latency.value_at_quantile(0.99)),
        max_micros: micros(total.latency.max()),
    })
}

fn ask_on_and_on(
    settings: &Settings,
    serial: &AtomicU64,
    clock: &Clock,
    started: Duration,
) -> anyhow::Result<Seen> {
    let mut seen = Seen::new()?;
    let mut connection = None;
    while clock.now().monotonic.saturating_sub(started) < settings.duration {
        let sent = clock.now().monotonic;
        let asked = match &mut connection {
            Some(open) => ask(open, settings, serial),
            None => open(&settings.address).and_then(|open| ask(connection.insert(open), settings, serial)),
        };
        match asked {
            Ok(status) => {
                let took = clock.now().monotonic.saturating_sub(sent);
                seen.latency.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX))?;
                *seen.statuses.entry(status).or_default() += 1;
            }
            Err(_) => {
                seen.failed += 1;
                connection = None;
                thread::park_timeout(REST);
            }
        }
    }
    Ok(seen)
}

fn open(address: &str) -> anyhow::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// One request, and the status of its answer.
fn ask(
    connection: &mut BufReader<TcpStream>,
    settings: &Settings,
    serial: &AtomicU64,
) -> anyhow::Result<u16> {
    let Settings { address, path, token, .. } = settings;
    let method = if settings.body.is_some() { "POST" } else { "GET" };
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n");
    if let Some(tenant) = &settings.tenant {
        request.push_str(&format!("Rrnetd-Tenant: {tenant}\r\n"));
    }
    if let Some(body) = &settings.body {
        let key = serial.fetch_add(1, Ordering::Relaxed);
        request.push_str(&format!(
            "Idempotency-Key: load-{key:016x}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    } else {
        request.push_str("\r\n");
    }
    connection.get_mut().write_all(request.as_bytes())?;
    let (status, length) = head(connection)?;
    std::io::copy(&mut connection.take(length), &mut std::io::sink())?;
    Ok(status)
}

/// Reads an answer's head: its status, and how long its body is.
fn head(connection: &mut impl BufRead) -> anyhow::Result<(u16, u64)> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    let mut length = None;
    loop {
        line.clear();
        anyhow::ensure!(connection.read_line(&mut line)? > 0, "the answer ends in its head");
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        }
    }
    // All answers of ours say how long they are, but for those that have no body.
    let length = if status == 204 || status == 304 { Some(0) } else { length };
    Ok((status, length.context("the answer does not say how long it is")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_an_answer_is_read() {
        let mut answer = &b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\nx: y\r\n\r\nabc"[..];
        assert_eq!(head(&mut answer).unwrap(), (503, 3));
        assert_eq!(answer, b"abc");
        assert_eq!(head(&mut &b"HTTP/1.1 204 No Content\r\n\r\n"[..]).unwrap(), (204, 0));
        for broken in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n", "nonsense\r\n\r\n"] {
            assert!(head(&mut broken.as_bytes()).is_err(), "{broken:?}");
        }
    }
}
