//! Traces: what a request has the router, the services and their database do is one trace, as a collector sees it.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod collector;
#[path = "story/mod.rs"]
mod story;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Client;
use serde_json::{Value, json};

use crate::collector::Collector;

const ADMIN_PASSWORD: &str = "the passphrase of a test";
/// What `query Home` has them do: one statement for a subgraph and type.
const HOME: &str = "\
query Home
  fetch auth
    answer auth
      sea_orm.query_all SELECT
  fetch logistics
    answer logistics
      sea_orm.query_all SELECT
  fetch platform
    answer platform
      sea_orm.query_all SELECT
  plan";
/// The trace of a client, by its id.
const CLIENT_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_trace_down_to_the_last_statement() {
    let collector = Collector::start().await;
    let data = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ridegraph"))
        .args(["--listen", "127.0.0.1:0", "--admin-password", ADMIN_PASSWORD, "--data-dir"])
        .arg(data.path())
        .env_clear()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let endpoint =
        lines.find_map(|line| line.trim().strip_prefix("GraphQL").map(|url| url.trim().to_owned()));
    let endpoint = endpoint.unwrap();
    let place = story::Place {
        url: endpoint.trim_end_matches("/graphql").to_owned(),
        admin_email: "admin@example.com".to_owned(),
        admin_password: ADMIN_PASSWORD.to_owned(),
        signing_key: fs::read_to_string(data.path().join("keys/access-tokens.pem")).unwrap(),
    };
    story::run(&place).await;

    let token = sees_home(&endpoint).await;
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(child.wait().unwrap().success());

    let traces = collector.end().await;
    traces.check(&[
        &token,
        ADMIN_PASSWORD,
        "a long and quiet passphrase",
        "@example.com",
        "Rita",
        "B072RRE2I55",
        "B-EX 1",
    ]);

    let home = traces.named("query Home");
    assert_eq!((home.kind, home.process.as_str()), (SpanKind::Server, "ridegraph"));
    assert_eq!(home.attributes["graphql.operation.name"], "Home");
    assert_eq!(home.attributes["http.response.status_code"], "200");
    // A stranger does not decide what is recorded; but its trace can be found.
    let client_trace: Vec<u8> = (0..16)
        .map(|at| u8::from_str_radix(&CLIENT_TRACE[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    assert_ne!(home.trace_id, client_trace);
    assert_eq!(home.linked, [client_trace]);
    assert_eq!(traces.tree(home), HOME);
    // A statement as it was written, without what was put into it.
    let of_auth = traces.within(home, "fetch auth");
    let statement = traces.within(traces.within(of_auth, "answer auth"), "sea_orm.query_all");
    let text = &statement.attributes["db.statement"];
    assert!(text.contains(r#"FROM "User""#) && text.contains('?'), "{text}");

    // A subscription is one span of the service, with the statements of all its events.
    let watching = traces.of("ridegraph").filter(|span| span.name == "answer logistics");
    let watching = watching.map(|span| (span, traces.root(span).name.clone()));
    let (watched, _) = watching.into_iter().find(|(_, root)| root == "subscription").unwrap();
    assert!(traces.tree(watched).contains("sea_orm.query_all SELECT"), "{}", traces.tree(watched));

    // What an event does is work of its own, and points to the request that it comes from.
    let mut applied = traces.of("ridegraph").filter(|span| span.name == "apply user.created");
    // That of the administrator comes from no request.
    let applied = applied.find(|span| !span.linked.is_empty()).unwrap();
    let [cause] = &applied.linked[..] else { panic!("one cause: {:?}", applied.linked) };
    let of_cause = traces.spans.values().find(|span| span.trace_id == *cause).unwrap();
    assert_eq!(traces.root(of_cause).name, "mutation");
    assert_ne!(applied.trace_id, *cause);
    // The saga asks auth by itself, and auth its database.
    let call = traces.spans.values().find(|span| span.name == "call auth").unwrap();
    assert!(traces.tree(call).starts_with("call auth\n  answer auth\n    sea_orm."));
}

/// Signs in, and asks for what three services know; the token that it asked with.
async fn sees_home(endpoint: &str) -> String {
    let ask = async |query: &str, token: &str| -> Value {
        let request = Client::new()
            .post(endpoint)
            .header("traceparent", format!("00-{CLIENT_TRACE}-b7ad6b7169203331-01"))
            .header("authorization", format!("Bearer {token}"))
            .json(&json!({ "query": query }));
        request.send().await.unwrap().json().await.unwrap()
    };
    let query = format!(
        r#"mutation {{ login(input: {{ email: "admin@example.com", password: "{ADMIN_PASSWORD}" }}) {{ tokens {{ accessToken }} }} }}"#
    );
    let login = Client::new().post(endpoint).json(&json!({ "query": query }));
    let login: Value = login.send().await.unwrap().json().await.unwrap();
    let token = login["data"]["login"]["tokens"]["accessToken"].as_str().unwrap().to_owned();
    let home = ask(
        "query Home { me { email isDriver } serviceChannels { nodes { name products { name } } } }",
        &token,
    );
    let home = home.await;
    assert_eq!(home["data"]["me"]["isDriver"], false, "{home:#}");
    token
}
