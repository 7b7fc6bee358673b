//! What logistics knows of platform's catalogue: which products are withdrawn, as platform's events tell.
//!
//! A product that was never told of is on offer: whoever shows its price has it from platform itself.

use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, Condition, DatabaseConnection, DatabaseTransaction, QuerySelect, QueryTrait,
};
use serde::Deserialize;
use service::bus::HandlerError;
use service::{BatchLoad, Event};
use uuid::Uuid;

use crate::table::{channel, product};

/// What tells of the catalogue.
pub(crate) const TOLD: [&str; 2] = ["product.updated", "channel.updated"];

/// What logistics reads of a product's event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldProduct {
    product_id: Uuid,
    channel_id: Uuid,
    is_active: bool,
    version: i32,
}

/// What logistics reads of a channel's event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldChannel {
    channel_id: Uuid,
    is_active: bool,
}

/// Writes down what an event of [`TOLD`] says.
pub(crate) async fn note(
    transaction: &DatabaseTransaction,
    event: &Event,
) -> Result<(), HandlerError> {
    if event.kind == "product.updated" {
        Ok(note_product(transaction, ToldProduct::deserialize(&event.payload)?).await?)
    } else {
        Ok(note_channel(transaction, ToldChannel::deserialize(&event.payload)?).await?)
    }
}

/// Unless something later is known.
async fn note_product(transaction: &DatabaseTransaction, told: ToldProduct) -> Result<(), DbErr> {
    let row = product::ActiveModel {
        id: Set(told.product_id),
        channel_id: Set(told.channel_id),
        is_active: Set(told.is_active),
        version: Set(told.version),
    };
    let known = Expr::col((product::Entity, product::Column::Version));
    let later = OnConflict::column(product::Column::Id)
        .update_columns([product::Column::IsActive, product::Column::Version])
        .action_and_where(known.lt(told.version))
        .to_owned();
    product::Entity::insert(row)
        .on_conflict(later)
        .exec_without_returning(transaction)
        .await
        .map(|_| ())
}

/// The events of a channel come in their order.
async fn note_channel(transaction: &DatabaseTransaction, told: ToldChannel) -> Result<(), DbErr> {
    let row = channel::ActiveModel { id: Set(told.channel_id), is_active: Set(told.is_active) };
    let changed =
        OnConflict::column(channel::Column::Id).update_column(channel::Column::IsActive).to_owned();
    channel::Entity::insert(row)
        .on_conflict(changed)
        .exec_without_returning(transaction)
        .await
        .map(|_| ())
}

/// Of these products, those that are not on offer: they, or their channels, are inactive.
pub(crate) struct WithdrawnProduct(pub(crate) DatabaseConnection);

impl BatchLoad for WithdrawnProduct {
    type Key = Uuid;
    type Value = ();
    const NAME: &'static str = "Product.withdrawn";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, ()>, DbErr> {
        let closed = channel::Entity::find()
            .select_only()
            .column(channel::Column::Id)
            .filter(channel::Column::IsActive.eq(false))
            .into_query();
        let withdrawn = Condition::any()
            .add(product::Column::IsActive.eq(false))
            .add(product::Column::ChannelId.in_subquery(closed));
        let found: Vec<Uuid> = product::Entity::find()
            .select_only()
            .column(product::Column::Id)
            .filter(product::Column::Id.is_in(keys.iter().copied()))
            .filter(withdrawn)
            .into_tuple()
            .all(&self.0)
            .await?;
        Ok(found.into_iter().map(|id| (id, ())).collect())
    }
}
