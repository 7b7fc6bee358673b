//! What a request costs a service: statements, which are counted in its traces, and CPU time, which is printed.
//!
//! `bench/README.md` has the figures, and says how they are had from release builds.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Clock, ServiceKeys};
use tokio::task::JoinSet;

use crate::collector::{Collector, Traces};
use crate::database::{FreshDatabase, required};
use crate::running::{Processes, authority};
use crate::story::{Story, User};
use crate::{place, variables};

/// How many entities are asked for at once; none means a single read by a field.
const ENTITIES: [usize; 5] = [0, 1, 10, 100, 1000];
/// Clients at once.
const CLIENTS: usize = 4;

/// What a service is asked.
#[derive(Debug, Deserialize)]
struct Workload {
    service: String,
    #[serde(rename = "type")]
    type_name: String,
    read: String,
    selection: String,
    fill: String,
    keys: String,
    /// Statements of a request, however many entities it asks for.
    statements: usize,
}

/// A request, ready to be sent any number of times.
#[derive(Clone)]
struct Request {
    url: String,
    service_token: String,
    user_token: String,
    body: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_statement_a_type_however_many_entities_it_asks_for() {
    let workloads: Vec<Workload> = serde_saphyr::from_str(include_str!("cost.yaml")).unwrap();
    let database = FreshDatabase::create("cost").await;
    let mut variables = variables(&database);
    let collector = Collector::start().await;
    variables.insert("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector.url.clone());
    let mut processes = Processes::new(&variables, &authority(&required("TEST_DATABASE_URL")));
    processes.start();
    let place = place(&processes, &variables);
    let admin = Story::new(&place).log_in(&place.admin_email, &place.admin_password).await;
    let mut requests = Vec::new();
    for workload in &workloads {
        database.run(&workload.fill).await;
        let keys = database.texts(&workload.keys).await;
        assert_eq!(keys.len(), 1000, "{}", workload.service);
        for entities in ENTITIES {
            let request = Request::new(
                workload,
                &keys[..entities.max(1)],
                entities,
                &processes,
                &variables,
                &admin,
            );
            requests.push((workload, entities, request));
        }
    }
    let client = Client::new();
    for (trace, (workload, entities, request)) in requests.iter().enumerate() {
        let answer = request.traced(&client, trace).await;
        let found = &answer["data"][if *entities == 0 { &workload.read } else { "_entities" }];
        assert!(answer.get("errors").is_none() && !found.is_null(), "{answer:#}");
        assert_eq!(found.as_array().map_or(0, Vec::len), *entities);
    }
    for workload in &workloads {
        processes.stop(&workload.service);
    }
    let traces = collector.end().await;
    for (trace, (workload, entities, _)) in requests.iter().enumerate() {
        let count = statements(&traces, trace);
        assert_eq!(count, workload.statements, "{} × {entities}", workload.type_name);
    }

    println!("| service | asked for | statements | CPU of the service, µs |");
    println!("|---|---|--:|--:|");
    for workload in &workloads {
        processes.set(&workload.service, "OTEL_EXPORTER_OTLP_ENDPOINT", "");
        processes.start_again(&workload.service);
    }
    for (workload, entities, request) in &requests {
        let id = processes.id(&workload.service);
        let times = (4_000 / entities.max(&1)).clamp(40, 400);
        request.send(&client, times / 5).await;
        let before = cpu(id);
        request.send(&client, times).await;
        let microseconds = (cpu(id) - before).as_micros() / u128::try_from(times).unwrap();
        let asked = match entities {
            0 => format!("`{}`", workload.read),
            _ => format!("`_entities` × {entities}"),
        };
        println!("| {} | {asked} | {} | {microseconds} |", workload.service, workload.statements);
    }
    processes.end();
    database.drop().await;
}

impl Request {
    fn new(
        workload: &Workload,
        keys: &[String],
        entities: usize,
        processes: &Processes,
        variables: &BTreeMap<String, String>,
        admin: &User,
    ) -> Self {
        let Workload { service, type_name, read, selection, .. } = workload;
        let body = if entities == 0 {
            let query = format!("query ($id: ID!) {{ {read}(id: $id) {{ {selection} }} }}");
            json!({ "query": query, "variables": { "id": keys[0] } })
        } else {
            let query = format!(
                "query ($r: [_Any!]!) {{ _entities(representations: $r) {{ ... on {type_name} {{ {selection} }} }} }}"
            );
            let representation = |id: &String| json!({ "__typename": type_name, "id": id });
            let representations: Vec<Value> = keys.iter().map(representation).collect();
            json!({ "query": query, "variables": { "r": representations } })
        };
        let keys = ServiceKeys::shared(&variables["SERVICE_JWT_SECRET"]).unwrap();
        let (service_token, _) = keys.mint("router", service, &[], Clock::system().now());
        Self {
            url: format!("{}/graphql", processes.url(service)),
            service_token,
            user_token: admin.token.clone(),
            body: body.to_string(),
        }
    }

    fn post(&self, client: &Client) -> reqwest::RequestBuilder {
        client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("x-service-token", &self.service_token)
            .bearer_auth(&self.user_token)
            .body(self.body.clone())
    }

    /// Sends it within a trace of this number.
    async fn traced(&self, client: &Client, trace: usize) -> Value {
        let traceparent = format!("00-{:032x}-00000000000000ff-01", trace_id(trace));
        let sent = self.post(client).header("traceparent", traceparent).send().await;
        sent.unwrap().json().await.unwrap()
    }

    /// Sends it so many times, and reads the answers.
    async fn send(&self, client: &Client, times: usize) {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (request, client) = (self.clone(), client.clone());
            clients.spawn(async move {
                for _ in 0..times / CLIENTS {
                    let answer = request.post(&client).send().await.unwrap();
                    assert!(answer.status().is_success());
                    answer.bytes().await.unwrap();
                }
            });
        }
        while let Some(done) = clients.join_next().await {
            done.unwrap();
        }
    }
}

/// No trace has the id 0.
fn trace_id(trace: usize) -> u128 {
    u128::try_from(trace + 1).unwrap()
}

/// The statements in a trace.
fn statements(traces: &Traces, trace: usize) -> usize {
    let id = trace_id(trace).to_be_bytes();
    let spans = traces.spans.values().filter(|span| span.trace_id == id);
    spans.filter(|span| span.name.starts_with("sea_orm.")).count()
}

/// What the threads of a process spent on processors so far.
fn cpu(id: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let spent = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    });
    spent.sum()
}
