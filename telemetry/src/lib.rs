//! What a process tells its operators: log lines, metrics, and traces where they are asked for.
//!
//! 1. [`Traces::from_environment`] finds out whether, and where to, traces are sent: OTLP over HTTP, as the standard
//!    variables say (`OTEL_EXPORTER_OTLP_ENDPOINT` and its kin). Without them there are none, and a span costs a look at
//!    one atomic number.
//! 2. [`install`] sets up logs and traces, and [`install_metrics`] metrics, once, from `main`; [`Telemetry::flush`] sends what is left at the end.
//! 3. Spans are opened by the macros of `tracing` with the target [`SPAN`]. [`context`] carries them from process to
//!    process, in the headers of W3C trace context.
//!
//! A span says what was done, to whom, and for how long: never for whom or with what. No value of a variable, no header
//! and no parameter of a statement is in one.

mod collector;
pub mod context;
mod install;
mod measures;
mod traces;

pub use install::{InstallError, LogFormat, Telemetry, install};
pub use measures::{install_metrics, tend};
/// Renders `/metrics`.
pub use metrics_exporter_prometheus::PrometheusHandle;
pub use traces::{TraceSettingError, Traces};

/// The target of the spans that are meant for traces. They are no part of log lines.
pub const SPAN: &str = "ridegraph.span";
