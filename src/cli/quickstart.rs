//! `rrnetd quickstart`: embedded defaults, a demo tenant the first time, and what to try next. A second start reuses all of
//! it.

use std::{fs, path::Path};

use base::Clock;

use super::{CONFIG, Failure, Outcome, SettingArguments, say, serve};
use crate::{
    config::{Sources, TEMPLATE},
    daemon::{Daemon, folder},
    demo::{self, Welcome},
};

/// Where everything is kept unless something is said.
const DATA: &str = "rrnetd-data";

pub(super) fn run(arguments: SettingArguments) -> Outcome {
    let path = arguments.named().unwrap_or_else(|| Path::new(DATA).join(CONFIG));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let data = folder.unwrap_or(Path::new(".")).to_owned();
    let settings = arguments.settings;
    let is_first = !path.exists();
    let sources = Sources {
        // At the first start the file is not there yet: the template is all defaults, and is written once everything
        // is open, so that a taken port leaves nothing behind.
        file: (!is_first).then(|| path.clone()),
        environment: std::env::vars().collect(),
        arguments: if is_first { with_folder(&data, settings.clone()) } else { settings.clone() },
    };
    let config = super::load(&sources)?;
    // What is read again at a SIGHUP: the file is there by then.
    let again = Sources { file: Some(path.clone()), arguments: settings, ..sources };
    let (metrics, filter) = serve::start_telemetry(&config)?;
    serve::runtime()?.block_on(async move {
        let daemon = Daemon::bind(config, Clock::system(), metrics).await.map_err(Failure::start)?;
        if is_first {
            write_config(&path)?;
        }
        let welcome = demo::prepare(daemon.state()).await.map_err(Failure::start)?;
        greet(&daemon, &welcome, &data, &path);
        // On the heap: it is all that the daemon is made of.
        Box::pin(serve::serve(daemon, again, filter)).await
    })
}

fn with_folder(data: &Path, mut settings: Vec<String>) -> Vec<String> {
    settings.insert(0, format!("data.folder={}", data.display()));
    settings
}

fn write_config(path: &Path) -> Result<(), Failure> {
    if fs::exists(path).unwrap_or(false) {
        return Ok(());
    }
    // It is the data folder, unless a setting says otherwise.
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        folder::make(folder).map_err(Failure::start)?;
    }
    folder::write_file(path, 0o600, TEMPLATE.as_bytes()).map_err(|error| {
        Failure::start(
            anyhow::Error::from(error)
                .context(format!("the configuration {} cannot be made", path.display())),
        )
    })
}

/// A word for the shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The same, as it is where nothing in it means something to a shell.
fn word(text: &str) -> String {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"/._-@".contains(&octet);
    if text.bytes().all(is_plain) { text.to_owned() } else { quoted(text) }
}

/// The subscriber's router at home, as a PPPoE server tells of it.
const DEVICE: &str = "NAS-Port = 1, Calling-Station-Id = \"02:00:00:00:00:01\"";
/// That of the isolated subscriber.
const OTHER_DEVICE: &str = "NAS-Port = 2, Calling-Station-Id = \"02:00:00:00:00:02\"";

/// A string for radclient's input.
fn attribute(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A line to paste that sends `attributes` with radclient.
fn radclient(attributes: &str, port: u16, command: &str, secret: &str) -> String {
    // Some shells' echo takes backslashes for its own.
    let echo = if attributes.contains('\\') { "printf '%s\\n'" } else { "echo" };
    format!("{echo} {} | radclient -x 127.0.0.1:{port} {command} {}", quoted(attributes), quoted(secret))
}

/// A line to paste that asks for a new password and replaces the printed one with it.
fn replacement(api: &str, login: &str, password: &str) -> String {
    let json = "-H 'Content-Type: application/json'";
    let sign_in = serde_json::json!({ "login": login, "password": password }).to_string();
    let current = serde_json::Value::from(password);
    format!(
        "read -rp 'New password (10 characters or more): ' NEW; \
         NEW=$(printf %s \"$NEW\" | sed 's/[\\\\\"]/\\\\&/g'); \
         curl -fsS {api}/login {json} -d {} \
         | sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/' \
         | xargs -I TOKEN curl --fail-with-body -sS -X POST {api}/me/password -H 'Authorization: Bearer TOKEN' {json} \
         -d {}\"$NEW\"'\"}}' && echo replaced",
        quoted(&sign_in),
        quoted(&format!("{{\"current\":{current},\"new\":\"")),
    )
}

fn greet(daemon: &Daemon, welcome: &Welcome, data: &Path, config: &Path) {
    let addresses = daemon.addresses();
    let port = |addresses: &[std::net::SocketAddr]| addresses.first().map_or(0, std::net::SocketAddr::port);
    let (authentication, accounting) = (port(&addresses.authentication), port(&addresses.accounting));
    let secret = welcome.secret.expose();
    let mut lines = vec![String::new(), "rrnetd is running. Everything it keeps is in:".to_owned()];
    lines.push(format!("  {}", data.display()));
    lines.push(String::new());
    lines.push(format!(
        "API     http://{}/api/v1   (described at http://{}/docs)",
        addresses.http, addresses.http
    ));
    match &welcome.password {
        Some(password) => {
            let (login, password) = (&welcome.login, password.expose());
            lines.push(format!("Sign in  {login} / {password}   (shown this once: keep it)"));
            lines.push(
                "It must be replaced first, and until then the API answers 403 password_expired:".to_owned(),
            );
            lines.push(replacement(&format!("http://{}/api/v1", addresses.http), login, password));
        }
        None => lines.push(format!(
            "Sign in  {}   (password forgotten? rrnetd admin reset-password {} --config {})",
            welcome.login,
            word(&welcome.login),
            word(&config.display().to_string())
        )),
    }
    lines.push(String::new());
    lines.push(
        "Try these in another terminal (radclient is in Debian's package freeradius-utils):".to_owned(),
    );
    // A session counts against the plan's limit, but not for the same device: it has lost the old one, and dials again.
    let auth = |title: &str, expected: &str, user: &str, password: &str, device: &str| {
        let attributes = format!(
            "User-Name = {}, User-Password = {}, Service-Type = Framed-User, Framed-Protocol = PPP, \
             NAS-Port-Type = Ethernet, {device}, NAS-Identifier = \"demo\", Message-Authenticator = 0x00",
            attribute(user),
            attribute(password)
        );
        format!("\n# {title}: {expected}\n{}", radclient(&attributes, authentication, "auth", secret))
    };
    let (user, password) = (&welcome.user.0, welcome.user.1.expose());
    lines.push(auth("A subscriber logs in", "Access-Accept with the plan's speed", user, password, DEVICE));
    lines.push(auth("A wrong password", "Access-Reject", user, "wrong", DEVICE));
    let (isolated, isolated_password) = (&welcome.isolated.0, welcome.isolated.1.expose());
    lines.push(auth(
        "An isolated subscriber",
        "Access-Accept, slow and on the address list isolir",
        isolated,
        isolated_password,
        OTHER_DEVICE,
    ));
    let attributes = format!(
        "Acct-Status-Type = Start, User-Name = {}, Acct-Session-Id = \"81000001\", Framed-IP-Address = 10.10.0.2, \
         {DEVICE}, NAS-Identifier = \"demo\", NAS-Port-Type = Ethernet",
        attribute(user)
    );
    lines.push(format!(
        "\n# Accounting starts: Accounting-Response, sent once the record is on the disk\n{}",
        radclient(&attributes, accounting, "acct", secret)
    ));
    lines.push(String::new());
    say(&lines.join("\n"));
}
