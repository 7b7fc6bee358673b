//! Users, their roles, their sessions, and the attempts that throttling counts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, pk_uuid, string, string_null, string_uniq, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::events;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "auth_0001_accounts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        events::create(manager, "auth").await?;
        for table in [user(), user_role(), session(), refresh_token(), attempt()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["auth_attempt", "RefreshToken", "auth_session", "UserRole", "User"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        events::drop(manager, "auth").await
    }
}

fn user() -> TableCreateStatement {
    Table::create()
        .table("User")
        .col(pk_uuid("id"))
        // In lower case: one account, however it is written.
        .col(string_uniq("email"))
        .col(boolean("email_verified"))
        .col(ColumnDef::new("phone").string().null().unique_key())
        .col(boolean("phone_verified"))
        .col(text("password_hash"))
        .col(string("first_name"))
        .col(string("last_name"))
        .col(text_null("avatar_url"))
        .col(string_null("locale"))
        .col(boolean("is_active"))
        .col(text_null("deactivation_reason"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .to_owned()
}

fn user_role() -> TableCreateStatement {
    Table::create()
        .table("UserRole")
        .col(uuid("user_id"))
        .col(string("role"))
        .col(timestamp_with_time_zone("granted_at"))
        .primary_key(Index::create().col("user_id").col("role"))
        .foreign_key(&mut to_user("UserRole"))
        .to_owned()
}

/// A signed-in device: a family of refresh tokens, each the successor of another.
fn session() -> TableCreateStatement {
    Table::create()
        .table("auth_session")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(string_null("device_name"))
        .col(text_null("user_agent"))
        .col(string_null("ip_address"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("last_used_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("revoked_at"))
        .foreign_key(&mut to_user("auth_session"))
        .to_owned()
}

fn refresh_token() -> TableCreateStatement {
    Table::create()
        .table("RefreshToken")
        .col(pk_uuid("id"))
        .col(uuid("session_id"))
        .col(string_uniq("token_hash"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("used_at"))
        .col(uuid_null("replaced_by"))
        .foreign_key(
            ForeignKey::create()
                .name("RefreshToken_session")
                .from("RefreshToken", "session_id")
                .to("auth_session", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// What throttling counts: an attempt of `kind` by `subject`, an account or an address.
fn attempt() -> TableCreateStatement {
    Table::create()
        .table("auth_attempt")
        .col(pk_uuid("id"))
        .col(string("kind"))
        .col(string("subject"))
        .col(timestamp_with_time_zone("at"))
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 6] {
    let index =
        |name: &str, table: &'static str| Index::create().name(name).table(table).to_owned();
    [
        index("User_created", "User").col("created_at").col("id").to_owned(),
        index("UserRole_role", "UserRole").col("role").to_owned(),
        index("auth_session_user", "auth_session").col("user_id").to_owned(),
        index("RefreshToken_session_id", "RefreshToken").col("session_id").to_owned(),
        index("auth_attempt_at", "auth_attempt").col("at").to_owned(),
        index("auth_attempt_subject", "auth_attempt")
            .col("kind")
            .col("subject")
            .col("at")
            .to_owned(),
    ]
}

fn to_user(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_user"))
        .from(table, "user_id")
        .to("User", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
