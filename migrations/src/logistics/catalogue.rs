//! What logistics knows of platform's catalogue; and an index to find the licences that end.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, integer, pk_uuid, uuid};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "logistics_0006_catalogue"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let product = Table::create()
            .table("logistics_product")
            .col(pk_uuid("id"))
            .col(uuid("channel_id"))
            .col(boolean("is_active"))
            .col(integer("version"))
            .to_owned();
        manager.create_table(product).await?;
        let channel = Table::create()
            .table("logistics_channel")
            .col(pk_uuid("id"))
            .col(boolean("is_active"))
            .to_owned();
        manager.create_table(channel).await?;
        let license = Index::create()
            .name("Driver_license")
            .table("Driver")
            .col("license_expires_on")
            .and_where(Expr::col("availability").eq("AVAILABLE"))
            .to_owned();
        manager.create_index(license).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("Driver_license").table("Driver").to_owned()).await?;
        for table in ["logistics_channel", "logistics_product"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
