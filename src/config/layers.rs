//! File < environment < arguments: later layers win, key by key.

use std::{ops::Range, path::PathBuf};

use toml::{Table, Value, de::DeTable};

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
    /// When a layer is unreadable, or settings are unknown, of the wrong kind or out of their range: all of them are named.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let (config, mistakes) = self.survey()?;
        ConfigError::all(mistakes).map(|()| config)
    }

    /// Reads the settings, and gathers what is wrong with them. With mistakes they are good for looking at the rest alone.
    ///
    /// # Errors
    /// When the file cannot be read, or is no TOML.
    pub fn survey(&self) -> Result<(Config, Vec<ConfigError>), ConfigError> {
        let mut layers = Layers::default();
        let mut base_folder = PathBuf::from(".");
        if let Some(path) = &self.file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
            layers.file(&path.display().to_string(), &text)?;
            // A bare name has an empty one, which is no folder.
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                folder.clone_into(&mut base_folder);
            }
        }
        for (name, text) in &self.environment {
            if let Some(key) = name.strip_prefix(PREFIX)
                && !NOT_SETTINGS.contains(&name.as_str())
            {
                let (section, key) = key.split_once('_').unwrap_or(("", key));
                let path = [section, key].map(|part| part.to_ascii_lowercase().replace('_', "-"));
                layers.set(name, &path[0], &path[1], text);
            }
        }
        for argument in &self.arguments {
            let place = format!("--set {argument}");
            let parts = argument
                .split_once('=')
                .and_then(|(path, text)| path.split_once('.').map(|(section, key)| (section, key, text)));
            match parts {
                Some((section, key, text)) => layers.set(&place, section, key, text),
                None => layers.mistakes.push(form(place, "write it as section.key=value")),
            }
        }
        let Layers { table, keys, mut mistakes } = layers;
        let spec: Spec = table
            .try_into()
            .map_err(|error: toml::de::Error| form("the settings".to_owned(), error.message()))?;
        let base_folder = std::path::absolute(&base_folder)
            .map_err(|source| ConfigError::Read { path: base_folder, source })?;
        let (config, values) = Config::survey(spec, &base_folder);
        // What was left out above stands at its default, of which nobody needs to hear.
        let was_said = |key: &str| keys.iter().any(|said| said == key);
        mistakes.extend(values.into_iter().filter(|mistake| match mistake {
            ConfigError::Value { key: key @ "events.hold-days", .. } => {
                !was_said(key) && !was_said("events.keep-days")
            }
            ConfigError::Value { key, .. } => !was_said(key),
            _ => true,
        }));
        Ok((config, mistakes))
    }
}

/// What the layers read so far set, one upon the other.
#[derive(Default)]
struct Layers {
    /// Settings that are known and of the right kind.
    table: Table,
    /// The others, as `section.key`.
    keys: Vec<String>,
    /// What is wrong with them.
    mistakes: Vec<ConfigError>,
}

impl Layers {
    /// Takes from a file what is right.
    fn file(&mut self, place: &str, text: &str) -> Result<(), ConfigError> {
        let broken = |error: toml::de::Error| form(place.to_owned(), &located(text, &error));
        let lines = DeTable::parse(text).map_err(broken)?;
        let table: Table = toml::from_str(text).map_err(broken)?;
        for (name, value) in table {
            let span = lines.get_ref().get_key_value(name.as_str());
            let keys = match value {
                Value::Table(keys) if !keys.is_empty() => keys,
                value => {
                    let place = at(place, text, span.map(|(name, _)| name.span()));
                    self.put(place, None, name, value);
                    continue;
                }
            };
            let inner = span.and_then(|(_, section)| section.get_ref().as_table());
            for (key, value) in keys {
                let span = inner.and_then(|keys| keys.get_key_value(key.as_str()));
                let place = at(place, text, span.map(|(key, _)| key.span()));
                self.put(place, Some(&name), key, value);
            }
        }
        Ok(())
    }

    /// Sets one key from text, so that an error names its own layer. A list is written as `a,b` or as TOML; everything else as
    /// in the file, the quotes may be left out.
    fn set(&mut self, place: &str, section: &str, key: &str, text: &str) {
        let mut last = String::new();
        for value in readings(text) {
            match probe(Some(section), key, &value) {
                Ok(()) => return self.insert(Some(section), key.to_owned(), value),
                Err(message) => last = message,
            }
        }
        self.wrong(place.to_owned(), Some(section), key, &last);
    }

    /// Sets one key where it is known and the value of its kind.
    fn put(&mut self, place: String, section: Option<&str>, key: String, value: Value) {
        match probe(section, &key, &value) {
            Ok(()) => self.insert(section, key, value),
            Err(message) => self.wrong(place, section, &key, &message),
        }
    }

    fn insert(&mut self, section: Option<&str>, key: String, value: Value) {
        let Some(section) = section else {
            self.table.insert(key, value);
            return;
        };
        let section = self.table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(section) = section {
            section.insert(key, value);
        }
    }

    fn wrong(&mut self, place: String, section: Option<&str>, key: &str, message: &str) {
        let key = section.map_or_else(|| key.to_owned(), |section| format!("{section}.{key}"));
        self.mistakes.push(form(place, &format!("{key}: {message}")));
        self.keys.push(key);
    }
}

/// Looks at one key alone.
fn probe(section: Option<&str>, key: &str, value: &Value) -> Result<(), String> {
    let mut alone = Table::from_iter([(key.to_owned(), value.clone())]);
    if let Some(section) = section {
        alone = Table::from_iter([(section.to_owned(), Value::Table(alone))]);
    }
    alone.try_into::<Spec>().map(drop).map_err(|error| error.message().to_owned())
}

/// The mistake with its line's number. The parser's own form repeats the line, which may hold a password.
fn located(text: &str, error: &toml::de::Error) -> String {
    line(text, error.span())
        .map_or_else(|| error.message().to_owned(), |line| format!("line {line}: {}", error.message()))
}

/// The file with the line, where it is known.
fn at(place: &str, text: &str, span: Option<Range<usize>>) -> String {
    line(text, span).map_or_else(|| place.to_owned(), |line| format!("{place}: line {line}"))
}

fn line(text: &str, span: Option<Range<usize>>) -> Option<usize> {
    let before = text.as_bytes().get(..span?.start)?;
    Some(before.iter().filter(|octet| **octet == b'\n').count() + 1)
}

fn form(place: String, message: &str) -> ConfigError {
    ConfigError::Form { place, message: message.trim_end().to_owned() }
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
    fn each_mistake_is_named_with_its_place() {
        let file = "version = 1\nworkers = 2\n[radius]\nworkerz = 3\nworkers = \"many\"\nduplicate-lifetime-ms = 5\n\
                    [htttp]\nlisten = \"127.0.0.1:1\"\n[nothing]\n[events]\nkeep-days = \"x\"\nhold-days = 30\n";
        let error = load(
            Some(file),
            &[("RRNETD_HTTP_LISSTEN", "x"), ("RRNETD_LOG_FORMAT", "loud")],
            &["jobs.at-once=0", "http.listen=nowhere"],
        )
        .unwrap_err();
        let expected = [
            ("rrnetd.toml: line 2: workers: ", "unknown field"),
            ("rrnetd.toml: line 4: radius.workerz: ", "unknown field"),
            ("rrnetd.toml: line 5: radius.workers: ", "expected u64"),
            ("rrnetd.toml: line 8: htttp.listen: ", "unknown field"),
            ("rrnetd.toml: line 9: nothing: ", "unknown field"),
            ("rrnetd.toml: line 11: events.keep-days: ", "expected u64"),
            ("RRNETD_HTTP_LISSTEN: http.lissten: ", "unknown field"),
            ("RRNETD_LOG_FORMAT: log.format: ", "loud"),
            ("--set http.listen=nowhere: http.listen: ", ""),
            ("radius.duplicate-lifetime-ms: ", "give 1000 to 30000"),
            ("jobs.at-once: ", "give 1 to 64"),
        ];
        for (place, message) in expected {
            let found = error.lines().any(|line| line.contains(place) && line.contains(message));
            assert!(found, "{place}{message} in {error}");
        }
        assert_eq!(error.lines().count(), expected.len(), "{error}");
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
