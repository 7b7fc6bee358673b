//! What the process counts, and how it is rendered for `/metrics`.

use std::convert::Infallible;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::install::InstallError;

/// Seconds: from an answer in the same process to a deadline.
const BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// How often measures are folded into the buckets.
const UPKEEP: Duration = Duration::from_secs(1);

/// Collects the metrics of the process; the handle renders them for `/metrics`.
pub fn install_metrics() -> Result<PrometheusHandle, InstallError> {
    PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| InstallError::Metrics(error.to_string()))
}

/// Folds what was measured into the buckets from time to time: it would pile up where nobody reads `/metrics`.
pub async fn tend(metrics: PrometheusHandle) -> Infallible {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
    }
}
