//! Rate cards: what a product costs. A price is never changed, only superseded.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{InputObject, Object, Result};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, DatabaseTransaction};
use serde::Serialize;
use service::{BatchLoad, CurrencyCode, MinorUnits, Problem, ValidationCode};
use uuid::Uuid;

use crate::table::rate_card;

/// The price of a product.
pub(crate) struct RateCard(pub(crate) Arc<rate_card::Model>);

fn amount(stored: i64) -> Result<MinorUnits> {
    Ok(MinorUnits::new(stored).ok_or("an amount is larger than money can be")?)
}

/// All amounts in minor units of the currency.
#[Object(shareable)]
impl RateCard {
    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn currency(&self) -> Result<CurrencyCode> {
        Ok(self.0.currency.parse()?)
    }

    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn base_fare(&self) -> Result<MinorUnits> {
        amount(self.0.base_fare)
    }

    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn per_kilometer(&self) -> Result<MinorUnits> {
        amount(self.0.per_kilometer)
    }

    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn per_minute(&self) -> Result<MinorUnits> {
        amount(self.0.per_minute)
    }

    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn minimum_fare(&self) -> Result<MinorUnits> {
        amount(self.0.minimum_fare)
    }

    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn cancellation_fee(&self) -> Result<MinorUnits> {
        amount(self.0.cancellation_fee)
    }
}

/// The prices that hold now, by product.
pub(crate) struct CurrentRateCard(pub(crate) DatabaseConnection);

impl BatchLoad for CurrentRateCard {
    type Key = Uuid;
    type Value = Arc<rate_card::Model>;
    const NAME: &'static str = "RateCard";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<rate_card::Model>>, DbErr> {
        let rows = rate_card::Entity::find()
            .filter(rate_card::Column::ProductId.is_in(keys.iter().copied()))
            .filter(rate_card::Column::SupersededAt.is_null());
        Ok(rows
            .all(&self.0)
            .await?
            .into_iter()
            .map(|row| (row.product_id, Arc::new(row)))
            .collect())
    }
}

/// What a product is to cost.
#[derive(Debug, Clone, InputObject)]
pub(crate) struct RateCardInput {
    currency: CurrencyCode,
    base_fare: MinorUnits,
    per_kilometer: MinorUnits,
    per_minute: MinorUnits,
    minimum_fare: MinorUnits,
    cancellation_fee: MinorUnits,
}

/// The prices of a card as plain numbers: what an idempotency key remembers, and what the seed writes.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Prices<'a> {
    pub(crate) currency: &'a str,
    pub(crate) base_fare: i64,
    pub(crate) per_kilometer: i64,
    pub(crate) per_minute: i64,
    pub(crate) minimum_fare: i64,
    pub(crate) cancellation_fee: i64,
}

/// The highest price, in minor units: no trip on the globe costs more than an amount of money can be.
const HIGHEST_PRICE: i64 = 10_000_000_000;

impl RateCardInput {
    /// What is wrong with it: a price may be nothing, but not less, and it has an end.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let prices = self.prices();
        let amounts = [
            ("baseFare", prices.base_fare),
            ("perKilometer", prices.per_kilometer),
            ("perMinute", prices.per_minute),
            ("minimumFare", prices.minimum_fare),
            ("cancellationFee", prices.cancellation_fee),
        ];
        let beyond = amounts.into_iter().filter(|(_, it)| !(0..=HIGHEST_PRICE).contains(it));
        beyond
            .map(|(name, _)| {
                let message = format!("{name} lies between 0 and {HIGHEST_PRICE}");
                Problem::validation(ValidationCode::OUT_OF_RANGE, &["rateCard", name], message)
            })
            .collect()
    }

    pub(crate) fn prices(&self) -> Prices<'_> {
        Prices {
            currency: self.currency.as_str(),
            base_fare: self.base_fare.amount(),
            per_kilometer: self.per_kilometer.amount(),
            per_minute: self.per_minute.amount(),
            minimum_fare: self.minimum_fare.amount(),
            cancellation_fee: self.cancellation_fee.amount(),
        }
    }
}

/// Makes these the prices of a product; the ones before are kept, with the time of their end.
pub(crate) async fn supersede(
    transaction: &DatabaseTransaction,
    product_id: Uuid,
    version: i32,
    prices: Prices<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    rate_card::Entity::update_many()
        .col_expr(rate_card::Column::SupersededAt, Expr::value(now))
        .filter(rate_card::Column::ProductId.eq(product_id))
        .filter(rate_card::Column::SupersededAt.is_null())
        .exec(transaction)
        .await?;
    let row = rate_card::ActiveModel {
        product_id: Set(product_id),
        version: Set(version),
        currency: Set(prices.currency.to_owned()),
        base_fare: Set(prices.base_fare),
        per_kilometer: Set(prices.per_kilometer),
        per_minute: Set(prices.per_minute),
        minimum_fare: Set(prices.minimum_fare),
        cancellation_fee: Set(prices.cancellation_fee),
        created_at: Set(now),
        superseded_at: Set(None),
    };
    row.insert(transaction).await?;
    Ok(())
}
