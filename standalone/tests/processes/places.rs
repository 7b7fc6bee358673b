//! A database for each service: the settings that move them apart, and the story through it.

use crate::database::{FreshDatabase, required};
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
        processes.set(
            "migrate",
            &variable,
            &format!("postgres://{name}:{password}@{address}/{name}"),
        );
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
