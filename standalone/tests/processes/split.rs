//! The move of the tables into a schema for each service, and back, while the services work for clients.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::database::{FreshDatabase, required};
use crate::load::{Load, Tally};
use crate::running::{Processes, authority};
use crate::{place, variables};

/// Clients at once.
const RIDERS: usize = 4;
/// Rounds of each client before and after a move.
const ROUNDS: u64 = 3;
const SERVICES: [&str; 3] = ["auth", "logistics", "platform"];

/// Each service has its role, whose search path covers both places.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_tables_move_under_roles() {
    let database = FreshDatabase::create("split").await;
    let variables = variables(&database);
    let processes = Processes::new(&variables, &authority(&required("TEST_DATABASE_URL")));
    moves_under_load("roles", &database, processes, &variables).await;
    database.drop().await;
}

/// All services are one user, and name the old place in their URLs: they go on through views, restarts included.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_tables_move_away_from_who_names_the_old_place() {
    let database = FreshDatabase::create("views").await;
    let variables = variables(&database);
    let address = authority(&required("TEST_DATABASE_URL"));
    let mut processes = Processes::new(&variables, &address);
    let (name, password) = (&database.name, FreshDatabase::PASSWORD);
    for service in SERVICES {
        let variable = format!("{}_DB_URL", service.to_uppercase());
        let url = format!("postgres://{name}:{password}@{address}/{name}?schema=public");
        processes.set(service, &variable, &url);
    }
    moves_under_load("the old place", &database, processes, &variables).await;
    database.drop().await;
}

/// The same through a pooler in session mode, which is between the services and the database, and `migrate` too.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_tables_move_behind_a_session_pooler() {
    let database = FreshDatabase::create("pooled").await;
    let variables = variables(&database);
    let processes = Processes::new(&variables, &required("TEST_SESSION_POOLER"));
    moves_under_load("a session pooler", &database, processes, &variables).await;
    database.drop().await;
}

/// Splits, restarts, unsplits, restarts: with clients at work but for the restarts, which are one process each.
async fn moves_under_load(
    behind: &str,
    database: &FreshDatabase,
    mut processes: Processes,
    variables: &BTreeMap<String, String>,
) {
    processes.start();
    let place = place(&processes, variables);
    let load = Load::new(&place, RIDERS).await;
    let mut rounds = 0;
    for (command, kind) in [("split", "r"), ("unsplit", "v")] {
        let (tally, (during, took)) =
            load.during(async |tally| move_under_load(&processes, command, tally).await).await;
        rounds += tally.total();
        let answered = tally.answered();
        println!(
            "{command} behind {behind}: {answered} requests of {RIDERS} clients, {during} of them in the {took:?} of \
             the move, 0 failed"
        );
        for service in SERVICES {
            // What stands in the schema of its own: the table after a split, a view after the way back.
            let there = format!(
                "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = '{service}' AND c.relname = '{service}_outbox' AND c.relkind = '{kind}'"
            );
            assert_eq!(database.count(&there).await, 1, "{command} of {service}");
            processes.restart(service);
        }
        let (tally, ()) = load.during(async |tally| tally.more(ROUNDS).await).await;
        rounds += tally.total();
    }
    assert_eq!(processes.migrate(&["unsplit", "--finish"]).await.lines().count(), SERVICES.len());

    // Nothing is lost, nothing is there twice.
    let rounds = i64::try_from(rounds).unwrap();
    assert_eq!(database.count("\"Ride\" WHERE status = 'CANCELLED'").await, rounds);
    assert_eq!(database.count("\"Ride\"").await, rounds);
    assert_eq!(database.count("platform_ad_event").await, rounds);
    let riders = i64::try_from(RIDERS).unwrap();
    assert_eq!(database.count("\"RefreshToken\"").await, rounds + riders);
    processes.end();
}

/// Moves between rounds of all clients, in a process of its own; how many requests that saw, and how long it took.
async fn move_under_load(processes: &Processes, command: &str, tally: &Tally) -> (u64, Duration) {
    tally.more(ROUNDS).await;
    let (began, before) = (Instant::now(), tally.answered());
    let said = processes.migrate(&[command]).await;
    let (took, during) = (began.elapsed(), tally.answered() - before);
    assert_eq!(said.matches("moved").count(), SERVICES.len(), "{said}");
    tally.more(ROUNDS).await;
    (during, took)
}
