//! Changes of products: made and changed by operations, their prices superseded and never altered.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, IntoActiveModel, SqlErr};
use serde_json::json;
use service::{Caller, ConflictCode, NewEvent, Problem, ValidationCode};
use uuid::Uuid;

use crate::catalogue::{Catalogue, Creation, text, web_address};
use crate::kind::{ServiceType, VehicleType};
use crate::product::Product;
use crate::rate_card::{RateCardInput, supersede};
use crate::table::{product, service_channel};

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
