//! Which database, and how much of it.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

/// Read-only connections to SQLite: readers never wait for the writer, and two cores are busy with four.
const DEFAULT_READERS: u32 = 4;
/// Connections to PostgreSQL. A transaction lives for milliseconds, so ten carry thousands a second; its server allows
/// 100 by default, to be shared by several nodes.
const DEFAULT_CONNECTIONS: u32 = 10;
/// How long a caller waits for a connection before the database counts as unavailable: longer than any burst of short
/// transactions, shorter than a person's patience.
const DEFAULT_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the database is and how it is used.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which database.
    pub url: DatabaseUrl,
    /// Read-only connections to SQLite, beside the one that writes.
    pub readers: u32,
    /// Connections to PostgreSQL.
    pub connections: u32,
    /// How long to wait for a connection.
    pub acquire_timeout: Duration,
    /// SQLite's file may be out of use for now, because its disk is full, read-only or away: it is opened when it is first used,
    /// as PostgreSQL always is. Default: no.
    pub may_wait: bool,
    /// A missing SQLite file may be made. Default: yes. Where a database is known to be there, a missing one is elsewhere, or its
    /// disk is not mounted: an empty one in its place would hide that.
    pub may_make: bool,
    /// Nothing is written. SQLite's file may then be a copy in a place that takes no writing. Default: no.
    pub reads_alone: bool,
}

impl Config {
    /// The database at `url`, with the usual sizes.
    #[must_use]
    pub const fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            readers: DEFAULT_READERS,
            connections: DEFAULT_CONNECTIONS,
            acquire_timeout: DEFAULT_ACQUIRE_TIMEOUT,
            may_wait: false,
            may_make: true,
            reads_alone: false,
        }
    }
}

/// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME`. Prints without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Kind);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite(PathBuf),
    Postgres(String),
}

/// The text names no database that we can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseUrlError {
    /// Neither `sqlite:` nor `postgres:`.
    #[error("a database URL starts with sqlite: or postgres://")]
    Scheme,
    /// Nothing after `sqlite:`, or a database in memory, which readers could not see.
    #[error("sqlite: must be followed by the path of a file")]
    Path,
    /// The driver does not understand it.
    #[error("not of the form postgres://USER:PASSWORD@HOST:PORT/NAME")]
    Postgres,
}

impl DatabaseUrl {
    /// The SQLite database in the file at `path`.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Sqlite(path.into()))
    }

    /// Is it SQLite? Then its file must be on this machine.
    #[must_use]
    pub const fn is_sqlite(&self) -> bool {
        matches!(self.0, Kind::Sqlite(_))
    }

    /// SQLite's file, when it is not there.
    #[must_use]
    pub fn missing_file(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Sqlite(path) if matches!(path.try_exists(), Ok(false)) => Some(path),
            _ => None,
        }
    }

    /// The whole URL, password and all: for another process of a test.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn clear_text(&self) -> String {
        match &self.0 {
            Kind::Sqlite(_) => self.to_string(),
            Kind::Postgres(text) => text.clone(),
        }
    }

    /// The whole URL, password and all.
    #[cfg(feature = "testing")]
    pub(crate) fn text(&self) -> &str {
        match &self.0 {
            Kind::Sqlite(_) => "",
            Kind::Postgres(text) => text,
        }
    }

    pub(super) const fn kind(&self) -> &Kind {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = ParseUrlError;

    fn from_str(text: &str) -> Result<Self, ParseUrlError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() || path.starts_with(":memory:") {
                Err(ParseUrlError::Path)
            } else {
                Ok(Self::sqlite(path))
            };
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(ParseUrlError::Scheme);
        }
        match text.parse::<sqlx::postgres::PgConnectOptions>() {
            Ok(_) => Ok(Self(Kind::Postgres(text.to_owned()))),
            Err(_) => Err(ParseUrlError::Postgres),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Kind::Postgres(text) => {
                let (scheme, rest) = text.split_once("://").unwrap_or(("postgres", ""));
                // The password may hold an `@` by mistake; parameters may hold a password too.
                let rest = rest.split('?').next().unwrap_or_default();
                match rest.rsplit_once('@') {
                    Some((login, place)) => {
                        let user = login.split(':').next().unwrap_or_default();
                        write!(f, "{scheme}://{user}:***@{place}")
                    }
                    None => write!(f, "{scheme}://{rest}"),
                }
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_file_or_a_server() {
        assert_eq!("sqlite:data/rrnetd.db".parse(), Ok(DatabaseUrl::sqlite("data/rrnetd.db")));
        assert_eq!("sqlite:///var/lib/rrnetd.db".parse(), Ok(DatabaseUrl::sqlite("/var/lib/rrnetd.db")));
        assert_eq!("sqlite:".parse::<DatabaseUrl>(), Err(ParseUrlError::Path));
        assert_eq!("sqlite::memory:".parse::<DatabaseUrl>(), Err(ParseUrlError::Path));
        assert_eq!("mysql://localhost".parse::<DatabaseUrl>(), Err(ParseUrlError::Scheme));
        assert_eq!("postgres://host:port/x".parse::<DatabaseUrl>(), Err(ParseUrlError::Postgres));
    }

    #[test]
    fn passwords_are_not_printed() {
        for text in
            ["postgres://rr:hun%40ter2@db:5432/rrnet?password=hunter2", "postgresql://rr:hunter2@db/rrnet"]
        {
            let url: DatabaseUrl = text.parse().unwrap();
            assert!(!format!("{url} {url:?}").contains("ter2"), "{url}");
            assert!(url.to_string().contains("rr:***@db"), "{url}");
        }
    }
}
