//! The binary: what it says, what it refuses, and several of it at once.

use std::process::{Command, Stdio};

use migrations::Owner;

use crate::world::{connect, each_database, on_postgres, tables};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
    command.args(arguments).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Whether it succeeded, and all that it said.
fn said(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), text)
}

fn migrate(arguments: &[&str]) -> (bool, String) {
    said(&mut command(arguments))
}

#[test]
fn it_says_what_it_did_and_what_it_cannot() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    let (succeeded, text) = migrate(&["status", "--owner", "platform", "--database-url", &url]);
    assert!(succeeded && text.starts_with("pending  platform_0001_catalogue\n"), "{text}");
    let (succeeded, text) =
        migrate(&["up", "--dry-run", "--owner", "platform", "--database-url", &url]);
    assert!(succeeded && text.starts_with("BEGIN;\nCREATE TABLE"), "{text}");
    assert!(text.ends_with("COMMIT;\n"), "{text}");
    let (succeeded, text) = migrate(&["up", "--owner", "platform", "--database-url", &url]);
    assert!(succeeded && text.starts_with("platform: applied platform_0001_catalogue\n"), "{text}");
    let (succeeded, text) = migrate(&["up", "--owner", "platform"]);
    assert!(!succeeded);
    assert_eq!(text, "migrate: no database for platform: set --database-url or DATABASE_URL\n");
    let (succeeded, text) = migrate(&["split", "--owner", "platform", "--database-url", &url]);
    assert!(!succeeded);
    assert_eq!(
        text,
        "migrate: Migration Error: the tables of platform cannot have a schema: their database is SQLite, which has none\n"
    );
}

#[tokio::test]
async fn processes_at_once_apply_each_migration_once() {
    each_database(async |url| {
        let start = || command(&["up", "--database-url", url]).spawn().unwrap();
        let texts = [start(), start(), start()].map(|process| {
            let output = process.wait_with_output().unwrap();
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(output.status.success(), "{text}");
            text
        });
        let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
        let database = connect(url).await;
        for owner in Owner::ALL {
            for migration in migrations::status(&database, owner).await.unwrap() {
                assert!(migration.is_applied, "{}", migration.name);
                let line = format!("{}: applied {}", owner.name(), migration.name);
                assert_eq!(lines.iter().filter(|other| **other == line).count(), 1, "{lines:#?}");
            }
        }
    })
    .await;
}

/// `DB_SCHEMA`, `?schema=`, and a database for each owner, from the environment.
#[tokio::test]
async fn the_tables_go_where_the_environment_says() {
    on_postgres(async |postgres| {
        on_postgres(async |other| {
            let (succeeded, text) = said(
                command(&["up"])
                    .env("DATABASE_URL", &postgres.url)
                    .env("DB_SCHEMA", "rides")
                    .env("AUTH_DB_URL", format!("{}?schema=people", postgres.url))
                    .env("PLATFORM_DB_URL", &other.url),
            );
            assert!(succeeded, "{text}");
            let place = |owner: Owner, tables: &[String]| {
                let table = owner.migration_table();
                tables.iter().find_map(|name| Some(name.strip_suffix(&table)?.to_owned()))
            };
            let here = tables(&connect(&postgres.url).await).await;
            let there = tables(&connect(&other.url).await).await;
            assert_eq!(place(Owner::Auth, &here).as_deref(), Some("people."));
            assert_eq!(place(Owner::Logistics, &here).as_deref(), Some("rides."));
            assert_eq!(place(Owner::Platform, &here), None);
            assert_eq!(place(Owner::Platform, &there).as_deref(), Some("rides."));
            assert_eq!(place(Owner::Auth, &there), None);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_password_in_the_environment_stays_there() {
    on_postgres(async |postgres| {
        let role = postgres.role(Owner::Auth).name;
        for arguments in
            [&["up", "--roles", "--dry-run"][..], &["up", "--roles"], &["up", "--help"]]
        {
            let (succeeded, text) = said(
                command(arguments)
                    .args(["--owner", "auth"])
                    .env("DATABASE_URL", &postgres.url)
                    .env("AUTH_DB_ROLE", &role)
                    .env("AUTH_DB_PASSWORD", "hush-hush"),
            );
            assert!(succeeded && !text.contains("hush-hush"), "{text}");
            assert!(text.contains(&role) || arguments.contains(&"--help"), "{text}");
        }
    })
    .await;
}
