//! Vehicles.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{Datelike, NaiveDate};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, IntoActiveModel, QueryOrder};
use serde::{Deserialize, Serialize};
use service::{Batch, BatchLoad, Caller, Claim, ConflictCode, Problem, RequestKey, ValidationCode};
use uuid::Uuid;

use crate::driver::{Driver, DriverById};
use crate::fleet::Fleet;
use crate::kind::{DriverAvailability, VehicleType};
use crate::license::expiry_problem;
use crate::table::{driver, vehicle};

/// A vehicle of a driver.
#[derive(Clone)]
pub(crate) struct Vehicle(pub(crate) Arc<vehicle::Model>);

#[Object]
impl Vehicle {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn driver(&self, ctx: &Context<'_>) -> Result<Driver> {
        let row = Batch::<DriverById>::of(ctx).one(self.0.driver_id).await?;
        Ok(Driver(row.ok_or("a vehicle without its driver")?))
    }

    #[graphql(name = "type")]
    async fn vehicle_type(&self) -> VehicleType {
        self.0.vehicle_type
    }

    async fn make(&self) -> &str {
        &self.0.make
    }

    async fn model(&self) -> &str {
        &self.0.model
    }

    async fn year(&self) -> i32 {
        self.0.year
    }

    async fn color(&self) -> &str {
        &self.0.color
    }

    async fn plate_number(&self) -> &str {
        &self.0.plate_number
    }

    async fn seats(&self) -> i32 {
        self.0.seats
    }

    async fn is_active(&self) -> bool {
        self.0.is_active
    }
}

/// Vehicles by id.
pub(crate) struct VehicleById(pub(crate) DatabaseConnection);

impl BatchLoad for VehicleById {
    type Key = Uuid;
    type Value = Arc<vehicle::Model>;
    const NAME: &'static str = "Vehicle";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<vehicle::Model>>, DbErr> {
        let rows = vehicle::Entity::find().filter(vehicle::Column::Id.is_in(keys.iter().copied()));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.id, Arc::new(row))).collect())
    }
}

/// The vehicles of drivers, oldest first.
pub(crate) struct VehiclesByDriver(pub(crate) DatabaseConnection);

impl BatchLoad for VehiclesByDriver {
    type Key = Uuid;
    type Value = Vec<Arc<vehicle::Model>>;
    const NAME: &'static str = "Vehicle.driver";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Vec<Arc<vehicle::Model>>>, DbErr> {
        let rows = vehicle::Entity::find()
            .filter(vehicle::Column::DriverId.is_in(keys.iter().copied()))
            .order_by_asc(vehicle::Column::Id);
        let mut found: HashMap<Uuid, Vec<Arc<vehicle::Model>>> = HashMap::new();
        for row in rows.all(&self.0).await? {
            found.entry(row.driver_id).or_default().push(Arc::new(row));
        }
        Ok(found)
    }
}

/// What a vehicle is, as a driver tells it.
#[derive(Debug, Clone, InputObject, Serialize, Deserialize)]
pub(crate) struct VehicleDetailsInput {
    pub(crate) make: String,
    pub(crate) model: String,
    pub(crate) year: i32,
    pub(crate) color: String,
    pub(crate) plate_number: String,
    pub(crate) seats: i32,
    pub(crate) insurance_policy_number: Option<String>,
    pub(crate) insurance_expires_on: Option<String>,
}

impl VehicleDetailsInput {
    /// What is wrong with it.
    pub(crate) fn problems(&self, path: &str, today: NaiveDate) -> Vec<Problem> {
        let texts = [
            ("make", &self.make),
            ("model", &self.model),
            ("color", &self.color),
            ("plateNumber", &self.plate_number),
        ];
        let mut problems: Vec<Problem> = texts
            .into_iter()
            .filter_map(|(name, text)| required_text(text, &[path, name]))
            .collect();
        // The models of a year are sold in the year before.
        if !(1950..=today.year() + 1).contains(&self.year) {
            let message = "the year lies between 1950 and the next one";
            problems.push(out_of_range(&[path, "year"], message));
        }
        if !(1..=60).contains(&self.seats) {
            problems.push(out_of_range(&[path, "seats"], "a vehicle has 1 to 60 seats"));
        }
        let policy = self.insurance_policy_number.as_deref().unwrap_or_default();
        problems.extend(text_limit_problem(policy, &[path, "insurancePolicyNumber"]));
        if let Some(last) = &self.insurance_expires_on {
            problems.extend(expiry_problem(last, &[path, "insuranceExpiresOn"], today));
        }
        problems
    }

    /// The row of a vehicle of this description.
    pub(crate) fn row(
        &self,
        id: Uuid,
        driver_id: Uuid,
        vehicle_type: VehicleType,
        now: chrono::DateTime<chrono::Utc>,
    ) -> vehicle::ActiveModel {
        vehicle::ActiveModel {
            id: Set(id),
            driver_id: Set(driver_id),
            vehicle_type: Set(vehicle_type),
            make: Set(self.make.clone()),
            model: Set(self.model.clone()),
            year: Set(self.year),
            color: Set(self.color.clone()),
            plate_number: Set(self.plate_number.clone()),
            seats: Set(self.seats),
            is_active: Set(true),
            created_at: Set(now),
        }
    }
}

/// The longest text in a form, in characters.
pub(crate) const TEXT_LIMIT: usize = 200;

/// A text that must be there and short.
pub(crate) fn required_text(text: &str, path: &[&str]) -> Option<Problem> {
    let name = path.last().copied().unwrap_or_default();
    if text.trim().is_empty() {
        return Some(Problem::validation(
            ValidationCode::REQUIRED,
            path,
            format!("{name} is missing"),
        ));
    }
    text_limit_problem(text, path)
}

/// A text that must be short.
pub(crate) fn text_limit_problem(text: &str, path: &[&str]) -> Option<Problem> {
    let name = path.last().copied().unwrap_or_default();
    (text.chars().count() > TEXT_LIMIT).then(|| {
        Problem::validation(
            ValidationCode::TOO_LONG,
            path,
            format!("{name} is longer than {TEXT_LIMIT} characters"),
        )
    })
}

pub(crate) fn out_of_range(path: &[&str], message: &str) -> Problem {
    Problem::validation(ValidationCode::OUT_OF_RANGE, path, message)
}

#[derive(InputObject)]
struct AddVehicleInput {
    driver_id: ID,
    #[graphql(name = "type")]
    vehicle_type: VehicleType,
    details: VehicleDetailsInput,
    idempotency_key: Option<ID>,
}

#[derive(InputObject)]
struct RetireVehicleInput {
    vehicle_id: ID,
}

#[derive(SimpleObject)]
struct AddVehiclePayload {
    vehicle: Option<Vehicle>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct RetireVehiclePayload {
    vehicle: Option<Vehicle>,
    problems: Vec<Problem>,
}

/// The mutations of vehicles.
#[derive(Default)]
pub(crate) struct VehicleMutation;

#[Object]
impl VehicleMutation {
    /// Adds a vehicle to one's own driver profile, or, with write:drivers, to any.
    #[graphql(directive = service::authenticated::apply())]
    async fn add_vehicle(
        &self,
        ctx: &Context<'_>,
        input: AddVehicleInput,
    ) -> Option<Result<AddVehiclePayload>> {
        let added = add(ctx, &input).await;
        Some(added.map(|added| match added {
            Ok(vehicle) => AddVehiclePayload { vehicle: Some(vehicle), problems: vec![] },
            Err(problems) => AddVehiclePayload { vehicle: None, problems },
        }))
    }

    /// Takes a vehicle out of service; the one of a running ride stays.
    #[graphql(directive = service::authenticated::apply())]
    async fn retire_vehicle(
        &self,
        ctx: &Context<'_>,
        input: RetireVehicleInput,
    ) -> Option<Result<RetireVehiclePayload>> {
        let retired = retire(ctx, &input.vehicle_id).await;
        Some(retired.map(|retired| match retired {
            Ok(vehicle) => RetireVehiclePayload { vehicle: Some(vehicle), problems: vec![] },
            Err(problem) => RetireVehiclePayload { vehicle: None, problems: vec![problem] },
        }))
    }
}

/// The driver, where the caller may change it.
async fn changeable(ctx: &Context<'_>, id: &ID) -> Result<Option<driver::Model>> {
    let caller = Caller::of(ctx);
    caller.require_identity()?;
    let driver = Fleet::of(ctx).driver(id).await?;
    Ok(driver.filter(|driver| caller.is_user_or_has_scope(driver.user_id, "write:drivers")))
}

async fn add(ctx: &Context<'_>, input: &AddVehicleInput) -> Result<Result<Vehicle, Vec<Problem>>> {
    let fleet = Fleet::of(ctx);
    let Some(driver) = changeable(ctx, &input.driver_id).await? else {
        return Ok(Err(vec![Problem::not_found("driver")]));
    };
    let problems = input.details.problems("details", fleet.parts.clock.now().date_naive());
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let id = fleet.parts.clock.new_id();
    let transaction = fleet.parts.database.begin().await?;
    if let Some(key) = &input.idempotency_key {
        let label = Caller::of(ctx).label();
        let request = RequestKey { caller: &label, operation: "addVehicle", key };
        let asked = (driver.id, input.vehicle_type, &input.details);
        match fleet.idempotency.claim(&transaction, request, &asked, id).await? {
            Claim::New => {}
            Claim::Reused => return Ok(Err(vec![Claim::reused()])),
            Claim::Replay(made) => {
                let row = vehicle::Entity::find_by_id(made).one(&transaction).await?;
                return Ok(row
                    .map(|row| Vehicle(Arc::new(row)))
                    .ok_or_else(|| vec![Problem::not_found("vehicle")]));
            }
        }
    }
    let row = input
        .details
        .row(id, driver.id, input.vehicle_type, fleet.parts.clock.now())
        .insert(&transaction)
        .await?;
    fleet.outbox.commit(transaction).await?;
    Ok(Ok(Vehicle(Arc::new(row))))
}

async fn retire(ctx: &Context<'_>, id: &ID) -> Result<Result<Vehicle, Problem>> {
    let fleet = Fleet::of(ctx);
    Caller::of(ctx).require_identity()?;
    let Ok(id) = id.parse::<Uuid>() else { return Ok(Err(Problem::not_found("vehicle"))) };
    let transaction = fleet.parts.database.begin().await?;
    let found = vehicle::Entity::find_by_id(id).one(&transaction).await?;
    let Some(row) = found else { return Ok(Err(Problem::not_found("vehicle"))) };
    let Some(driver) = driver::Entity::find_by_id(row.driver_id).one(&transaction).await? else {
        return Ok(Err(Problem::not_found("vehicle")));
    };
    if !Caller::of(ctx).is_user_or_has_scope(driver.user_id, "write:drivers") {
        return Ok(Err(Problem::not_found("vehicle")));
    }
    if driver.active_vehicle_id == Some(id) && driver.availability != DriverAvailability::Offline {
        return Ok(Err(Problem::conflict(
            ConflictCode::VEHICLE_IN_USE,
            "go offline first: the vehicle is in use",
        )));
    }
    let mut change = row.into_active_model();
    change.is_active = Set(false);
    let row = change.update(&transaction).await?;
    fleet.outbox.commit(transaction).await?;
    Ok(Ok(Vehicle(Arc::new(row))))
}
