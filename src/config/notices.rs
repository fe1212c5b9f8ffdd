//! Where the super admin is told of failures: the settings of `[notices]`, checked.

use base::{SecretBytes, SecretString};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lettre::{AsyncSmtpTransport, Tokio1Executor, message::Mailbox};
use url::{Host, Url};

use super::{Check, ConfigError, spec, value};

/// Octets of a webhook's key.
const KEY: std::ops::RangeInclusive<usize> = 24..=64;

/// Where the super admin is told of failures.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Notices {
    /// By an HTTP endpoint.
    pub webhook: Option<Webhook>,
    /// By mail.
    pub mail: Option<Mail>,
}

/// An HTTP endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its address.
    pub url: SecretString,
    /// What is posted there is signed with it.
    pub key: SecretBytes,
}

/// A relay, and who gets mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// `smtps://…`, `smtp://…?tls=required`, or, on this machine alone, `smtp://…`.
    pub relay: SecretString,
    /// From whom.
    pub from: Mailbox,
    /// To whom, at least one.
    pub to: Vec<Mailbox>,
}

impl Notices {
    /// Checks `spec`. What is wrong with a secret is said without it.
    pub(super) fn check(spec: &spec::Notices, check: &mut Check) -> Self {
        Self { webhook: webhook(spec, check), mail: mail(spec, check) }
    }
}

fn webhook(spec: &spec::Notices, check: &mut Check) -> Option<Webhook> {
    let text = spec.webhook_url.expose();
    if text.is_empty() {
        return None;
    }
    let url = Url::parse(text).ok().filter(|url| {
        url.scheme() == "https" && url.host().is_some() || url.scheme() == "http" && is_here(url)
    });
    let url = url.ok_or_else(|| {
        value("notices.webhook-url", "neither https://… nor, on this machine, http://127.0.0.1:…")
    });
    let key = spec.webhook_secret.expose().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    let key = key.filter(|octets| KEY.contains(&octets.len())).ok_or_else(|| {
        value(
            "notices.webhook-secret",
            "not whsec_ and the base64 of 24 to 64 octets: `echo whsec_$(head -c 32 /dev/urandom | base64)` makes one",
        )
    });
    check
        .accepted(url)
        .zip(check.accepted(key))
        .map(|(_, key)| Webhook { url: spec.webhook_url.clone(), key: SecretBytes::new(key) })
}

fn mail(spec: &spec::Notices, check: &mut Check) -> Option<Mail> {
    let text = spec.smtp_url.expose();
    if text.is_empty() {
        return None;
    }
    let relay = relay(text).ok_or_else(|| {
        value(
            "notices.smtp-url",
            "neither smtps://user:password@host (TLS) nor smtp://user:password@host (STARTTLS), with :port where it is not \
             the usual one",
        )
    });
    let relay = check.accepted(relay);
    let from = check.accepted(mailbox("notices.mail-from", &spec.mail_from));
    let to: Vec<Mailbox> =
        spec.mail_to.iter().filter_map(|to| check.accepted(mailbox("notices.mail-to", to))).collect();
    if spec.mail_to.is_empty() {
        check.0.push(value(
            "notices.mail-to",
            "no address at all: give at least one, such as [\"noc@example.net\"]",
        ));
    }
    relay.zip(from).map(|(relay, from)| Mail { relay, from, to })
}

/// The relay's address, with TLS asked for where it is reached over a network.
fn relay(text: &str) -> Option<SecretString> {
    let mut url = Url::parse(text).ok()?;
    let is_known = matches!(url.scheme(), "smtps" | "smtp") && url.host().is_some() && url.query().is_none();
    if !is_known {
        return None;
    }
    if url.scheme() == "smtp" && !is_here(&url) {
        url.set_query(Some("tls=required"));
    }
    let relay = SecretString::new(url.into());
    AsyncSmtpTransport::<Tokio1Executor>::from_url(relay.expose()).ok()?;
    Some(relay)
}

fn mailbox(key: &'static str, text: &str) -> Result<Mailbox, ConfigError> {
    text.parse().map_err(|_| {
        value(
            key,
            &format!("{text:?} is no mail address, such as noc@example.net or \"NOC <noc@example.net>\""),
        )
    })
}

/// Whether nothing of it goes over a network.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            // Of a scheme that it does not know, the parser leaves addresses as text.
            name == "localhost"
                || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn check(settings: &str) -> Result<Notices, String> {
        let spec = toml::from_str(settings).map_err(|error| error.to_string())?;
        let mut check = Check::default();
        let notices = Notices::check(&spec, &mut check);
        ConfigError::all(check.0).map(|()| notices).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_configured_at_first() {
        assert_eq!(check("").unwrap(), Notices::default());
    }

    #[test]
    fn a_webhook_goes_over_tls_or_stays_on_this_machine() {
        for url in
            ["https://hooks.example.net/x?y=z", "http://127.0.0.1:9/x", "http://[::1]/", "http://localhost:8"]
        {
            let found = check(&format!("webhook-url = \"{url}\"\nwebhook-secret = \"{KEY}\"")).unwrap();
            assert_eq!(found.webhook.unwrap().url.expose(), url);
        }
        for url in
            ["http://hooks.example.net/", "ftp://x/", "hooks.example.net", "https://", "http://128.0.0.1/"]
        {
            let error = check(&format!("webhook-url = \"{url}\"\nwebhook-secret = \"{KEY}\"")).unwrap_err();
            assert!(error.starts_with("notices.webhook-url: neither https://"), "{url}: {error}");
        }
    }

    #[test]
    fn a_webhook_needs_a_strong_key() {
        for wrong in ["", "hunter2", "whsec_", "whsec_aHVudGVyMg==", "whsec_!!", &KEY[6..]] {
            let error = check(&format!("webhook-url = \"https://x.example\"\nwebhook-secret = \"{wrong}\""))
                .unwrap_err();
            assert!(error.starts_with("notices.webhook-secret: not whsec_"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("aHVudGVyMg"), "{error}");
        }
    }

    #[test]
    fn a_relay_on_a_network_is_spoken_to_under_tls() {
        let with = |url: &str| {
            let text = format!(
                "smtp-url = \"{url}\"\nmail-from = \"isp@example.net\"\nmail-to = [\"NOC <noc@example.net>\"]"
            );
            check(&text).map(|found| found.mail.unwrap().relay.expose().to_owned())
        };
        for (url, relay) in [
            ("smtps://isp:hunter2@mail.example.net", "smtps://isp:hunter2@mail.example.net"),
            ("smtp://mail.example.net:2525", "smtp://mail.example.net:2525?tls=required"),
            ("smtp://127.0.0.1:25", "smtp://127.0.0.1:25"),
            ("smtp://localhost", "smtp://localhost"),
        ] {
            assert_eq!(with(url).unwrap(), relay);
        }
        for url in [
            "mail.example.net",
            "https://mail.example.net",
            "smtp://mail.example.net?tls=opportunistic",
            "smtp:",
        ] {
            let error = with(url).unwrap_err();
            assert!(error.starts_with("notices.smtp-url: neither smtps://"), "{url}: {error}");
        }
    }

    #[test]
    fn mail_needs_somebody_who_sends_and_somebody_who_reads() {
        let with = |rest: &str| check(&format!("smtp-url = \"smtp://localhost\"\n{rest}")).unwrap_err();
        assert!(
            with("mail-to = [\"noc@example.net\"]").starts_with("notices.mail-from: \"\" is no mail address")
        );
        assert!(with("mail-from = \"isp@example.net\"").starts_with("notices.mail-to: no address at all"));
        let error = with("mail-from = \"isp@example.net\"\nmail-to = [\"noc\"]");
        assert!(error.starts_with("notices.mail-to: \"noc\" is no mail address"), "{error}");
    }

    #[test]
    fn secrets_are_not_printed() {
        let text = format!(
            "webhook-url = \"https://x.example/hunter2\"\nwebhook-secret = \"{KEY}\"\nmail-to = [\"noc@example.net\"]\n\
             smtp-url = \"smtps://isp:hunter2@x.example\"\nmail-from = \"isp@example.net\""
        );
        let spec: spec::Notices = toml::from_str(&text).unwrap();
        let printed = format!("{:?} {spec:?}", Notices::check(&spec, &mut Check::default()));
        assert!(!printed.contains("hunter2") && !printed.contains("MfKQ9r8GKY"), "{printed}");
    }
}
