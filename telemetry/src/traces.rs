//! Whether traces are sent, where to, and what is in them.

use std::time::Duration;

use http::Uri;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SdkTracerProvider, Span, SpanData, SpanProcessor,
};

use crate::collector::Collector;

/// Where traces are sent, and in whose name.
#[derive(Debug, Clone)]
pub struct Traces {
    endpoint: String,
    service_name: String,
}

/// Why traces cannot be sent as the settings say.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct TraceSettingError {
    /// The variable, or the key of a file.
    pub setting: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// The variables of the specification that say where traces go; more of them (sampling, headers, batches) are read where
/// they act. An empty one counts as none.
/// Spec: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
const DISABLED: &str = "OTEL_SDK_DISABLED";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// The one protocol that we speak.
const HTTP_PROTOBUF: &str = "http/protobuf";
/// Below the base address of a collector.
const TRACES_PATH: &str = "v1/traces";

impl Traces {
    /// What the variables say; `configured` is the base address that a file names, before which they go. None where no
    /// traces are asked for.
    pub fn from_environment(
        service_name: &str,
        configured: Option<&str>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, TraceSettingError> {
        let variable = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        if variable(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable(EXPORTER).is_some_and(|value| value == "none")
        {
            return Ok(None);
        }
        let below = |base: &str| format!("{}/{TRACES_PATH}", base.trim_end_matches('/'));
        let (setting, endpoint) = if let Some(endpoint) = variable(TRACES_ENDPOINT) {
            (TRACES_ENDPOINT, endpoint)
        } else if let Some(base) = variable(ENDPOINT) {
            (ENDPOINT, below(&base))
        } else if let Some(base) = configured {
            ("traces.endpoint", below(base))
        } else {
            return Ok(None);
        };
        for setting in [TRACES_PROTOCOL, PROTOCOL] {
            if let Some(protocol) = variable(setting).filter(|value| value != HTTP_PROTOBUF) {
                let reason = format!("`{protocol}` is not spoken here: use `{HTTP_PROTOBUF}`");
                return Err(TraceSettingError { setting, reason });
            }
        }
        let is_address = endpoint.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
        });
        if !is_address {
            let reason = format!(
                "`{endpoint}` is not the address of a collector, such as `http://127.0.0.1:4318`"
            );
            return Err(TraceSettingError { setting, reason });
        }
        let service_name = variable(SERVICE_NAME).unwrap_or_else(|| service_name.to_owned());
        Ok(Some(Self { endpoint, service_name }))
    }

    /// What samples spans, collects them, and sends them in batches.
    pub(crate) fn provider(self) -> Result<SdkTracerProvider, TraceSettingError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new())
            .with_endpoint(self.endpoint)
            .build()
            .map_err(|error| TraceSettingError { setting: ENDPOINT, reason: error.to_string() })?;
        let resource = Resource::builder()
            .with_service_name(self.service_name)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(SdkTracerProvider::builder()
            .with_span_processor(Discreet(BatchSpanProcessor::builder(exporter).build()))
            .with_resource(resource)
            .build())
    }
}

/// What a database says about an error may quote what a user wrote.
const MAY_QUOTE: &str = "exception.message";

/// Keeps from spans what may quote a user.
#[derive(Debug)]
struct Discreet(BatchSpanProcessor);

impl SpanProcessor for Discreet {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.0.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        span.attributes.retain(|attribute| attribute.key.as_str() != MAY_QUOTE);
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], configured: Option<&str>) -> String {
        let environment = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        match Traces::from_environment("router", configured, &environment) {
            Ok(None) => "none".to_owned(),
            Ok(Some(Traces { endpoint, service_name })) => format!("{service_name} {endpoint}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn there_are_none_unless_a_collector_is_named() {
        assert_eq!(read(&[], None), "none");
        assert_eq!(read(&[(ENDPOINT, "")], None), "none");
        assert_eq!(read(&[(SERVICE_NAME, "edge")], None), "none");
        let named = (ENDPOINT, "http://collector:4318");
        assert_eq!(read(&[named, (DISABLED, "true")], None), "none");
        assert_eq!(read(&[named, (EXPORTER, "none")], None), "none");
    }

    #[test]
    fn variables_go_before_the_file_and_the_one_for_traces_before_all() {
        let file = Some("http://file:4318/");
        assert_eq!(read(&[], file), "router http://file:4318/v1/traces");
        let base = (ENDPOINT, "http://base:4318");
        assert_eq!(read(&[base, (SERVICE_NAME, "edge")], file), "edge http://base:4318/v1/traces");
        let whole = (TRACES_ENDPOINT, "https://traces.example/in");
        assert_eq!(read(&[base, whole], file), "router https://traces.example/in");
    }

    #[test]
    fn what_cannot_be_sent_as_asked_is_refused() {
        assert_eq!(
            read(&[(ENDPOINT, "http://base:4317"), (PROTOCOL, "grpc")], None),
            "OTEL_EXPORTER_OTLP_PROTOCOL: `grpc` is not spoken here: use `http/protobuf`"
        );
        assert_eq!(
            read(&[(ENDPOINT, "collector:4318")], None),
            "OTEL_EXPORTER_OTLP_ENDPOINT: `collector:4318/v1/traces` is not the address of a collector, such as `http://127.0.0.1:4318`"
        );
    }
}
