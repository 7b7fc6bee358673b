//! What stands in a Postgres database: an owner's tables, their sequences, and what else is in a schema.

use sea_orm::{ConnectionTrait, DbErr};

use crate::Owner;
use crate::sql::{names, query};

/// The schemas in which the owner's migration table stands: one, unless it has none yet, or somebody made two.
pub(crate) async fn schemas<C: ConnectionTrait>(
    connection: &C,
    owner: Owner,
) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relname = $1 AND c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1";
    names(connection, sql, [owner.migration_table().into()]).await
}

/// The owner's tables in the schema, by name.
pub(crate) async fn owned<C: ConnectionTrait>(
    connection: &C,
    owner: Owner,
    schema: &str,
) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1";
    let mut tables = names(connection, sql, [schema.into()]).await?;
    tables.retain(|table| owner.owns(table));
    Ok(tables)
}

/// What stands in the schema and is no table or view of a name that the owner's tables have.
pub(crate) async fn foreign<C: ConnectionTrait>(
    connection: &C,
    owner: Owner,
    schema: &str,
) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1";
    let mut relations = names(connection, sql, [schema.into()]).await?;
    relations.retain(|relation| !owner.owns(relation));
    Ok(relations)
}

/// The sequences that number the rows of the owner's tables in the schema.
pub(crate) async fn sequences<C: ConnectionTrait>(
    connection: &C,
    owner: Owner,
    schema: &str,
) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT s.relname::text, t.relname::text FROM pg_class s JOIN pg_depend d ON d.objid = s.oid \
        JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace n ON n.oid = t.relnamespace \
        WHERE n.nspname = $1 AND s.relkind = 'S' AND d.classid = 'pg_class'::regclass \
        AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') ORDER BY 1";
    let mut sequences = Vec::new();
    for row in query(connection, sql, [schema.into()]).await? {
        if owner.owns(&row.try_get_by_index::<String>(1)?) {
            sequences.push(row.try_get_by_index(0)?);
        }
    }
    Ok(sequences)
}
