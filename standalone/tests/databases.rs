//! One process on other databases than the embedded one: a file for each service, and on Postgres a schema or a
//! database for each, where `TEST_DATABASE_URL` is set.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "story/mod.rs"]
mod story;

use std::fs;

use clap::Parser as _;
use metrics_exporter_prometheus::PrometheusBuilder;
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, Statement};
use standalone::Settings;

const ADMIN_PASSWORD: &str = "the passphrase of a test";

/// Tells the story in one process with these arguments, which keeps its keys in `folder`.
async fn tell(folder: &str, arguments: &[&str]) {
    let fixed = ["ridegraph", "--listen", "127.0.0.1:0", "--admin-password", ADMIN_PASSWORD];
    let folder_arguments = ["--data-dir", folder];
    let settings = Settings::parse_from(fixed.iter().chain(&folder_arguments).chain(arguments));
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let running = standalone::start(&settings, metrics).await.unwrap();
    let place = story::Place {
        url: format!("http://{}", running.address),
        admin_email: settings.admin_email.clone(),
        admin_password: ADMIN_PASSWORD.to_owned(),
        signing_key: fs::read_to_string(format!("{folder}/keys/access-tokens.pem")).unwrap(),
    };
    story::run(&place).await;
    running.stop().await;
}

/// Whose migrations are recorded there.
async fn owners(url: &str, catalogue: &str) -> Vec<String> {
    let database = Database::connect(url).await.unwrap();
    let sql = format!("{catalogue} LIKE '%\\_migrations' ESCAPE '\\' ORDER BY 1");
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let rows = database.query_all_raw(statement).await.unwrap();
    database.close().await.unwrap();
    rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_may_have_a_file_of_its_own() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let url = |name: &str| format!("sqlite://{folder}/{name}.db");
    let (auth, platform) = (url("people"), url("offers"));
    tell(folder, &["--auth-db-url", &auth, "--platform-db-url", &platform]).await;
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name";
    assert_eq!(owners(&auth, tables).await, ["auth_migrations"]);
    assert_eq!(owners(&platform, tables).await, ["platform_migrations"]);
    assert_eq!(owners(&url("ridegraph"), tables).await, ["logistics_migrations"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_may_have_a_schema_or_a_database_of_its_own() {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let Ok(server) = std::env::var("TEST_DATABASE_URL") else { return };
    let admin = Database::connect(&server).await.unwrap();
    let (shared, own) =
        (fresh(&admin, &server, "shared").await, fresh(&admin, &server, "own").await);
    let data = tempfile::tempdir().unwrap();
    let people = format!("{shared}?schema=people");
    tell(
        data.path().to_str().unwrap(),
        &[
            "--database-url",
            &shared,
            "--db-schema",
            "rides",
            "--auth-db-url",
            &people,
            "--platform-db-url",
            &own,
        ],
    )
    .await;
    let tables = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE tablename";
    assert_eq!(
        owners(&shared, tables).await,
        ["people.auth_migrations", "rides.logistics_migrations"]
    );
    assert_eq!(owners(&own, tables).await, ["rides.platform_migrations"]);
    for url in [shared, own] {
        let name = url.rsplit('/').next().unwrap();
        admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    }
}

/// A new database beside the one of the URL.
async fn fresh(admin: &DatabaseConnection, server: &str, name: &str) -> String {
    let name = format!("standalone_{name}_{}", std::process::id());
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}
