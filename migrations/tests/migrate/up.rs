//! Up, down, and where the tables go.

use migrations::Owner;
use sea_orm::DatabaseConnection;

use crate::world::{connect, each_database, names, on_postgres, refusal, run, tables};

/// The names of the migrations that are applied, and of those that are pending.
async fn status(database: &DatabaseConnection, owner: Owner) -> (Vec<String>, Vec<String>) {
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
            let (_, all) = status(&database, owner).await;
            assert_eq!(migrations::up(&database, owner).await.unwrap(), all);
            assert_eq!(migrations::up(&database, owner).await.unwrap(), Vec::<String>::new());
            assert_eq!(status(&database, owner).await, (all.clone(), vec![]));

            let mut reversed = all.clone();
            reversed.reverse();
            assert_eq!(migrations::down(&database, owner, u32::MAX).await.unwrap(), reversed);
            assert_eq!(status(&database, owner).await, (vec![], all.clone()));
            assert_eq!(migrations::up(&database, owner).await.unwrap(), all);
        }
    })
    .await;
}

#[tokio::test]
async fn every_table_has_one_owner() {
    each_database(async |url| {
        let database = connect(url).await;
        let mut before = Vec::new();
        for owner in Owner::ALL {
            migrations::up(&database, owner).await.unwrap();
            let after = tables(&database).await;
            for table in after.iter().filter(|table| !before.contains(*table)) {
                let table = table.trim_start_matches("public.");
                let owners: Vec<Owner> =
                    Owner::ALL.into_iter().filter(|owner| owner.owns(table)).collect();
                assert_eq!(owners, [owner], "{table}");
            }
            before = after;
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
        let (all, _) = status(&one, Owner::Platform).await;
        assert_eq!(applied, [0, all.len()], "one applied them all, the other found nothing to do");
    })
    .await;
}

#[tokio::test]
async fn tables_are_not_made_twice_in_one_database() {
    on_postgres(async |postgres| {
        let url = &postgres.url;
        let own = connect(&format!("{url}?schema=catalogue")).await;
        migrations::up(&own, Owner::Platform).await.unwrap();
        names(&own, r#"SELECT name FROM catalogue."Product""#).await;

        let elsewhere = connect(&format!("{url}?schema=public")).await;
        assert_eq!(
            refusal(migrations::up(&elsewhere, Owner::Platform).await),
            "the tables of platform stand in the schema `catalogue`, and not where the URL says"
        );
        // Who names no schema follows the tables.
        let shared = connect(url).await;
        assert_eq!(migrations::up(&shared, Owner::Platform).await.unwrap(), Vec::<String>::new());
        assert_eq!(status(&shared, Owner::Platform).await.1, Vec::<String>::new());

        run(&shared, "CREATE TABLE public.platform_migrations (version text)").await;
        assert_eq!(
            refusal(migrations::up(&shared, Owner::Platform).await),
            "the tables of platform stand in two schemas, `catalogue` and `public`: drop the one that nobody uses"
        );
    })
    .await;
}

/// What a dry run prints is all that is done, so that it can be done by hand.
#[tokio::test]
async fn a_dry_run_changes_nothing_and_shows_everything() {
    let columns = "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) \
        FROM information_schema.columns WHERE table_schema = 'public' \
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' \
        UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1";
    on_postgres(async |by_hand| {
        on_postgres(async |by_itself| {
            let (by_hand, by_itself) = (connect(&by_hand.url).await, connect(&by_itself.url).await);
            for owner in Owner::ALL {
                let before = tables(&by_hand).await;
                let sql = migrations::up_sql(&by_hand, owner, None).await.unwrap();
                assert_eq!(tables(&by_hand).await, before);
                for statement in sql {
                    run(&by_hand, &statement).await;
                }
                assert_ne!(migrations::up(&by_itself, owner).await.unwrap(), Vec::<String>::new());
                assert_eq!(status(&by_hand, owner).await, status(&by_itself, owner).await);
            }
            assert_eq!(names(&by_hand, columns).await, names(&by_itself, columns).await);

            let before = tables(&by_itself).await;
            let sql = migrations::down_sql(&by_itself, Owner::Logistics, u32::MAX).await.unwrap();
            assert_eq!(tables(&by_itself).await, before);
            assert!(sql.contains(&r#"DROP TABLE "Ride""#.to_owned()), "{sql:#?}");
            for statement in sql {
                run(&by_hand, &statement).await;
            }
            migrations::down(&by_itself, Owner::Logistics, u32::MAX).await.unwrap();
            assert_eq!(names(&by_hand, columns).await, names(&by_itself, columns).await);
        })
        .await;
    })
    .await;
}
