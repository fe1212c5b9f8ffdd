//! Sends requests and checks every reply: closed loop with so many on their way, or open loop at a fixed rate.
//!
//! Each thread has sockets, sessions and counts of its own. `flights` what is on its way · `thread` the loop · `tally`
//! counts and report.

mod flights;
mod tally;
mod thread;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use anyhow::Context as _;
use base::Clock;
use radius::code::Code;
use rustix::event::{Timespec, poll};

pub use tally::{Drained, Report, Tally};

use crate::{cpu::Charged, metrics::Page, population::Population, request::Nas, session::Script};

/// How fast requests are sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// The next when one is answered, with so many on their way.
    Closed {
        /// How many.
        window: u32,
    },
    /// So many a second, whatever comes back.
    Fixed {
        /// How many.
        rate: f64,
    },
}

/// A run.
#[derive(Debug)]
pub struct Settings {
    /// What is sent.
    pub script: Script,
    /// Who logs in.
    pub population: Population,
    /// Where logins go.
    pub authentication: SocketAddr,
    /// Where accounting goes.
    pub accounting: SocketAddr,
    /// The routers that ask.
    pub routers: Vec<Nas>,
    /// Sockets of each router in each thread.
    pub sockets: usize,
    /// Threads.
    pub threads: usize,
    /// How fast.
    pub pace: Pace,
    /// Sessions at once.
    pub sessions: u32,
    /// The number of the first session: two runs against one server need different ones.
    pub first_session: u64,
    /// The boot digit of Acct-Session-Ids.
    pub boot: u8,
    /// End after so many sessions.
    pub session_count: Option<u64>,
    /// Not measured.
    pub warm_up: Duration,
    /// Measured.
    pub duration: Option<Duration>,
    /// How long an answer may take before the request is sent again, or given up.
    pub patience: Duration,
    /// How often a request is sent.
    pub attempts: u8,
    /// An answer later than this counts as slow.
    pub slow: Duration,
    /// The code of a right reply to a login.
    pub login_code: Code,
    /// Whether replies to logins must carry Message-Authenticator.
    pub signed_replies: bool,
    /// Where acknowledged accounting is noted.
    pub ledger: Option<PathBuf>,
    /// Processes whose processor time is the server's.
    pub charge: Vec<u32>,
    /// The server's page of metrics, where the run ends only once its database has all that was acknowledged.
    pub drained: Option<String>,
}

/// What the threads are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    WarmUp,
    Measure,
    End,
}

/// What all threads share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    clock: Clock,
    phase: AtomicU8,
    /// Sessions begun so far.
    begun: AtomicU64,
}

impl Shared {
    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::WarmUp,
            1 => Phase::Measure,
            _ => Phase::End,
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// The number of the next session, if another may begin.
    fn next_session(&self) -> Option<u64> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let is_over = self.settings.session_count.is_some_and(|count| number >= count);
        (!is_over).then(|| self.settings.first_session + number)
    }
}

/// How often a journal that is being drained is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a database may take to catch up.
const DRAIN_PATIENCE: Duration = Duration::from_secs(600);

/// A journal and its database, from before the first record on.
#[derive(Debug)]
struct Drain {
    url: String,
    before: u64,
    cpu: Option<Duration>,
    from: Duration,
}

impl Drain {
    fn new(url: String, charged: &Charged, clock: &Clock) -> anyhow::Result<Self> {
        let (before, _) = Page::read(&url)?.journal()?;
        Ok(Self { url, before, cpu: charged.read()?, from: clock.now().monotonic })
    }

    /// Waits until the database has everything; what that took, over the whole run.
    fn wait(self, charged: &Charged, clock: &Clock) -> anyhow::Result<Drained> {
        let ended = clock.now().monotonic;
        loop {
            let (durable, applied) = Page::read(&self.url)?.journal()?;
            let now = clock.now().monotonic;
            if applied >= durable {
                let records = durable.saturating_sub(self.before).max(1) as f64;
                let cpu = self.cpu.zip(charged.read()?).map(|(before, after)| after.saturating_sub(before));
                return Ok(Drained {
                    seconds: now.saturating_sub(ended).as_secs_f64(),
                    rate: records / now.saturating_sub(self.from).as_secs_f64(),
                    cpu_micros: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / records),
                });
            }
            if now.saturating_sub(ended) > DRAIN_PATIENCE {
                anyhow::bail!("the database lacks {} records still", durable - applied);
            }
            let pause = Timespec { tv_sec: 0, tv_nsec: LOOK_EVERY.subsec_nanos().into() };
            // An interruption only looks earlier.
            let _ = poll(&mut [], Some(&pause));
        }
    }
}

/// Runs the load, and waits for it to end.
///
/// # Errors
/// When sockets, threads, the ledger or a process to be charged are not to be had.
pub fn run(settings: Settings) -> anyhow::Result<Report> {
    let clock = Clock::system();
    let (warm_up, duration) = (settings.warm_up, settings.duration);
    let charged = Charged::new(&settings.charge);
    let drain = settings.drained.clone().map(|url| Drain::new(url, &charged, &clock)).transpose()?;
    let shared = Arc::new(Shared {
        settings,
        clock: clock.clone(),
        phase: AtomicU8::new(Phase::WarmUp as u8),
        begun: AtomicU64::new(0),
    });
    let mut threads = Vec::new();
    let (ended, end) = mpsc::channel::<()>();
    for number in 0..shared.settings.threads {
        let thread = thread::Thread::new(Arc::clone(&shared), number).context("preparing a thread")?;
        let ended = ended.clone();
        threads.push(std::thread::Builder::new().name(format!("load-{number}")).spawn(move || {
            let tally = thread.run();
            drop(ended);
            tally
        })?);
    }
    drop(ended);
    // Either the time is up, or every thread has ended by itself.
    let wait = |time: Duration| end.recv_timeout(time) != Err(mpsc::RecvTimeoutError::Disconnected);
    if !warm_up.is_zero() {
        wait(warm_up);
    }
    let (cpu_before, from) = (charged.read()?, clock.now().monotonic);
    shared.enter(Phase::Measure);
    match duration {
        Some(duration) => {
            wait(duration);
        }
        None => while wait(Duration::from_secs(3_600)) {},
    }
    let (cpu_after, until) = (charged.read()?, clock.now().monotonic);
    shared.enter(Phase::End);
    let mut total = Tally::new();
    for thread in threads {
        let tally = thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        total.add(&tally);
    }
    let cpu = cpu_before.zip(cpu_after).map(|(before, after)| after.saturating_sub(before));
    let drained = drain.map(|drain| drain.wait(&charged, &clock)).transpose()?;
    Ok(total.report(until.saturating_sub(from), cpu, drained))
}
