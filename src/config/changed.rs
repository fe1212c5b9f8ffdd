//! Which settings two configurations differ in.

use super::{Config, Mail, Webhook};

impl Config {
    /// The names of the settings that differ from those of `other`, as `section.key`, in the order of the template.
    #[must_use]
    pub fn changed_from(&self, other: &Self) -> Vec<&'static str> {
        let (a, b) = (self, other);
        [
            ("data.folder", a.data.folder == b.data.folder),
            ("data.key-file", a.data.key_file == b.data.key_file),
            ("database.url", a.database.url == b.database.url),
            ("database.connections", a.database.connections == b.database.connections),
            ("radius.authentication", a.radius.authentication == b.radius.authentication),
            ("radius.accounting", a.radius.accounting == b.radius.accounting),
            ("radius.workers", a.radius.workers == b.radius.workers),
            ("radius.receive-buffer-octets", a.radius.receive_buffer == b.radius.receive_buffer),
            ("radius.duplicate-lifetime-ms", a.radius.duplicate_lifetime == b.radius.duplicate_lifetime),
            ("radius.duplicate-slots", a.radius.duplicate_slots == b.radius.duplicate_slots),
            ("radius.dynauth-address", a.radius.dynauth_address == b.radius.dynauth_address),
            ("radius.dynauth-patience-seconds", a.radius.dynauth_patience == b.radius.dynauth_patience),
            (
                "radius.chargeable-user-identity",
                a.radius.chargeable_user_identity == b.radius.chargeable_user_identity,
            ),
            ("radius.dictionaries", a.radius.dictionaries == b.radius.dictionaries),
            ("journal.folder", a.journal.folder == b.journal.folder),
            ("journal.segment-octets", a.journal.segment_octets == b.journal.segment_octets),
            ("journal.total-octets", a.journal.total_octets == b.journal.total_octets),
            ("journal.keep-hours", a.journal.keep_for == b.journal.keep_for),
            ("journal.keep-octets", a.journal.keep_octets == b.journal.keep_octets),
            ("directory.snapshot-file", a.directory.snapshot_file == b.directory.snapshot_file),
            (
                "directory.snapshot-interval-seconds",
                a.directory.snapshot_interval == b.directory.snapshot_interval,
            ),
            ("events.keep-days", a.events.keep == b.events.keep),
            ("events.hold-days", a.events.hold == b.events.hold),
            ("http.listen", a.http.listen == b.http.listen),
            ("http.trusted-proxies", a.http.trusted_proxies == b.http.trusted_proxies),
            ("http.own-names", a.http.own_names == b.http.own_names),
            ("http.secure-cookies", a.http.secure_cookies == b.http.secure_cookies),
            ("http.requests-per-minute", a.http.requests_per_minute == b.http.requests_per_minute),
            (
                "http.visitor-requests-per-minute",
                a.http.visitor_requests_per_minute == b.http.visitor_requests_per_minute,
            ),
            ("http.answer-within-seconds", a.http.answer_within == b.http.answer_within),
            ("http.body-within-seconds", a.http.body_within == b.http.body_within),
            ("http.requests-at-once", a.http.requests_at_once == b.http.requests_at_once),
            ("jobs.at-once", a.jobs.at_once == b.jobs.at_once),
            ("jobs.keep-done-hours", a.jobs.keep_done == b.jobs.keep_done),
            ("jobs.keep-dead-days", a.jobs.keep_dead == b.jobs.keep_dead),
            ("notices.webhook-url", posts(a, |to| &to.url) == posts(b, |to| &to.url)),
            ("notices.webhook-secret", posts(a, |to| &to.key) == posts(b, |to| &to.key)),
            ("notices.smtp-url", mails(a, |to| &to.relay) == mails(b, |to| &to.relay)),
            ("notices.mail-from", mails(a, |to| &to.from) == mails(b, |to| &to.from)),
            ("notices.mail-to", mails(a, |to| &to.to) == mails(b, |to| &to.to)),
            ("log.format", a.log.format == b.log.format),
            ("log.filter", a.log.filter == b.log.filter),
        ]
        .into_iter()
        .filter_map(|(name, is_same)| (!is_same).then_some(name))
        .collect()
    }
}

fn posts<T>(config: &Config, of: fn(&Webhook) -> &T) -> Option<&T> {
    config.notices.webhook.as_ref().map(of)
}

fn mails<T>(config: &Config, of: fn(&Mail) -> &T) -> Option<&T> {
    config.notices.mail.as_ref().map(of)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::TEMPLATE;

    fn check(text: &str) -> Config {
        Config::check(toml::from_str(text).unwrap(), Path::new("/var/lib/rrnetd")).unwrap()
    }

    const CHANNELS: &str = "notices = { webhook-url = \"https://x.example\", \
        webhook-secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\", smtp-url = \"smtp://localhost\", \
        mail-from = \"isp@example.net\", mail-to = [\"noc@example.net\"] }";

    /// Another value for each setting of the template, so that a new one cannot be forgotten here.
    #[test]
    fn every_setting_is_compared() {
        let default = check("");
        assert_eq!(check("").changed_from(&default), [""; 0]);
        let mut section = "";
        for line in TEMPLATE.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name;
            }
            let Some((key, value)) = line.strip_prefix("# ").and_then(|line| line.split_once(" = ")) else {
                continue;
            };
            if !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
                continue;
            }
            let other = match (key, value.parse::<u64>()) {
                (_, Ok(0)) => "61".to_owned(),
                ("answer-within-seconds" | "dynauth-patience-seconds", Ok(number)) => {
                    (number - 1).to_string()
                }
                (_, Ok(number)) => (number * 2).to_string(),
                ("url", _) => "\"sqlite:other.db\"".to_owned(),
                // These hold together: one channel is there as a whole, or not at all.
                ("webhook-url" | "webhook-secret" | "smtp-url" | "mail-from" | "mail-to", _) => {
                    let changed = check(CHANNELS).changed_from(&default);
                    assert!(
                        changed.contains(&format!("{section}.{key}").as_str()),
                        "{section}.{key}: {changed:?}"
                    );
                    continue;
                }
                ("format", _) => "\"json\"".to_owned(),
                ("secure-cookies" | "chargeable-user-identity", _) => "true".to_owned(),
                ("listen", _) => "\"127.0.0.1:9\"".to_owned(),
                ("dynauth-address", _) => "\"127.0.0.9\"".to_owned(),
                ("authentication" | "accounting", _) => "[\"127.0.0.1:9\"]".to_owned(),
                ("trusted-proxies", _) => "[\"10.0.0.1\"]".to_owned(),
                ("own-names", _) => "[\"noc.example.net\"]".to_owned(),
                ("dictionaries", _) => "[\"dictionary.local\"]".to_owned(),
                _ => "\"other\"".to_owned(),
            };
            let changed = check(&format!("{section}.{key} = {other}")).changed_from(&default);
            assert!(
                changed.contains(&format!("{section}.{key}").as_str()),
                "{section}.{key} = {other}: {changed:?}"
            );
        }
    }
}
