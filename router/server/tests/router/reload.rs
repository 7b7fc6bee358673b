//! The router composes its subgraphs itself, waits for those that start with it, and follows their changes.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http_client::{get, post};
use crate::subgraph::Subgraph;
use crate::world::{World, accounts};

/// The binary, killed when the test ends.
struct Router {
    process: Child,
    log: BufReader<ChildStderr>,
    address: SocketAddr,
}

impl Router {
    fn start(folder: &Path) -> Self {
        // Port 0 would have to be read from the log; a port that was free a moment ago is simpler.
        let address = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_router"));
        command.arg("serve");
        if folder.join("router.yaml").exists() {
            command.args(["--config", "router.yaml"]);
        }
        let mut process = command
            .args(["--compose", "supergraph.yaml", "--listen", &address.to_string()])
            .current_dir(folder)
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { process, log, address }
    }

    /// Reads the log until a line contains `text`.
    fn wait_for_log(&mut self, text: &str) {
        for line in self.log.by_ref().lines() {
            if line.unwrap().contains(text) {
                return;
            }
        }
        panic!("the router ended without saying `{text}`");
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Asks until the answer is as expected, for at most ten seconds.
async fn eventually<T, F: Future<Output = T>>(
    ask: impl Fn() -> F,
    expected: impl Fn(&T) -> bool,
) -> T {
    let started = Instant::now();
    loop {
        let answer = ask().await;
        if expected(&answer) {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "not within ten seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn data(answer: &Value) -> &Value {
    &answer["data"]
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_a_subgraph_that_starts_later() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    write(
        folder.path(),
        "supergraph.yaml",
        &format!(
            "subgraphs: {{ accounts: {{ schema: {{
                subgraph_url: 'http://{address}/graphql',
                introspection_headers: {{ authorization: 'Bearer of-the-schema' }},
            }} }} }}"
        ),
    );
    let mut router = Router::start(folder.path());
    router.wait_for_log("waiting: subgraph `accounts` does not tell its schema");
    let there = router.address;
    assert_eq!(get(there, "/livez").await.status, 200);
    assert_eq!(get(there, "/readyz").await.status, 503);

    let accounts = accounts();
    let _world = serve_at(address, accounts.clone());
    eventually(|| async { get(there, "/readyz").await.status }, |status| *status == 200).await;
    assert_eq!(accounts.requests()[0].headers["authorization"], "Bearer of-the-schema");
    let answer = post(there, &[], &json!({ "query": "{ me { name } }" })).await;
    assert_eq!(answer.text, r#"{"data":{"me":{"name":"Ada"}}}"#);
    let metrics = get(there, "/metrics").await.text;
    for line in [
        "router_requests_total 1\n",
        "router_request_seconds_count 1\n",
        "router_subgraph_requests_total{subgraph=\"accounts\"} 1\n",
        "router_subgraph_errors_total{subgraph=\"accounts\"} 0\n",
        "router_subgraph_request_seconds_bucket{subgraph=\"accounts\",le=\"5\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_follows_a_changed_file_and_keeps_the_last_good_graph() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::default();
    let accounts = accounts();
    let url = format!("http://{}/graphql", world.serve(accounts.app()).await);
    write(folder.path(), "accounts.graphql", accounts.sdl());
    write(
        folder.path(),
        "supergraph.yaml",
        &format!(
            "subgraphs: {{ accounts: {{ routing_url: '{url}', schema: {{ file: accounts.graphql }} }} }}"
        ),
    );
    let mut router = Router::start(folder.path());
    router.wait_for_log("the graph is loaded");
    let there = router.address;
    let ask = || async {
        let query = json!({ "query": "{ __type(name: \"User\") { fields { name } } }" });
        post(there, &[], &query).await.json()
    };
    let fields = |answer: &Value| data(answer)["__type"]["fields"].as_array().unwrap().len();
    assert_eq!(fields(&ask().await), 2);

    write(folder.path(), "accounts.graphql", "type Query { me: Nobody }");
    router.wait_for_log("the graph stays as it is");
    assert_eq!(fields(&ask().await), 2);

    let larger = accounts.sdl().replace("name: String! }", "name: String!, mail: String }");
    write(folder.path(), "accounts.graphql", &larger);
    router.wait_for_log("the graph has changed");
    assert_eq!(fields(&ask().await), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_with_the_last_good_supergraph_where_composing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::default();
    let accounts = accounts();
    let url = format!("http://{}/graphql", world.serve(accounts.app()).await);
    write(folder.path(), "accounts.graphql", accounts.sdl());
    write(
        folder.path(),
        "supergraph.yaml",
        &format!(
            "subgraphs: {{ accounts: {{ routing_url: '{url}', schema: {{ file: accounts.graphql }} }} }}"
        ),
    );
    write(folder.path(), "router.yaml", "supergraph: { last_good: last.graphql }");
    let mut router = Router::start(folder.path());
    router.wait_for_log("the graph is loaded");
    drop(router);

    write(folder.path(), "accounts.graphql", "type Query { me: Nobody }");
    let mut router = Router::start(folder.path());
    router.wait_for_log("the last good supergraph is served");
    router.wait_for_log("the graph is loaded");
    let answer = post(router.address, &[], &json!({ "query": "{ me { name } }" })).await;
    assert_eq!(answer.text, r#"{"data":{"me":{"name":"Ada"}}}"#);

    write(folder.path(), "accounts.graphql", accounts.sdl());
    router.wait_for_log("the graph has changed");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn it_ends_cleanly_on_term() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = accounts();
    write(folder.path(), "accounts.graphql", accounts.sdl());
    write(
        folder.path(),
        "supergraph.yaml",
        "subgraphs: { accounts: { routing_url: 'http://127.0.0.1:1', schema: { file: accounts.graphql } } }",
    );
    let mut router = Router::start(folder.path());
    router.wait_for_log("the graph is loaded");
    let id = router.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let status = router.process.wait().unwrap();
    let mut rest = String::new();
    router.log.read_to_string(&mut rest).unwrap();
    assert!(status.success(), "{status}: {rest}");
}

/// Serves a subgraph at an address of its own choosing.
fn serve_at(address: SocketAddr, subgraph: Subgraph) -> tokio::task::JoinSet<()> {
    let mut servers = tokio::task::JoinSet::new();
    servers.spawn(async move {
        let listener = server::bind(address).await.unwrap();
        server::serve(listener, subgraph.app(), std::future::pending()).await.unwrap();
    });
    servers
}
