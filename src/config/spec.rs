//! The settings as they are written: names in kebab-case, unknown ones refused, each with its default.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base::SecretString;
use serde::{Deserialize, Deserializer};

use super::LogFormat;

/// A section of the file: every key has a default, and no other key is taken.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$key_doc:meta])* $key:ident: $kind:ty = $default:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub struct $name { $($(#[$key_doc])* pub $key: $kind,)+ }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }
    };
}

section! {
    /// The whole file.
    Spec {
        /// The form of the file.
        version: u32 = 1,
        /// `[data]`
        data: Data = Data::default(),
        /// `[database]`
        database: Database = Database::default(),
        /// `[radius]`
        radius: Radius = Radius::default(),
        /// `[journal]`
        journal: Journal = Journal::default(),
        /// `[directory]`
        directory: Directory = Directory::default(),
        /// `[events]`
        events: Events = Events::default(),
        /// `[http]`
        http: Http = Http::default(),
        /// `[jobs]`
        jobs: Jobs = Jobs::default(),
        /// `[notices]`
        notices: Notices = Notices::default(),
        /// `[log]`
        log: Log = Log::default(),
    }
}

section! {
    /// Where state lives.
    Data {
        /// The data folder, relative to the file.
        folder: String = ".".to_owned(),
        /// The key file, relative to the data folder.
        key_file: String = "rrnetd.key".to_owned(),
    }
}

section! {
    /// The database.
    Database {
        /// `sqlite:FILE` or `postgres://…`.
        url: SecretString = SecretString::new("sqlite:rrnetd.db".to_owned()),
        /// Connections that read at the same time.
        connections: u64 = 8,
    }
}

section! {
    /// The RADIUS sockets.
    Radius {
        /// Authentication addresses.
        authentication: Addresses = both_families(1812),
        /// Accounting addresses.
        accounting: Addresses = both_families(1813),
        /// Threads; 0 for one a core.
        workers: u64 = 0,
        /// Receive buffer of each socket.
        receive_buffer_octets: u64 = 8 << 20,
        /// How long a reply is kept.
        duplicate_lifetime_ms: u64 = 5_000,
        /// How many replies each worker keeps.
        duplicate_slots: u64 = 65_536,
        /// Source address of CoA to a router that has not been heard.
        dynauth_address: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        /// How long a silent router is asked before it is tried again later.
        dynauth_patience_seconds: u64 = 30,
        /// Whether accepts tell who pays to a router that asks for it.
        chargeable_user_identity: bool = false,
        /// Files of attributes, relative to the data folder.
        dictionaries: Vec<String> = Vec::new(),
    }
}

section! {
    /// The accounting journal.
    Journal {
        /// Its folder, relative to the data folder.
        folder: String = "journal".to_owned(),
        /// Octets of a segment.
        segment_octets: u64 = 64 << 20,
        /// Octets of all segments.
        total_octets: u64 = 16 << 30,
        /// How long applied segments are kept.
        keep_hours: u64 = 24,
        /// Octets of the applied segments that are kept.
        keep_octets: u64 = 4 << 30,
    }
}

section! {
    /// The directory's snapshot.
    Directory {
        /// Its file, relative to the data folder.
        snapshot_file: String = "directory.snapshot".to_owned(),
        /// How often it is written.
        snapshot_interval_seconds: u64 = 300,
    }
}

section! {
    /// What happened.
    Events {
        /// How long events are kept.
        keep_days: u64 = 90,
        /// How long they are held for a failing reaction.
        hold_days: u64 = 180,
    }
}

section! {
    /// The API.
    Http {
        /// Its address.
        listen: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
        /// Proxies whose X-Forwarded-For is believed.
        trusted_proxies: Vec<IpAddr> = Vec::new(),
        /// Names of this machine, beside `localhost`.
        own_names: Vec<String> = Vec::new(),
        /// Whether the session cookie goes over TLS alone.
        secure_cookies: bool = false,
        /// Requests a minute of one tenant.
        requests_per_minute: u64 = 6_000,
        /// Requests a minute from one address of nobody who is known.
        visitor_requests_per_minute: u64 = 600,
        /// When an answer is given up.
        answer_within_seconds: u64 = 30,
        /// How long a body may be on its way.
        body_within_seconds: u64 = 10,
        /// Requests that are worked on at a time.
        requests_at_once: u64 = 512,
    }
}

section! {
    /// Work in the background.
    Jobs {
        /// Jobs that run at a time.
        at_once: u64 = 8,
        /// How long jobs that are done are kept.
        keep_done_hours: u64 = 72,
        /// How long dead and discarded jobs are kept.
        keep_dead_days: u64 = 30,
    }
}

section! {
    /// Where the super admin is told of failures.
    Notices {
        /// The address of an HTTP endpoint; empty for none.
        webhook_url: SecretString = SecretString::new(String::new()),
        /// What is posted there is signed with it.
        webhook_secret: SecretString = SecretString::new(String::new()),
        /// The mail relay, with a login; empty for none.
        smtp_url: SecretString = SecretString::new(String::new()),
        /// From whom mail is.
        mail_from: String = String::new(),
        /// Who gets it.
        mail_to: Vec<String> = Vec::new(),
    }
}

section! {
    /// Logging.
    Log {
        /// How a line looks.
        format: LogFormat = LogFormat::Text,
        /// What is logged.
        filter: String = "info".to_owned(),
    }
}

/// Addresses to listen on.
#[derive(Clone, PartialEq, Eq)]
pub struct Addresses {
    /// They.
    pub list: Vec<SocketAddr>,
    /// Whether the operator wrote them; else they are the default, and IPv6 may be missing on this machine.
    pub are_named: bool,
}

impl std::fmt::Debug for Addresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.list.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { list: Vec::deserialize(deserializer)?, are_named: true })
    }
}

fn both_families(port: u16) -> Addresses {
    let list = vec![
        SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
        SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port),
    ];
    Addresses { list, are_named: false }
}
