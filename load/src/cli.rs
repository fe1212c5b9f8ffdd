//! The command line.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool reports on the terminal")]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use foundation::db::DatabaseUrl;
use load::{
    api,
    audit::{self, InputIs},
    floor::Floor,
    generator::{self, Pace},
    malformed,
    population::Population,
    request::Nas,
    serve::Serve,
    session::{Mode, Script},
    world::World,
};
use radius::{code::Code, secret::SharedSecret};
use serde::Serialize;

/// Exit status when everything ran and something was wrong.
const FAULT: u8 = 1;

/// Exit status when it could not run.
const UNUSABLE: u8 = 2;

#[derive(Parser)]
#[command(
    name = "rrnetd-load",
    about = "Load on RADIUS servers with every reply checked, and the tools around it"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send requests, check every reply, report rate, latency and the server's processor time.
    Run(Run),
    /// Compare a ledger with rrnetd's database: exit status 1 when an acknowledged record is not reflected there, once.
    VerifyLedger(VerifyLedger),
    /// The least that a server can do: verify, sign, answer.
    Floor(FloorArguments),
    /// The daemon's hot path over numbered subscribers, without a database.
    Serve(ServeArguments),
    /// Send mutated packets, half of them rightly signed; then see whether the server still answers and has counted them all.
    Malformed(Malformed),
    /// Ask the HTTP API on and on, and report statuses and latency.
    Api(Api),
}

/// Where the server is, and who asks.
#[derive(Args)]
struct Target {
    /// Where logins go.
    #[arg(long, default_value = "127.0.0.1:1812")]
    auth: SocketAddr,
    /// Where accounting goes.
    #[arg(long, default_value = "127.0.0.1:1813")]
    acct: SocketAddr,
    /// The shared secret of all routers.
    #[arg(long, env = "RADIUS_SECRET", hide_env_values = true)]
    secret: String,
    /// The address of a router that asks; may be repeated.
    #[arg(long = "router", value_name = "ADDRESS", default_value = "127.0.0.1")]
    routers: Vec<IpAddr>,
    /// A file of subscribers, NAME,PASSWORD a line.
    #[arg(long, conflicts_with = "numbered")]
    users: Option<PathBuf>,
    /// So many numbered subscribers, subscriber-000000000 with pass00000000 and so on.
    #[arg(long, default_value_t = 10_000)]
    numbered: u32,
}

impl Target {
    fn population(&self) -> anyhow::Result<Population> {
        match &self.users {
            Some(path) => Population::read(path),
            None => Ok(Population::Numbered(self.numbered)),
        }
    }

    fn routers(&self, signs_accounting: bool) -> anyhow::Result<Vec<Nas>> {
        let secret = SharedSecret::new(self.secret.as_bytes())?;
        let router = |(number, address): (usize, &IpAddr)| Nas {
            address: *address,
            identity: format!("router-{number}"),
            secret: secret.clone(),
            signs_accounting,
        };
        Ok(self.routers.iter().enumerate().map(router).collect())
    }
}

#[derive(Args)]
struct Run {
    /// What is sent.
    #[arg(value_enum)]
    mode: Mode,
    #[command(flatten)]
    target: Target,
    /// Seconds that are measured; without it the run ends by --count.
    #[arg(long, value_parser = seconds)]
    duration: Option<Duration>,
    /// Seconds before, not measured.
    #[arg(long, value_parser = seconds, default_value = "0")]
    warm_up: Duration,
    /// End after so many sessions (in the modes pap, chap and mschap2: logins).
    #[arg(long)]
    count: Option<u64>,
    /// Closed loop: so many requests on their way.
    #[arg(long, default_value_t = 256, conflicts_with = "rate")]
    window: u32,
    /// Open loop: so many requests a second. Latency counts from when each was due.
    #[arg(long)]
    rate: Option<f64>,
    /// Mode redial: everybody within so many seconds.
    #[arg(long, value_parser = seconds, default_value = "60")]
    within: Duration,
    /// Sessions at once, in the modes accounting and mix.
    #[arg(long, default_value_t = 2_000)]
    sessions: u32,
    /// Interims of each session.
    #[arg(long, default_value_t = 3)]
    interims: u8,
    /// The number of the first session: another one for each run against the same server.
    #[arg(long, default_value_t = 0)]
    first_session: u64,
    /// The boot digit of Acct-Session-Ids, 0 to 15.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..16))]
    boot: u8,
    /// Threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    threads: u8,
    /// Sockets of each router in each thread; each has 256 identifiers.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..))]
    sockets: u8,
    /// Milliseconds until a request is sent again or given up.
    #[arg(long, value_parser = millis, default_value = "3000")]
    patience: Duration,
    /// How often a request is sent before it is given up.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    attempts: u8,
    /// Milliseconds beyond which an answer counts as slow.
    #[arg(long, value_parser = millis, default_value = "300")]
    slow: Duration,
    /// Logins are to be rejected.
    #[arg(long)]
    expect_reject: bool,
    /// Take replies to logins without Message-Authenticator, as servers before CVE-2024-3596 send them.
    #[arg(long)]
    unsigned_replies: bool,
    /// Sign accounting with Message-Authenticator too.
    #[arg(long)]
    sign_accounting: bool,
    /// Note every acknowledged accounting record in this file.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// The server's process; its descendants count too. May be repeated, for its database.
    #[arg(long = "pid")]
    charge: Vec<u32>,
    /// rrnetd's page of metrics: wait until its database has all that was acknowledged, and charge it for that as well.
    #[arg(long, value_name = "URL")]
    drained: Option<String>,
    /// Report as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Exit with 1 when a request was lost, not only when a reply was wrong.
    #[arg(long)]
    strict: bool,
}

impl Run {
    fn settings(&self) -> anyhow::Result<generator::Settings> {
        let population = self.target.population()?;
        let mut count = self.count;
        let mut pace = match self.rate {
            Some(rate) if rate > 0.0 => Pace::Fixed { rate },
            Some(_) => bail!("--rate must be above 0"),
            None => Pace::Closed { window: self.window.max(1) },
        };
        if self.mode == Mode::Redial {
            let everybody = u64::from(population.len());
            count = Some(count.unwrap_or(everybody));
            let dialling = count.unwrap_or(everybody) as f64;
            pace = Pace::Fixed { rate: dialling / self.within.as_secs_f64().max(1e-3) };
        }
        if self.duration.is_none() && count.is_none() {
            bail!("say when to end: --duration or --count");
        }
        let sessions = match self.mode {
            // A login is a session; there must be one for each request on its way.
            Mode::Pap | Mode::Chap | Mode::Mschap2 => match pace {
                Pace::Closed { window } => window,
                Pace::Fixed { .. } => u32::from(self.sockets) * u32::from(self.threads) * 256,
            },
            // Nobody is online twice.
            Mode::Accounting | Mode::Redial | Mode::Mix => self.sessions.min(population.len() / 2),
        };
        Ok(generator::Settings {
            script: Script { mode: self.mode, interims: self.interims.min(200) },
            population,
            authentication: self.target.auth,
            accounting: self.target.acct,
            routers: self.target.routers(self.sign_accounting)?,
            sockets: self.sockets.into(),
            threads: self.threads.into(),
            pace,
            sessions: sessions.max(1),
            first_session: self.first_session,
            boot: self.boot,
            session_count: count,
            warm_up: self.warm_up,
            duration: self.duration,
            patience: self.patience,
            attempts: self.attempts,
            slow: self.slow,
            login_code: if self.expect_reject { Code::ACCESS_REJECT } else { Code::ACCESS_ACCEPT },
            signed_replies: !self.unsigned_replies,
            ledger: self.ledger.clone(),
            charge: self.charge.clone(),
            drained: self.drained.clone(),
        })
    }
}

#[derive(Args)]
struct VerifyLedger {
    /// The ledger.
    ledger: PathBuf,
    /// `sqlite:FILE` or `postgres://…`.
    #[arg(long, env = "LEDGER_DATABASE", hide_env_values = true)]
    database: String,
    /// What Acct-Input-Octets counts at the routers.
    #[arg(long, value_enum, default_value = "upload")]
    input_is: InputIs,
    /// Seconds that the database may take to catch up.
    #[arg(long, value_parser = seconds, default_value = "0")]
    wait: Duration,
    /// Report as one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Where a responder listens.
#[derive(Args)]
struct Listening {
    /// Where logins are answered; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    auth: SocketAddr,
    /// Where accounting is answered.
    #[arg(long, default_value = "127.0.0.1:0")]
    acct: SocketAddr,
    /// Threads; 0 means one for each processor.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// The shared secret of everybody.
    #[arg(long, env = "RADIUS_SECRET", hide_env_values = true)]
    secret: String,
}

impl Listening {
    fn workers(&self) -> usize {
        if self.workers > 0 {
            return self.workers;
        }
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }

    fn secret(&self) -> anyhow::Result<SharedSecret> {
        Ok(SharedSecret::new(self.secret.as_bytes())?)
    }
}

#[derive(Args)]
struct FloorArguments {
    #[command(flatten)]
    listening: Listening,
    /// Octets of attributes in each Accept beside Message-Authenticator.
    #[arg(long, default_value_t = 0)]
    padding: usize,
}

#[derive(Args)]
struct ServeArguments {
    #[command(flatten)]
    listening: Listening,
    /// How many subscribers there are.
    #[arg(long, default_value_t = 10_000)]
    numbered: u32,
    /// The address of a router; may be repeated.
    #[arg(long = "router", value_name = "ADDRESS", default_values_t = [IpAddr::V4(Ipv4Addr::LOCALHOST)])]
    routers: Vec<IpAddr>,
    /// Sessions that a subscriber may have at once; 0: as many as it likes.
    #[arg(long, default_value_t = 1)]
    simultaneous: u16,
    /// The journal's folder, by default a temporary one.
    #[arg(long)]
    journal: Option<PathBuf>,
}

#[derive(Args)]
struct Malformed {
    #[command(flatten)]
    target: Target,
    /// How many packets.
    #[arg(long, default_value_t = 1_000_000)]
    count: u64,
    /// How many a second at the most.
    #[arg(long, default_value_t = 20_000.0)]
    rate: f64,
    /// What the mutations follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The server's page of metrics, `http://HOST:PORT/metrics`.
    #[arg(long)]
    metrics: Option<String>,
    /// Report as one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Api {
    /// Where the API is.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    address: String,
    /// Path and query.
    #[arg(long, default_value = "/api/v1/subscribers")]
    path: String,
    /// The token of who asks.
    #[arg(long, env = "API_TOKEN", hide_env_values = true)]
    token: String,
    /// Of which tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// JSON to be posted; without it the path is read.
    #[arg(long)]
    body: Option<String>,
    /// Connections at once.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Seconds.
    #[arg(long, value_parser = seconds)]
    duration: Duration,
}

/// Runs what the command line asks for.
pub(crate) fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rrnetd-load: {error:#}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(arguments) => {
            let report = generator::run(arguments.settings()?)?;
            show(&report, arguments.json, || report.to_string())?;
            let is_wrong = report.wrong > 0 || report.answered == 0;
            Ok(verdict(!(is_wrong || (arguments.strict && report.lost > 0))))
        }
        Command::VerifyLedger(arguments) => {
            let url: DatabaseUrl = arguments.database.parse()?;
            let file = arguments.database.strip_prefix("sqlite:");
            if let Some(file) =
                file.filter(|file| !std::path::Path::new(file.trim_start_matches("//")).exists())
            {
                bail!("{file} is not there");
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let findings = runtime.block_on(audit::verify(
                &arguments.ledger,
                &url,
                arguments.input_is,
                arguments.wait,
            ))?;
            show(&findings, arguments.json, || format!("{findings:#?}"))?;
            Ok(verdict(findings.is_clean()))
        }
        Command::Floor(arguments) => {
            let Listening { auth, acct, .. } = arguments.listening;
            let floor = Floor {
                authentication: auth,
                accounting: acct,
                workers: arguments.listening.workers(),
                secret: arguments.listening.secret()?,
                padding: arguments.padding,
            };
            let running = floor.start()?;
            announce(running.authentication, running.accounting);
            until_told_to_stop()?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve(arguments) => {
            tracing_subscriber::fmt().with_writer(std::io::stderr).init();
            let Listening { auth, acct, .. } = arguments.listening;
            let serve = Serve {
                authentication: auth,
                accounting: acct,
                workers: arguments.listening.workers(),
                world: World {
                    subscribers: arguments.numbered,
                    routers: arguments.routers,
                    secret: arguments.listening.secret()?,
                    simultaneous: arguments.simultaneous,
                },
                journal: arguments.journal,
            };
            let serving = serve.start()?;
            announce(serving.authentication, serving.accounting);
            until_told_to_stop()?;
            drop(serving);
            Ok(ExitCode::SUCCESS)
        }
        Command::Malformed(arguments) => {
            let settings = malformed::Settings {
                authentication: arguments.target.auth,
                accounting: arguments.target.acct,
                router: arguments.target.routers(false)?.into_iter().next().context("no router")?,
                secret: arguments.target.secret.as_bytes().to_vec(),
                population: arguments.target.population()?,
                count: arguments.count,
                rate: arguments.rate.max(1.0),
                seed: arguments.seed,
                metrics: arguments.metrics,
            };
            let outcome = malformed::run(&settings)?;
            show(&outcome, arguments.json, || format!("{outcome:#?}"))?;
            let adds_up = outcome.counted.as_ref().is_none_or(|counted| counted.adds_up);
            Ok(verdict(outcome.still_answers && adds_up))
        }
        Command::Api(Api { address, path, token, tenant, body, connections, duration }) => {
            let settings = api::Settings { address, path, token, tenant, body, connections, duration };
            show(&api::run(settings)?, true, String::new)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn show(figures: &impl Serialize, json: bool, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    println!("{}", if json { serde_json::to_string(figures)? } else { text() });
    Ok(())
}

fn verdict(is_right: bool) -> ExitCode {
    if is_right { ExitCode::SUCCESS } else { ExitCode::from(FAULT) }
}

/// Tells a script where the responder listens, and who it is.
fn announce(authentication: SocketAddr, accounting: SocketAddr) {
    println!("ready pid={} auth={authentication} acct={accounting}", std::process::id());
}

fn until_told_to_stop() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "seconds, such as 2.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn millis(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_millis).map_err(|_| "milliseconds, such as 300".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
