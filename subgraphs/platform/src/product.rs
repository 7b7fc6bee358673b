//! Products: what can be booked in a channel, and at what price.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{DatabaseConnection, QueryOrder};
use service::{
    Batch, BatchLoad, Caller, Connection, Direction, Keyset, Page, paginate, wants_total_count,
};
use uuid::Uuid;

use crate::catalogue::Catalogue;
use crate::channel::{ChannelById, ServiceChannel};
use crate::kind::{ServiceType, VehicleType};
use crate::rate_card::{CurrentRateCard, RateCard};
use crate::ride::{ProductStats, StatsByProduct};
use crate::table::{product, service_channel};

/// What can be booked.
#[derive(Clone)]
pub(crate) struct Product(pub(crate) Arc<product::Model>);

/// What can be booked. One that is not sold, as it or its channel is inactive, is for read:platform; a ride or a quote
/// that names it shows it all the same, without its prices.
#[Object]
impl Product {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn channel(&self, ctx: &Context<'_>) -> Result<ServiceChannel> {
        let row = Batch::<ChannelById>::of(ctx).one(self.0.channel_id).await?;
        Ok(ServiceChannel(row.ok_or("a product without its channel")?))
    }

    async fn code(&self) -> &str {
        &self.0.code
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn description(&self) -> &str {
        &self.0.description
    }

    async fn icon_url(&self) -> Option<&str> {
        self.0.icon_url.as_deref()
    }

    async fn seats(&self) -> i32 {
        self.0.seats
    }

    async fn is_active(&self) -> bool {
        self.0.is_active
    }

    async fn sort_order(&self) -> i32 {
        self.0.sort_order
    }

    /// What kind of service this product sells.
    async fn service_type(&self) -> ServiceType {
        self.0.service_type
    }

    /// Vehicles that may serve it.
    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn vehicle_types(&self) -> Result<Vec<VehicleType>> {
        Ok(serde_json::from_value(self.0.vehicle_types.clone())?)
    }

    /// Null where the product is not sold, but for read:platform.
    #[graphql(shareable)]
    async fn rate_card(&self, ctx: &Context<'_>) -> Option<Result<RateCard>> {
        match is_shown(ctx, &self.0).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(error)),
        }
        Batch::<CurrentRateCard>::of(ctx)
            .one(self.0.id)
            .await
            .transpose()
            .map(|row| row.map(RateCard))
    }

    async fn version(&self) -> i32 {
        self.0.version
    }

    /// How it is booked; for operations.
    #[graphql(requires_scopes = "read:platform")]
    async fn stats(&self, ctx: &Context<'_>) -> Option<Result<ProductStats>> {
        if !Caller::of(ctx).has_scope("read:platform") {
            return None;
        }
        let stats = Batch::<StatsByProduct>::of(ctx).one(self.0.id).await;
        Some(stats.map(Option::unwrap_or_default))
    }
}

impl Product {
    /// The product, where the caller may see it: what is not sold needs `read:platform`.
    pub(crate) async fn visible(
        ctx: &Context<'_>,
        row: Arc<product::Model>,
    ) -> Result<Option<Self>> {
        Ok(is_shown(ctx, &row).await?.then_some(Self(row)))
    }
}

async fn is_shown(ctx: &Context<'_>, row: &product::Model) -> Result<bool> {
    if Caller::of(ctx).has_scope("read:platform") {
        return Ok(true);
    }
    let channel = Batch::<ChannelById>::of(ctx).one(row.channel_id).await?;
    Ok(row.is_active && channel.is_some_and(|channel| channel.is_active))
}

/// Products by id.
pub(crate) struct ProductById(pub(crate) DatabaseConnection);

impl BatchLoad for ProductById {
    type Key = Uuid;
    type Value = Arc<product::Model>;
    const NAME: &'static str = "Product";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<product::Model>>, DbErr> {
        let rows = product::Entity::find().filter(product::Column::Id.is_in(keys.iter().copied()));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.id, Arc::new(row))).collect())
    }
}

/// The products of channels, in their order.
pub(crate) struct ProductsByChannel(pub(crate) DatabaseConnection);

impl BatchLoad for ProductsByChannel {
    type Key = Uuid;
    type Value = Vec<Arc<product::Model>>;
    const NAME: &'static str = "Product.channel";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Vec<Arc<product::Model>>>, DbErr> {
        let rows = product::Entity::find()
            .filter(product::Column::ChannelId.is_in(keys.iter().copied()))
            .order_by_asc(product::Column::SortOrder)
            .order_by_asc(product::Column::Id);
        let mut found: HashMap<Uuid, Vec<Arc<product::Model>>> = HashMap::new();
        for row in rows.all(&self.0).await? {
            found.entry(row.channel_id).or_default().push(Arc::new(row));
        }
        Ok(found)
    }
}

#[derive(InputObject)]
struct ProductFilterInput {
    channel_id: Option<ID>,
    is_active: Option<bool>,
}

/// The queries of products.
#[derive(Default)]
pub(crate) struct ProductQuery;

#[Object]
impl ProductQuery {
    #[graphql(cache_control(max_age = 60))]
    async fn products(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<ProductFilterInput>,
    ) -> Result<Connection<Product>> {
        let page = Page::new(first, after, last, before)?;
        let mut rows = product::Entity::find();
        if !Caller::of(ctx).has_scope("read:platform") {
            let open = Query::select()
                .column(service_channel::Column::Id)
                .from(service_channel::Entity)
                .and_where(service_channel::Column::IsActive.eq(true))
                .to_owned();
            rows = rows
                .filter(product::Column::IsActive.eq(true))
                .filter(product::Column::ChannelId.in_subquery(open));
        }
        if let Some(filter) = filter {
            if let Some(is_active) = filter.is_active {
                rows = rows.filter(product::Column::IsActive.eq(is_active));
            }
            if let Some(channel_id) = filter.channel_id {
                // A malformed id is one that no channel has.
                rows = rows.filter(
                    product::Column::ChannelId.eq(channel_id.parse::<Uuid>().unwrap_or_default()),
                );
            }
        }
        let database = &Catalogue::of(ctx).parts.database.read;
        let total =
            if wants_total_count(ctx) { Some(rows.clone().count(database).await?) } else { None };
        let keyset = Keyset {
            sort: product::Column::SortOrder,
            id: product::Column::Id,
            direction: Direction::Ascending,
        };
        let slice = paginate(rows, keyset, &page, |row| (row.sort_order, row.id), database).await?;
        Ok(slice.into_connection(total, |row| Product(Arc::new(row))))
    }

    #[graphql(cache_control(max_age = 60))]
    async fn product(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Product>> {
        by_id(ctx, id.parse().ok()?).await
    }

    #[graphql(entity)]
    async fn find_product_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Product>> {
        // A ride keeps its product's name when the product is no longer sold.
        Batch::<ProductById>::of(ctx)
            .one(id.parse().ok()?)
            .await
            .transpose()
            .map(|row| row.map(Product))
    }
}

/// The product of this id, where the caller may see it.
pub(crate) async fn by_id(ctx: &Context<'_>, id: Uuid) -> Option<Result<Product>> {
    match Batch::<ProductById>::of(ctx).one(id).await.transpose()? {
        Ok(row) => Product::visible(ctx, row).await.transpose(),
        Err(error) => Some(Err(error)),
    }
}
