//! The command's arguments, and what each subcommand does. Exit status 0: done; 1: a failure while running; 2: it could not
//! start, and nothing was changed.

mod admin;
mod audit;
mod journal;
mod quickstart;
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use foundation::audit::Head;

use crate::{
    config::{Config, Sources},
    daemon::dictionaries,
    telemetry,
};

/// RADIUS at wire speed, router sync and the control plane of an internet service provider.
#[derive(Debug, Parser)]
#[command(name = "rrnetd", version, about, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Where settings come from.
#[derive(Clone, Debug, Args)]
struct SettingArguments {
    /// The configuration file; but for `quickstart`, the one of RRNETD_CONFIG unless something is said
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder that has the configuration file rrnetd.toml in it, as `quickstart` makes it
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// One setting, over the file and the environment; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    settings: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve(SettingArguments),
    /// Run the daemon on embedded defaults; the first time with a demo tenant, and a word on what to try
    ///
    /// Everything is kept in the folder rrnetd-data unless something is said.
    Quickstart(SettingArguments),
    /// Bring the database to this version's form, and end; an SQLite file must be there
    Migrate(SettingArguments),
    /// Say whether the configuration is right
    CheckConfig(SettingArguments),
    /// Help people back in
    #[command(subcommand)]
    Admin(AdminCommand),
    /// See to accounting journals
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Look at the audit trails
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look at RADIUS packets
    #[command(subcommand)]
    Radius(RadiusCommand),
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Compute every trail's hash chain anew, and name the first entry of each that does not hold; exit status 1 when one
    /// does not
    Verify {
        /// How far a trail reached once, as the daemon's log or an earlier run has it; may be repeated
        #[arg(long = "head", value_name = "TENANT:NUMBER:HASH")]
        heads: Vec<Head>,
        #[command(flatten)]
        settings: SettingArguments,
    },
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Make a super admin with a random password, shown once: the first way in after a first start, or `migrate` on PostgreSQL
    Create {
        /// The login
        login: String,
        #[command(flatten)]
        settings: SettingArguments,
    },
    /// Give a platform person a new random password, shown once
    ResetPassword {
        /// The login
        login: String,
        #[command(flatten)]
        settings: SettingArguments,
    },
    /// Turn the second factor of a platform person off who lost the device
    ResetSecondFactor {
        /// The login
        login: String,
        #[command(flatten)]
        settings: SettingArguments,
    },
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Bring the records of a rescued journal into the database; the daemon must be stopped. May be repeated
    Apply {
        /// The journal's folder, which stays as it is
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        #[command(flatten)]
        settings: SettingArguments,
    },
}

#[derive(Debug, Subcommand)]
enum RadiusCommand {
    /// Print a packet, one `Name = value` a line
    Decode {
        /// The packet's octets, in hexadecimal
        hex: String,
        /// The shared secret: signatures are checked and hidden values shown
        #[arg(long)]
        secret: Option<String>,
        /// For a reply: the authenticator of its request, 32 hexadecimal digits
        #[arg(long, value_name = "HEX")]
        request_authenticator: Option<String>,
    },
}

/// The configuration file in a data folder.
const CONFIG: &str = "rrnetd.toml";

/// It could not start: exit status 2.
const NOT_STARTED: u8 = 2;

impl Arguments {
    /// Does what was asked.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Serve(settings) => serve::run(settings.sources()),
            Command::Quickstart(settings) => quickstart::run(settings),
            Command::Migrate(settings) => admin::migrate(&settings.sources()),
            Command::CheckConfig(settings) => check_config(&settings.sources()),
            Command::Admin(AdminCommand::Create { login, settings }) => {
                admin::create(&settings.sources(), &login)
            }
            Command::Admin(AdminCommand::ResetPassword { login, settings }) => {
                admin::reset_password(&settings.sources(), &login)
            }
            Command::Journal(JournalCommand::Apply { folder, settings }) => {
                journal::apply(&settings.sources(), &folder)
            }
            Command::Admin(AdminCommand::ResetSecondFactor { login, settings }) => {
                admin::reset_second_factor(&settings.sources(), &login)
            }
            Command::Audit(AuditCommand::Verify { heads, settings }) => {
                audit::verify(&settings.sources(), &heads)
            }
            Command::Radius(RadiusCommand::Decode { hex, secret, request_authenticator }) => {
                decode(&hex, secret.as_deref(), request_authenticator.as_deref())
            }
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(Failure { status, error }) => {
                complain(&error);
                ExitCode::from(status)
            }
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
struct Failure {
    status: u8,
    error: anyhow::Error,
}

impl Failure {
    /// It could not start.
    fn start(error: impl Into<anyhow::Error>) -> Self {
        Self { status: NOT_STARTED, error: error.into() }
    }

    /// It failed while it ran.
    fn running(error: impl Into<anyhow::Error>) -> Self {
        Self { status: 1, error: error.into() }
    }
}

type Outcome = Result<(), Failure>;

impl SettingArguments {
    /// The configuration file that the arguments name.
    fn named(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| self.data.as_ref().map(|folder| folder.join(CONFIG)))
    }

    fn sources(self) -> Sources {
        let of_environment = || std::env::var_os("RRNETD_CONFIG").filter(|file| !file.is_empty());
        let file = self.named().or_else(|| of_environment().map(PathBuf::from));
        Sources { file, environment: std::env::vars().collect(), arguments: self.settings }
    }
}

/// One sentence, with its causes behind it; a line for each mistake where there are several.
#[expect(clippy::print_stderr, reason = "the command's own word to its user")]
fn complain(error: &anyhow::Error) {
    for line in format!("{error:#}").lines() {
        eprintln!("rrnetd: {line}");
    }
}

#[expect(clippy::print_stdout, reason = "the command's output")]
fn say(text: &str) {
    println!("{text}");
}

fn load(sources: &Sources) -> Result<Config, Failure> {
    sources.load().map_err(Failure::start)
}

fn check_config(sources: &Sources) -> Outcome {
    let (config, mistakes) = sources.survey().map_err(Failure::start)?;
    let mut said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    said.extend(telemetry::check_filter(&config.log.filter).err().map(|error| error.to_string()));
    let dictionaries = dictionaries::load(&config.radius.dictionaries);
    said.extend(dictionaries.err().map(|error| format!("{:#}", anyhow::Error::from(error))));
    if !said.is_empty() {
        return Err(Failure::start(anyhow::anyhow!(said.join("\n"))));
    }
    say("the configuration is right");
    Ok(())
}

fn decode(hex: &str, secret: Option<&str>, request_authenticator: Option<&str>) -> Outcome {
    use radius::{
        decode::{Knowledge, decode, octets_from_hexadecimal},
        secret::SharedSecret,
    };
    let octets = octets_from_hexadecimal(hex).map_err(Failure::start)?;
    let dictionary = radius::dictionary::builtin::dictionary().map_err(Failure::start)?;
    let secret =
        secret.map(|secret| SharedSecret::new(secret.as_bytes())).transpose().map_err(Failure::start)?;
    let authenticator = match request_authenticator {
        Some(text) => {
            let octets = octets_from_hexadecimal(text).map_err(Failure::start)?;
            let octets: [u8; 16] = octets.try_into().map_err(|_| {
                Failure::start(anyhow::anyhow!("--request-authenticator needs 32 hexadecimal digits"))
            })?;
            Some(octets)
        }
        None => None,
    };
    let knowledge = Knowledge { secret: secret.as_ref(), request_authenticator: authenticator.as_ref() };
    let decoded = decode(&octets, &dictionary, knowledge).map_err(Failure::start)?;
    say(decoded.to_string().trim_end());
    Ok(())
}
