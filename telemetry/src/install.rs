//! Sets up logs and traces for the process.

use std::io::IsTerminal;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{DynFilterFn, FilterExt, filter_fn};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::SPAN;
use crate::traces::{TraceSettingError, Traces};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Why there are no logs, metrics or traces.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The filter of log lines cannot be read, or somebody else has installed logs.
    #[error("RUST_LOG: {0}")]
    Logs(String),
    /// Somebody else has installed metrics.
    #[error("metrics: {0}")]
    Metrics(String),
    /// Traces cannot be sent as the settings say.
    #[error(transparent)]
    Traces(#[from] TraceSettingError),
}

/// What is installed, for as long as the process runs.
#[derive(Debug)]
#[must_use = "spans that were not sent yet are lost without `flush`"]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Sends the spans that were not sent yet, at the end of the process.
    pub async fn flush(self) {
        let Some(provider) = self.0 else { return };
        // It waits for a thread that waits for this runtime.
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be sent");
        }
    }
}

/// Sends log lines to stderr, filtered as `filter` says (`info,sea_orm=warn`), and spans to the collector of `traces`.
/// Needs a runtime where there are traces.
pub fn install(
    filter: &str,
    format: LogFormat,
    traces: Option<Traces>,
) -> Result<Telemetry, InstallError> {
    let filter =
        EnvFilter::try_new(filter).map_err(|error| InstallError::Logs(error.to_string()))?;
    let logs = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let logs = match format {
        LogFormat::Text => logs.boxed(),
        LogFormat::Json => logs.json().boxed(),
    };
    // Spans are for traces: where there are none, nothing is kept of them.
    let logs = logs.with_filter(filter.and(filter_fn(is_line)));
    let provider = traces.map(Traces::provider).transpose()?;
    let registry = tracing_subscriber::registry().with(logs);
    // A layer that may be none would want every span, so that the registry kept them all.
    let installed = match &provider {
        Some(provider) => registry.with(spans(provider.tracer("ridegraph"))).try_init(),
        None => registry.try_init(),
    };
    installed.map_err(|error| InstallError::Logs(error.to_string()))?;
    Ok(Telemetry(provider))
}

/// Takes our spans, and those of statements that are part of one.
fn spans<S: Subscriber + for<'a> LookupSpan<'a>>(tracer: SdkTracer) -> impl Layer<S> {
    OpenTelemetryLayer::new(tracer)
        .with_level(false)
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(
            // What polls the database by itself is no part of any request.
            DynFilterFn::new(|span: &Metadata<'_>, context: &Context<'_, S>| {
                is_ours(span) || (is_statement(span) && context.lookup_current().is_some())
            })
            .with_callsite_filter(|span| match span {
                span if is_ours(span) => Interest::always(),
                span if is_statement(span) => Interest::sometimes(),
                _ => Interest::never(),
            })
            .with_max_level_hint(LevelFilter::INFO),
        )
}

fn is_line(metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
}

fn is_ours(span: &Metadata<'_>) -> bool {
    span.is_span() && span.target() == SPAN
}

fn is_statement(span: &Metadata<'_>) -> bool {
    span.is_span() && span.name().starts_with("sea_orm.")
}
