//! The binary `migrate`: brings the services' tables up or down, moves them, or says how they stand.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use migrations::{Change, Owner, Run};
use sea_orm::{DatabaseConnection, DbErr};

use crate::command_line::{CommandLine, Move, OwnerName, Places, Scope, Task};

mod command_line;

#[tokio::main]
async fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    match run(&command_line).await {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("migrate: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does what is asked, owner after owner, and says what was done.
async fn run(command_line: &CommandLine) -> Result<String> {
    let places = &command_line.places;
    let owner = match &command_line.command {
        Task::Up { scope, .. } | Task::Down { scope, .. } => scope.owner,
        Task::Split(moved) | Task::Unsplit(moved) => moved.scope.owner,
        Task::Status { owner } => *owner,
    };
    let mut report = String::new();
    for owner in OwnerName::list(owner) {
        let name = owner.name();
        let database = places.of(owner)?.connect().await.map_err(explained);
        let database = database.with_context(|| format!("cannot reach the database of {name}"))?;
        let done = match &command_line.command {
            Task::Up { scope, roles } => up(&database, owner, scope, roles.then_some(places)).await,
            Task::Down { scope, steps } => down(&database, owner, scope, *steps).await,
            Task::Status { .. } => status(&database, owner).await,
            Task::Split(moved) => split(&database, owner, moved, &places.schema(owner)).await,
            Task::Unsplit(moved) => unsplit(&database, owner, moved, &places.schema(owner)).await,
        };
        report += &done.map_err(explained)?;
    }
    Ok(report)
}

async fn up(
    database: &DatabaseConnection,
    owner: Owner,
    scope: &Scope,
    roles: Option<&Places>,
) -> Result<String, DbErr> {
    let role = roles.map(|places| places.role(owner));
    if scope.dry_run {
        return migrations::up_sql(database, owner, role.as_ref()).await.map(|sql| script(&sql));
    }
    let Some(role) = role else {
        return migrations::up(database, owner).await.map(|names| list(owner, "applied", &names));
    };
    let names = migrations::up_with_role(database, owner, &role).await?;
    let (name, list) = (owner.name(), list(owner, "applied", &names));
    Ok(format!("{list}{name}: the role `{}` may use its tables, and no others\n", role.name))
}

async fn down(
    database: &DatabaseConnection,
    owner: Owner,
    scope: &Scope,
    steps: u32,
) -> Result<String, DbErr> {
    if scope.dry_run {
        return migrations::down_sql(database, owner, steps).await.map(|sql| script(&sql));
    }
    let names = migrations::down(database, owner, steps).await?;
    Ok(list(owner, "took back", &names))
}

async fn status(database: &DatabaseConnection, owner: Owner) -> Result<String, DbErr> {
    let state = |is_applied: bool| if is_applied { "applied" } else { "pending" };
    let mut lines = String::new();
    for migration in migrations::status(database, owner).await? {
        let _ = writeln!(lines, "{}  {}", state(migration.is_applied), migration.name);
    }
    Ok(lines)
}

async fn split(
    database: &DatabaseConnection,
    owner: Owner,
    moved: &Move,
    schema: &str,
) -> Result<String, DbErr> {
    let run = run_of(&moved.scope);
    if moved.finish {
        let change = migrations::finish(database, owner, schema, run).await?;
        return Ok(told(owner, run, &change, "dropped the views in the old place"));
    }
    let change = migrations::split(database, owner, schema, run).await?;
    Ok(told(owner, run, &change, &format!("moved to the schema `{schema}`")))
}

async fn unsplit(
    database: &DatabaseConnection,
    owner: Owner,
    moved: &Move,
    schema: &str,
) -> Result<String, DbErr> {
    let run = run_of(&moved.scope);
    if moved.finish {
        let change = migrations::finish(database, owner, schema, run).await?;
        return Ok(told(owner, run, &change, &format!("dropped the views in `{schema}`")));
    }
    let change = migrations::unsplit(database, owner, schema, run).await?;
    Ok(told(owner, run, &change, "moved back"))
}

fn run_of(scope: &Scope) -> Run {
    if scope.dry_run { Run::Dry } else { Run::Real }
}

fn told(owner: Owner, run: Run, change: &Change, what: &str) -> String {
    let (name, attempts) = (owner.name(), change.attempts);
    match (run, attempts) {
        (Run::Dry, _) => script(&change.statements),
        _ if change.statements.is_empty() => format!("{name}: nothing to do\n"),
        (Run::Real, 1) => format!("{name}: {what}\n"),
        (Run::Real, _) => {
            format!("{name}: {what}, at attempt {attempts}: its tables were in use\n")
        }
    }
}

fn list(owner: Owner, verb: &str, names: &[String]) -> String {
    let name = owner.name();
    if names.is_empty() {
        return format!("{name}: nothing to do\n");
    }
    let mut lines = String::new();
    for migration in names {
        let _ = writeln!(lines, "{name}: {verb} {migration}");
    }
    lines
}

/// The statements as a script for psql or sqlite3.
fn script(statements: &[String]) -> String {
    if statements.is_empty() {
        return String::new();
    }
    let mut script = String::from("BEGIN;\n");
    for statement in statements {
        let _ = writeln!(script, "{statement};");
    }
    script + "COMMIT;\n"
}

/// What a transaction-mode pooler makes of our statements, in words that name the way out.
fn explained(error: DbErr) -> DbErr {
    let text = error.to_string();
    if text.contains("prepared statement") && text.contains("sqlx_s_") {
        let message = "a pooler in transaction mode is in between, which loses prepared statements: \
            connect to Postgres itself, or to the pooler's session mode";
        return DbErr::Migration(message.to_owned());
    }
    error
}
