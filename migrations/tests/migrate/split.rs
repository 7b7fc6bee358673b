//! The move into a schema of an owner's own, and back, under clients that know nothing of it.

use std::sync::atomic::{AtomicBool, Ordering};

use migrations::{Owner, Run};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, Statement};

use crate::world::{Postgres, connect, names, on_postgres, refusal, run, tables};

/// Writes and reads a row of auth's, and counts, with statements that the connection has prepared.
async fn use_tables(client: &DatabaseConnection, number: i32) -> Result<(), DbErr> {
    let statement = |sql: &str| {
        Statement::from_sql_and_values(
            DbBackend::Postgres,
            sql,
            [format!("client {number}").into()],
        )
    };
    for sql in [
        "INSERT INTO auth_outbox (id, kind, aggregate, aggregate_id, payload, created_at) \
         VALUES (gen_random_uuid(), $1, 'test', gen_random_uuid(), '{}', now())",
        "INSERT INTO auth_idempotency (caller, operation, key, request_hash, result_id, created_at) \
         VALUES ($1, 'count', 'key', '', gen_random_uuid(), now()) ON CONFLICT (caller, operation, key) DO NOTHING",
        "UPDATE auth_idempotency SET request_hash = request_hash || '.' WHERE caller = $1",
    ] {
        let done = client.execute_raw(statement(sql)).await?;
        assert!(done.rows_affected() == 1 || sql.contains("CONFLICT"), "{sql}");
    }
    let read = "SELECT seq FROM auth_outbox WHERE kind = $1 ORDER BY seq DESC LIMIT 1 FOR UPDATE SKIP LOCKED";
    let row = client.query_one_raw(statement(read)).await?;
    assert!(row.is_some(), "what was written is read");
    Ok(())
}

/// Both moves, of all owners.
async fn there_and_back(admin: &DatabaseConnection) {
    for owner in Owner::ALL {
        migrations::split(admin, owner, owner.name(), Run::Real).await.unwrap();
    }
    for owner in Owner::ALL {
        migrations::unsplit(admin, owner, owner.name(), Run::Real).await.unwrap();
    }
}

/// Under the service's role, whose path covers both places, and under a client that knows only the old one.
#[tokio::test(flavor = "multi_thread")]
async fn no_statement_fails_and_none_is_lost_while_tables_move() {
    on_postgres(async |postgres| {
        let admin = postgres.with_roles().await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(postgres.connect_as(Owner::Auth).await);
            clients.push(connect(&format!("{}?schema=public", postgres.url)).await);
        }
        let moving = AtomicBool::new(true);
        let work =
            futures::future::try_join_all(clients.iter().zip(1..).map(async |(client, number)| {
                let mut rounds = 0_usize;
                while moving.load(Ordering::Relaxed) {
                    use_tables(client, number).await?;
                    rounds += 1;
                }
                Ok::<usize, DbErr>(rounds)
            }));
        let moves = async {
            for _ in 0..3 {
                there_and_back(&admin).await;
            }
            moving.store(false, Ordering::Relaxed);
        };
        let (rounds, ()) = tokio::join!(work, moves);
        let rounds = rounds.unwrap();
        println!("rounds of 4 statements during 18 moves, by client: {rounds:?}; failures: 0");
        let written = names(&admin, "SELECT count(*)::text FROM auth_outbox").await;
        assert_eq!(written, [rounds.iter().sum::<usize>().to_string()]);
        let counted = "SELECT sum(length(request_hash))::text FROM auth_idempotency";
        assert_eq!(names(&admin, counted).await, written, "no update is lost");
    })
    .await;
}

/// What belongs to a table goes along; what stood in the old place stands there as a view.
#[tokio::test]
async fn indexes_sequences_grants_and_rows_move_along() {
    on_postgres(async |postgres| {
        let admin = postgres.with_roles().await;
        let service = postgres.connect_as(Owner::Auth).await;
        use_tables(&service, 1).await.unwrap();
        let indexes = "SELECT indexname::text FROM pg_indexes WHERE tablename = 'auth_outbox' ORDER BY 1";
        let before = names(&admin, indexes).await;

        migrations::split(&admin, Owner::Auth, "auth", Run::Real).await.unwrap();
        let place = |name: &str| {
            format!("SELECT relkind::text || ' ' || relnamespace::regnamespace FROM pg_class WHERE relname = '{name}' ORDER BY 1")
        };
        assert_eq!(names(&admin, &place("User")).await, ["r auth", "v public"]);
        assert_eq!(names(&admin, &place("auth_migrations")).await, ["r auth"]);
        assert_eq!(names(&admin, &place("auth_outbox_seq_seq")).await, ["S auth"]);
        assert_eq!(names(&admin, &place("Ride")).await, ["r public"]);
        assert_eq!(names(&admin, indexes).await, before);
        // The connection from before, one from after, and one of a role that may not.
        use_tables(&service, 1).await.unwrap();
        use_tables(&postgres.connect_as(Owner::Auth).await, 1).await.unwrap();
        let other = postgres.connect_as(Owner::Platform).await;
        for sql in [r#"SELECT 1 FROM "User""#, "SELECT 1 FROM public.auth_outbox"] {
            let refused = other.execute_unprepared(sql).await.unwrap_err().to_string();
            assert!(refused.contains("permission denied"), "{sql}: {refused}");
        }
        assert_eq!(names(&admin, "SELECT count(*)::text FROM auth.auth_outbox").await, ["3"]);

        // What is there already is not moved again.
        let again = migrations::split(&admin, Owner::Auth, "auth", Run::Real).await.unwrap();
        assert_eq!(again.statements, Vec::<String>::new());
        migrations::unsplit(&admin, Owner::Auth, "auth", Run::Real).await.unwrap();
        assert_eq!(names(&admin, &place("User")).await, ["r public", "v auth"]);
        use_tables(&service, 1).await.unwrap();
        let again = migrations::unsplit(&admin, Owner::Auth, "auth", Run::Real).await.unwrap();
        assert_eq!(again.statements, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_move_leaves_nothing_behind() {
    on_postgres(async |postgres| {
        let admin = postgres.with_roles().await;
        let original = tables(&admin).await;
        let views = "SELECT viewname::text FROM pg_views WHERE schemaname IN ('public', 'people')";
        let schemas = "SELECT nspname::text FROM pg_namespace WHERE nspname IN ('people')";
        migrations::split(&admin, Owner::Auth, "people", Run::Real).await.unwrap();
        assert_ne!(names(&admin, views).await, Vec::<String>::new());
        migrations::finish(&admin, Owner::Auth, "people", Run::Real).await.unwrap();
        assert_eq!(names(&admin, views).await, Vec::<String>::new());
        // A new connection finds the tables there, by its role alone.
        use_tables(&postgres.connect_as(Owner::Auth).await, 1).await.unwrap();

        migrations::unsplit(&admin, Owner::Auth, "people", Run::Real).await.unwrap();
        assert_eq!(names(&admin, schemas).await, ["people"]);
        migrations::finish(&admin, Owner::Auth, "people", Run::Real).await.unwrap();
        assert_eq!(names(&admin, schemas).await, Vec::<String>::new());
        assert_eq!(tables(&admin).await, original);
    })
    .await;
}

/// Between a move and its end, too, tables are altered where they stand, and the views follow.
#[tokio::test]
async fn migrations_go_on_after_a_move() {
    on_postgres(async |postgres| {
        let admin = postgres.with_roles().await;
        migrations::split(&admin, Owner::Auth, "auth", Run::Real).await.unwrap();
        let taken_back = migrations::down(&admin, Owner::Auth, 1).await.unwrap();
        assert_eq!(migrations::up(&admin, Owner::Auth).await.unwrap(), taken_back);
        assert!(tables(&admin).await.contains(&"auth.auth_verification".to_owned()));
        let old = connect(&format!("{}?schema=public", postgres.url)).await;
        use_tables(&old, 1).await.unwrap();
        use_tables(&postgres.connect_as(Owner::Auth).await, 2).await.unwrap();
        migrations::up_with_role(&admin, Owner::Auth, &postgres.role(Owner::Auth)).await.unwrap();
        use_tables(&postgres.connect_as(Owner::Auth).await, 2).await.unwrap();
    })
    .await;
}

/// Requests wait behind a lock that is waited for: the mover lets go, so that they go through.
#[tokio::test]
async fn a_table_in_use_is_waited_for_without_holding_up_others() {
    on_postgres(async |postgres| {
        let admin = postgres.with_roles().await;
        let (user, other) = (connect(&postgres.url).await, connect(&postgres.url).await);
        run(&user, r#"BEGIN; LOCK TABLE "User" IN ACCESS SHARE MODE"#).await;
        let waits =
            "SELECT 'yes' FROM pg_locks WHERE NOT granted AND relation = '\"User\"'::regclass";
        let moved = migrations::split(&admin, Owner::Auth, "auth", Run::Real);
        let meanwhile = async {
            while names(&other, waits).await.is_empty() {}
            // Answered once the mover has let go: the transaction of `user` is still open.
            names(&other, r#"SELECT first_name FROM "User""#).await;
            run(&user, "COMMIT").await;
        };
        let (moved, ()) = tokio::join!(moved, meanwhile);
        assert!(moved.unwrap().attempts > 1);
    })
    .await;
}

#[tokio::test]
async fn two_movers_at_once_move_once() {
    on_postgres(async |postgres| {
        let (one, two) = (postgres.with_roles().await, connect(&postgres.url).await);
        let (first, second) = tokio::join!(
            migrations::split(&one, Owner::Auth, "auth", Run::Real),
            migrations::split(&two, Owner::Auth, "auth", Run::Real)
        );
        let moves = [first.unwrap(), second.unwrap()].map(|change| change.statements.is_empty());
        assert!(moves.contains(&true) && moves.contains(&false), "{moves:?}");
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_shows_the_move_and_makes_none() {
    on_postgres(async |postgres: &Postgres| {
        let admin = postgres.with_roles().await;
        let before = tables(&admin).await;
        let change = migrations::split(&admin, Owner::Auth, "auth", Run::Dry).await.unwrap();
        assert_eq!(tables(&admin).await, before);
        for statement in [
            r#"CREATE SCHEMA IF NOT EXISTS "auth""#,
            r#"ALTER TABLE "public"."User" SET SCHEMA "auth""#,
            r#"CREATE VIEW "public"."User" WITH (security_invoker = true) AS SELECT * FROM "auth"."User""#,
        ] {
            assert!(change.statements.iter().any(|s| s == statement), "{:#?}", change.statements);
        }
        // By hand it is the same.
        run(&admin, &format!("BEGIN; {}; COMMIT", change.statements.join("; "))).await;
        let again = migrations::split(&admin, Owner::Auth, "auth", Run::Dry).await.unwrap();
        assert_eq!(again.statements, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_schema_that_is_taken_is_refused() {
    on_postgres(async |postgres| {
        let admin = postgres.with_roles().await;
        run(&admin, "CREATE SCHEMA auth; CREATE TABLE auth.users (id integer)").await;
        assert_eq!(
            refusal(migrations::split(&admin, Owner::Auth, "auth", Run::Real).await),
            "the schema `auth` has `users` in it, which is no table of auth: choose another with AUTH_DB_SCHEMA"
        );
        run(&admin, r#"DROP TABLE auth.users; CREATE TABLE auth."User" (id integer)"#).await;
        assert_eq!(
            refusal(migrations::split(&admin, Owner::Auth, "auth", Run::Real).await),
            "the schema `auth` has a table `User` already, and auth has its own in `public`: drop the one that nobody uses"
        );
    })
    .await;
}
