//! Impressions and clicks of advertisements: each counted once, and what they add up to.

use std::collections::HashMap;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, DatabaseConnection, FromQueryResult, QuerySelect};
use service::{Batch, BatchLoad, DateTime, Problem, ValidationCode, error::bad_user_input};
use uuid::Uuid;

use crate::advertisement::AdvertisementById;
use crate::catalogue::Catalogue;
use crate::kind::AdEventType;
use crate::table::ad_event;

/// The most events in one report.
const EVENTS_LIMIT: usize = 500;

/// How often an advertisement was seen and followed.
#[derive(SimpleObject)]
pub(crate) struct AdvertisementStats {
    impressions: i32,
    clicks: i32,
    click_through_rate: f64,
}

/// What the counts of impressions and clicks say.
pub(crate) fn stats((impressions, clicks): (i64, i64)) -> Result<AdvertisementStats> {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
    let click_through_rate =
        if impressions == 0 { 0.0 } else { clicks as f64 / impressions as f64 };
    Ok(AdvertisementStats {
        impressions: impressions.try_into()?,
        clicks: clicks.try_into()?,
        click_through_rate,
    })
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

#[derive(SimpleObject)]
struct RecordAdEventsPayload {
    recorded: i32,
    problems: Vec<Problem>,
}

/// The mutation of those who show advertisements.
#[derive(Default)]
pub(crate) struct AdEventMutation;

#[Object]
impl AdEventMutation {
    /// Batched; each event carries its own id, so retries count once.
    async fn record_ad_events(
        &self,
        ctx: &Context<'_>,
        input: RecordAdEventsInput,
    ) -> Result<RecordAdEventsPayload> {
        record(ctx, input.events).await
    }
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
