//! Starts `rrnetd` on free ports, reads where it listens from its first line of JSON, and ends it by its process id.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{LazyLock, mpsc},
    thread,
    time::Duration,
};

use base::Clock;
use serde::Deserialize;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_rrnetd");

/// How long anything may take that is awaited: far more than it needs on a machine that does other things too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How often a state that nothing announces is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Ports that are free, on one loopback address.
pub(crate) const FREE_PORTS: [&str; 3] =
    ["radius.authentication=127.0.0.1:0", "radius.accounting=127.0.0.1:0", "http.listen=127.0.0.1:0"];

/// The line that says where the daemon listens.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    pub(crate) authentication: Vec<SocketAddr>,
    pub(crate) accounting: Vec<SocketAddr>,
    pub(crate) http: SocketAddr,
}

/// A running daemon; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    /// What it printed before the line of JSON.
    pub(crate) greeting: String,
    pub(crate) ready: Ready,
}

impl Daemon {
    /// `rrnetd quickstart` in `folder`, with the settings on top of free ports.
    pub(crate) fn quickstart(folder: &Path, settings: &[&str]) -> Self {
        let mut command = quickstart(folder, &FREE_PORTS);
        for setting in settings {
            command.args(["--set", setting]);
        }
        Self::start(&mut command, folder)
    }

    /// Starts a command and waits until it is ready. Its log stands beside its folder.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Self {
        let log = folder.with_extension("log");
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(file).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let deadline = now() + PATIENCE;
        let mut greeting = String::new();
        loop {
            let left = deadline.saturating_sub(now());
            let Ok(line) = receiver.recv_timeout(left) else {
                let _gone = child.kill();
                let _reaped = child.wait();
                panic!(
                    "the daemon does not get ready; it printed {greeting:?} and logged {}",
                    fs::read_to_string(&log).unwrap()
                );
            };
            if line.starts_with("{\"event\":\"ready\"") {
                let ready = serde_json::from_str(&line).unwrap();
                return Self { child, greeting, ready };
            }
            greeting.push_str(&line);
            greeting.push('\n');
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The super admin's password, which the first start prints.
    pub(crate) fn password(&self) -> String {
        between(&self.greeting, "admin / ", " ").expect("the first start prints a password").to_owned()
    }

    /// The demo router's secret.
    pub(crate) fn secret(&self) -> String {
        between(&self.greeting, " auth '", "'").expect("a printed line for radclient").to_owned()
    }

    /// A demo subscriber's password.
    pub(crate) fn password_of(&self, user: &str) -> String {
        let start = format!("User-Name = \"{user}\", User-Password = \"");
        between(&self.greeting, &start, "\"").expect("a printed line with this subscriber").to_owned()
    }

    /// SIGHUP: the configuration is to be read again.
    pub(crate) fn hang_up(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        eventually("the daemon ends", || self.child.try_wait().unwrap())
    }

    /// SIGKILL: as if the power of the process alone had gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// `rrnetd quickstart`, not started yet.
pub(crate) fn quickstart(folder: &Path, settings: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("quickstart").arg("--data").arg(folder);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command
}

/// A fresh PostgreSQL database on the tests' server; gone when dropped.
pub(crate) struct PostgresDatabase {
    server: String,
    name: String,
}

impl PostgresDatabase {
    /// `None` when there is no server and it may be absent.
    pub(crate) fn create() -> Option<Self> {
        let Ok(server) = std::env::var("TEST_DATABASE_URL") else {
            let may_lack = std::env::var("TEST_ALLOW_NO_POSTGRES").as_deref() == Ok("1");
            assert!(may_lack, "set TEST_DATABASE_URL, or TEST_ALLOW_NO_POSTGRES=1 to go without");
            return None;
        };
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let database = Self { server, name: format!("e2e_{:016x}", u64::from_ne_bytes(random)) };
        assert!(database.run(&format!("CREATE DATABASE {}", database.name)));
        Some(database)
    }

    /// The setting that names it.
    pub(crate) fn setting(&self) -> String {
        let (start, _) = self.server.rsplit_once('/').unwrap();
        format!("database.url={start}/{}", self.name)
    }

    fn run(&self, statement: &str) -> bool {
        let mut command = Command::new("psql");
        command.args(["--quiet", "--no-psqlrc", "--command", statement, &self.server]);
        command.status().unwrap().success()
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let _gone = self.run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Runs a subcommand to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

/// The time since the first question; it only rises.
pub(crate) fn now() -> Duration {
    static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::system);
    CLOCK.now().monotonic
}

/// Waits for something that nothing announces.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(now() < deadline, "awaited in vain: {what}");
        thread::park_timeout(LOOK_EVERY);
    }
}

/// The text between two others.
pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

/// The names of everything below `folder`, sorted.
pub(crate) fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}
