//! Databases to migrate, and who connects to them.

use migrations::{Owner, Place, Role};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

/// Runs the test on the URL of each kind of database there is.
pub(crate) async fn each_database(test: impl AsyncFn(&str)) {
    let directory = tempfile::tempdir().unwrap();
    test(&format!("sqlite://{}", directory.path().join("test.db").display())).await;
    on_postgres(async |postgres| test(&postgres.url).await).await;
}

/// A fresh database of a real Postgres.
pub(crate) struct Postgres {
    /// As a superuser reaches it.
    pub(crate) url: String,
    /// Its name, with which the names of its roles begin: those are the whole server's.
    pub(crate) name: String,
}

/// Runs the test on a fresh database of the Postgres that there is, and drops it and its roles.
pub(crate) async fn on_postgres(test: impl AsyncFn(&Postgres)) {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let Ok(server) = std::env::var("TEST_DATABASE_URL") else { return };
    let admin = connect(&server).await;
    let directory = tempfile::tempdir().unwrap();
    let nonce = directory.path().file_name().unwrap().to_string_lossy().to_lowercase();
    let name = format!("migrate_{}", nonce.replace(|c: char| !c.is_ascii_alphanumeric(), ""));
    run(&admin, &format!("CREATE DATABASE {name}")).await;
    let (base, _) = server.rsplit_once('/').unwrap();
    test(&Postgres { url: format!("{base}/{name}"), name: name.clone() }).await;
    run(&admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    for owner in Owner::ALL {
        run(&admin, &format!("DROP ROLE IF EXISTS {name}_{}", owner.name())).await;
    }
}

impl Postgres {
    /// The role of the owner's service.
    pub(crate) fn role(&self, owner: Owner) -> Role {
        Role {
            name: format!("{}_{}", self.name, owner.name()),
            password: Some("a password of a test".into()),
            schema: owner.name().to_owned(),
        }
    }

    /// Brings everybody's tables up, each with its role.
    pub(crate) async fn with_roles(&self) -> DatabaseConnection {
        let admin = connect(&self.url).await;
        for owner in Owner::ALL {
            migrations::up_with_role(&admin, owner, &self.role(owner)).await.unwrap();
        }
        admin
    }

    /// Connects as the owner's service would.
    pub(crate) async fn connect_as(&self, owner: Owner) -> DatabaseConnection {
        let (_, rest) = self.url.split_once("://").unwrap();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let name = self.role(owner).name;
        connect(&format!("postgres://{name}:a%20password%20of%20a%20test@{host}")).await
    }
}

/// Connects, with one connection.
pub(crate) async fn connect(url: &str) -> DatabaseConnection {
    Place::parse(url).connect().await.unwrap()
}

/// Runs a statement that must succeed.
pub(crate) async fn run(database: &DatabaseConnection, sql: &str) {
    if let Err(error) = database.execute_unprepared(sql).await {
        panic!("{sql}: {error}");
    }
}

/// The first column of the rows, as text.
pub(crate) async fn names(database: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let rows = database.query_all_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// The tables of the database, but those of the database itself, as `schema.table` on Postgres.
pub(crate) async fn tables(database: &DatabaseConnection) -> Vec<String> {
    let sql = match database.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT schemaname || '.' || tablename FROM pg_tables \
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        }
        _ => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
        }
    };
    names(database, sql).await
}

/// What the migrator said no to.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, DbErr>) -> String {
    match result.unwrap_err() {
        DbErr::Migration(message) => message,
        other => panic!("not a refusal: {other}"),
    }
}
