//! A Postgres role for each service, which may read and write its own tables and no others.
//!
//! A role is made once and serves ever after: [`Owner`]'s later migrations grant their tables to whoever may write the
//! owner's outbox. Its search path covers where the tables are and where `split` will put them, so that connections
//! made before the move find them after it.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};
use secrecy::{ExposeSecret as _, SecretString};

use crate::sql::{execute, identifier, literal, names, qualified};
use crate::{Owner, table, view};

/// The role of a service.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name: `ridegraph_auth`.
    pub name: String,
    /// What it signs in with; where there is none, its password stays as it is.
    pub password: Option<SecretString>,
    /// The schema that [`split`](crate::split) will move the tables to: the first of its search path.
    pub schema: String,
}

/// What a service does with the rows of its tables.
const PRIVILEGES: &str = "SELECT, INSERT, UPDATE, DELETE";

/// The statement that lets the role use the rows of a table or view.
pub(crate) fn grant_rows(relation: &str, role: &str) -> String {
    format!("GRANT {PRIVILEGES} ON {relation} TO {}", identifier(role))
}

/// The roles of the owner's service: whoever was granted to write its outbox.
pub(crate) async fn grantees<C: ConnectionTrait>(
    connection: &C,
    owner: Owner,
    schema: &str,
) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT DISTINCT r.rolname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        CROSS JOIN LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee \
        WHERE n.nspname = $1 AND c.relname = $2 AND a.privilege_type = 'INSERT' AND a.grantee <> c.relowner ORDER BY 1";
    names(connection, sql, [schema.into(), format!("{}_outbox", owner.name()).into()]).await
}

/// Grants what the owner's migrations have just made to the roles that its service has.
pub(crate) async fn grant_new_tables(
    transaction: &DatabaseTransaction,
    owner: Owner,
) -> Result<(), DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for schema in table::schemas(transaction, owner).await? {
        for role in grantees(transaction, owner, &schema).await? {
            grant_tables(transaction, owner, &schema, &role).await?;
        }
    }
    Ok(())
}

/// Makes the role where it is missing, and grants it the owner's tables, which stand already; again, it does nothing.
pub(crate) async fn ensure(
    transaction: &DatabaseTransaction,
    owner: Owner,
    role: &Role,
) -> Result<(), DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        let name = owner.name();
        return Err(DbErr::Migration(format!(
            "{name} cannot have a role of its own: its database is SQLite, which has none"
        )));
    }
    make(transaction, role).await?;
    for schema in table::schemas(transaction, owner).await? {
        use_schema(transaction, owner, &schema, role).await?;
        grant_tables(transaction, owner, &schema, &role.name).await?;
        for view in view::all(transaction, owner).await? {
            execute(transaction, use_of(&view.schema, &role.name)).await?;
            let view = qualified(&view.schema, &view.table);
            execute(transaction, grant_rows(&view, &role.name)).await?;
        }
    }
    refuse_more(transaction, owner, role).await
}

async fn make(transaction: &DatabaseTransaction, role: &Role) -> Result<(), DbErr> {
    let name = identifier(&role.name);
    let known = "SELECT rolname::text FROM pg_roles WHERE rolname = $1";
    if names(transaction, known, [role.name.as_str().into()]).await?.is_empty() {
        execute(transaction, format!("CREATE ROLE {name} LOGIN")).await?;
    }
    let Some(password) = &role.password else { return Ok(()) };
    // Passed beside the statement: neither a dry run nor the server's log shows it.
    let setting = "SELECT set_config('ridegraph.password', $1, true)";
    let values = [password.expose_secret().into()];
    let setting = Statement::from_sql_and_values(DbBackend::Postgres, setting, values);
    transaction.query_one_raw(setting).await?;
    let alter = format!(
        "DO $$ BEGIN EXECUTE format('ALTER ROLE %I PASSWORD %L', {}, current_setting('ridegraph.password')); END $$",
        literal(&role.name)
    );
    execute(transaction, alter).await
}

/// Lets the role look into the schema, and looks there first for what it names.
async fn use_schema(
    transaction: &DatabaseTransaction,
    owner: Owner,
    schema: &str,
    role: &Role,
) -> Result<(), DbErr> {
    execute(transaction, use_of(schema, &role.name)).await?;
    let all_create = "SELECT 'yes' WHERE has_schema_privilege('public', $1, 'CREATE')";
    if !names(transaction, all_create, [schema.into()]).await?.is_empty() {
        execute(transaction, format!("REVOKE CREATE ON SCHEMA {} FROM PUBLIC", identifier(schema)))
            .await?;
    }
    let mut path = vec![role.schema.clone(), schema.to_owned()];
    path.extend(view::all(transaction, owner).await?.into_iter().map(|view| view.schema));
    match search_path(transaction, &role.name, &path).await? {
        Some(statement) => execute(transaction, statement).await,
        None => Ok(()),
    }
}

/// The statement that lets the role look into the schema.
pub(crate) fn use_of(schema: &str, role: &str) -> String {
    format!("GRANT USAGE ON SCHEMA {} TO {}", identifier(schema), identifier(role))
}

/// The statement that sets the role's search path in this database, where it is another.
pub(crate) async fn search_path<C: ConnectionTrait>(
    connection: &C,
    role: &str,
    schemas: &[String],
) -> Result<Option<String>, DbErr> {
    let mut path: Vec<String> = Vec::new();
    for schema in schemas.iter().map(|schema| identifier(schema)) {
        if !path.contains(&schema) {
            path.push(schema);
        }
    }
    let path = path.join(", ");
    let present = "SELECT s.setting FROM pg_db_role_setting p \
        JOIN pg_roles r ON r.oid = p.setrole JOIN pg_database d ON d.oid = p.setdatabase \
        CROSS JOIN LATERAL unnest(p.setconfig) s(setting) \
        WHERE r.rolname = $1 AND d.datname = current_database() AND s.setting LIKE 'search\\_path=%'";
    let present = names(connection, present, [role.into()]).await?;
    if present == [format!("search_path={path}")] {
        return Ok(None);
    }
    let databases = names(connection, "SELECT current_database()::text", []).await?;
    let database = databases.first().map(|name| identifier(name)).unwrap_or_default();
    let role = identifier(role);
    Ok(Some(format!("ALTER ROLE {role} IN DATABASE {database} SET search_path TO {path}")))
}

async fn grant_tables(
    transaction: &DatabaseTransaction,
    owner: Owner,
    schema: &str,
    role: &str,
) -> Result<(), DbErr> {
    let mut tables = table::owned(transaction, owner, schema).await?;
    // What is applied is `migrate`'s to write down.
    tables.retain(|table| *table != owner.migration_table());
    let list = |names: Vec<String>| {
        names.iter().map(|name| qualified(schema, name)).collect::<Vec<_>>().join(", ")
    };
    if !tables.is_empty() {
        execute(transaction, grant_rows(&list(tables), role)).await?;
    }
    let sequences = table::sequences(transaction, owner, schema).await?;
    if !sequences.is_empty() {
        let (sequences, role) = (list(sequences), identifier(role));
        execute(transaction, format!("GRANT USAGE, SELECT ON SEQUENCE {sequences} TO {role}"))
            .await?;
    }
    Ok(())
}

/// Refuses a role that may use another owner's tables as well: a superuser, say, or one that two owners share.
async fn refuse_more(
    transaction: &DatabaseTransaction,
    owner: Owner,
    role: &Role,
) -> Result<(), DbErr> {
    let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p(privilege) \
        WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
        AND has_table_privilege($1, c.oid, p.privilege) ORDER BY 1";
    for table in names(transaction, sql, [role.name.as_str().into()]).await? {
        let other = Owner::ALL.into_iter().find(|other| *other != owner && other.owns(&table));
        if let Some(other) = other {
            return Err(DbErr::Migration(format!(
                "the role `{}` of {} may use `{table}` too, a table of {}: name a role that may not",
                role.name,
                owner.name(),
                other.name()
            )));
        }
    }
    Ok(())
}
