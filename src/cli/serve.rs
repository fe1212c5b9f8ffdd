//! `rrnetd serve`: telemetry, runtime, daemon.

use base::Clock;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use super::{Failure, Outcome};
use crate::{
    config::{Config, Sources},
    daemon::{Daemon, lifecycle::Signals},
    telemetry,
};

/// Stack of the runtime's threads; handlers are shallow.
const STACK_OCTETS: usize = 2 << 20;

pub(super) fn run(sources: Sources) -> Outcome {
    let config = super::load(&sources)?;
    let metrics = start_telemetry(&config)?;
    runtime()?.block_on(async move {
        let daemon = Daemon::bind(config, Clock::system(), metrics).await.map_err(Failure::start)?;
        serve(daemon, Some(sources)).await
    })
}

/// Serves until a signal. SIGHUP checks the configuration again and says whether a restart would take it.
pub(super) async fn serve(daemon: Daemon, sources: Option<Sources>) -> Outcome {
    let shutdown = CancellationToken::new();
    let signals = Signals::listen().map_err(Failure::start)?;
    let reload = move || {
        let Some(sources) = &sources else { return };
        match sources.load() {
            Ok(_) => tracing::info!("the configuration is right; restart to let it take effect"),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the configuration is wrong; the old one goes on"
                );
            }
        }
    };
    let listener = tokio::spawn(signals.serve(shutdown.clone(), reload));
    let ended = daemon.run(shutdown).await;
    listener.abort();
    ended.map_err(Failure::running)
}

pub(super) fn start_telemetry(config: &Config) -> Result<PrometheusHandle, Failure> {
    telemetry::start_logs(&config.log).map_err(Failure::start)?;
    forbid_core_dumps();
    telemetry::start_metrics().map_err(Failure::start)
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_OCTETS)
        .build()
        .map_err(Failure::start)
}

/// Passwords are in memory: nobody but root may look into it, and no crash writes it to a disk.
fn forbid_core_dumps() {
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(%error, "the process's memory cannot be kept from core dumps");
    }
}
