//! `rrnetd serve`: telemetry, runtime, daemon.

use base::Clock;
use metrics::counter;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use super::{Failure, Outcome};
use crate::{
    config::{Config, Sources},
    daemon::{Daemon, Reload, lifecycle::Signals},
    telemetry::{self, LogFilter},
};

/// Stack of the runtime's threads; handlers are shallow.
const STACK_OCTETS: usize = 2 << 20;

pub(super) fn run(sources: Sources) -> Outcome {
    let config = super::load(&sources)?;
    let (metrics, filter) = start_telemetry(&config)?;
    runtime()?.block_on(async move {
        let daemon = Daemon::bind(config, Clock::system(), metrics).await.map_err(Failure::start)?;
        Box::pin(serve(daemon, sources, filter)).await
    })
}

/// Serves until a signal. SIGHUP reads the configuration again.
pub(super) async fn serve(daemon: Daemon, sources: Sources, filter: LogFilter) -> Outcome {
    let shutdown = CancellationToken::new();
    let signals = Signals::listen().map_err(Failure::start)?;
    let reload = daemon.reload();
    let listener = tokio::spawn(signals.serve(shutdown.clone(), move || again(&sources, &reload, &filter)));
    let ended = daemon.run(shutdown).await;
    listener.abort();
    ended.map_err(Failure::running)
}

/// Reads the configuration again, brings into force what can be, and says what needs another start.
fn again(sources: &Sources, reload: &Reload, filter: &LogFilter) {
    let config = match sources.load() {
        Ok(config) => config,
        Err(error) => return not_taken(&error),
    };
    match reload.apply(&config, filter) {
        Ok(later) if later.is_empty() => tracing::info!("the configuration is reloaded"),
        Ok(later) => tracing::warn!(
            settings = later.join(", "),
            "the configuration is reloaded, but for what needs another start"
        ),
        Err(error) => not_taken(&error),
    }
}

fn not_taken(error: &(dyn std::error::Error + 'static)) {
    counter!("rrnetd_reload_failures_total").increment(1);
    tracing::error!(error, "the configuration is wrong; the old one goes on");
}

pub(super) fn start_telemetry(config: &Config) -> Result<(PrometheusHandle, LogFilter), Failure> {
    let filter = telemetry::start_logs(&config.log).map_err(Failure::start)?;
    forbid_core_dumps();
    Ok((telemetry::start_metrics().map_err(Failure::start)?, filter))
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
