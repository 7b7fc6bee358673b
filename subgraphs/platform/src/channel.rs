//! Service channels: what the house does, from a rider's point of view.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, IntoActiveModel, SqlErr};
use serde_json::json;
use service::{
    Batch, BatchLoad, Caller, ConflictCode, Connection, DateTime, Direction, Keyset, NewEvent,
    Page, Problem, ValidationCode, paginate, wants_total_count,
};
use uuid::Uuid;

use crate::advertisement::{self, Advertisement};
use crate::catalogue::{Catalogue, Creation, text};
use crate::kind::AdPlacement;
use crate::product::{Product, ProductsByChannel};
use crate::table::service_channel;

/// Contract: `ServiceChannelResponse`.
#[derive(Clone)]
pub(crate) struct ServiceChannel(pub(crate) Arc<service_channel::Model>);

#[Object]
impl ServiceChannel {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn slug(&self) -> &str {
        &self.0.slug
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn description(&self) -> &str {
        &self.0.description
    }

    async fn is_active(&self) -> bool {
        self.0.is_active
    }

    async fn products(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = false)] include_inactive: bool,
    ) -> Result<Vec<Product>> {
        let sees_all = Caller::of(ctx).has_scope("read:platform");
        if !self.0.is_active && !sees_all {
            return Ok(vec![]);
        }
        let all = include_inactive && sees_all;
        let rows = Batch::<ProductsByChannel>::of(ctx).one(self.0.id).await?.unwrap_or_default();
        Ok(rows.into_iter().filter(|row| all || row.is_active).map(Product).collect())
    }

    async fn advertisements(
        &self,
        ctx: &Context<'_>,
        placement: Option<AdPlacement>,
    ) -> Result<Vec<Advertisement>> {
        advertisement::of_channel(ctx, self.0.id, placement).await
    }

    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

impl ServiceChannel {
    /// The channel, where the caller may see it: inactive ones need `read:platform`.
    pub(crate) fn visible(ctx: &Context<'_>, row: Arc<service_channel::Model>) -> Option<Self> {
        (row.is_active || Caller::of(ctx).has_scope("read:platform")).then_some(Self(row))
    }
}

/// Channels by id.
pub(crate) struct ChannelById(pub(crate) DatabaseConnection);

impl BatchLoad for ChannelById {
    type Key = Uuid;
    type Value = Arc<service_channel::Model>;
    const NAME: &'static str = "ServiceChannel";

    async fn load(
        &self,
        keys: &[Uuid],
    ) -> Result<HashMap<Uuid, Arc<service_channel::Model>>, DbErr> {
        let rows = service_channel::Entity::find()
            .filter(service_channel::Column::Id.is_in(keys.iter().copied()));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.id, Arc::new(row))).collect())
    }
}

/// Channels by slug.
pub(crate) struct ChannelBySlug(pub(crate) DatabaseConnection);

impl BatchLoad for ChannelBySlug {
    type Key = String;
    type Value = Arc<service_channel::Model>;
    const NAME: &'static str = "ServiceChannel.slug";

    async fn load(
        &self,
        keys: &[String],
    ) -> Result<HashMap<String, Arc<service_channel::Model>>, DbErr> {
        let slugs = keys.iter().map(String::as_str);
        let rows =
            service_channel::Entity::find().filter(service_channel::Column::Slug.is_in(slugs));
        Ok(rows
            .all(&self.0)
            .await?
            .into_iter()
            .map(|row| (row.slug.clone(), Arc::new(row)))
            .collect())
    }
}

#[derive(InputObject)]
struct ServiceChannelFilterInput {
    is_active: Option<bool>,
}

/// The queries of channels.
#[derive(Default)]
pub(crate) struct ChannelQuery;

#[Object]
impl ChannelQuery {
    /// Contract: GET /api/platform/channels. Public; inactive channels need read:platform.
    #[graphql(cache_control(max_age = 60))]
    async fn service_channels(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<ServiceChannelFilterInput>,
    ) -> Result<Connection<ServiceChannel>> {
        let page = Page::new(first, after, last, before)?;
        let mut rows = service_channel::Entity::find();
        if !Caller::of(ctx).has_scope("read:platform") {
            rows = rows.filter(service_channel::Column::IsActive.eq(true));
        }
        if let Some(is_active) = filter.and_then(|filter| filter.is_active) {
            rows = rows.filter(service_channel::Column::IsActive.eq(is_active));
        }
        let database = &Catalogue::of(ctx).parts.database.read;
        let total =
            if wants_total_count(ctx) { Some(rows.clone().count(database).await?) } else { None };
        let keyset = Keyset {
            sort: service_channel::Column::CreatedAt,
            id: service_channel::Column::Id,
            direction: Direction::Ascending,
        };
        let slice = paginate(rows, keyset, &page, |row| (row.created_at, row.id), database).await?;
        Ok(slice.into_connection(total, |row| ServiceChannel(Arc::new(row))))
    }

    #[graphql(cache_control(max_age = 60))]
    async fn service_channel(&self, ctx: &Context<'_>, id: ID) -> Option<Result<ServiceChannel>> {
        by_id(ctx, &id).await
    }

    #[graphql(cache_control(max_age = 60))]
    async fn service_channel_by_slug(
        &self,
        ctx: &Context<'_>,
        slug: String,
    ) -> Option<Result<ServiceChannel>> {
        by_slug(ctx, slug).await
    }

    #[graphql(entity)]
    async fn find_service_channel_by_id(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Option<Result<ServiceChannel>> {
        by_id(ctx, &id).await
    }

    #[graphql(entity)]
    async fn find_service_channel_by_slug(
        &self,
        ctx: &Context<'_>,
        slug: String,
    ) -> Option<Result<ServiceChannel>> {
        by_slug(ctx, slug).await
    }
}

async fn by_id(ctx: &Context<'_>, id: &ID) -> Option<Result<ServiceChannel>> {
    match Batch::<ChannelById>::of(ctx).one(id.parse().ok()?).await.transpose()? {
        Ok(row) => ServiceChannel::visible(ctx, row).map(Ok),
        Err(error) => Some(Err(error)),
    }
}

async fn by_slug(ctx: &Context<'_>, slug: String) -> Option<Result<ServiceChannel>> {
    match Batch::<ChannelBySlug>::of(ctx).one(slug).await.transpose()? {
        Ok(row) => ServiceChannel::visible(ctx, row).map(Ok),
        Err(error) => Some(Err(error)),
    }
}

#[derive(InputObject)]
struct CreateServiceChannelInput {
    slug: String,
    name: String,
    description: String,
    #[graphql(default = true)]
    is_active: bool,
    idempotency_key: Option<ID>,
}

#[derive(InputObject)]
struct UpdateServiceChannelInput {
    id: ID,
    name: Option<String>,
    description: Option<String>,
    is_active: Option<bool>,
}

#[derive(SimpleObject)]
struct CreateServiceChannelPayload {
    channel: Option<ServiceChannel>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct UpdateServiceChannelPayload {
    channel: Option<ServiceChannel>,
    problems: Vec<Problem>,
}

/// The mutations of channels.
#[derive(Default)]
pub(crate) struct ChannelMutation;

#[Object]
impl ChannelMutation {
    #[graphql(requires_scopes = "write:platform")]
    async fn create_service_channel(
        &self,
        ctx: &Context<'_>,
        input: CreateServiceChannelInput,
    ) -> Option<Result<CreateServiceChannelPayload>> {
        let created = create(ctx, input).await;
        Some(created.map(|created| match created {
            Ok(row) => CreateServiceChannelPayload {
                channel: Some(ServiceChannel(Arc::new(row))),
                problems: vec![],
            },
            Err(problems) => CreateServiceChannelPayload { channel: None, problems },
        }))
    }

    #[graphql(requires_scopes = "write:platform")]
    async fn update_service_channel(
        &self,
        ctx: &Context<'_>,
        input: UpdateServiceChannelInput,
    ) -> Option<Result<UpdateServiceChannelPayload>> {
        let updated = update(ctx, input).await;
        Some(updated.map(|updated| match updated {
            Ok(row) => UpdateServiceChannelPayload {
                channel: Some(ServiceChannel(Arc::new(row))),
                problems: vec![],
            },
            Err(problems) => UpdateServiceChannelPayload { channel: None, problems },
        }))
    }
}

type Changed = Result<Result<service_channel::Model, Vec<Problem>>>;

async fn create(ctx: &Context<'_>, input: CreateServiceChannelInput) -> Changed {
    Caller::of(ctx).require_scope("write:platform")?;
    let catalogue = Catalogue::of(ctx);
    let mut problems: Vec<Problem> =
        [text(&input.name, "name", 100), text(&input.description, "description", 2_000)]
            .into_iter()
            .flatten()
            .collect();
    let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if input.slug.is_empty() || input.slug.len() > 60 || !input.slug.chars().all(sound) {
        let message = "a slug has lower-case letters, digits and hyphens, 60 at most";
        problems.push(Problem::validation(ValidationCode::INVALID_FORMAT, &["slug"], message));
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let now = catalogue.parts.clock.now();
    let transaction = catalogue.parts.database.begin().await?;
    let asked = (&input.slug, &input.name, &input.description, input.is_active);
    let key = input.idempotency_key.as_ref().map(|key| key.as_str());
    let id =
        match catalogue.creation(ctx, &transaction, "createServiceChannel", key, &asked).await? {
            Creation::New(id) => id,
            Creation::Reused(problem) => return Ok(Err(vec![problem])),
            Creation::Made(id) => {
                let row = service_channel::Entity::find_by_id(id).one(&transaction).await?;
                return Ok(row.ok_or_else(|| vec![Problem::not_found("channel")]));
            }
        };
    let row = service_channel::ActiveModel {
        id: Set(id),
        slug: Set(input.slug),
        name: Set(input.name),
        description: Set(input.description),
        is_active: Set(input.is_active),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let row = match row.insert(&transaction).await {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            return Ok(Err(vec![Problem::conflict(
                ConflictCode::SLUG_TAKEN,
                "another channel has this slug",
            )]));
        }
        other => other?,
    };
    record(catalogue, &transaction, &row).await?;
    catalogue.outbox.commit(transaction).await?;
    Ok(Ok(row))
}

async fn update(ctx: &Context<'_>, input: UpdateServiceChannelInput) -> Changed {
    Caller::of(ctx).require_scope("write:platform")?;
    let catalogue = Catalogue::of(ctx);
    let name = input.name.as_deref().and_then(|name| text(name, "name", 100));
    let description = input
        .description
        .as_deref()
        .and_then(|description| text(description, "description", 2_000));
    let problems: Vec<Problem> = [name, description].into_iter().flatten().collect();
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let missing = || Ok(Err(vec![Problem::not_found("channel")]));
    let Ok(id) = input.id.parse::<Uuid>() else { return missing() };
    let transaction = catalogue.parts.database.begin().await?;
    let Some(row) = service_channel::Entity::find_by_id(id).one(&transaction).await? else {
        return missing();
    };
    let mut change = row.into_active_model();
    change.updated_at = Set(catalogue.parts.clock.now());
    if let Some(name) = input.name {
        change.name = Set(name);
    }
    if let Some(description) = input.description {
        change.description = Set(description);
    }
    if let Some(is_active) = input.is_active {
        change.is_active = Set(is_active);
    }
    let row = change.update(&transaction).await?;
    record(catalogue, &transaction, &row).await?;
    catalogue.outbox.commit(transaction).await?;
    Ok(Ok(row))
}

async fn record(
    catalogue: &Catalogue,
    transaction: &sea_orm::DatabaseTransaction,
    row: &service_channel::Model,
) -> Result<(), DbErr> {
    let payload = json!({ "channelId": row.id, "slug": row.slug, "isActive": row.is_active });
    let event =
        NewEvent { kind: "channel.updated", aggregate: "channel", aggregate_id: row.id, payload };
    catalogue.outbox.record(transaction, event).await
}
