//! Logs and metrics of the process, and its TLS provider: installed once, by `main`.

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::EnvFilter;

use crate::error::StartError;
use crate::tasks::Stop;

/// Renders `/metrics`.
pub use metrics_exporter_prometheus::PrometheusHandle;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// How often samples are counted into buckets.
const UPKEEP: Duration = Duration::from_secs(5);
/// Seconds: from a database read to a deadline.
const BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Sends log lines to stderr, filtered as `filter` says (`info,sea_orm=warn`).
pub fn install_logs(filter: &str, format: LogFormat) -> Result<(), StartError> {
    let invalid = |reason: String| StartError::Setting { setting: "RUST_LOG", reason };
    let filter = EnvFilter::try_new(filter).map_err(|error| invalid(error.to_string()))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    installed.map_err(|error| invalid(error.to_string()))
}

/// Collects the metrics of the process; the handle renders them for `/metrics`.
pub fn install_metrics() -> Result<PrometheusHandle, StartError> {
    let failed = |reason: String| StartError::Setting { setting: "metrics", reason };
    PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| failed(error.to_string()))
}

/// Keeps the metrics small until told to stop: samples pile up in histograms, rendered or not.
pub async fn tend(metrics: PrometheusHandle, mut stop: Stop) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(UPKEEP) => metrics.run_upkeep(),
            () = stop.requested() => return,
        }
    }
}

/// Chooses the process's TLS provider. A second call changes nothing.
pub fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
