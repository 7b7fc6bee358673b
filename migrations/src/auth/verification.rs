//! One-time secrets: to verify a mail address or a phone number, or to reset a password.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    integer, pk_uuid, string, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "auth_0002_verification"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("auth_verification")
            .col(pk_uuid("id"))
            .col(uuid("user_id"))
            .col(string("purpose"))
            // The address or number that it was sent to.
            .col(string("target"))
            .col(string("secret_hash"))
            .col(integer("attempts"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("expires_at"))
            .col(timestamp_with_time_zone_null("used_at"))
            .foreign_key(
                ForeignKey::create()
                    .name("auth_verification_user")
                    .from("auth_verification", "user_id")
                    .to("User", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(table).await?;
        let by_user = Index::create()
            .name("auth_verification_user_purpose")
            .table("auth_verification")
            .col("user_id")
            .col("purpose")
            .to_owned();
        manager.create_index(by_user).await?;
        let by_secret = Index::create()
            .name("auth_verification_secret")
            .table("auth_verification")
            .col("secret_hash")
            .to_owned();
        manager.create_index(by_secret).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("auth_verification").to_owned()).await
    }
}
