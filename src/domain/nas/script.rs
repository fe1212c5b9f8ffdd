//! The commands that make a RouterOS router ask us: to be pasted into its terminal.
//!
//! They can be pasted twice: what an earlier paste left is removed first, by its comment.

use std::{fmt::Write as _, net::IpAddr};

use base::SecretString;

use super::MessageAuthenticator;

/// How long the router waits for an answer before it asks again. Three tries follow, so that it is patient for as long as a
/// fail-over takes.
const TIMEOUT: &str = "1100ms";
/// Every row that we add carries it.
const MARK: &str = "rrnetd";

/// What the script is made of.
#[derive(Clone, Debug)]
pub struct Script {
    /// Where this server is reached by the router.
    pub server: IpAddr,
    /// Port of authentication, usually 1812.
    pub authentication_port: u16,
    /// Port of accounting, usually 1813.
    pub accounting_port: u16,
    /// Port on the router for CoA and Disconnect.
    pub dynauth_port: u16,
    /// The shared secret.
    pub secret: SecretString,
    /// Whether the router signs its requests: from RouterOS 7.15 and 6.49.17 on.
    pub message_authenticator: MessageAuthenticator,
    /// Interim interval in seconds, for services that take none from the reply.
    pub interim_seconds: u32,
    /// The address list that isolated subscribers are put on; `None` leaves the walled garden out.
    pub isolir_list: Option<String>,
    /// Addresses or names that an isolated subscriber may reach: the payment page and the payment providers.
    pub allowed_hosts: Vec<String>,
    /// Where an isolated subscriber's plain HTTP goes.
    pub payment_page: Option<IpAddr>,
}

/// The commands, one a line.
#[must_use]
pub fn routeros_script(script: &Script) -> String {
    let mut text = String::with_capacity(2_048);
    radius(&mut text, script);
    if let Some(list) = &script.isolir_list {
        walled_garden(&mut text, script, &quoted(list));
    }
    text.push_str(FIRST_IN_CHAIN);
    text
}

fn radius(text: &mut String, script: &Script) {
    let signed = match script.message_authenticator {
        MessageAuthenticator::Required => " require-message-auth=yes-for-request-resp",
        // Older versions do not know the setting.
        MessageAuthenticator::Off => "",
    };
    let _ = write!(
        text,
        "/radius remove [find comment=\"{MARK}\"]\n\
         /radius add service=ppp,hotspot address={server} secret={secret} authentication-port={authentication} \
         accounting-port={accounting} timeout={TIMEOUT}{signed} comment=\"{MARK}\"\n\
         /radius incoming set accept=yes port={dynauth}\n\
         /ppp aaa set use-radius=yes accounting=yes interim-update={interim}s\n\
         /ip hotspot profile set [find] use-radius=yes radius-accounting=yes radius-interim-update=received\n\
         {family} firewall filter remove [find comment~\"^{MARK}\"]\n\
         {family} firewall filter add chain=input protocol=udp src-address={server} dst-port={dynauth} action=accept \
         comment=\"{MARK}: CoA and Disconnect\"\n",
        server = script.server,
        secret = quoted(script.secret.expose()),
        authentication = script.authentication_port,
        accounting = script.accounting_port,
        dynauth = script.dynauth_port,
        interim = script.interim_seconds,
        family = if script.server.is_ipv4() { "/ip" } else { "/ipv6" },
    );
}

/// DNS and the allowed hosts pass, plain HTTP goes to the payment page, HTTPS is refused at once (redirecting it would only
/// show certificate warnings), and so is the rest.
fn walled_garden(text: &mut String, script: &Script, list: &str) {
    if !script.server.is_ipv4() {
        let _ = writeln!(text, "/ip firewall filter remove [find comment~\"^{MARK}\"]");
    }
    let _ = writeln!(text, "/ip firewall address-list remove [find list=\"{MARK}-allowed\"]");
    let page = script.payment_page.map(|page| page.to_string());
    for host in script.allowed_hosts.iter().chain(&page) {
        let _ =
            writeln!(text, "/ip firewall address-list add list=\"{MARK}-allowed\" address={}", quoted(host));
    }
    let rules = [
        ("protocol=udp dst-port=53 action=accept", "names"),
        ("protocol=tcp dst-port=53 action=accept", "names"),
        ("dst-address-list=\"rrnetd-allowed\" action=accept", "allowed hosts"),
        ("protocol=tcp action=reject reject-with=tcp-reset", "the rest of TCP"),
        ("action=reject reject-with=icmp-network-unreachable", "the rest"),
    ];
    for (rule, comment) in rules {
        let _ = writeln!(
            text,
            "/ip firewall filter add chain=forward src-address-list={list} {rule} comment=\"{MARK}: isolir, {comment}\""
        );
    }
    let _ = writeln!(text, "/ip firewall nat remove [find comment~\"^{MARK}\"]");
    if let Some(IpAddr::V4(page)) = script.payment_page {
        let _ = writeln!(
            text,
            "/ip firewall nat add chain=dstnat src-address-list={list} dst-address-list=\"!{MARK}-allowed\" \
             protocol=tcp dst-port=80 action=dst-nat to-addresses={page} comment=\"{MARK}: isolir, payment page\""
        );
    }
}

/// Moves our filter rules above everything else: behind an "accept established" they would never be asked. In braces,
/// because the terminal forgets local variables at the end of a line.
const FIRST_IN_CHAIN: &str = "{ :local ours [/ip firewall filter find comment~\"^rrnetd\"]; \
    :local others [/ip firewall filter find where !dynamic and !(comment~\"^rrnetd\")]; \
    :if ([:len $ours] > 0 and [:len $others] > 0) do={ /ip firewall filter move $ours destination=($others->0) } }\n";

/// A string of the RouterOS language.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' | '$' | '?' => quoted.extend(['\\', character]),
            // None of our values has any; they would end the command.
            control if control.is_control() => {}
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Script {
        Script {
            server: "203.0.113.5".parse().unwrap(),
            authentication_port: 1812,
            accounting_port: 1813,
            dynauth_port: 3799,
            secret: SecretString::new("pa$$\"word\\".into()),
            message_authenticator: MessageAuthenticator::Required,
            interim_seconds: 300,
            isolir_list: Some("isolir".into()),
            allowed_hosts: vec!["pay.example.net".into()],
            payment_page: Some("203.0.113.6".parse().unwrap()),
        }
    }

    #[test]
    fn the_whole_script() {
        insta::assert_snapshot!(routeros_script(&script()));
    }

    #[test]
    fn old_routers_are_not_asked_for_what_they_do_not_know() {
        let old = Script { message_authenticator: MessageAuthenticator::Off, isolir_list: None, ..script() };
        let text = routeros_script(&old);
        assert!(!text.contains("require-message-auth"), "{text}");
        assert!(!text.contains("isolir"), "{text}");
    }

    #[test]
    fn a_value_never_leaves_its_quotes() {
        assert_eq!(quoted("a\"; /system reset\n"), "\"a\\\"; /system reset\"");
        let six = Script { server: "2001:db8::5".parse().unwrap(), ..script() };
        assert!(routeros_script(&six).contains("/ipv6 firewall filter add chain=input"));
    }
}
