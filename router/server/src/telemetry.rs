//! Logs and metrics of the process: installed once, by `main`.

use std::convert::Infallible;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::error::StartError;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Seconds: from an answer in the same process to a deadline.
const BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// How often measures are folded into the buckets.
const UPKEEP: Duration = Duration::from_secs(1);

/// Sends log lines to stderr, filtered as `filter` says (`info,server=debug`).
pub(crate) fn install_logs(filter: &str, format: LogFormat) -> Result<(), StartError> {
    let failed = |reason: String| StartError::Telemetry { part: "logs", reason };
    let filter = EnvFilter::try_new(filter).map_err(|error| failed(error.to_string()))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(stderr().is_terminal())
        .with_writer(stderr);
    let installed = match format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    installed.map_err(|error| failed(error.to_string()))
}

/// Collects the metrics of the process; the handle renders them for `/metrics`.
pub(crate) fn install_metrics() -> Result<PrometheusHandle, StartError> {
    PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| StartError::Telemetry { part: "metrics", reason: error.to_string() })
}

/// Folds what was measured into the buckets from time to time: it would pile up where nobody reads `/metrics`.
pub(crate) async fn tend(metrics: PrometheusHandle) -> Infallible {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
    }
}
