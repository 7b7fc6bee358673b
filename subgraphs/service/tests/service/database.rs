//! The database: one that writes, others that read, and clear words where it is not ready.

use migrations::{Owner, Run};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use service::Database;
use service::testing::each_database;

#[tokio::test]
async fn a_missing_table_is_named_with_the_cure() {
    each_database(async |database| {
        let missing = database.require_tables(&["User"]).await.unwrap_err();
        assert_eq!(missing.to_string(), "the database has no table `User`: run `migrate up` first");
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        database.require_tables(&["User", "auth_outbox"]).await.unwrap();
    })
    .await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "tests have no command line")]
async fn a_table_in_two_schemas_is_refused() {
    each_database(async |database| {
        if database.backend() != DbBackend::Postgres {
            return;
        }
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        let row = Statement::from_string(DbBackend::Postgres, "SELECT current_database() AS name");
        let row = database.read.query_one_raw(row).await.unwrap().unwrap();
        let mut url = url::Url::parse(&std::env::var("TEST_DATABASE_URL").unwrap()).unwrap();
        url.set_path(&row.try_get::<String>("", "name").unwrap());
        url.set_query(Some("options=-c search_path=identity,public"));

        database.write.execute_unprepared("CREATE SCHEMA identity").await.unwrap();
        let both = Database::connect(url.as_str(), None).await.unwrap();
        both.require_tables(&["User"]).await.unwrap();
        both.write.execute_unprepared("CREATE TABLE identity.\"User\" (id INTEGER)").await.unwrap();
        let refused = both.require_tables(&["User"]).await.unwrap_err();
        let message = "the table `User` stands in two schemas of the search path: drop the one that nobody uses, \
            or name the other with `?schema=`";
        assert_eq!(refused.to_string(), message);
    })
    .await;
}

/// Who names the old place goes on there after a move, restarts included.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "tests have no command line")]
async fn a_view_in_the_old_place_will_do() {
    each_database(async |database| {
        if database.backend() != DbBackend::Postgres {
            return;
        }
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        migrations::split(&database.write, Owner::Auth, "auth", Run::Real).await.unwrap();
        let row = Statement::from_string(DbBackend::Postgres, "SELECT current_database() AS name");
        let row = database.read.query_one_raw(row).await.unwrap().unwrap();
        let mut url = url::Url::parse(&std::env::var("TEST_DATABASE_URL").unwrap()).unwrap();
        url.set_path(&row.try_get::<String>("", "name").unwrap());
        for schema in ["public", "auth"] {
            let connected = Database::connect(url.as_str(), Some(schema)).await.unwrap();
            connected.require_tables(&["User"]).await.unwrap();
            connected.read.close().await.unwrap();
        }
        let elsewhere = Database::connect(url.as_str(), Some("elsewhere")).await.unwrap();
        let missing = elsewhere.require_tables(&["User"]).await.unwrap_err();
        assert_eq!(missing.to_string(), "the database has no table `User`: run `migrate up` first");
    })
    .await;
}

#[tokio::test]
async fn readers_of_a_sqlite_file_cannot_write() {
    each_database(async |database| {
        let written = database.read.execute_unprepared("CREATE TABLE by_reader (id INTEGER)").await;
        assert_eq!(written.is_err(), database.backend() == DbBackend::Sqlite);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_changes_nothing_and_frees_the_writer() {
    each_database(async |database| {
        database
            .write
            .execute_unprepared("CREATE TABLE thing (id INTEGER PRIMARY KEY)")
            .await
            .unwrap();
        let transaction = database.begin().await.unwrap();
        transaction.execute_unprepared("INSERT INTO thing VALUES (1)").await.unwrap();
        drop(transaction);
        database.write.execute_unprepared("INSERT INTO thing VALUES (1)").await.unwrap();
    })
    .await;
}

/// Waits for what was begun and abandoned to be over; a transaction that stays open fails the test.
async fn while_begun(database: &Database) {
    // This connection's own transaction has written if it is one that was left open.
    let open = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL OR EXISTS (SELECT FROM pg_stat_activity \
         WHERE datname = current_database() AND state LIKE 'idle in transaction%') AS open";
    for _ in 0..1_000 {
        let open = Statement::from_string(DbBackend::Postgres, open);
        let row = database.read.query_one_raw(open).await.unwrap().unwrap();
        if !row.try_get::<bool>("", "open").unwrap() {
            return;
        }
    }
    panic!("a transaction is open that nobody will end");
}

/// A client that goes away drops its request anywhere. Were a connection left in the transaction that had just begun,
/// the next one's writes on it would never be committed.
#[tokio::test]
async fn a_transaction_that_is_abandoned_as_it_begins_leaves_nothing_open() {
    each_database(async |database| {
        database.write.execute_unprepared("CREATE TABLE thing (id INTEGER)").await.unwrap();
        for polls in 0..12 {
            {
                let mut begin = std::pin::pin!(database.begin());
                for _ in 0..polls {
                    if futures::poll!(begin.as_mut()).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            database.write.execute_unprepared("INSERT INTO thing VALUES (1)").await.unwrap();
            if database.backend() == DbBackend::Postgres {
                while_begun(&database).await;
            }
        }
        let things = Statement::from_string(database.backend(), "SELECT id FROM thing");
        assert_eq!(database.read.query_all_raw(things).await.unwrap().len(), 12);
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let error = Database::connect("sqlite:///no/such/folder/ride.db", None).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot reach the database at sqlite:///no/such/folder/ride.db: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("postgres://me:secret@{address}/rides");
    let error = Database::connect(&url, None).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot reach the database at {address}/rides: ")),
        "{error}"
    );
    assert!(error.contains("refused"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_soon() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://me@{}/rides", listener.local_addr().unwrap());
    let error = Database::connect(&url, None).await.unwrap_err().to_string();
    assert!(error.ends_with("no answer within 2 seconds"), "{error}");
}
