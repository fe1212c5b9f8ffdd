//! File < environment < arguments: later layers win, key by key.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Config, ConfigError, spec::Spec};

/// The prefix of our environment variables.
const PREFIX: &str = "RRNETD_";

/// Variables with the prefix that are no settings.
const NOT_SETTINGS: &[&str] = &["RRNETD_CONFIG"];

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file; without one, defaults are used and relative paths start at the current folder.
    pub file: Option<PathBuf>,
    /// The process's environment, read once by the caller.
    pub environment: Vec<(String, String)>,
    /// `section.key=value` from the command line.
    pub arguments: Vec<String>,
}

impl Sources {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// When a layer is unreadable, or a setting is unknown, of the wrong kind or out of its range.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let mut table = Table::new();
        let mut base_folder = PathBuf::from(".");
        if let Some(path) = &self.file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
            let place = path.display().to_string();
            // Checked alone first, so that a mistake is shown with its line.
            let located = |error: toml::de::Error| form(place.clone(), &located(&text, &error));
            toml::from_str::<Spec>(&text).map_err(located)?;
            table = toml::from_str(&text).map_err(located)?;
            base_folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        }
        for (name, text) in &self.environment {
            if let Some(key) = name.strip_prefix(PREFIX)
                && !NOT_SETTINGS.contains(&name.as_str())
            {
                let (section, key) = key.split_once('_').unwrap_or(("", key));
                let path = [section, key].map(|part| part.to_ascii_lowercase().replace('_', "-"));
                set(&mut table, &path[0], &path[1], text).map_err(|message| form(name.clone(), &message))?;
            }
        }
        for argument in &self.arguments {
            let place = || format!("--set {argument}");
            let (section, key, text) = argument
                .split_once('=')
                .and_then(|(path, text)| path.split_once('.').map(|(section, key)| (section, key, text)))
                .ok_or_else(|| form(place(), "write it as section.key=value"))?;
            set(&mut table, section, key, text).map_err(|message| form(place(), &message))?;
        }
        let spec = Spec::deserialize_from(table)?;
        let base_folder = std::path::absolute(&base_folder)
            .map_err(|source| ConfigError::Read { path: base_folder, source })?;
        Config::check(spec, &base_folder)
    }
}

impl Spec {
    fn deserialize_from(table: Table) -> Result<Self, ConfigError> {
        table.try_into().map_err(|error: toml::de::Error| form("the settings".to_owned(), error.message()))
    }
}

/// The mistake with its line's number. The parser's own form repeats the line, which may hold a password.
fn located(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.as_bytes().get(..span.start));
    match before {
        Some(before) => {
            let line = before.iter().filter(|octet| **octet == b'\n').count() + 1;
            format!("line {line}: {}", error.message())
        }
        None => error.message().to_owned(),
    }
}

fn form(place: String, message: &str) -> ConfigError {
    ConfigError::Form { place, message: message.trim_end().to_owned() }
}

/// Sets one key from text and checks it alone, so that an error names its own layer. A list is written as
/// `a,b` or as TOML; everything else as in the file, the quotes may be left out.
fn set(table: &mut Table, section: &str, key: &str, text: &str) -> Result<(), String> {
    let mut last = String::new();
    for value in readings(text) {
        let mut probe = Table::new();
        probe.insert(section.to_owned(), Value::Table(Table::from_iter([(key.to_owned(), value.clone())])));
        match Spec::try_from_probe(probe) {
            Ok(()) => {
                let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(section) = section {
                    section.insert(key.to_owned(), value);
                }
                return Ok(());
            }
            Err(message) => last = message,
        }
    }
    Err(last)
}

impl Spec {
    fn try_from_probe(probe: Table) -> Result<(), String> {
        probe.try_into::<Self>().map(drop).map_err(|error: toml::de::Error| error.message().to_owned())
    }
}

/// What a text may mean, the likeliest last, because its error is the one shown.
fn readings(text: &str) -> Vec<Value> {
    let mut readings = Vec::new();
    if let Ok(mut table) = format!("value = {text}").parse::<Table>()
        && let Some(value) = table.remove("value")
    {
        readings.push(value);
    }
    readings.push(Value::Array(text.split(',').map(|part| Value::String(part.trim().to_owned())).collect()));
    readings.push(Value::String(text.to_owned()));
    readings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogFormat, TEMPLATE, spec::Spec};

    fn load(file: Option<&str>, environment: &[(&str, &str)], arguments: &[&str]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = file.map(|text| {
            let path = folder.path().join("rrnetd.toml");
            std::fs::write(&path, text).unwrap();
            path
        });
        Sources {
            file,
            environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            arguments: arguments.iter().map(|argument| (*argument).into()).collect(),
        }
        .load()
        .map_err(|error| error.to_string())
    }

    #[test]
    fn later_layers_win_key_by_key() {
        let file = "[http]\nlisten = \"127.0.0.1:1\"\n[log]\nfilter = \"warn\"\n";
        let config = load(
            Some(file),
            &[("RRNETD_HTTP_LISTEN", "127.0.0.1:2"), ("RRNETD_LOG_FORMAT", "json"), ("PATH", "/bin")],
            &["http.listen=127.0.0.1:3", "radius.authentication=127.0.0.1:4,[::1]:4", "radius.workers=3"],
        )
        .unwrap();
        assert_eq!(config.http.listen.port(), 3);
        assert_eq!(config.log.filter, "warn");
        assert_eq!(config.log.format, LogFormat::Json);
        assert_eq!(config.radius.workers, 3);
        assert_eq!(config.radius.authentication.len(), 2);
    }

    #[test]
    fn unknown_settings_are_refused_wherever_they_stand() {
        let error = load(Some("[http]\nlissten = \"x\"\n"), &[], &[]).unwrap_err();
        assert!(
            error.contains("rrnetd.toml") && error.contains("lissten") && error.contains("line 2"),
            "{error}"
        );
        let error = load(None, &[("RRNETD_HTTP_LISSTEN", "x")], &[]).unwrap_err();
        assert!(error.contains("RRNETD_HTTP_LISSTEN") && error.contains("listen"), "{error}");
        let error = load(None, &[], &["nonsense"]).unwrap_err();
        assert!(error.contains("section.key=value"), "{error}");
        let error = load(None, &[], &["http.listen=nowhere"]).unwrap_err();
        assert!(error.contains("--set http.listen=nowhere"), "{error}");
    }

    #[test]
    fn a_mistake_does_not_show_the_secret_beside_it() {
        for wrong in [
            "webhook-secert = \"whsec_hunter2\"",
            "webhook-secret = \"whsec_hunter2",
            "smtp-url = [\"smtps://isp:hunter2@mail.example.net\"]",
            "smtp-url = \"smtps://isp:hunter2@mail.example.net\" x",
            "webhook-secret = \"whsec_hunter2\"\nwebhook-secret = \"whsec_hunter2\"",
        ] {
            let error = load(Some(&format!("[notices]\n{wrong}\n")), &[], &[]).unwrap_err();
            assert!(error.contains("rrnetd.toml: line "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_template_is_the_default() {
        let uncommented: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.split_once(" = ").is_some_and(|(key, _)| is_key(key)) => setting,
                _ => line,
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let from_template: Spec = toml::from_str(&uncommented).unwrap();
        assert_eq!(format!("{from_template:?}"), format!("{:?}", Spec::default()));
        // Debug hides secrets, so the secret settings are compared by themselves.
        assert_eq!(from_template.database.url, Spec::default().database.url);
        let secrets = |spec: Spec| {
            [spec.notices.webhook_url, spec.notices.webhook_secret, spec.notices.smtp_url]
                .map(|secret| secret.expose().to_owned())
        };
        assert_eq!(secrets(from_template), secrets(Spec::default()));
        let keys = uncommented
            .lines()
            .filter(|line| line.split_once(" = ").is_some_and(|(key, _)| is_key(key)))
            .count();
        assert_eq!(keys, KEYS, "the template must show every setting");
    }

    /// All settings there are; the template is compared with it so that a new one is not forgotten there.
    const KEYS: usize = 43;

    fn is_key(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    }
}
