//! Where no traces are sent, a span costs nothing.

use telemetry::{LogFormat, SPAN, install};
use tracing::{debug_span, info_span};

#[test]
fn no_span_is_kept_where_none_is_sent() {
    let _telemetry = install("info", LogFormat::Text, None).unwrap();
    assert!(info_span!(target: SPAN, "request").is_disabled());
    assert!(info_span!("of a library").is_disabled());
    assert!(debug_span!("of a library").is_disabled());
}
