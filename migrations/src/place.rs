//! Where an owner's tables are: a database, and on Postgres perhaps a schema of their own.

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr,
};

use crate::sql::{execute, identifier, names};
use crate::{Owner, table};

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
        let schema = self.schema.clone();
        options.map_sqlx_postgres_opts(move |options| {
            // Floats are sent in binary: there are no digits to ask for, and poolers refuse who asks.
            let options = options.extra_float_digits(None);
            match &schema {
                Some(schema) => options.options([("search_path", identifier(schema))]),
                None => options,
            }
        });
        let database = Database::connect(options).await?;
        if let (Some(schema), DbBackend::Postgres) = (&self.schema, database.get_database_backend())
        {
            require_path(&database, schema).await?;
        }
        Ok(database)
    }
}

/// Refuses a connection that lost the search path on its way here, as poolers do: tables would go elsewhere.
async fn require_path(database: &DatabaseConnection, schema: &str) -> Result<(), DbErr> {
    let path = names(database, "SELECT current_setting('search_path')", []).await?;
    if path == [identifier(schema)] {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "the connection does not search the schema `{schema}` that the URL names: connect past the pooler"
    )))
}

/// Makes sure that the transaction works where the owner's tables stand, and that they stand in one place.
///
/// Where they stand already, the search path follows them, unless it was named and says another place: new tables would
/// hide the rows of the old. A schema that is named but missing is created in the same transaction as the tables.
pub(crate) async fn settle(transaction: &DatabaseTransaction, owner: Owner) -> Result<(), DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let standing = table::schemas(transaction, owner).await?;
    let current = "SELECT current_schema()::text WHERE current_schema() IS NOT NULL";
    let current = names(transaction, current, []).await?;
    let (name, named) = (owner.name(), named_path(transaction).await?);
    match &standing[..] {
        [] if current.is_empty() => {
            let schema = named.ok_or_else(|| {
                DbErr::Migration(format!(
                    "no schema for the tables of {name}: name one with ?schema="
                ))
            })?;
            execute(transaction, format!("CREATE SCHEMA {schema}")).await
        }
        [] => Ok(()),
        [schema] if current == [schema.as_str()] => Ok(()),
        [schema] if named.is_none() => {
            execute(transaction, format!("SET LOCAL search_path TO {}", identifier(schema))).await
        }
        [schema] => Err(DbErr::Migration(format!(
            "the tables of {name} stand in the schema `{schema}`, and not where the URL says"
        ))),
        [one, other, ..] => Err(DbErr::Migration(format!(
            "the tables of {name} stand in two schemas, `{one}` and `{other}`: drop the one that nobody uses"
        ))),
    }
}

/// The search path as the connection asked for it, quoted; none where the database or the role decides.
async fn named_path(transaction: &DatabaseTransaction) -> Result<Option<String>, DbErr> {
    let sql = "SELECT setting FROM pg_settings WHERE name = 'search_path' AND source = 'client'";
    Ok(names(transaction, sql, []).await?.into_iter().next())
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
