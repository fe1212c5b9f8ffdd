//! Signals: the first SIGTERM or SIGINT drains, a second one stops at once, SIGHUP reloads what can be.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit status of a daemon that was told twice to stop.
const STOPPED_AT_ONCE: i32 = 1;

/// The signals that the daemon listens to.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes the signals over from the system's defaults.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Cancels `shutdown` at the first signal to stop, and ends the process at the second. Calls `reload` at each
    /// SIGHUP. Runs as long as the process.
    pub async fn serve(mut self, shutdown: CancellationToken, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                _ = self.hangup.recv() => {
                    reload();
                    continue;
                }
            }
            if shutdown.is_cancelled() {
                tracing::warn!("stopping at once: records that were not acknowledged are dropped");
                std::process::exit(STOPPED_AT_ONCE);
            }
            tracing::info!("draining: send the signal again to stop at once");
            shutdown.cancel();
        }
    }
}

/// Tells systemd that the daemon serves (sd_notify); without systemd it does nothing.
pub fn notify_ready() {
    notify("READY=1");
}

/// Tells systemd that the daemon drains.
pub fn notify_stopping() {
    notify("STOPPING=1");
}

fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let sent = std::os::unix::net::UnixDatagram::unbound().and_then(|socket| {
        use std::os::{linux::net::SocketAddrExt as _, unix::ffi::OsStrExt as _};
        // A name that starts with `@` is in the abstract space.
        let address = match path.as_bytes().strip_prefix(b"@") {
            Some(name) => std::os::unix::net::SocketAddr::from_abstract_name(name)?,
            None => std::os::unix::net::SocketAddr::from_pathname(&path)?,
        };
        socket.send_to_addr(state.as_bytes(), &address)
    });
    if let Err(error) = sent {
        tracing::warn!(%error, "systemd cannot be told of the daemon's state");
    }
}
