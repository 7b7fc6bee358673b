//! Who owns tables, and which.

use sea_orm::DynIden;
use sea_orm_migration::MigratorTraitSelf;
use sea_orm_migration::prelude::{IntoIden, MigrationTrait};

use crate::{auth, logistics, platform};

/// Who owns tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Who you are.
    Auth,
    /// Who moves where.
    Logistics,
    /// What is on offer.
    Platform,
}

impl Owner {
    /// All owners.
    pub const ALL: [Self; 3] = [Self::Auth, Self::Logistics, Self::Platform];

    /// The name that the owner's further tables begin with: `auth`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Logistics => "logistics",
            Self::Platform => "platform",
        }
    }

    /// The table that records the owner's migrations: `auth_migrations`.
    pub fn migration_table(self) -> String {
        format!("{}_migrations", self.name())
    }

    /// Whether a table of this name is the owner's: one of the domain, or one that begins with the owner's name.
    pub fn owns(self, table: &str) -> bool {
        let domain: &[&str] = match self {
            Self::Auth => &["User", "UserRole", "RefreshToken"],
            Self::Logistics => &["Driver", "Vehicle", "Ride", "DriverRegistrationSession"],
            Self::Platform => &["ServiceChannel", "Product", "Advertisement"],
        };
        let further = table.strip_prefix(self.name()).is_some_and(|rest| rest.starts_with('_'));
        further || domain.contains(&table)
    }
}

impl MigratorTraitSelf for Owner {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        match self {
            Self::Auth => auth::migrations(),
            Self::Logistics => logistics::migrations(),
            Self::Platform => platform::migrations(),
        }
    }

    fn migration_table_name(&self) -> DynIden {
        self.migration_table().into_iden()
    }
}
