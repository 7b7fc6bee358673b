//! A pooler in transaction mode hands one connection of the server to many clients: the services work, where it keeps
//! prepared statements apart, or stop at their start with the way out.

use crate::database::{FreshDatabase, required};
use crate::running::{Processes, authority};
use crate::{place, story, variables};

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_transaction_pooler_it_works_or_says_why_not() {
    let database = FreshDatabase::create("transaction").await;
    let variables = variables(&database);
    Processes::new(&variables, &authority(&required("TEST_DATABASE_URL")))
        .migrate(&["up", "--roles"])
        .await;
    let mut processes = Processes::new(&variables, &required("TEST_TRANSACTION_POOLER"));
    // Since 1.21 PgBouncer keeps them apart, where it is told to; scripts/test tells it.
    if required("TEST_POOLER_VERSION").as_str() >= "1.21" {
        processes.start();
        story::run(&place(&processes, &variables)).await;
        processes.end();
    } else {
        for service in ["auth", "logistics", "platform"] {
            let (succeeded, said) = processes.outcome(service);
            assert!(!succeeded, "{service} started: {said}");
            let reason = format!(
                "{service}: the database is behind a transaction-mode pooler, which breaks named prepared statements: \
                 use the session-mode port (5432), a direct connection, or PgBouncer 1.21 or later with \
                 `max_prepared_statements`"
            );
            assert!(said.contains(&reason), "{said}");
        }
        // The database is still as it was, and not spoiled for who comes directly.
        Processes::new(&variables, &authority(&required("TEST_DATABASE_URL")))
            .migrate(&["status"])
            .await;
    }
    database.drop().await;
}

/// A pooler that does not pass the search path on is found out, rather than another's tables used.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_a_pooler_drops_is_missed_at_the_start() {
    let database = FreshDatabase::create("dropped").await;
    let variables = variables(&database);
    let mut processes = Processes::new(&variables, &required("TEST_SESSION_POOLER"));
    processes.migrate(&["up", "--roles"]).await;
    processes.set("auth", "DB_SCHEMA", "public");
    let (succeeded, said) = processes.outcome("auth");
    assert!(!succeeded, "{said}");
    assert!(said.contains("`migrate up --roles`"), "{said}");
    database.drop().await;
}
