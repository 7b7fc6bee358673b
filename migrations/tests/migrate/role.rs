//! Each service's role may use its own tables, and no others: what Postgres itself says.

use migrations::{Owner, Role};
use sea_orm::ConnectionTrait as _;

use crate::world::{Postgres, connect, names, on_postgres, refusal, run};

/// The tables of each owner but the one in which its migrations are recorded.
async fn tables(postgres: &Postgres, owner: Owner) -> Vec<String> {
    let database = connect(&postgres.url).await;
    let all = names(&database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'").await;
    all.into_iter().filter(|t| owner.owns(t) && *t != owner.migration_table()).collect()
}

/// Every statement that touches rows, changing none.
fn uses(table: &str) -> [String; 3] {
    [
        format!("SELECT 1 FROM public.\"{table}\" WHERE false FOR UPDATE"),
        format!("DELETE FROM public.\"{table}\" WHERE false"),
        format!("INSERT INTO public.\"{table}\" SELECT * FROM public.\"{table}\" WHERE false"),
    ]
}

#[tokio::test]
async fn a_role_may_use_its_own_tables_and_none_of_the_others() {
    on_postgres(async |postgres| {
        postgres.with_roles().await;
        for owner in Owner::ALL {
            let service = postgres.connect_as(owner).await;
            for table in tables(postgres, owner).await {
                for sql in uses(&table) {
                    run(&service, &sql).await;
                }
            }
            for other in Owner::ALL.into_iter().filter(|other| *other != owner) {
                let mut of_other = tables(postgres, other).await;
                assert!(of_other.len() > 3, "{of_other:?}");
                of_other.push(other.migration_table());
                for table in of_other {
                    for sql in uses(&table) {
                        let refused = service.execute_unprepared(&sql).await.unwrap_err();
                        let expected = format!("permission denied for table {table}");
                        assert!(refused.to_string().contains(&expected), "{sql}: {refused}");
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_role_may_neither_make_nor_drop_tables() {
    on_postgres(async |postgres| {
        postgres.with_roles().await;
        let auth = postgres.connect_as(Owner::Auth).await;
        for (sql, refusal) in [
            ("CREATE TABLE mine (id integer)", "permission denied for schema public"),
            ("DROP TABLE \"User\"", "must be owner of table User"),
            ("DROP TABLE \"Ride\"", "must be owner of table Ride"),
            ("UPDATE auth_migrations SET version = ''", "permission denied for table"),
        ] {
            let refused = auth.execute_unprepared(sql).await.unwrap_err().to_string();
            assert!(refused.contains(refusal), "{sql}: {refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_later_migrations_make_is_granted_as_well() {
    on_postgres(async |postgres| {
        let admin = postgres.with_roles().await;
        let auth = postgres.connect_as(Owner::Auth).await;
        migrations::down(&admin, Owner::Auth, 1).await.unwrap();
        // Without a word of roles: whoever deploys does not have to know.
        assert_ne!(migrations::up(&admin, Owner::Auth).await.unwrap(), Vec::<String>::new());
        for table in tables(postgres, Owner::Auth).await {
            for sql in uses(&table) {
                run(&auth, &sql).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn again_it_does_nothing_and_a_password_can_be_changed() {
    on_postgres(async |postgres| {
        let admin = postgres.with_roles().await;
        let privileges = "SELECT concat_ws(' ', c.relname, c.relacl::text) FROM pg_class c \
            JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' ORDER BY 1";
        let password = format!(
            "SELECT rolpassword FROM pg_authid WHERE rolname = '{}'",
            postgres.role(Owner::Auth).name
        );
        let (before, first) = (names(&admin, privileges).await, names(&admin, &password).await);
        let next = Role { password: Some("it's another".into()), ..postgres.role(Owner::Auth) };
        migrations::up_with_role(&admin, Owner::Auth, &next).await.unwrap();
        assert_eq!(names(&admin, privileges).await, before);
        assert_ne!(names(&admin, &password).await, first);
        let same = Role { password: None, ..next };
        let second = names(&admin, &password).await;
        migrations::up_with_role(&admin, Owner::Auth, &same).await.unwrap();
        assert_eq!(names(&admin, &password).await, second);
    })
    .await;
}

#[tokio::test]
async fn no_password_is_printed() {
    on_postgres(async |postgres| {
        let admin = connect(&postgres.url).await;
        let role = Role { password: Some("hush".into()), ..postgres.role(Owner::Auth) };
        let sql = migrations::up_sql(&admin, Owner::Auth, Some(&role)).await.unwrap();
        let create = format!("CREATE ROLE \"{}\" LOGIN", role.name);
        assert!(sql.contains(&create), "{sql:#?}");
        assert!(!sql.join("\n").contains("hush"), "{sql:#?}");
        let known = format!("SELECT rolname::text FROM pg_roles WHERE rolname = '{}'", role.name);
        assert_eq!(names(&admin, &known).await, Vec::<String>::new(), "a dry run makes no role");
    })
    .await;
}

#[tokio::test]
async fn a_role_that_would_separate_nothing_is_refused() {
    on_postgres(async |postgres| {
        let admin = postgres.with_roles().await;
        let shared = Role { schema: "platform".to_owned(), ..postgres.role(Owner::Auth) };
        let name = &shared.name;
        assert_eq!(
            refusal(migrations::up_with_role(&admin, Owner::Platform, &shared).await),
            format!(
                "the role `{name}` of platform may use `RefreshToken` too, a table of auth: name a role that may not"
            )
        );
        let database = tempfile::tempdir().unwrap();
        let sqlite = connect(&format!("sqlite://{}/a.db", database.path().display())).await;
        assert_eq!(
            refusal(migrations::up_with_role(&sqlite, Owner::Auth, &shared).await),
            "auth cannot have a role of its own: its database is SQLite, which has none"
        );
    })
    .await;
}
