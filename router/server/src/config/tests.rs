//! What `router.yaml` may say, and how it is told what it may not.

use std::time::Duration;

use super::*;

const EXAMPLE: &str = include_str!("../../../../router.yaml");

#[test]
fn the_example_differs_from_the_defaults_only_where_our_graph_needs_it() {
    let mut config = Config::parse(EXAMPLE).unwrap();
    let names: Vec<String> = config.subgraphs.by_name.keys().cloned().collect();
    assert_eq!(names, ["auth", "logistics", "platform"]);
    let secret = ServiceTokenConfig::SharedSecret("SERVICE_JWT_SECRET".to_owned());
    for subgraph in config.subgraphs.by_name.values() {
        assert_eq!(subgraph.service_token, Some(secret.clone()));
        assert_eq!(subgraph.timeout_ms, None);
    }
    assert_eq!(config.headers.forward, ["authorization"]);
    assert_eq!(config.graphiql.examples, Some(PathBuf::from("examples")));
    config.subgraphs.by_name.clear();
    config.headers.forward.clear();
    config.graphiql.examples = None;
    assert_eq!(config, Config::default());
}

#[test]
fn the_example_names_every_key() {
    for key in [
        "listen",
        "supergraph",
        "path",
        "compose",
        "last_good",
        "reload",
        "poll_ms",
        "limits",
        "body_bytes",
        "batch_requests",
        "depth",
        "introspection_depth",
        "tokens",
        "fields",
        "entities",
        "answer_bytes",
        "head_timeout_ms",
        "concurrent_requests",
        "request_timeout_ms",
        "drain_timeout_ms",
        "subscriptions",
        "connections",
        "per_connection",
        "in_all",
        "init_timeout_ms",
        "keep_alive_ms",
        "client_timeout_ms",
        "subgraphs",
        "timeout_ms",
        "ca_file",
        "http2",
        "service_token",
        "shared_secret",
        "signing_key",
        "subscription_protocol",
        "subscription_url",
        "headers",
        "forward",
        "plan_cache",
        "capacity",
        "entity_store",
        "override_labels",
        "expose_query_plan",
        "introspection",
        "graphiql",
    ] {
        assert!(EXAMPLE.contains(&format!("{key}:")), "router.yaml does not show `{key}`");
    }
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    for text in ["limit: {}", "limits: { depht: 3 }", "subgraphs: { auth: { timeout: 3 } }"] {
        let key = text.rsplit('{').next().unwrap().split(':').next().unwrap().trim();
        let key = if key == "}" { "limit" } else { key };
        let error = Config::parse(text).unwrap_err();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn what_the_router_sets_itself_cannot_be_forwarded() {
    for name in ["X-Service-Token", "x-forwarded-for", "content-length"] {
        let error = Config::parse(&format!("headers: {{ forward: [{name}] }}")).unwrap_err();
        assert!(error.contains("the router sets it"), "{error}");
    }
    let error = Config::parse("headers: { forward: [a b] }").unwrap_err();
    assert!(error.contains("`a b` is not the name of a header"), "{error}");
}

#[test]
fn an_origin_has_no_path() {
    let parse = |origin: &str| Config::parse(&format!("cors: {{ origins: ['{origin}'] }}"));
    assert_eq!(parse("http://localhost:3000").unwrap().cors.origins, ["http://localhost:3000"]);
    for origin in ["https://app.example.com/", "app.example.com", "*"] {
        let error = parse(origin).unwrap_err();
        assert!(error.contains("is not an origin"), "{error}");
    }
}

#[test]
fn a_production_key_is_named_by_its_variable() {
    let text = "subgraphs:\n  auth:\n    service_token:\n      signing_key: { variable: ROUTER_KEY, key_id: router/2 }\n";
    let config = Config::parse(text).unwrap();
    assert_eq!(
        config.subgraphs.by_name["auth"].service_token,
        Some(ServiceTokenConfig::SigningKey {
            variable: "ROUTER_KEY".to_owned(),
            key_id: "router/2".to_owned()
        })
    );
}

#[test]
fn a_subgraph_may_have_more_time_than_the_others() {
    let config =
        Config::parse("subgraphs: { timeout_ms: 500, slow: { timeout_ms: 900 } }").unwrap();
    assert_eq!(config.subgraphs.timeout("slow"), Duration::from_millis(900));
    assert_eq!(config.subgraphs.timeout("other"), Duration::from_millis(500));
}

#[test]
fn an_empty_file_means_the_defaults() {
    assert_eq!(Config::parse("").unwrap(), Config::default());
    assert_eq!(Config::parse("# nothing\n").unwrap(), Config::default());
}
