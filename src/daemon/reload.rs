//! What SIGHUP reloads: the log filter, the dictionaries, and what the API asks for at each request. Everything else needs
//! another start, and is named.

use radius::dictionary::Dictionary;

use super::dictionaries::{self, DictionaryError};
use crate::{
    config::Config,
    http::{Reloadable, Settings},
    telemetry::{LogFilter, TelemetryError},
};

/// The settings that [`Reload::apply`] brings into force.
pub const LIVE: [&str; 5] =
    ["log.filter", "radius.dictionaries", "http.trusted-proxies", "http.own-names", "http.secure-cookies"];

/// The way to what can be replaced while the daemon runs.
#[derive(Clone, Debug)]
pub struct Reload {
    /// As it was at the start.
    pub(super) started: Config,
    pub(super) dictionary: Reloadable<Dictionary>,
    pub(super) settings: Reloadable<Settings>,
}

/// A new configuration is not taken; the old one goes on whole.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A dictionary.
    #[error(transparent)]
    Dictionary(#[from] DictionaryError),
    /// The log filter.
    #[error(transparent)]
    Filter(#[from] TelemetryError),
}

impl Reload {
    /// Brings what can be into force; the settings that differ from those of the start and need another one.
    ///
    /// # Errors
    /// When a dictionary or the filter is wrong; then nothing is changed.
    pub fn apply(&self, config: &Config, filter: &LogFilter) -> Result<Vec<&'static str>, ReloadError> {
        let dictionary = dictionaries::load(&config.radius.dictionaries)?;
        filter.set(&config.log.filter)?;
        self.dictionary.replace(dictionary);
        self.settings.replace(settings(config));
        let changed = config.changed_from(&self.started);
        Ok(changed.into_iter().filter(|key| !LIVE.contains(key)).collect())
    }
}

/// What the API is told of the configuration.
pub(super) fn settings(config: &Config) -> Settings {
    Settings {
        trusted_proxies: config.http.trusted_proxies.clone(),
        own_hosts: own_hosts(config),
        secure_cookies: config.http.secure_cookies,
        requests_per_minute: config.http.requests_per_minute,
        visitor_requests_per_minute: config.http.visitor_requests_per_minute,
        answer_within: config.http.answer_within,
        body_within: config.http.body_within,
        requests_at_once: config.http.requests_at_once,
    }
}

/// The names of the configuration, and the address that the API listens at.
fn own_hosts(config: &Config) -> Vec<String> {
    let listen = config.http.listen.ip();
    let address = (!listen.is_unspecified()).then(|| listen.to_string());
    config.http.own_names.iter().cloned().chain(address).collect()
}
