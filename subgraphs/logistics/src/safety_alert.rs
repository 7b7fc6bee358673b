//! Safety alerts: somebody on a ride asks for help, and operations answer.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, DatabaseConnection, DbErr, QueryOrder};
use serde_json::json;
use service::{
    Batch, BatchLoad, Caller, Claim, ConflictCode, Connection, DateTime, Direction, Keyset,
    NewEvent, Page, Problem, RequestKey, ValidationCode, authenticated, paginate,
    wants_total_count,
};
use uuid::Uuid;

use crate::driver::DriverByUser;
use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::{RideActor, SafetyAlertKind, SafetyAlertStatus};
use crate::ride::{Ride, RideById};
use crate::scalar::{Coordinates, CoordinatesInput};
use crate::table::{ride, safety_alert};
use crate::vehicle::out_of_range;

/// The longest note, in characters.
const NOTE_LIMIT: usize = 1_000;

/// A call for help, shown to somebody who may see its ride.
#[derive(Clone)]
pub(crate) struct SafetyAlert(pub(crate) Arc<safety_alert::Model>);

#[Object]
impl SafetyAlert {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn ride(&self, ctx: &Context<'_>) -> Result<Ride> {
        let row = Batch::<RideById>::of(ctx).one(self.0.ride_id).await?;
        Ok(Ride(row.ok_or("an alert without its ride")?))
    }

    async fn raised_by(&self) -> RideActor {
        self.0.raised_by
    }

    async fn kind(&self) -> SafetyAlertKind {
        self.0.kind
    }

    async fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }

    async fn coordinates(&self) -> Option<Coordinates> {
        Some(Point { latitude: self.0.latitude?, longitude: self.0.longitude? }.into())
    }

    async fn status(&self) -> SafetyAlertStatus {
        self.0.status
    }

    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    async fn resolved_at(&self) -> Option<DateTime> {
        self.0.resolved_at.map(Into::into)
    }
}

/// Alerts by id.
pub(crate) struct SafetyAlertById(pub(crate) DatabaseConnection);

impl BatchLoad for SafetyAlertById {
    type Key = Uuid;
    type Value = Arc<safety_alert::Model>;
    const NAME: &'static str = "SafetyAlert";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<safety_alert::Model>>, DbErr> {
        let rows = safety_alert::Entity::find()
            .filter(safety_alert::Column::Id.is_in(keys.iter().copied()));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.id, Arc::new(row))).collect())
    }
}

/// The alerts of rides, oldest first.
pub(crate) struct AlertsByRide(pub(crate) DatabaseConnection);

impl BatchLoad for AlertsByRide {
    type Key = Uuid;
    type Value = Vec<Arc<safety_alert::Model>>;
    const NAME: &'static str = "SafetyAlert.ride";

    async fn load(
        &self,
        keys: &[Uuid],
    ) -> Result<HashMap<Uuid, Vec<Arc<safety_alert::Model>>>, DbErr> {
        let rows = safety_alert::Entity::find()
            .filter(safety_alert::Column::RideId.is_in(keys.iter().copied()))
            .order_by_asc(safety_alert::Column::CreatedAt)
            .order_by_asc(safety_alert::Column::Id);
        let mut found: HashMap<Uuid, Vec<Arc<safety_alert::Model>>> = HashMap::new();
        for row in rows.all(&self.0).await? {
            found.entry(row.ride_id).or_default().push(Arc::new(row));
        }
        Ok(found)
    }
}

/// Who the caller is on this ride; none where they have no part in it.
async fn part_in(ctx: &Context<'_>, ride: &ride::Model) -> Result<Option<RideActor>> {
    let caller = Caller::of(ctx);
    if caller.is_user(ride.rider_id) {
        return Ok(Some(RideActor::Rider));
    }
    if let (Some(user_id), Some(driver_id)) = (caller.user_id(), ride.driver_id) {
        let driver = Batch::<DriverByUser>::of(ctx).one(user_id).await?;
        if driver.is_some_and(|driver| driver.id == driver_id) {
            return Ok(Some(RideActor::Driver));
        }
    }
    Ok(None)
}

/// The alerts of a ride: all for operations, for rider and driver those they raised themselves.
///
/// A rider who is threatened must be able to say so without the driver reading it.
pub(crate) async fn of_ride(
    ctx: &Context<'_>,
    ride: &ride::Model,
) -> Result<Option<Vec<SafetyAlert>>> {
    let all = Caller::of(ctx).has_scope("read:rides");
    let part = part_in(ctx, ride).await?;
    if !all && part.is_none() {
        return Ok(None);
    }
    let rows = Batch::<AlertsByRide>::of(ctx).one(ride.id).await?.unwrap_or_default();
    let shown = rows.into_iter().filter(|row| all || part == Some(row.raised_by));
    Ok(Some(shown.map(SafetyAlert).collect()))
}

#[derive(InputObject)]
struct SafetyAlertFilterInput {
    status: Option<SafetyAlertStatus>,
}

/// The queries of alerts.
#[derive(Default)]
pub(crate) struct SafetyAlertQuery;

#[Object]
impl SafetyAlertQuery {
    #[graphql(requires_scopes = "read:rides")]
    async fn safety_alerts(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        filter: Option<SafetyAlertFilterInput>,
    ) -> Option<Result<Connection<SafetyAlert>>> {
        Some(all(ctx, Page::new(first, after, None, None), filter).await)
    }

    #[graphql(entity)]
    async fn find_safety_alert_by_id(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Option<Result<SafetyAlert>> {
        let id = id.parse().ok()?;
        visible(ctx, id).await.transpose()
    }
}

/// The alert, for operations and for the side that raised it.
async fn visible(ctx: &Context<'_>, id: Uuid) -> Result<Option<SafetyAlert>> {
    let Some(row) = Batch::<SafetyAlertById>::of(ctx).one(id).await? else { return Ok(None) };
    if Caller::of(ctx).has_scope("read:rides") {
        return Ok(Some(SafetyAlert(row)));
    }
    let Some(ride) = Batch::<RideById>::of(ctx).one(row.ride_id).await? else { return Ok(None) };
    let part = part_in(ctx, &ride).await?;
    Ok((part == Some(row.raised_by)).then_some(SafetyAlert(row)))
}

async fn all(
    ctx: &Context<'_>,
    page: Result<Page>,
    filter: Option<SafetyAlertFilterInput>,
) -> Result<Connection<SafetyAlert>> {
    Caller::of(ctx).require_scope("read:rides")?;
    let page = page?;
    let mut rows = safety_alert::Entity::find();
    if let Some(status) = filter.and_then(|filter| filter.status) {
        rows = rows.filter(safety_alert::Column::Status.eq(status));
    }
    let database = &Fleet::of(ctx).parts.database.read;
    let total =
        if wants_total_count(ctx) { Some(rows.clone().count(database).await?) } else { None };
    let keyset = Keyset {
        sort: safety_alert::Column::CreatedAt,
        id: safety_alert::Column::Id,
        direction: Direction::Descending,
    };
    let slice = paginate(rows, keyset, &page, |row| (row.created_at, row.id), database).await?;
    Ok(slice.into_connection(total, |row| SafetyAlert(Arc::new(row))))
}

#[derive(InputObject)]
struct RaiseSafetyAlertInput {
    ride_id: ID,
    kind: SafetyAlertKind,
    note: Option<String>,
    coordinates: Option<CoordinatesInput>,
    idempotency_key: Option<ID>,
}

#[derive(InputObject)]
struct ResolveSafetyAlertInput {
    alert_id: ID,
    #[graphql(default = false)]
    false_alarm: bool,
    note: Option<String>,
}

#[derive(SimpleObject)]
struct RaiseSafetyAlertPayload {
    alert: Option<SafetyAlert>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct ResolveSafetyAlertPayload {
    alert: Option<SafetyAlert>,
    problems: Vec<Problem>,
}

/// The mutations of alerts.
#[derive(Default)]
pub(crate) struct SafetyAlertMutation;

#[Object]
impl SafetyAlertMutation {
    #[graphql(directive = authenticated::apply())]
    async fn raise_safety_alert(
        &self,
        ctx: &Context<'_>,
        input: RaiseSafetyAlertInput,
    ) -> Option<Result<RaiseSafetyAlertPayload>> {
        let raised = raise(ctx, input).await;
        Some(raised.map(|raised| match raised {
            Ok(row) => RaiseSafetyAlertPayload {
                alert: Some(SafetyAlert(Arc::new(row))),
                problems: vec![],
            },
            Err(problem) => RaiseSafetyAlertPayload { alert: None, problems: vec![problem] },
        }))
    }

    #[graphql(requires_scopes = "write:rides")]
    async fn resolve_safety_alert(
        &self,
        ctx: &Context<'_>,
        input: ResolveSafetyAlertInput,
    ) -> Option<Result<ResolveSafetyAlertPayload>> {
        let resolved = resolve(ctx, input).await;
        Some(resolved.map(|resolved| match resolved {
            Ok(row) => ResolveSafetyAlertPayload {
                alert: Some(SafetyAlert(Arc::new(row))),
                problems: vec![],
            },
            Err(problem) => ResolveSafetyAlertPayload { alert: None, problems: vec![problem] },
        }))
    }
}

fn note_problem(note: Option<&String>) -> Option<Problem> {
    note.is_some_and(|note| note.chars().count() > NOTE_LIMIT).then(|| {
        let message = format!("a note has {NOTE_LIMIT} characters at most");
        Problem::validation(ValidationCode::TOO_LONG, &["note"], message)
    })
}

async fn raise(
    ctx: &Context<'_>,
    input: RaiseSafetyAlertInput,
) -> Result<Result<safety_alert::Model, Problem>> {
    let caller = Caller::of(ctx);
    caller.require_user()?;
    let fleet = Fleet::of(ctx);
    if let Some(problem) = note_problem(input.note.as_ref()) {
        return Ok(Err(problem));
    }
    let at = input.coordinates.map(Point::from);
    if at.is_some_and(|at| !at.is_valid()) {
        return Ok(Err(out_of_range(&["coordinates"], "the coordinates are not on the globe")));
    }
    let Some(ride) = fleet.ride(&input.ride_id).await? else {
        return Ok(Err(Problem::not_found("ride")));
    };
    let Some(raised_by) = part_in(ctx, &ride).await? else {
        return Ok(Err(Problem::not_found("ride")));
    };

    let id = fleet.parts.clock.new_id();
    let transaction = fleet.parts.database.begin().await?;
    if let Some(key) = &input.idempotency_key {
        let label = caller.label();
        let request = RequestKey { caller: &label, operation: "raiseSafetyAlert", key };
        let place = at.map(|at| (at.latitude, at.longitude));
        let asked = (ride.id, input.kind, &input.note, place);
        match fleet.idempotency.claim(&transaction, request, &asked, id).await? {
            Claim::New => {}
            Claim::Reused => return Ok(Err(Claim::reused())),
            Claim::Replay(made) => {
                let row = safety_alert::Entity::find_by_id(made).one(&transaction).await?;
                return Ok(row.ok_or_else(|| Problem::not_found("alert")));
            }
        }
    }
    let row = safety_alert::ActiveModel {
        id: Set(id),
        ride_id: Set(ride.id),
        raised_by: Set(raised_by),
        kind: Set(input.kind),
        note: Set(input.note),
        latitude: Set(at.map(|at| at.latitude)),
        longitude: Set(at.map(|at| at.longitude)),
        status: Set(SafetyAlertStatus::Open),
        resolution_note: Set(None),
        created_at: Set(fleet.parts.clock.now()),
        resolved_at: Set(None),
    };
    let row = row.insert(&transaction).await?;
    let payload =
        json!({ "alertId": id, "rideId": ride.id, "kind": row.kind, "raisedBy": raised_by });
    let event =
        NewEvent { kind: "safety_alert.raised", aggregate: "ride", aggregate_id: ride.id, payload };
    fleet.outbox.record(&transaction, event).await?;
    fleet.outbox.commit(transaction).await?;
    Ok(Ok(row))
}

async fn resolve(
    ctx: &Context<'_>,
    input: ResolveSafetyAlertInput,
) -> Result<Result<safety_alert::Model, Problem>> {
    Caller::of(ctx).require_scope("write:rides")?;
    let fleet = Fleet::of(ctx);
    if let Some(problem) = note_problem(input.note.as_ref()) {
        return Ok(Err(problem));
    }
    let Ok(id) = input.alert_id.parse::<Uuid>() else {
        return Ok(Err(Problem::not_found("alert")));
    };
    let status =
        if input.false_alarm { SafetyAlertStatus::FalseAlarm } else { SafetyAlertStatus::Resolved };
    let transaction = fleet.parts.database.begin().await?;
    let resolved = safety_alert::Entity::update_many()
        .col_expr(safety_alert::Column::Status, Expr::value(status))
        .col_expr(safety_alert::Column::ResolutionNote, Expr::value(input.note))
        .col_expr(safety_alert::Column::ResolvedAt, Expr::value(fleet.parts.clock.now()))
        .filter(safety_alert::Column::Id.eq(id))
        .filter(safety_alert::Column::Status.eq(SafetyAlertStatus::Open))
        .exec(&transaction)
        .await?;
    let Some(row) = safety_alert::Entity::find_by_id(id).one(&transaction).await? else {
        return Ok(Err(Problem::not_found("alert")));
    };
    if resolved.rows_affected == 0 {
        return Ok(Err(Problem::conflict(
            ConflictCode::INVALID_TRANSITION,
            "the alert is resolved already",
        )));
    }
    let payload = json!({ "alertId": id, "rideId": row.ride_id, "status": status });
    let event = NewEvent {
        kind: "safety_alert.resolved",
        aggregate: "ride",
        aggregate_id: row.ride_id,
        payload,
    };
    fleet.outbox.record(&transaction, event).await?;
    fleet.outbox.commit(transaction).await?;
    Ok(Ok(row))
}
