//! Says where the daemon listens: one line of JSON on standard output, for scripts and tests.

use std::net::SocketAddr;

use serde::Serialize;

/// Where the daemon listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// RADIUS authentication.
    pub authentication: Vec<SocketAddr>,
    /// RADIUS accounting.
    pub accounting: Vec<SocketAddr>,
    /// The API.
    pub http: SocketAddr,
}

#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    #[serde(flatten)]
    addresses: &'a Addresses,
}

impl Addresses {
    /// Prints the line, and logs it.
    #[expect(clippy::print_stdout, reason = "the line is the command's output")]
    pub(super) fn report(&self) {
        match serde_json::to_string(&Line { event: "ready", addresses: self }) {
            Ok(line) => println!("{line}"),
            Err(error) => tracing::error!(%error, "the addresses cannot be written"),
        }
        tracing::info!(http = %self.http, authentication = ?self.authentication, accounting = ?self.accounting, "ready");
    }
}
