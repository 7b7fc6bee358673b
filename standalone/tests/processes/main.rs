//! The separate processes that `compose.yaml` names, with its commands and variables, on a real Postgres, a real NATS,
//! and real poolers: the story through them, and what may be done to the database while they run.
//!
//! `scripts/test processes` runs it, having built the binaries, started what it needs, and set `TEST_DATABASE_URL`,
//! `TEST_NATS_URL`, `TEST_SESSION_POOLER`, `TEST_TRANSACTION_POOLER` and `BINARIES`. A plain `cargo test` does not: it
//! would have to pass without having tried.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]
#![expect(clippy::disallowed_methods, reason = "a test has no command line")]

#[path = "../collector/mod.rs"]
#[expect(dead_code, reason = "the tests of one process look at more of a trace")]
mod collector;
#[path = "../compose/mod.rs"]
mod compose;
mod cost;
mod database;
mod events;
mod gate;
mod killed;
mod load;
mod places;
mod pooler;
mod replicas;
mod rotation;
mod running;
mod socket;
mod split;
#[path = "../story/mod.rs"]
mod story;

use std::collections::BTreeMap;

use crate::collector::Collector;
use crate::database::{FreshDatabase, required};
use crate::running::{Processes, authority};

/// The story, with each service under its own role, as `compose.yaml` has it.
#[tokio::test(flavor = "multi_thread")]
async fn the_story_goes_through_the_processes_of_compose_yaml() {
    let database = FreshDatabase::create("story").await;
    let collector = Collector::start().await;
    let mut variables = variables(&database);
    variables.insert("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector.url.clone());
    let mut processes = Processes::new(&variables, &authority(&required("TEST_DATABASE_URL")));
    processes.start();
    story::run(&place(&processes, &variables)).await;
    processes.end();
    database.drop().await;

    let traces = collector.end().await;
    traces.check(&[FreshDatabase::PASSWORD, &variables["ADMIN_PASSWORD"], "@example.com"]);
    for service in ["auth", "logistics", "platform"] {
        // Their statements are part of what the router had them do.
        let statement = traces.of(service).find(|span| {
            let root = traces.root(span);
            span.name.starts_with("sea_orm.") && root.process == "router"
        });
        assert!(statement.is_some(), "{service}");
    }
    // What logistics asks of auth is one trace, too, and an event points from one process to another.
    let call = traces.of("logistics").find(|span| span.name == "call auth").unwrap();
    assert!(traces.of("auth").any(|span| span.trace_id == call.trace_id));
    let applied = traces.of("logistics").filter(|span| span.name == "apply user.created");
    let causes: Vec<_> = applied.flat_map(|span| &span.linked).collect();
    assert!(traces.of("router").any(|span| causes.contains(&&span.trace_id)));
}

/// What an operator would put into `.env`.
fn variables(database: &FreshDatabase) -> BTreeMap<String, String> {
    let signing_key = service::SigningKeys::generate_pem(&service::Random::system());
    let roles = ["auth", "logistics", "platform"].map(|service| database.role(service));
    let variables = [
        ("POSTGRES_USER", database.name.as_str()),
        ("POSTGRES_PASSWORD", FreshDatabase::PASSWORD),
        ("POSTGRES_DB", &database.name),
        ("AUTH_DB_ROLE", &roles[0]),
        ("AUTH_DB_PASSWORD", FreshDatabase::PASSWORD),
        ("LOGISTICS_DB_ROLE", &roles[1]),
        ("LOGISTICS_DB_PASSWORD", FreshDatabase::PASSWORD),
        ("PLATFORM_DB_ROLE", &roles[2]),
        ("PLATFORM_DB_PASSWORD", FreshDatabase::PASSWORD),
        ("SERVICE_JWT_SECRET", "a secret that the processes of a test share"),
        ("AUTH_SIGNING_KEY", &signing_key),
        ("QUOTE_SECRET", "a secret that only logistics of a test has"),
        ("ADMIN_EMAIL", "admin@example.com"),
        ("ADMIN_PASSWORD", "the passphrase of a test"),
        ("LOG_FORMAT", "text"),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Where the story takes place.
fn place(processes: &Processes, variables: &BTreeMap<String, String>) -> story::Place {
    story::Place {
        url: processes.url("router"),
        admin_email: variables["ADMIN_EMAIL"].clone(),
        admin_password: variables["ADMIN_PASSWORD"].clone(),
        signing_key: variables["AUTH_SIGNING_KEY"].clone(),
    }
}
