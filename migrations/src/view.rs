//! The views that stand where an owner's tables were before they moved: for clients that still look there.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};

use crate::sql::{execute, qualified, query};
use crate::{Owner, role, table};

/// A view that shows the table of its name, which stands in another schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// Where the view stands.
    pub(crate) schema: String,
    /// Its name, and the table's.
    pub(crate) table: String,
}

/// The views that show the owner's tables under their own names, in order.
pub(crate) async fn all<C: ConnectionTrait>(
    connection: &C,
    owner: Owner,
) -> Result<Vec<View>, DbErr> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(Vec::new());
    }
    let sql = "SELECT DISTINCT n.nspname::text, v.relname::text FROM pg_class v \
        JOIN pg_namespace n ON n.oid = v.relnamespace JOIN pg_rewrite r ON r.ev_class = v.oid \
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid \
        AND d.refclassid = 'pg_class'::regclass JOIN pg_class t ON t.oid = d.refobjid \
        WHERE v.relkind = 'v' AND t.relkind IN ('r', 'p') AND v.relname = t.relname \
        AND v.relnamespace <> t.relnamespace ORDER BY 1, 2";
    let mut views = Vec::new();
    for row in query(connection, sql, []).await? {
        let view = View { schema: row.try_get_by_index(0)?, table: row.try_get_by_index(1)? };
        if owner.owns(&view.table) {
            views.push(view);
        }
    }
    Ok(views)
}

/// The statement that drops the view.
pub(crate) fn drop(view: &View) -> String {
    format!("DROP VIEW {}", qualified(&view.schema, &view.table))
}

/// The statements that make the view of a table that stands in `home`, for the roles that may use the table.
pub(crate) fn create(
    view: &View,
    home: &str,
    is_invoker: Invoker,
    roles: &[String],
) -> Vec<String> {
    let (here, there) = (qualified(&view.schema, &view.table), qualified(home, &view.table));
    let with = match is_invoker {
        Invoker::Supported => " WITH (security_invoker = true)",
        Invoker::Unsupported => "",
    };
    let mut statements = vec![format!("CREATE VIEW {here}{with} AS SELECT * FROM {there}")];
    statements.extend(roles.iter().map(|role| role::grant_rows(&here, role)));
    statements
}

/// Whether a view can check the rights of who asks, rather than those of who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invoker {
    /// Postgres 15 and later.
    Supported,
    /// Before.
    Unsupported,
}

impl Invoker {
    /// What this server can do.
    pub(crate) async fn of<C: ConnectionTrait>(connection: &C) -> Result<Self, DbErr> {
        let version = "SELECT current_setting('server_version_num')::int >= 150000";
        let rows = query(connection, version, []).await?;
        let is_supported = rows.first().map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(if is_supported == Some(true) { Self::Supported } else { Self::Unsupported })
    }
}

/// Drops the owner's views, so that their tables can be altered, and answers which they were.
pub(crate) async fn drop_all(
    transaction: &DatabaseTransaction,
    owner: Owner,
) -> Result<Vec<View>, DbErr> {
    let views = all(transaction, owner).await?;
    for view in &views {
        execute(transaction, drop(view)).await?;
    }
    Ok(views)
}

/// Makes them again, where their tables are still there.
pub(crate) async fn create_all(
    transaction: &DatabaseTransaction,
    owner: Owner,
    views: Vec<View>,
) -> Result<(), DbErr> {
    if views.is_empty() {
        return Ok(());
    }
    let Some(home) = table::schemas(transaction, owner).await?.into_iter().next() else {
        return Ok(());
    };
    let tables = table::owned(transaction, owner, &home).await?;
    let roles = role::grantees(transaction, owner, &home).await?;
    let invoker = Invoker::of(transaction).await?;
    for view in views.iter().filter(|view| tables.contains(&view.table)) {
        for statement in create(view, &home, invoker, &roles) {
            execute(transaction, statement).await?;
        }
    }
    Ok(())
}
