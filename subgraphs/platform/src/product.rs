//! Products: what can be booked in a channel, and at what price.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{ActiveValue::Set, DatabaseConnection, IntoActiveModel, QueryOrder, SqlErr};
use serde_json::json;
use service::{
    Batch, BatchLoad, Caller, ConflictCode, Connection, Direction, Keyset, NewEvent, Page, Problem,
    ValidationCode, paginate, wants_total_count,
};
use uuid::Uuid;

use crate::catalogue::{Catalogue, Creation, text, web_address};
use crate::channel::{ChannelById, ServiceChannel};
use crate::kind::{ServiceType, VehicleType};
use crate::rate_card::{CurrentRateCard, RateCard, RateCardInput, supersede};
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

#[derive(InputObject)]
struct CreateProductInput {
    channel_id: ID,
    code: String,
    name: String,
    description: String,
    service_type: ServiceType,
    vehicle_types: Vec<VehicleType>,
    seats: i32,
    icon_url: Option<String>,
    #[graphql(default = 0)]
    sort_order: i32,
    #[graphql(default = true)]
    is_active: bool,
    rate_card: RateCardInput,
    idempotency_key: Option<ID>,
}

#[derive(InputObject)]
struct UpdateProductInput {
    id: ID,
    name: Option<String>,
    description: Option<String>,
    vehicle_types: Option<Vec<VehicleType>>,
    seats: Option<i32>,
    icon_url: Option<String>,
    sort_order: Option<i32>,
    is_active: Option<bool>,
    rate_card: Option<RateCardInput>,
    expected_version: i32,
}

#[derive(SimpleObject)]
struct CreateProductPayload {
    product: Option<Product>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct UpdateProductPayload {
    product: Option<Product>,
    problems: Vec<Problem>,
}

/// The mutations of products.
#[derive(Default)]
pub(crate) struct ProductMutation;

#[Object]
impl ProductMutation {
    #[graphql(requires_scopes = "write:platform")]
    async fn create_product(
        &self,
        ctx: &Context<'_>,
        input: CreateProductInput,
    ) -> Option<Result<CreateProductPayload>> {
        let created = create(ctx, input).await;
        Some(created.map(|created| match created {
            Ok(row) => {
                CreateProductPayload { product: Some(Product(Arc::new(row))), problems: vec![] }
            }
            Err(problems) => CreateProductPayload { product: None, problems },
        }))
    }

    #[graphql(requires_scopes = "write:platform")]
    async fn update_product(
        &self,
        ctx: &Context<'_>,
        input: UpdateProductInput,
    ) -> Option<Result<UpdateProductPayload>> {
        let updated = update(ctx, input).await;
        Some(updated.map(|updated| match updated {
            Ok(row) => {
                UpdateProductPayload { product: Some(Product(Arc::new(row))), problems: vec![] }
            }
            Err(problems) => UpdateProductPayload { product: None, problems },
        }))
    }
}

type Changed = Result<Result<product::Model, Vec<Problem>>>;

fn seats_problem(seats: i32) -> Option<Problem> {
    (!(0..=60).contains(&seats)).then(|| {
        Problem::validation(ValidationCode::OUT_OF_RANGE, &["seats"], "a product has 0 to 60 seats")
    })
}

fn vehicles_problem(types: &[VehicleType]) -> Option<Problem> {
    types.is_empty().then(|| {
        Problem::validation(
            ValidationCode::REQUIRED,
            &["vehicleTypes"],
            "some vehicle must be able to serve it",
        )
    })
}

async fn create(ctx: &Context<'_>, input: CreateProductInput) -> Changed {
    Caller::of(ctx).require_scope("write:platform")?;
    let catalogue = Catalogue::of(ctx);
    let checks = [
        text(&input.code, "code", 40),
        text(&input.name, "name", 100),
        text(&input.description, "description", 2_000),
        input.icon_url.as_deref().and_then(|url| web_address(url, "iconUrl")),
        seats_problem(input.seats),
        vehicles_problem(&input.vehicle_types),
    ];
    let mut problems: Vec<Problem> = checks.into_iter().flatten().collect();
    problems.extend(input.rate_card.problems());
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let no_channel = || Ok(Err(vec![Problem::not_found("channel")]));
    let Ok(channel_id) = input.channel_id.parse::<Uuid>() else { return no_channel() };
    let now = catalogue.parts.clock.now();
    let transaction = catalogue.parts.database.begin().await?;
    if service_channel::Entity::find_by_id(channel_id).one(&transaction).await?.is_none() {
        return no_channel();
    }
    let asked = (
        (channel_id, &input.code, &input.name, &input.description, &input.icon_url),
        (input.service_type, &input.vehicle_types, input.seats, input.sort_order, input.is_active),
        input.rate_card.prices(),
    );
    let key = input.idempotency_key.as_ref().map(|key| key.as_str());
    let id = match catalogue.creation(ctx, &transaction, "createProduct", key, &asked).await? {
        Creation::New(id) => id,
        Creation::Reused(problem) => return Ok(Err(vec![problem])),
        Creation::Made(id) => {
            let row = product::Entity::find_by_id(id).one(&transaction).await?;
            return Ok(row.ok_or_else(|| vec![Problem::not_found("product")]));
        }
    };
    let row = product::ActiveModel {
        id: Set(id),
        channel_id: Set(channel_id),
        code: Set(input.code),
        name: Set(input.name),
        description: Set(input.description),
        icon_url: Set(input.icon_url),
        seats: Set(input.seats),
        is_active: Set(input.is_active),
        sort_order: Set(input.sort_order),
        service_type: Set(input.service_type),
        vehicle_types: Set(serde_json::to_value(&input.vehicle_types)?),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let row = match row.insert(&transaction).await {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            let message = "another product of the channel has this code";
            return Ok(Err(vec![Problem::conflict(ConflictCode::SLUG_TAKEN, message)]));
        }
        other => other?,
    };
    supersede(&transaction, id, 1, input.rate_card.prices(), now).await?;
    record(catalogue, &transaction, &row).await?;
    catalogue.outbox.commit(transaction).await?;
    Ok(Ok(row))
}

async fn update(ctx: &Context<'_>, input: UpdateProductInput) -> Changed {
    Caller::of(ctx).require_scope("write:platform")?;
    let catalogue = Catalogue::of(ctx);
    let checks = [
        input.name.as_deref().and_then(|name| text(name, "name", 100)),
        input
            .description
            .as_deref()
            .and_then(|description| text(description, "description", 2_000)),
        input.icon_url.as_deref().and_then(|url| web_address(url, "iconUrl")),
        input.seats.and_then(seats_problem),
        input.vehicle_types.as_deref().and_then(vehicles_problem),
    ];
    let mut problems: Vec<Problem> = checks.into_iter().flatten().collect();
    problems.extend(input.rate_card.iter().flat_map(RateCardInput::problems));
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let missing = || Ok(Err(vec![Problem::not_found("product")]));
    let Ok(id) = input.id.parse::<Uuid>() else { return missing() };
    let now = catalogue.parts.clock.now();
    let transaction = catalogue.parts.database.begin().await?;
    let Some(row) = product::Entity::find_by_id(id).one(&transaction).await? else {
        return missing();
    };
    let version = row.version + 1;
    let mut change = row.into_active_model();
    change.version = Set(version);
    change.updated_at = Set(now);
    if let Some(name) = input.name {
        change.name = Set(name);
    }
    if let Some(description) = input.description {
        change.description = Set(description);
    }
    if let Some(vehicle_types) = input.vehicle_types {
        change.vehicle_types = Set(serde_json::to_value(vehicle_types)?);
    }
    if let Some(seats) = input.seats {
        change.seats = Set(seats);
    }
    if let Some(icon_url) = input.icon_url {
        change.icon_url = Set(Some(icon_url));
    }
    if let Some(sort_order) = input.sort_order {
        change.sort_order = Set(sort_order);
    }
    if let Some(is_active) = input.is_active {
        change.is_active = Set(is_active);
    }
    let updated = product::Entity::update_many()
        .set(change)
        .filter(product::Column::Id.eq(id))
        .filter(product::Column::Version.eq(input.expected_version))
        .exec(&transaction)
        .await?;
    if updated.rows_affected == 0 {
        let message = "the product has changed: read it again";
        return Ok(Err(vec![Problem::conflict(ConflictCode::VERSION_CONFLICT, message)]));
    }
    if let Some(rate_card) = &input.rate_card {
        supersede(&transaction, id, version, rate_card.prices(), now).await?;
    }
    let Some(row) = product::Entity::find_by_id(id).one(&transaction).await? else {
        return missing();
    };
    record(catalogue, &transaction, &row).await?;
    catalogue.outbox.commit(transaction).await?;
    Ok(Ok(row))
}

async fn record(
    catalogue: &Catalogue,
    transaction: &sea_orm::DatabaseTransaction,
    row: &product::Model,
) -> Result<(), DbErr> {
    let payload = json!({ "productId": row.id, "channelId": row.channel_id, "isActive": row.is_active, "version": row.version });
    let event =
        NewEvent { kind: "product.updated", aggregate: "product", aggregate_id: row.id, payload };
    catalogue.outbox.record(transaction, event).await
}
