//! Databases and roles of a test's own, on the Postgres that is given.

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DatabaseTransaction,
    Statement, TransactionTrait as _,
};

use crate::running::authority;

/// The value of a variable that `scripts/test processes` sets.
pub(crate) fn required(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run `scripts/test processes`"))
}

/// A user and a database of its own on the server, as the Postgres image makes them.
pub(crate) struct FreshDatabase {
    server: DatabaseConnection,
    /// Of both. The names of the services' roles begin with it.
    pub(crate) name: String,
}

/// A lock that is held.
pub(crate) struct Lock {
    database: DatabaseConnection,
    transaction: DatabaseTransaction,
}

impl Lock {
    /// Lets others go on.
    pub(crate) async fn release(self) {
        self.transaction.rollback().await.unwrap();
        self.database.close().await.unwrap();
    }
}

impl FreshDatabase {
    /// Of the user, and of the services' roles.
    pub(crate) const PASSWORD: &str = "a-password-of-a-test";

    /// Makes them; `test` tells them from those of other tests.
    pub(crate) async fn create(test: &str) -> Self {
        let server = Database::connect(required("TEST_DATABASE_URL")).await.unwrap();
        let database = Self { server, name: format!("{test}_{}", std::process::id()) };
        let (name, password) = (&database.name, Self::PASSWORD);
        database
            .execute(&format!("CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{password}'"))
            .await;
        database.execute(&format!("CREATE DATABASE {name} OWNER {name}")).await;
        database
    }

    /// The role of a service.
    pub(crate) fn role(&self, service: &str) -> String {
        format!("{}_{service}", self.name)
    }

    /// How many rows there are, wherever the tables stand.
    pub(crate) async fn count(&self, from: &str) -> i64 {
        let database = self.connect().await;
        let sql = format!("SELECT count(*) AS rows FROM {from}");
        let statement = Statement::from_string(database.get_database_backend(), sql);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        database.close().await.unwrap();
        row.try_get("", "rows").unwrap()
    }

    /// The one value of a query, a text.
    pub(crate) async fn text(&self, query: &str) -> String {
        let database = self.connect().await;
        let statement = Statement::from_string(database.get_database_backend(), query);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        database.close().await.unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// Takes a lock, and keeps it until it is released.
    pub(crate) async fn lock(&self, statement: &str) -> Lock {
        let database = self.connect().await;
        let transaction = database.begin().await.unwrap();
        transaction.execute_unprepared(statement).await.unwrap();
        Lock { database, transaction }
    }

    /// Waits until a statement of the role that begins so waits for a lock.
    pub(crate) async fn waits_for_lock(&self, role: &str, statement: &str) {
        let waiting = format!(
            "pg_stat_activity WHERE usename = '{role}' AND wait_event_type = 'Lock' AND query LIKE '{statement}%'"
        );
        while self.count(&waiting).await == 0 {}
    }

    /// Waits until the role has no connection.
    pub(crate) async fn is_left_by(&self, role: &str) {
        let connected = format!("pg_stat_activity WHERE usename = '{role}'");
        while self.count(&connected).await > 0 {}
    }

    /// The first column of a query, which is text and called `key`.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let database = self.connect().await;
        let statement = Statement::from_string(database.get_database_backend(), sql);
        let rows = database.query_all_raw(statement).await.unwrap();
        database.close().await.unwrap();
        rows.iter().map(|row| row.try_get("", "key").unwrap()).collect()
    }

    /// Runs statements in the database.
    pub(crate) async fn run(&self, sql: &str) {
        let database = self.connect().await;
        database.execute_unprepared(sql).await.unwrap();
        database.close().await.unwrap();
    }

    async fn connect(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(self.url(&authority(&required("TEST_DATABASE_URL"))));
        options.map_sqlx_postgres_opts(|options| {
            options.options([("search_path", "auth,logistics,platform,public")])
        });
        Database::connect(options).await.unwrap()
    }

    /// The database, as its owner reaches it at this address.
    pub(crate) fn url(&self, address: &str) -> String {
        let (name, password) = (&self.name, Self::PASSWORD);
        format!("postgres://{name}:{password}@{address}/{name}")
    }

    pub(crate) async fn drop(self) {
        self.execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
        for service in ["auth", "logistics", "platform"] {
            self.execute(&format!("DROP ROLE IF EXISTS {}", self.role(service))).await;
        }
        self.execute(&format!("DROP ROLE {}", self.name)).await;
    }

    async fn execute(&self, sql: &str) {
        self.server.execute_unprepared(sql).await.unwrap();
    }
}
