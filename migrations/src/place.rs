//! Where an owner's tables are: a database, and on Postgres perhaps a schema of their own.

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, Statement,
};

use crate::Owner;

/// A database, and the schema in it where one is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    url: String,
    schema: Option<String>,
}

impl Place {
    /// Reads `postgres://…`, with `?schema=` where the tables have a schema of their own, or `sqlite://…`.
    pub fn parse(url: &str) -> Self {
        let Some((base, query)) = url.split_once('?').filter(|_| !url.starts_with("sqlite:"))
        else {
            return Self { url: url.to_owned(), schema: None };
        };
        let (schema, rest): (Vec<&str>, Vec<&str>) =
            query.split('&').partition(|pair| pair.starts_with("schema="));
        let schema = schema.first().and_then(|pair| pair.strip_prefix("schema="));
        let url =
            if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        Self { url, schema: schema.map(str::to_owned) }
    }

    /// The same, in this schema unless the URL named one.
    #[must_use]
    pub fn or_schema(self, schema: Option<&str>) -> Self {
        Self { schema: self.schema.or_else(|| schema.map(str::to_owned)), ..self }
    }

    /// Connects; one connection is enough to migrate.
    pub async fn connect(&self) -> Result<DatabaseConnection, DbErr> {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(1).sqlx_logging(false);
        options.map_sqlx_sqlite_opts(|options| options.create_if_missing(true).foreign_keys(true));
        if let Some(schema) = self.schema.clone() {
            options.map_sqlx_postgres_opts(move |options| {
                options.options([("search_path", quoted(&schema))])
            });
        }
        Database::connect(options).await
    }
}

fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

/// Makes sure that the owner's tables will stand where the connection looks for them, and nowhere else.
///
/// A schema that is named but missing is created in the same transaction as the tables. Where the tables stand in
/// another schema already, they are refused: new ones would hide the rows of the old.
pub(crate) async fn settle(transaction: &DatabaseTransaction, owner: Owner) -> Result<(), DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let elsewhere = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT n.nspname::text AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname = $1 AND c.relkind = 'r' AND n.nspname IS DISTINCT FROM current_schema()",
        [owner.migration_table().into()],
    );
    if let Some(row) = transaction.query_one_raw(elsewhere).await? {
        let (schema, name): (String, _) = (row.try_get("", "schema")?, owner.name());
        return Err(DbErr::Migration(format!(
            "the tables of {name} stand in the schema `{schema}`, and not where the URL says"
        )));
    }
    let missing =
        "SELECT current_setting('search_path') AS schema WHERE current_schema() IS NULL".to_owned();
    let missing = Statement::from_string(DbBackend::Postgres, missing);
    if let Some(row) = transaction.query_one_raw(missing).await? {
        // The setting is quoted as an identifier already, by `Place::connect`.
        let schema: String = row.try_get("", "schema")?;
        transaction.execute_unprepared(&format!("CREATE SCHEMA {schema}")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_schema_out_of_the_url() {
        let place = Place::parse("postgres://db/rides?sslmode=disable&schema=identity");
        assert_eq!(place.url, "postgres://db/rides?sslmode=disable");
        assert_eq!(place.schema.as_deref(), Some("identity"));
    }

    #[test]
    fn leaves_sqlite_urls_alone() {
        let place = Place::parse("sqlite://rides.db?mode=rwc");
        assert_eq!(place.url, "sqlite://rides.db?mode=rwc");
    }
}
