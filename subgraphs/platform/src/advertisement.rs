//! Advertisements: what is shown where and when, and how often it was seen and followed.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, Condition, DatabaseConnection, FromQueryResult, IntoActiveModel, QueryOrder,
    QuerySelect, Select,
};
use service::{
    Batch, BatchLoad, Caller, Connection, DateTime, Direction, Keyset, Page, Problem,
    ValidationCode, error::bad_user_input, paginate, wants_total_count,
};
use uuid::Uuid;

use crate::catalogue::{Catalogue, Creation, text, web_address};
use crate::channel::{ChannelById, ServiceChannel};
use crate::kind::{AdEventType, AdPlacement, AdvertisementStatus};
use crate::product::{self, Product};
use crate::table::{ad_event, advertisement};

/// The most events in one report.
const EVENTS_LIMIT: usize = 500;
/// The most advertisements of one placement.
const SHOWN_LIMIT: i32 = 50;

/// An advertisement.
#[derive(Clone)]
pub(crate) struct Advertisement(Arc<advertisement::Model>);

/// How often an advertisement was seen and followed.
#[derive(SimpleObject)]
struct AdvertisementStats {
    impressions: i32,
    clicks: i32,
    click_through_rate: f64,
}

#[Object]
impl Advertisement {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn title(&self) -> &str {
        &self.0.title
    }

    async fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    async fn image_url(&self) -> &str {
        &self.0.image_url
    }

    async fn target_url(&self) -> Option<&str> {
        self.0.target_url.as_deref()
    }

    async fn placement(&self) -> AdPlacement {
        self.0.placement
    }

    async fn priority(&self) -> i32 {
        self.0.priority
    }

    async fn channel(&self, ctx: &Context<'_>) -> Option<Result<ServiceChannel>> {
        match Batch::<ChannelById>::of(ctx).one(self.0.channel_id?).await.transpose()? {
            Ok(row) => ServiceChannel::visible(ctx, row).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    async fn product(&self, ctx: &Context<'_>) -> Option<Result<Product>> {
        product::by_id(ctx, self.0.product_id?).await
    }

    async fn starts_at(&self) -> DateTime {
        self.0.starts_at.into()
    }

    async fn ends_at(&self) -> Option<DateTime> {
        self.0.ends_at.map(Into::into)
    }

    async fn status(&self, ctx: &Context<'_>) -> AdvertisementStatus {
        status(&self.0, Catalogue::of(ctx).parts.clock.now())
    }

    #[graphql(requires_scopes = "read:platform")]
    async fn stats(&self, ctx: &Context<'_>) -> Option<Result<AdvertisementStats>> {
        if !Caller::of(ctx).has_scope("read:platform") {
            return None;
        }
        let counts = Batch::<EventCounts>::of(ctx).one(self.0.id).await;
        Some(counts.and_then(|counts| stats(counts.unwrap_or_default())))
    }
}

fn stats((impressions, clicks): (i64, i64)) -> Result<AdvertisementStats> {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
    let click_through_rate =
        if impressions == 0 { 0.0 } else { clicks as f64 / impressions as f64 };
    Ok(AdvertisementStats {
        impressions: impressions.try_into()?,
        clicks: clicks.try_into()?,
        click_through_rate,
    })
}

/// What people decided, and what the clock adds to it.
fn status(row: &advertisement::Model, now: chrono::DateTime<chrono::Utc>) -> AdvertisementStatus {
    if row.archived_at.is_some() {
        AdvertisementStatus::Archived
    } else if row.is_draft {
        AdvertisementStatus::Draft
    } else if now < row.starts_at {
        AdvertisementStatus::Scheduled
    } else if row.ends_at.is_some_and(|ends| ends <= now) {
        AdvertisementStatus::Ended
    } else {
        AdvertisementStatus::Active
    }
}

/// The condition of a status, as `status` computes it.
fn with_status(status: AdvertisementStatus, now: chrono::DateTime<chrono::Utc>) -> Condition {
    use advertisement::Column;
    let decided =
        || Condition::all().add(Column::ArchivedAt.is_null()).add(Column::IsDraft.eq(false));
    match status {
        AdvertisementStatus::Archived => Condition::all().add(Column::ArchivedAt.is_not_null()),
        AdvertisementStatus::Draft => {
            Condition::all().add(Column::ArchivedAt.is_null()).add(Column::IsDraft.eq(true))
        }
        AdvertisementStatus::Scheduled => decided().add(Column::StartsAt.gt(now)),
        AdvertisementStatus::Ended => {
            decided().add(Column::StartsAt.lte(now)).add(Column::EndsAt.lte(now))
        }
        AdvertisementStatus::Active => decided()
            .add(Column::StartsAt.lte(now))
            .add(Condition::any().add(Column::EndsAt.is_null()).add(Column::EndsAt.gt(now))),
    }
}

fn shown(ctx: &Context<'_>) -> Select<advertisement::Entity> {
    let now = Catalogue::of(ctx).parts.clock.now();
    advertisement::Entity::find()
        .filter(with_status(AdvertisementStatus::Active, now))
        .order_by_desc(advertisement::Column::Priority)
        .order_by_asc(advertisement::Column::Id)
}

/// What is shown in a channel now.
pub(crate) async fn of_channel(
    ctx: &Context<'_>,
    channel_id: Uuid,
    placement: Option<AdPlacement>,
) -> Result<Vec<Advertisement>> {
    let mut rows = shown(ctx).filter(advertisement::Column::ChannelId.eq(channel_id));
    if let Some(placement) = placement {
        rows = rows.filter(advertisement::Column::Placement.eq(placement));
    }
    let rows = rows.limit(50).all(&Catalogue::of(ctx).parts.database.read).await?;
    Ok(rows.into_iter().map(|row| Advertisement(Arc::new(row))).collect())
}

/// Advertisements by id.
pub(crate) struct AdvertisementById(pub(crate) DatabaseConnection);

impl BatchLoad for AdvertisementById {
    type Key = Uuid;
    type Value = Arc<advertisement::Model>;
    const NAME: &'static str = "Advertisement";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<advertisement::Model>>, DbErr> {
        let rows = advertisement::Entity::find()
            .filter(advertisement::Column::Id.is_in(keys.iter().copied()));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.id, Arc::new(row))).collect())
    }
}

/// Impressions and clicks, by advertisement.
pub(crate) struct EventCounts(pub(crate) DatabaseConnection);

#[derive(FromQueryResult)]
struct Count {
    advertisement_id: Uuid,
    kind: AdEventType,
    events: i64,
}

impl BatchLoad for EventCounts {
    type Key = Uuid;
    type Value = (i64, i64);
    const NAME: &'static str = "AdvertisementStats";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, (i64, i64)>, DbErr> {
        let counts = ad_event::Entity::find()
            .select_only()
            .column(ad_event::Column::AdvertisementId)
            .column(ad_event::Column::Kind)
            .column_as(ad_event::Column::Id.count(), "events")
            .filter(ad_event::Column::AdvertisementId.is_in(keys.iter().copied()))
            .group_by(ad_event::Column::AdvertisementId)
            .group_by(ad_event::Column::Kind)
            .into_model::<Count>()
            .all(&self.0)
            .await?;
        let mut found: HashMap<Uuid, (i64, i64)> = HashMap::new();
        for count in counts {
            let entry = found.entry(count.advertisement_id).or_default();
            match count.kind {
                AdEventType::Impression => entry.0 += count.events,
                AdEventType::Click => entry.1 += count.events,
            }
        }
        Ok(found)
    }
}

#[derive(InputObject)]
struct AdvertisementFilterInput {
    status: Option<AdvertisementStatus>,
    placement: Option<AdPlacement>,
    channel_id: Option<ID>,
}

/// The queries of advertisements.
#[derive(Default)]
pub(crate) struct AdvertisementQuery;

#[Object]
impl AdvertisementQuery {
    /// What to show now in one placement, highest priority first.
    #[graphql(cache_control(max_age = 60))]
    async fn active_advertisements(
        &self,
        ctx: &Context<'_>,
        placement: AdPlacement,
        channel_id: Option<ID>,
        #[graphql(default = 5)] first: i32,
    ) -> Result<Vec<Advertisement>> {
        if !(0..=SHOWN_LIMIT).contains(&first) {
            return Err(bad_user_input(format!("`first` must be between 0 and {SHOWN_LIMIT}")));
        }
        let mut rows = shown(ctx).filter(advertisement::Column::Placement.eq(placement));
        if let Some(channel_id) = channel_id {
            let channel_id: Uuid = channel_id.parse().unwrap_or_default();
            let fits = Condition::any()
                .add(advertisement::Column::ChannelId.is_null())
                .add(advertisement::Column::ChannelId.eq(channel_id));
            rows = rows.filter(fits);
        }
        let rows =
            rows.limit(u64::try_from(first)?).all(&Catalogue::of(ctx).parts.database.read).await?;
        Ok(rows.into_iter().map(|row| Advertisement(Arc::new(row))).collect())
    }

    #[graphql(requires_scopes = "read:platform")]
    async fn advertisement(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Advertisement>> {
        if let Err(error) = Caller::of(ctx).require_scope("read:platform") {
            return Some(Err(error));
        }
        Batch::<AdvertisementById>::of(ctx)
            .one(id.parse().ok()?)
            .await
            .transpose()
            .map(|row| row.map(Advertisement))
    }

    #[graphql(requires_scopes = "read:platform")]
    async fn advertisements(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<AdvertisementFilterInput>,
    ) -> Option<Result<Connection<Advertisement>>> {
        Some(directory(ctx, Page::new(first, after, last, before), filter).await)
    }

    #[graphql(entity)]
    async fn find_advertisement_by_id(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Option<Result<Advertisement>> {
        let row =
            match Batch::<AdvertisementById>::of(ctx).one(id.parse().ok()?).await.transpose()? {
                Ok(row) => row,
                Err(error) => return Some(Err(error)),
            };
        let is_active =
            status(&row, Catalogue::of(ctx).parts.clock.now()) == AdvertisementStatus::Active;
        (is_active || Caller::of(ctx).has_scope("read:platform")).then_some(Ok(Advertisement(row)))
    }
}

async fn directory(
    ctx: &Context<'_>,
    page: Result<Page>,
    filter: Option<AdvertisementFilterInput>,
) -> Result<Connection<Advertisement>> {
    Caller::of(ctx).require_scope("read:platform")?;
    let page = page?;
    let parts = &Catalogue::of(ctx).parts;
    let mut rows = advertisement::Entity::find();
    if let Some(filter) = filter {
        if let Some(status) = filter.status {
            rows = rows.filter(with_status(status, parts.clock.now()));
        }
        if let Some(placement) = filter.placement {
            rows = rows.filter(advertisement::Column::Placement.eq(placement));
        }
        if let Some(channel_id) = filter.channel_id {
            rows = rows.filter(
                advertisement::Column::ChannelId.eq(channel_id.parse::<Uuid>().unwrap_or_default()),
            );
        }
    }
    let database = &parts.database.read;
    let total =
        if wants_total_count(ctx) { Some(rows.clone().count(database).await?) } else { None };
    let keyset = Keyset {
        sort: advertisement::Column::CreatedAt,
        id: advertisement::Column::Id,
        direction: Direction::Descending,
    };
    let slice = paginate(rows, keyset, &page, |row| (row.created_at, row.id), database).await?;
    Ok(slice.into_connection(total, |row| Advertisement(Arc::new(row))))
}

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

#[derive(InputObject)]
struct RecordAdEventsInput {
    events: Vec<AdEventInput>,
}

#[derive(InputObject)]
struct AdEventInput {
    event_id: ID,
    advertisement_id: ID,
    #[graphql(name = "type")]
    kind: AdEventType,
    occurred_at: DateTime,
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

#[derive(SimpleObject)]
struct RecordAdEventsPayload {
    recorded: i32,
    problems: Vec<Problem>,
}

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

    /// Batched; each event carries its own id, so retries count once.
    async fn record_ad_events(
        &self,
        ctx: &Context<'_>,
        input: RecordAdEventsInput,
    ) -> Result<RecordAdEventsPayload> {
        record(ctx, input.events).await
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
            Ok(id) => {
                crate::table::service_channel::Entity::find_by_id(id).one(transaction).await?
            }
            Err(_) => None,
        };
        let Some(row) = row else { return Ok(Err(Problem::not_found("channel"))) };
        found.0 = Some(row.id);
    }
    if let Some(id) = &input.product_id {
        let row = match id.parse::<Uuid>() {
            Ok(id) => crate::table::product::Entity::find_by_id(id).one(transaction).await?,
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

/// Counts each event once; events of advertisements that do not exist are not counted.
async fn record(ctx: &Context<'_>, events: Vec<AdEventInput>) -> Result<RecordAdEventsPayload> {
    if events.len() > EVENTS_LIMIT {
        return Err(bad_user_input(format!("a report holds {EVENTS_LIMIT} events at most")));
    }
    let catalogue = Catalogue::of(ctx);
    let ids: Vec<Uuid> =
        events.iter().filter_map(|event| event.advertisement_id.parse().ok()).collect();
    let known = Batch::<AdvertisementById>::of(ctx).many(ids).await?;
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let number = index.to_string();
        let Ok(event_id) = event.event_id.parse::<Uuid>() else {
            let path = ["events", &number, "eventId"];
            problems.push(Problem::validation(
                ValidationCode::INVALID_FORMAT,
                &path,
                "an event id is a UUID",
            ));
            continue;
        };
        let advertisement_id =
            event.advertisement_id.parse::<Uuid>().ok().filter(|id| known.contains_key(id));
        let Some(advertisement_id) = advertisement_id else {
            problems.push(Problem::not_found("advertisement"));
            continue;
        };
        rows.push(ad_event::ActiveModel {
            id: Set(event_id),
            advertisement_id: Set(advertisement_id),
            kind: Set(event.kind),
            occurred_at: Set(event.occurred_at.0),
        });
    }
    let recorded = i32::try_from(rows.len())?;
    if !rows.is_empty() {
        let once = OnConflict::column(ad_event::Column::Id).do_nothing().to_owned();
        ad_event::Entity::insert_many(rows)
            .on_conflict(once)
            .exec_without_returning(&catalogue.parts.database.write)
            .await?;
    }
    Ok(RecordAdEventsPayload { recorded, problems })
}
