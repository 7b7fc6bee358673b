//! Migrations on a fresh SQLite file, and on a fresh Postgres database where `TEST_DATABASE_URL` is set.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::process::Command;

use migrations::{Owner, Place};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};

/// Runs the test on the URL of each kind of database there is.
async fn each_database(test: impl AsyncFn(&str)) {
    let directory = tempfile::tempdir().unwrap();
    test(&format!("sqlite://{}", directory.path().join("test.db").display())).await;

    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let Ok(server) = std::env::var("TEST_DATABASE_URL") else { return };
    let admin = Place::parse(&server).connect().await.unwrap();
    let nonce = directory.path().file_name().unwrap().to_string_lossy().to_lowercase();
    let name = format!("migrate_{}", nonce.replace(|c: char| !c.is_ascii_alphanumeric(), ""));
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    test(&format!("{base}/{name}")).await;
    admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

async fn connect(url: &str) -> DatabaseConnection {
    Place::parse(url).connect().await.unwrap()
}

async fn names(database: &DatabaseConnection, owner: Owner) -> (Vec<String>, Vec<String>) {
    let all = migrations::status(database, owner).await.unwrap();
    let (applied, pending): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|migration| migration.is_applied);
    let names = |list: Vec<migrations::Migration>| list.into_iter().map(|m| m.name).collect();
    (names(applied), names(pending))
}

#[tokio::test]
async fn goes_up_down_and_up_again_for_each_owner() {
    each_database(async |url| {
        let database = connect(url).await;
        for owner in Owner::ALL {
            let (_, all) = names(&database, owner).await;
            assert_eq!(migrations::up(&database, owner).await.unwrap(), all);
            assert_eq!(migrations::up(&database, owner).await.unwrap(), Vec::<String>::new());
            assert_eq!(names(&database, owner).await, (all.clone(), vec![]));

            let mut reversed = all.clone();
            reversed.reverse();
            assert_eq!(migrations::down(&database, owner, u32::MAX).await.unwrap(), reversed);
            assert_eq!(names(&database, owner).await, (vec![], all.clone()));
            assert_eq!(migrations::up(&database, owner).await.unwrap(), all);
        }
    })
    .await;
}

#[tokio::test]
async fn two_at_once_follow_one_another() {
    each_database(async |url| {
        let (one, two) = (connect(url).await, connect(url).await);
        let (first, second) = tokio::join!(
            migrations::up(&one, Owner::Platform),
            migrations::up(&two, Owner::Platform)
        );
        let mut applied = [first.unwrap().len(), second.unwrap().len()];
        applied.sort_unstable();
        let (all, _) = names(&one, Owner::Platform).await;
        assert_eq!(applied, [0, all.len()], "one applied them all, the other found nothing to do");
    })
    .await;
}

#[tokio::test]
async fn tables_are_not_made_twice_in_one_database() {
    each_database(async |url| {
        if url.starts_with("sqlite:") {
            return;
        }
        let own = connect(&format!("{url}?schema=catalogue")).await;
        migrations::up(&own, Owner::Platform).await.unwrap();
        own.execute_unprepared(r#"SELECT * FROM catalogue."Product""#).await.unwrap();

        let shared = connect(url).await;
        let refused = migrations::up(&shared, Owner::Platform).await;
        let expected =
            "the tables of platform stand in the schema `catalogue`, and not where the URL says";
        assert_eq!(refused, Err(DbErr::Migration(expected.to_owned())));
    })
    .await;
}

#[test]
fn the_binary_says_what_it_did_and_what_it_cannot() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    let migrate = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_migrate"))
            .args(arguments)
            .env_clear()
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), text)
    };
    let (succeeded, text) = migrate(&["status", "--owner", "platform", "--database-url", &url]);
    assert!(succeeded && text.starts_with("pending  platform_0001_catalogue\n"), "{text}");
    let (succeeded, text) = migrate(&["up", "--owner", "platform", "--database-url", &url]);
    assert!(succeeded && text.starts_with("platform: applied platform_0001_catalogue\n"), "{text}");
    let (succeeded, text) = migrate(&["up", "--owner", "platform"]);
    assert!(!succeeded);
    assert_eq!(text, "migrate: no database for platform: set --database-url or DATABASE_URL\n");
}
