//! Changes of advertisements: made, changed and archived by operations.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, IntoActiveModel};
use service::{Caller, DateTime, Problem, ValidationCode};
use uuid::Uuid;

use crate::advertisement::Advertisement;
use crate::catalogue::{Catalogue, Creation, text, web_address};
use crate::kind::{AdPlacement, AdvertisementStatus};
use crate::table::{advertisement, product, service_channel};

#[derive(InputObject)]
struct CreateAdvertisementInput {
    title: String,
    body: Option<String>,
    image_url: String,
    target_url: Option<String>,
    placement: AdPlacement,
    #[graphql(default = 0)]
    priority: i32,
    channel_id: Option<ID>,
    product_id: Option<ID>,
    starts_at: DateTime,
    ends_at: Option<DateTime>,
    idempotency_key: Option<ID>,
}

#[derive(InputObject)]
struct UpdateAdvertisementInput {
    id: ID,
    title: Option<String>,
    body: Option<String>,
    image_url: Option<String>,
    target_url: Option<String>,
    placement: Option<AdPlacement>,
    priority: Option<i32>,
    starts_at: Option<DateTime>,
    ends_at: Option<DateTime>,
    status: Option<AdvertisementStatus>,
}

#[derive(InputObject)]
struct ArchiveAdvertisementInput {
    id: ID,
}

type Changed = Result<Result<advertisement::Model, Vec<Problem>>>;

macro_rules! advertisement_payload {
    ($($name:ident)*) => {$(
        #[derive(SimpleObject)]
        struct $name {
            advertisement: Option<Advertisement>,
            problems: Vec<Problem>,
        }

        impl From<Result<advertisement::Model, Vec<Problem>>> for $name {
            fn from(changed: Result<advertisement::Model, Vec<Problem>>) -> Self {
                match changed {
                    Ok(row) => Self { advertisement: Some(Advertisement(Arc::new(row))), problems: vec![] },
                    Err(problems) => Self { advertisement: None, problems },
                }
            }
        }
    )*};
}

advertisement_payload!(CreateAdvertisementPayload UpdateAdvertisementPayload ArchiveAdvertisementPayload);

/// The mutations of advertisements.
#[derive(Default)]
pub(crate) struct AdvertisementMutation;

#[Object]
impl AdvertisementMutation {
    #[graphql(requires_scopes = "write:platform")]
    async fn create_advertisement(
        &self,
        ctx: &Context<'_>,
        input: CreateAdvertisementInput,
    ) -> Option<Result<CreateAdvertisementPayload>> {
        Some(create(ctx, input).await.map(Into::into))
    }

    #[graphql(requires_scopes = "write:platform")]
    async fn update_advertisement(
        &self,
        ctx: &Context<'_>,
        input: UpdateAdvertisementInput,
    ) -> Option<Result<UpdateAdvertisementPayload>> {
        Some(update(ctx, input).await.map(Into::into))
    }

    #[graphql(requires_scopes = "write:platform")]
    async fn archive_advertisement(
        &self,
        ctx: &Context<'_>,
        input: ArchiveAdvertisementInput,
    ) -> Option<Result<ArchiveAdvertisementPayload>> {
        Some(archive(ctx, &input.id).await.map(Into::into))
    }
}

/// A body may be empty.
fn body_problem(body: &str) -> Option<Problem> {
    text(body, "body", 2_000).filter(|_| !body.is_empty())
}

fn ends_before_it_starts(
    starts: chrono::DateTime<chrono::Utc>,
    ends: Option<chrono::DateTime<chrono::Utc>>,
) -> Option<Problem> {
    ends.is_some_and(|ends| ends <= starts).then(|| {
        Problem::validation(
            ValidationCode::OUT_OF_RANGE,
            &["endsAt"],
            "an advertisement ends after it starts",
        )
    })
}

async fn create(ctx: &Context<'_>, input: CreateAdvertisementInput) -> Changed {
    Caller::of(ctx).require_scope("write:platform")?;
    let catalogue = Catalogue::of(ctx);
    let checks = [
        text(&input.title, "title", 200),
        input.body.as_deref().and_then(body_problem),
        web_address(&input.image_url, "imageUrl"),
        input.target_url.as_deref().and_then(|url| web_address(url, "targetUrl")),
        ends_before_it_starts(input.starts_at.0, input.ends_at.as_ref().map(|time| time.0)),
    ];
    let problems: Vec<Problem> = checks.into_iter().flatten().collect();
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let transaction = catalogue.parts.database.begin().await?;
    let (channel_id, product_id) = match targets(&transaction, &input).await? {
        Ok(targets) => targets,
        Err(problem) => return Ok(Err(vec![problem])),
    };
    let asked = (
        (&input.title, &input.body, &input.image_url, &input.target_url),
        (input.placement, input.priority, channel_id, product_id),
        (input.starts_at.0, input.ends_at.as_ref().map(|time| time.0)),
    );
    let key = input.idempotency_key.as_ref().map(|key| key.as_str());
    let id = match catalogue.creation(ctx, &transaction, "createAdvertisement", key, &asked).await?
    {
        Creation::New(id) => id,
        Creation::Reused(problem) => return Ok(Err(vec![problem])),
        Creation::Made(id) => {
            let row = advertisement::Entity::find_by_id(id).one(&transaction).await?;
            return Ok(row.ok_or_else(|| vec![Problem::not_found("advertisement")]));
        }
    };
    let now = catalogue.parts.clock.now();
    let row = advertisement::ActiveModel {
        id: Set(id),
        title: Set(input.title),
        body: Set(input.body),
        image_url: Set(input.image_url),
        target_url: Set(input.target_url),
        placement: Set(input.placement),
        priority: Set(input.priority),
        channel_id: Set(channel_id),
        product_id: Set(product_id),
        starts_at: Set(input.starts_at.0),
        ends_at: Set(input.ends_at.map(|time| time.0)),
        is_draft: Set(false),
        archived_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let row = row.insert(&transaction).await?;
    catalogue.outbox.commit(transaction).await?;
    Ok(Ok(row))
}

/// The channel and product that an advertisement is for, if any; they must exist.
async fn targets(
    transaction: &sea_orm::DatabaseTransaction,
    input: &CreateAdvertisementInput,
) -> Result<Result<(Option<Uuid>, Option<Uuid>), Problem>> {
    let mut found = (None, None);
    if let Some(id) = &input.channel_id {
        let row = match id.parse::<Uuid>() {
            Ok(id) => service_channel::Entity::find_by_id(id).one(transaction).await?,
            Err(_) => None,
        };
        let Some(row) = row else { return Ok(Err(Problem::not_found("channel"))) };
        found.0 = Some(row.id);
    }
    if let Some(id) = &input.product_id {
        let row = match id.parse::<Uuid>() {
            Ok(id) => product::Entity::find_by_id(id).one(transaction).await?,
            Err(_) => None,
        };
        let Some(row) = row else { return Ok(Err(Problem::not_found("product"))) };
        found.1 = Some(row.id);
    }
    Ok(Ok(found))
}

async fn update(ctx: &Context<'_>, input: UpdateAdvertisementInput) -> Changed {
    Caller::of(ctx).require_scope("write:platform")?;
    let catalogue = Catalogue::of(ctx);
    let missing = || Ok(Err(vec![Problem::not_found("advertisement")]));
    let Ok(id) = input.id.parse::<Uuid>() else { return missing() };
    let transaction = catalogue.parts.database.begin().await?;
    let Some(row) = advertisement::Entity::find_by_id(id).one(&transaction).await? else {
        return missing();
    };
    let starts = input.starts_at.as_ref().map_or(row.starts_at, |time| time.0);
    let ends = input.ends_at.as_ref().map(|time| time.0).or(row.ends_at);
    let checks = [
        input.title.as_deref().and_then(|title| text(title, "title", 200)),
        input.body.as_deref().and_then(body_problem),
        input.image_url.as_deref().and_then(|url| web_address(url, "imageUrl")),
        input.target_url.as_deref().and_then(|url| web_address(url, "targetUrl")),
        ends_before_it_starts(starts, ends),
    ];
    let problems: Vec<Problem> = checks.into_iter().flatten().collect();
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let now = catalogue.parts.clock.now();
    let mut change = row.into_active_model();
    change.updated_at = Set(now);
    change.starts_at = Set(starts);
    change.ends_at = Set(ends);
    if let Some(title) = input.title {
        change.title = Set(title);
    }
    if let Some(body) = input.body {
        change.body = Set(Some(body));
    }
    if let Some(image_url) = input.image_url {
        change.image_url = Set(image_url);
    }
    if let Some(target_url) = input.target_url {
        change.target_url = Set(Some(target_url));
    }
    if let Some(placement) = input.placement {
        change.placement = Set(placement);
    }
    if let Some(priority) = input.priority {
        change.priority = Set(priority);
    }
    match input.status {
        None => {}
        Some(AdvertisementStatus::Archived) => change.archived_at = Set(Some(now)),
        Some(AdvertisementStatus::Draft) => change.is_draft = Set(true),
        Some(AdvertisementStatus::Ended) => change.ends_at = Set(Some(now)),
        // Whether it shows now or later is for its times to say.
        Some(AdvertisementStatus::Active | AdvertisementStatus::Scheduled) => {
            change.is_draft = Set(false);
            change.archived_at = Set(None);
        }
    }
    let row = change.update(&transaction).await?;
    catalogue.outbox.commit(transaction).await?;
    Ok(Ok(row))
}

async fn archive(ctx: &Context<'_>, id: &ID) -> Changed {
    Caller::of(ctx).require_scope("write:platform")?;
    let catalogue = Catalogue::of(ctx);
    let missing = || Ok(Err(vec![Problem::not_found("advertisement")]));
    let Ok(id) = id.parse::<Uuid>() else { return missing() };
    let transaction = catalogue.parts.database.begin().await?;
    let Some(row) = advertisement::Entity::find_by_id(id).one(&transaction).await? else {
        return missing();
    };
    let now = catalogue.parts.clock.now();
    let mut change = row.into_active_model();
    change.archived_at = Set(Some(now));
    change.updated_at = Set(now);
    let row = change.update(&transaction).await?;
    catalogue.outbox.commit(transaction).await?;
    Ok(Ok(row))
}
