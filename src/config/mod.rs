//! The settings as the daemon uses them: checked, with absolute paths and real types.
//!
//! `changed` compares two; `notices` checks where the super admin is told of failures; [`spec`] is what may be written in a file; [`layers`] puts file, environment and arguments on top of one another.

mod changed;
pub mod layers;
mod notices;
pub mod spec;

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use base::SecretString;

pub use layers::Sources;
pub use notices::{Mail, Notices, Webhook};
use spec::Spec;

/// The commented file that `quickstart` writes; every setting with its default.
pub const TEMPLATE: &str = include_str!("../../config/template.toml");

/// The settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where state lives.
    pub data: Data,
    /// The database.
    pub database: Database,
    /// The RADIUS sockets.
    pub radius: Radius,
    /// The accounting journal.
    pub journal: Journal,
    /// The directory's snapshot.
    pub directory: Directory,
    /// What happened.
    pub events: Events,
    /// The API.
    pub http: Http,
    /// Work in the background.
    pub jobs: Jobs,
    /// Where the super admin is told of failures.
    pub notices: Notices,
    /// Logging.
    pub log: Log,
}

/// Where state lives.
#[derive(Clone, Debug)]
pub struct Data {
    /// The data folder.
    pub folder: PathBuf,
    /// The key file.
    pub key_file: PathBuf,
}

/// The database.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its URL; a PostgreSQL one may hold a password.
    pub url: SecretString,
    /// Connections that read at the same time, 1 to 256.
    pub connections: u32,
}

/// The RADIUS sockets.
#[derive(Clone, Debug)]
pub struct Radius {
    /// Authentication addresses.
    pub authentication: Vec<SocketAddr>,
    /// Accounting addresses.
    pub accounting: Vec<SocketAddr>,
    /// Of these, the IPv6 addresses that are only the default: they are left out where the kernel has no IPv6.
    pub optional: Vec<SocketAddr>,
    /// Threads.
    pub workers: usize,
    /// Receive buffer of each socket, octets.
    pub receive_buffer: usize,
    /// How long a reply is kept.
    pub duplicate_lifetime: Duration,
    /// How many replies each worker keeps.
    pub duplicate_slots: u32,
    /// Source address of CoA to a router that has not been heard; unspecified lets the kernel choose.
    pub dynauth_address: IpAddr,
    /// How long a silent router is asked before it is tried again later.
    pub dynauth_patience: Duration,
    /// Accepts carry Chargeable-User-Identity for a router that asks for it (RFC 4372).
    pub chargeable_user_identity: bool,
    /// Files of attributes, read on top of the built-in ones.
    pub dictionaries: Vec<PathBuf>,
}

/// The accounting journal.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Its folder.
    pub folder: PathBuf,
    /// Octets of a segment.
    pub segment_octets: u64,
    /// Octets of all segments.
    pub total_octets: u64,
    /// How long applied segments are kept.
    pub keep_for: Duration,
    /// Octets of them; beyond it the oldest go earlier.
    pub keep_octets: u64,
}

/// The directory's snapshot.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The file.
    pub snapshot_file: PathBuf,
    /// How often it is written.
    pub snapshot_interval: Duration,
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Events {
    /// How long events are kept.
    pub keep: Duration,
    /// How long they are held for a failing reaction, at least as long.
    pub hold: Duration,
}

/// The API.
#[derive(Clone, Debug)]
pub struct Http {
    /// Its address.
    pub listen: SocketAddr,
    /// Proxies in front of the daemon, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Names of this machine, beside `localhost`.
    pub own_names: Vec<String>,
    /// The session cookie goes over TLS alone.
    pub secure_cookies: bool,
    /// Requests a minute of one tenant, or of one person of the platform.
    pub requests_per_minute: u32,
    /// Requests a minute from one address, of nobody who is known.
    pub visitor_requests_per_minute: u32,
    /// When an answer is given up.
    pub answer_within: Duration,
    /// How long a body may be on its way.
    pub body_within: Duration,
    /// Requests that are worked on at a time.
    pub requests_at_once: usize,
}

/// Work in the background.
#[derive(Clone, Debug)]
pub struct Jobs {
    /// Jobs that run at a time, 1 to 64.
    pub at_once: usize,
    /// How long jobs that are done are kept.
    pub keep_done: Duration,
    /// How long dead and discarded jobs are kept.
    pub keep_dead: Duration,
}

/// Logging.
#[derive(Clone, Debug)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged.
    pub filter: String,
}

base::text_enum! {
    /// How a log line looks.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// For collectors.
        Json = "json",
    }
}

/// The settings can't be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("the configuration file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or a setting is unknown or of the wrong kind.
    #[error("{place}: {message}")]
    Form {
        /// Which file, variable or argument.
        place: String,
        /// What is wrong, from the parser.
        message: String,
    },
    /// A value is out of its range.
    #[error("{key}: {message}")]
    Value {
        /// The setting, as `section.key`.
        key: &'static str,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// More than one of these, each on a line of its own.
    #[error("{}", lines(.0))]
    Several(Vec<Self>),
}

fn lines(mistakes: &[ConfigError]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl ConfigError {
    /// All of `mistakes` as one.
    ///
    /// # Errors
    /// Unless there are none.
    fn all(mut mistakes: Vec<Self>) -> Result<(), Self> {
        match mistakes.pop() {
            None => Ok(()),
            Some(only) if mistakes.is_empty() => Err(only),
            Some(last) => {
                mistakes.push(last);
                Err(Self::Several(mistakes))
            }
        }
    }
}

/// Gathers what is wrong with the values of settings.
#[derive(Debug, Default)]
struct Check(Vec<ConfigError>);

impl Check {
    /// The number, or the least one where it is out of its range.
    fn within(&mut self, key: &'static str, number: u64, least: u64, most: u64) -> u64 {
        if (least..=most).contains(&number) {
            return number;
        }
        self.0.push(value(key, &format!("{number} is out of range: give {least} to {most}")));
        least
    }

    /// The same for numbers of another width.
    fn number<N>(&mut self, key: &'static str, number: u64, least: u64, most: N) -> N
    where
        N: Copy + TryFrom<u64>,
        u64: TryFrom<N>,
    {
        N::try_from(self.within(key, number, least, u64::try_from(most).unwrap_or(u64::MAX))).unwrap_or(most)
    }

    /// What was accepted; what was not is noted.
    fn accepted<T>(&mut self, outcome: Result<T, ConfigError>) -> Option<T> {
        outcome.map_err(|error| self.0.push(error)).ok()
    }
}

impl Config {
    /// Checks `spec`; relative paths are taken from `base_folder`.
    ///
    /// # Errors
    /// All values that are out of their range.
    pub fn check(spec: Spec, base_folder: &Path) -> Result<Self, ConfigError> {
        let (config, mistakes) = Self::survey(spec, base_folder);
        ConfigError::all(mistakes).map(|()| config)
    }

    /// The same; what is wrong is said beside it, and stands at some other value: such settings are good for looking at the
    /// rest alone.
    fn survey(spec: Spec, base_folder: &Path) -> (Self, Vec<ConfigError>) {
        let Spec { version, data, database, radius, journal, directory, events, http, jobs, notices, log } =
            spec;
        let mut check = Check::default();
        check.within("version", u64::from(version), 1, 1);
        let folder = clean(&base_folder.join(data.folder));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = check.number("radius.workers", radius.workers, 0, aaa::net::server::MAX_WORKERS);
        let optional: Vec<SocketAddr> = [&radius.authentication, &radius.accounting]
            .into_iter()
            .filter(|addresses| !addresses.are_named)
            .flat_map(|addresses| addresses.list.iter().copied().filter(SocketAddr::is_ipv6))
            .collect();
        if radius.authentication.list.is_empty() && radius.accounting.list.is_empty() {
            check.0.push(value(
                "radius.authentication",
                "no address at all: give at least one, such as 0.0.0.0:1812",
            ));
        }
        let keep_days = check.within("events.keep-days", events.keep_days, 1, 3_650);
        let config = Self {
            database: Database {
                connections: check.number("database.connections", database.connections, 1, 256),
                url: check
                    .accepted(database_url(database.url, &folder))
                    .unwrap_or_else(|| SecretString::new(String::new())),
            },
            radius: Radius {
                authentication: radius.authentication.list,
                accounting: radius.accounting.list,
                optional,
                workers: if workers == 0 { cores } else { workers },
                receive_buffer: check.number(
                    "radius.receive-buffer-octets",
                    radius.receive_buffer_octets,
                    65_536,
                    1 << 30,
                ),
                duplicate_lifetime: Duration::from_millis(check.within(
                    "radius.duplicate-lifetime-ms",
                    radius.duplicate_lifetime_ms,
                    1_000,
                    30_000,
                )),
                duplicate_slots: check.number(
                    "radius.duplicate-slots",
                    radius.duplicate_slots,
                    256,
                    4_194_304,
                ),
                dynauth_address: radius.dynauth_address,
                dynauth_patience: Duration::from_secs(check.within(
                    "radius.dynauth-patience-seconds",
                    radius.dynauth_patience_seconds,
                    1,
                    30,
                )),
                chargeable_user_identity: radius.chargeable_user_identity,
                dictionaries: radius.dictionaries.iter().map(|file| clean(&folder.join(file))).collect(),
            },
            journal: Journal {
                folder: folder.join(journal.folder),
                segment_octets: check.within(
                    "journal.segment-octets",
                    journal.segment_octets,
                    8 << 20,
                    1 << 30,
                ),
                total_octets: check.within("journal.total-octets", journal.total_octets, 64 << 20, 1 << 50),
                keep_for: hours(check.within("journal.keep-hours", journal.keep_hours, 0, 8_760)),
                keep_octets: check.within("journal.keep-octets", journal.keep_octets, 0, 1 << 50),
            },
            directory: Directory {
                snapshot_file: folder.join(directory.snapshot_file),
                snapshot_interval: Duration::from_secs(check.within(
                    "directory.snapshot-interval-seconds",
                    directory.snapshot_interval_seconds,
                    10,
                    86_400,
                )),
            },
            events: Events {
                keep: days(keep_days),
                hold: days(check.within("events.hold-days", events.hold_days, keep_days, 3_650)),
            },
            http: Http {
                listen: http.listen,
                trusted_proxies: http.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
                own_names: http.own_names,
                secure_cookies: http.secure_cookies,
                requests_per_minute: check.number(
                    "http.requests-per-minute",
                    http.requests_per_minute,
                    1,
                    1_000_000_000,
                ),
                visitor_requests_per_minute: check.number(
                    "http.visitor-requests-per-minute",
                    http.visitor_requests_per_minute,
                    1,
                    1_000_000_000,
                ),
                answer_within: Duration::from_secs(check.within(
                    "http.answer-within-seconds",
                    http.answer_within_seconds,
                    1,
                    600,
                )),
                body_within: Duration::from_secs(check.within(
                    "http.body-within-seconds",
                    http.body_within_seconds,
                    1,
                    600,
                )),
                requests_at_once: check.number("http.requests-at-once", http.requests_at_once, 1, 65_536),
            },
            jobs: Jobs {
                at_once: check.number("jobs.at-once", jobs.at_once, 1, 64),
                keep_done: hours(check.within("jobs.keep-done-hours", jobs.keep_done_hours, 1, 8_760)),
                keep_dead: days(check.within("jobs.keep-dead-days", jobs.keep_dead_days, 1, 3_650)),
            },
            notices: Notices::check(&notices, &mut check),
            log: Log { format: log.format, filter: log.filter },
            data: Data { key_file: clean(&folder.join(data.key_file)), folder },
        };
        (config, check.0)
    }
}

/// Without the `.` that a relative folder leaves in the middle: paths are shown to people.
fn clean(path: &Path) -> PathBuf {
    path.components().collect()
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

/// Makes a relative SQLite file one of the data folder.
fn database_url(url: SecretString, folder: &Path) -> Result<SecretString, ConfigError> {
    let text = url.expose();
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(url);
    }
    match text.strip_prefix("sqlite:") {
        Some(file) if !file.is_empty() => {
            let file = file.strip_prefix("//").unwrap_or(file);
            Ok(SecretString::new(format!("sqlite:{}", folder.join(file).display())))
        }
        _ => Err(value("database.url", "neither sqlite:FILE nor postgres://user:password@host/name")),
    }
}

fn value(key: &'static str, message: &str) -> ConfigError {
    ConfigError::Value { key, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Config, String> {
        let spec = toml::from_str(text).map_err(|error| error.to_string())?;
        Config::check(spec, Path::new("/var/lib/rrnetd")).map_err(|error| error.to_string())
    }

    #[test]
    fn paths_are_taken_from_the_data_folder() {
        let config = check("version = 1\ndata.folder = \"state\"").unwrap();
        assert_eq!(config.data.key_file, Path::new("/var/lib/rrnetd/state/rrnetd.key"));
        assert_eq!(config.journal.folder, Path::new("/var/lib/rrnetd/state/journal"));
        assert_eq!(config.database.url.expose(), "sqlite:/var/lib/rrnetd/state/rrnetd.db");
        assert!(config.radius.workers > 0);
        let config = check("version = 1\ndata.key-file = \"./keys/rrnetd.key\"").unwrap();
        assert_eq!(config.data.key_file.to_str(), Some("/var/lib/rrnetd/keys/rrnetd.key"));
    }

    #[test]
    fn only_the_default_may_lack_ipv6() {
        let default = check("").unwrap().radius;
        assert_eq!(default.optional, ["[::]:1812".parse().unwrap(), "[::]:1813".parse().unwrap()]);
        let named = check("radius.authentication = [\"0.0.0.0:1812\", \"[::]:1812\"]").unwrap().radius;
        assert_eq!(named.optional, ["[::]:1813".parse().unwrap()]);
    }

    #[test]
    fn values_out_of_range_say_what_would_be_right() {
        for (text, expected) in [
            ("version = 2", "version: 2 is out of range: give 1 to 1"),
            (
                "radius.duplicate-lifetime-ms = 50",
                "radius.duplicate-lifetime-ms: 50 is out of range: give 1000 to 30000",
            ),
            (
                "database.url = \"mysql://x\"",
                "database.url: neither sqlite:FILE nor postgres://user:password@host/name",
            ),
        ] {
            assert_eq!(check(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn each_value_that_is_wrong_is_named() {
        let said = check(
            "version = 2\ndatabase.url = \"mysql://x\"\ndatabase.connections = 0\nradius.workers = 99999\n\
             radius.authentication = []\nradius.accounting = []\nevents.keep-days = 0\njobs.at-once = 65\n\
             notices.webhook-url = \"ftp://x\"\nnotices.smtp-url = \"smtp://localhost\"\n",
        )
        .unwrap_err();
        let keys: Vec<&str> =
            said.lines().filter_map(|line| line.split_once(": ")).map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            [
                "version",
                "radius.workers",
                "radius.authentication",
                "events.keep-days",
                "database.connections",
                "database.url",
                "jobs.at-once",
                "notices.webhook-url",
                "notices.webhook-secret",
                "notices.mail-from",
                "notices.mail-to"
            ]
        );
    }

    #[test]
    fn a_database_password_is_not_printed() {
        let config = check("database.url = \"postgres://isp:hunter2@localhost/isp\"").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
