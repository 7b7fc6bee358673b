//! Advertisements: what is shown where and when.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, DatabaseConnection, QueryOrder, QuerySelect, Select};
use service::{
    Batch, BatchLoad, Caller, Connection, DateTime, Direction, Keyset, Page, error::bad_user_input,
    paginate, wants_total_count,
};
use uuid::Uuid;

use crate::ad_event;
use crate::catalogue::Catalogue;
use crate::channel::{ChannelById, ServiceChannel};
use crate::kind::{AdPlacement, AdvertisementStatus};
use crate::product::{self, Product};
use crate::table::advertisement;

/// The most advertisements of one placement.
const SHOWN_LIMIT: i32 = 50;

/// An advertisement.
#[derive(Clone)]
pub(crate) struct Advertisement(pub(crate) Arc<advertisement::Model>);

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
    async fn stats(&self, ctx: &Context<'_>) -> Option<Result<ad_event::AdvertisementStats>> {
        if !Caller::of(ctx).has_scope("read:platform") {
            return None;
        }
        let counts = Batch::<ad_event::EventCounts>::of(ctx).one(self.0.id).await;
        Some(counts.and_then(|counts| ad_event::stats(counts.unwrap_or_default())))
    }
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
