//! Logs and metrics: set up once, before anything else runs.

use std::{io::IsTerminal as _, time::Duration};

use metrics::counter;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{
    EnvFilter, Registry, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
};

use crate::config::{Log, LogFormat};

/// Upper bounds of the buckets of durations, in seconds: from a packet's microseconds to a slow query.
const SECONDS: &[f64] = &[
    0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// How often histograms are folded into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Counters without labels. They stand at 0 from the start: an alarm on a counter's rise does not see its first one if it comes with
/// the counter itself.
const COUNTERS: &[&str] = &[
    "rrnetd_database_write_over_rows_total",
    "rrnetd_directory_feed_failures_total",
    "rrnetd_directory_refused_total",
    "rrnetd_directory_snapshot_failures_total",
    "rrnetd_drain_failures_total",
    "rrnetd_drain_lost_records_total",
    "rrnetd_drain_overtaken_total",
    "rrnetd_drain_records_total",
    "rrnetd_drain_refused_total",
    "rrnetd_drain_unfolded_total",
    "rrnetd_dynauth_send_refused_total",
    "rrnetd_event_dispatch_failures_total",
    "rrnetd_event_trimmed_total",
    "rrnetd_isolir_failures_total",
    "rrnetd_isolir_gone_sessions_total",
    "rrnetd_journal_bytes_total",
    "rrnetd_journal_damaged_records_total",
    "rrnetd_journal_failures_total",
    "rrnetd_journal_groups_total",
    "rrnetd_journal_records_total",
    "rrnetd_live_ends_forgotten_total",
    "rrnetd_live_reservations_refused_total",
    "rrnetd_live_sessions_refused_total",
    "rrnetd_login_refusals_unwritten_total",
    "rrnetd_password_hashes_total",
    "rrnetd_radius_attempts_forgotten_total",
    "rrnetd_radius_datagrams_received_total",
    "rrnetd_radius_kernel_drops_total",
    "rrnetd_radius_panics_total",
    "rrnetd_radius_receive_failed_total",
    "rrnetd_radius_send_refused_total",
    "rrnetd_reload_failures_total",
    "rrnetd_router_observations_total",
    "rrnetd_session_namesakes_cut_total",
];

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is wrong.
    #[error("log.filter: {0:?} is no filter: write a level, or name=level pairs with commas between")]
    Filter(String),
    /// Set up twice in one process.
    #[error("logging was set up before")]
    Twice,
    /// The log lines have ended: only a test that takes them down can see it.
    #[error("the log's filter cannot be replaced")]
    Gone(#[source] reload::Error),
    /// The metrics registry was set up twice, or its buckets are empty.
    #[error("metrics could not be set up")]
    Metrics(#[source] metrics_exporter_prometheus::BuildError),
}

/// The way to the filter of the log lines.
#[derive(Clone, Debug)]
pub struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// Lets `text` be the filter from now on.
    ///
    /// # Errors
    /// When it is wrong; then the old one goes on.
    pub fn set(&self, text: &str) -> Result<(), TelemetryError> {
        let filter = parse(text)?;
        self.0.reload(filter).map_err(TelemetryError::Gone)
    }
}

/// Whether `text` is a filter.
///
/// # Errors
/// When it is not.
pub fn check_filter(text: &str) -> Result<(), TelemetryError> {
    parse(text).map(drop)
}

fn parse(text: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder().parse(text).map_err(|_| TelemetryError::Filter(text.to_owned()))
}

/// Sends log lines to standard error.
///
/// # Errors
/// When the filter is wrong, or logging was set up before.
pub fn start_logs(log: &Log) -> Result<LogFilter, TelemetryError> {
    let (filter, handle) = reload::Layer::new(parse(&log.filter)?);
    let registry = tracing_subscriber::registry().with(filter);
    // Colours are for people at a terminal: in a file or a journal they would stand in the way of a search.
    let is_terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_ansi(is_terminal).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(|_| TelemetryError::Twice)?;
    Ok(LogFilter(handle))
}

/// Installs the metrics registry; the handle renders it for `/metrics`.
///
/// # Errors
/// When one was installed before.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(TelemetryError::Metrics)?;
    for name in COUNTERS {
        counter!(*name).increment(0);
    }
    Ok(handle)
}

/// Folds what histograms have gathered into their buckets, until `shutdown`. Else they keep every single value until somebody
/// asks for `/metrics`, which nobody may ever do: some hundred kB a second under accounting load.
pub async fn keep_up(metrics: PrometheusHandle, shutdown: CancellationToken) {
    let mut due = tokio::time::interval(UPKEEP);
    while shutdown.run_until_cancelled(due.tick()).await.is_some() {
        metrics.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use metrics::{histogram, with_local_recorder};

    use super::*;

    fn resident_octets() -> usize {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * rustix::param::page_size()
    }

    /// Found as 150 kB a second that the journal's thread took and never gave back.
    #[tokio::test(start_paused = true)]
    async fn figures_that_nobody_asks_for_take_no_memory() {
        let recorder = PrometheusBuilder::new().set_buckets(SECONDS).unwrap().build_recorder();
        let seconds = with_local_recorder(&recorder, || histogram!("test_seconds"));
        let shutdown = CancellationToken::new();
        let keeper = tokio::spawn(keep_up(recorder.handle(), shutdown.clone()));
        let record = async || {
            for _ in 0..100_000 {
                seconds.record(0.002);
            }
            tokio::time::sleep(UPKEEP).await;
        };
        record().await;
        let before = resident_octets();
        for _ in 0..40 {
            record().await;
        }
        let grown = resident_octets().saturating_sub(before);
        assert!(grown < 32 << 20, "{grown} octets for what would be 96 MB in all");
        assert!(recorder.handle().render().contains("test_seconds_count 4100000"));
        shutdown.cancel();
        keeper.await.unwrap();
    }
}
