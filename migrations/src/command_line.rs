//! What `migrate` is told: a command, and where each owner's tables are, from flags and the environment.

use anyhow::{Context as _, Result};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand, ValueEnum};
use migrations::{Owner, Place, Role};

/// Brings the tables of the services up or down, and into schemas of their own.
#[derive(Debug, Parser)]
#[command(name = "migrate", version, about)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Task,
    #[command(flatten)]
    pub(crate) places: Places,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Apply the migrations that are missing.
    Up {
        #[command(flatten)]
        scope: Scope,
        /// Give each service a Postgres role that may use its own tables and no others.
        #[arg(long)]
        roles: bool,
    },
    /// Take back the latest migrations, and with them the rows of their tables.
    Down {
        #[command(flatten)]
        scope: Scope,
        /// How many of each owner.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Say which migrations the database has.
    Status {
        /// Whose tables; everyone's by default.
        #[arg(long, value_enum)]
        owner: Option<OwnerName>,
    },
    /// Move each owner's tables into a schema of their own, while the services run.
    Split(Move),
    /// Move them back.
    Unsplit(Move),
}

/// On whose tables a command works, and whether it does.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// Whose tables; everyone's by default.
    #[arg(long, value_enum)]
    pub(crate) owner: Option<OwnerName>,
    /// Print the SQL, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A move, or its end.
#[derive(Debug, Args)]
pub(crate) struct Move {
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// Once all services have been restarted: drop the views that the move left in the old place.
    #[arg(long)]
    pub(crate) finish: bool,
}

/// An owner, as the command line calls it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OwnerName {
    Auth,
    Logistics,
    Platform,
}

impl OwnerName {
    /// This owner, or all where none is named.
    pub(crate) fn list(name: Option<Self>) -> Vec<Owner> {
        match name {
            None => Owner::ALL.to_vec(),
            Some(Self::Auth) => vec![Owner::Auth],
            Some(Self::Logistics) => vec![Owner::Logistics],
            Some(Self::Platform) => vec![Owner::Platform],
        }
    }
}

/// Where the tables are and who may use them: the same for all owners, or for each its own.
#[derive(Debug, Args)]
pub(crate) struct Places {
    /// The database of all owners: `postgres://…`, with `?schema=` where a schema is meant, or `sqlite://…`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    database_url: Option<String>,
    /// The Postgres schema, where the URL names none.
    #[arg(long, env = "DB_SCHEMA", global = true)]
    db_schema: Option<String>,
    #[command(flatten)]
    own: OwnPlaces,
}

impl Places {
    /// Where the owner's tables are.
    pub(crate) fn of(&self, owner: Owner) -> Result<Place> {
        let url = self.own.value(owner, Setting::Url).or(self.database_url.as_deref());
        let url = url.with_context(|| {
            format!("no database for {}: set --database-url or DATABASE_URL", owner.name())
        })?;
        Ok(Place::parse(url).or_schema(self.db_schema.as_deref()))
    }

    /// The schema that the owner's tables move to.
    pub(crate) fn schema(&self, owner: Owner) -> String {
        self.own.value(owner, Setting::Schema).unwrap_or(owner.name()).to_owned()
    }

    /// The role of the owner's service.
    pub(crate) fn role(&self, owner: Owner) -> Role {
        let name = self.own.value(owner, Setting::Role);
        Role {
            name: name.map_or_else(|| format!("ridegraph_{}", owner.name()), str::to_owned),
            password: self.own.value(owner, Setting::Password).map(Into::into),
            schema: self.schema(owner),
        }
    }
}

/// What each owner may have of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Url,
    Schema,
    Role,
    Password,
}

/// Each of these settings: whose it is, its flag, and the variable that is read where the flag is not given.
const SETTINGS: [(Owner, Setting, &str, &str); 12] = [
    (Owner::Auth, Setting::Url, "auth-db-url", "AUTH_DB_URL"),
    (Owner::Auth, Setting::Schema, "auth-db-schema", "AUTH_DB_SCHEMA"),
    (Owner::Auth, Setting::Role, "auth-db-role", "AUTH_DB_ROLE"),
    (Owner::Auth, Setting::Password, "auth-db-password", "AUTH_DB_PASSWORD"),
    (Owner::Logistics, Setting::Url, "logistics-db-url", "LOGISTICS_DB_URL"),
    (Owner::Logistics, Setting::Schema, "logistics-db-schema", "LOGISTICS_DB_SCHEMA"),
    (Owner::Logistics, Setting::Role, "logistics-db-role", "LOGISTICS_DB_ROLE"),
    (Owner::Logistics, Setting::Password, "logistics-db-password", "LOGISTICS_DB_PASSWORD"),
    (Owner::Platform, Setting::Url, "platform-db-url", "PLATFORM_DB_URL"),
    (Owner::Platform, Setting::Schema, "platform-db-schema", "PLATFORM_DB_SCHEMA"),
    (Owner::Platform, Setting::Role, "platform-db-role", "PLATFORM_DB_ROLE"),
    (Owner::Platform, Setting::Password, "platform-db-password", "PLATFORM_DB_PASSWORD"),
];

fn help(owner: Owner, setting: Setting) -> String {
    let name = owner.name();
    match setting {
        Setting::Url => format!("The database of {name}, where it has one of its own"),
        Setting::Schema => format!("The schema that `split` moves its tables to [default: {name}]"),
        Setting::Role => format!("Its Postgres role [default: ridegraph_{name}]"),
        Setting::Password => "The role's password, for `up --roles` to set".to_owned(),
    }
}

/// The settings that are given and not empty, by flag.
#[derive(Debug, Default)]
struct OwnPlaces(Vec<(&'static str, String)>);

impl OwnPlaces {
    fn value(&self, owner: Owner, setting: Setting) -> Option<&str> {
        let (.., flag, _) = SETTINGS.iter().find(|row| (row.0, row.1) == (owner, setting))?;
        self.0.iter().find(|(name, _)| name == flag).map(|(_, value)| value.as_str())
    }
}

impl Args for OwnPlaces {
    fn augment_args(command: Command) -> Command {
        command.args(SETTINGS.map(|(owner, setting, flag, variable)| {
            let argument = Arg::new(flag).long(flag).env(variable).help(help(owner, setting));
            argument.hide_env_values(true).global(true).value_name("VALUE")
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OwnPlaces {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = SETTINGS.iter().filter_map(|(.., flag, _)| {
            let value = matches.get_one::<String>(flag).filter(|value| !value.is_empty())?;
            Some((*flag, value.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn what_is_an_owners_own_goes_before_what_is_shared() {
        let places = |arguments: &[&str]| CommandLine::parse_from(arguments).places;
        let shared = places(&["migrate", "--database-url", "postgres://db/all", "status"]);
        assert_eq!(shared.of(Owner::Auth).unwrap(), Place::parse("postgres://db/all"));
        let own = places(&[
            "migrate",
            "up",
            "--database-url=postgres://db/all",
            "--db-schema=rides",
            "--auth-db-url=postgres://db/identity?schema=people",
            "--auth-db-role=reader",
        ]);
        let identity = Place::parse("postgres://db/identity?schema=people");
        assert_eq!(own.of(Owner::Auth).unwrap(), identity);
        assert_eq!(
            own.of(Owner::Platform).unwrap(),
            Place::parse("postgres://db/all?schema=rides")
        );
        assert_eq!(own.role(Owner::Auth).name, "reader");
        assert_eq!(own.role(Owner::Platform).name, "ridegraph_platform");
    }
}
