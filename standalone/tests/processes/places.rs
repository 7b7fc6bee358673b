//! A database for each service: the settings that move them apart, and the story through it.

use std::process::{Command, Stdio};

use crate::database::{FreshDatabase, required};
use crate::load::Load;
use crate::running::{Processes, authority};
use crate::{place, story, variables};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_goes_through_three_databases() {
    let address = authority(&required("TEST_DATABASE_URL"));
    let shared = FreshDatabase::create("shared").await;
    let variables = variables(&shared);
    let mut processes = Processes::new(&variables, &address);
    let mut own = Vec::new();
    for service in ["auth", "logistics", "platform"] {
        let database = FreshDatabase::create(service).await;
        let (name, password) = (&database.name, FreshDatabase::PASSWORD);
        let variable = format!("{}_DB_URL", service.to_uppercase());
        // `migrate` as the database's owner, the service as its role, which `migrate` gives it.
        processes.set("migrate", &variable, &database.url(&address));
        let role = shared.role(service);
        processes.set(
            service,
            &variable,
            &format!("postgres://{role}:{password}@{address}/{name}"),
        );
        own.push(database);
    }
    processes.start();
    story::run(&place(&processes, &variables)).await;
    processes.end();
    let tables = "pg_tables WHERE schemaname = 'public'";
    assert_eq!(shared.count(tables).await, 0, "the shared database has nothing");
    for database in own {
        assert!(database.count(tables).await > 4, "{}", database.name);
        database.drop().await;
    }
    shared.drop().await;
}

/// As `migrations/README.md` says: a schema of its own first, and then that schema into another database.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_moves_to_a_database_of_its_own() {
    let address = authority(&required("TEST_DATABASE_URL"));
    let (shared, people) =
        (FreshDatabase::create("all").await, FreshDatabase::create("people").await);
    let variables = variables(&shared);
    let mut processes = Processes::new(&variables, &address);
    processes.start();
    let place = place(&processes, &variables);
    let load = Load::new(&place, 2).await;
    let (before, ()) = load.during(async |tally| tally.more(1).await).await;

    processes.migrate(&["split"]).await;
    processes.stop("auth");
    copy_schema("auth", &shared.url(&address), &people.url(&address));
    processes.set("migrate", "AUTH_DB_URL", &people.url(&address));
    processes.migrate(&["up", "--owner", "auth", "--roles"]).await;
    let (role, password) = (shared.role("auth"), FreshDatabase::PASSWORD);
    let url = format!("postgres://{role}:{password}@{address}/{}", people.name);
    processes.set("auth", "AUTH_DB_URL", &url);
    processes.start_again("auth");
    shared.run("DROP SCHEMA auth CASCADE").await;

    // The same riders, with the same sessions.
    let (after, ()) = load.during(async |tally| tally.more(1).await).await;
    let rounds = i64::try_from(before.total() + after.total()).unwrap();
    assert_eq!(people.count("\"RefreshToken\"").await, rounds + 2);
    assert_eq!(shared.count("\"Ride\"").await, rounds);
    processes.end();
    people.drop().await;
    shared.drop().await;
}

fn copy_schema(schema: &str, from: &str, to: &str) {
    let mut dump = Command::new("pg_dump")
        .args(["--no-owner", "--no-privileges", "--schema", schema, from])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let restored = Command::new("psql")
        .args(["--quiet", "--set", "ON_ERROR_STOP=1", to])
        .stdin(dump.stdout.take().unwrap())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(restored.success() && dump.wait().unwrap().success());
}
