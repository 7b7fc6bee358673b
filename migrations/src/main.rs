//! The binary `migrate`: brings the services' tables up or down, or says how they stand.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use migrations::{Owner, Place};

/// Brings the tables of the services up or down.
#[derive(Debug, Parser)]
#[command(name = "migrate", version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    places: Places,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Apply the migrations that are missing.
    Up(Owners),
    /// Take back the latest migrations, and with them the rows of their tables.
    Down {
        #[command(flatten)]
        owners: Owners,
        /// How many of each owner.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Say which migrations the database has.
    Status(Owners),
}

#[derive(Debug, Args)]
struct Owners {
    /// Whose tables; everyone's by default.
    #[arg(long, value_enum)]
    owner: Option<OwnerName>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OwnerName {
    Auth,
    Logistics,
    Platform,
}

/// Where the tables are: one database for all, or one for each.
#[derive(Debug, Args)]
struct Places {
    /// The database of all owners: `postgres://…`, with `?schema=` where a schema is meant, or `sqlite://…`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    database_url: Option<String>,
    /// The Postgres schema, where the URL names none.
    #[arg(long, env = "DB_SCHEMA", global = true)]
    db_schema: Option<String>,
    /// The database of auth, where it has one of its own.
    #[arg(long, env = "AUTH_DB_URL", hide_env_values = true, global = true)]
    auth_db_url: Option<String>,
    /// The database of logistics, where it has one of its own.
    #[arg(long, env = "LOGISTICS_DB_URL", hide_env_values = true, global = true)]
    logistics_db_url: Option<String>,
    /// The database of platform, where it has one of its own.
    #[arg(long, env = "PLATFORM_DB_URL", hide_env_values = true, global = true)]
    platform_db_url: Option<String>,
}

impl Places {
    fn of(&self, owner: Owner) -> Result<Place> {
        let own = match owner {
            Owner::Auth => &self.auth_db_url,
            Owner::Logistics => &self.logistics_db_url,
            Owner::Platform => &self.platform_db_url,
        };
        let url = own.as_ref().or(self.database_url.as_ref());
        let url = url.with_context(|| {
            format!("no database for {}: set --database-url or DATABASE_URL", owner.name())
        })?;
        Ok(Place::parse(url).or_schema(self.db_schema.as_deref()))
    }
}

impl Owners {
    fn list(&self) -> Vec<Owner> {
        match self.owner {
            None => Owner::ALL.to_vec(),
            Some(OwnerName::Auth) => vec![Owner::Auth],
            Some(OwnerName::Logistics) => vec![Owner::Logistics],
            Some(OwnerName::Platform) => vec![Owner::Platform],
        }
    }
}

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
    let (Command::Up(owners) | Command::Down { owners, .. } | Command::Status(owners)) =
        &command_line.command;
    let mut report = String::new();
    for owner in owners.list() {
        let name = owner.name();
        let database = command_line.places.of(owner)?.connect().await;
        let database = database.with_context(|| format!("cannot reach the database of {name}"))?;
        let (verb, names) = match &command_line.command {
            Command::Up(_) => ("applied", migrations::up(&database, owner).await?),
            Command::Down { steps, .. } => {
                ("took back", migrations::down(&database, owner, *steps).await?)
            }
            Command::Status(_) => {
                for migration in migrations::status(&database, owner).await? {
                    let state = if migration.is_applied { "applied" } else { "pending" };
                    writeln!(report, "{state}  {}", migration.name)?;
                }
                continue;
            }
        };
        if names.is_empty() {
            writeln!(report, "{name}: nothing to do")?;
        }
        for migration in names {
            writeln!(report, "{name}: {verb} {migration}")?;
        }
    }
    Ok(report)
}
