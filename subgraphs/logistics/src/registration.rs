//! Driver registration: the mutation that starts the saga, and the session in which clients follow it.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, DatabaseTransaction, QueryOrder, SqlErr};
use serde::{Deserialize, Serialize};
use service::{
    Batch, BatchLoad, Caller, Claim, ConflictCode, Connection, DateTime, Direction, Keyset, Page,
    Problem, RequestKey, ValidationCode, authenticated, paginate, wants_total_count,
};
use uuid::Uuid;

use crate::driver::{Driver, DriverById};
use crate::fleet::Fleet;
use crate::kind::{RegistrationStatus, ServiceType, VehicleType};
use crate::license::{date, expiry_problem};
use crate::table::{driver, registration};
use crate::user::User;
use crate::vehicle::{VehicleDetailsInput, required_text, text_limit_problem};

/// A registration on its way, or at its end.
#[derive(Clone)]
pub(crate) struct DriverRegistrationSession(pub(crate) Arc<registration::Model>);

/// A step of the saga, as the session remembers it.
#[derive(Debug, Clone, Serialize, Deserialize, SimpleObject)]
#[graphql(name = "DriverRegistrationStep")]
pub(crate) struct Step {
    pub(crate) name: StepName,
    pub(crate) status: StepStatus,
    pub(crate) attempts: i32,
    #[serde(with = "finished_at")]
    pub(crate) finished_at: Option<DateTime>,
}

/// The steps, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[graphql(name = "DriverRegistrationStepName")]
pub(crate) enum StepName {
    ValidateUser,
    CreateDriver,
    GrantDriverRole,
}

impl StepName {
    /// Its name in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ValidateUser => "VALIDATE_USER",
            Self::CreateDriver => "CREATE_DRIVER",
            Self::GrantDriverRole => "GRANT_DRIVER_ROLE",
        }
    }
}

/// How a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[graphql(name = "DriverRegistrationStepStatus")]
pub(crate) enum StepStatus {
    Pending,
    Running,
    Done,
    Failed,
    Compensated,
    Skipped,
}

/// The time of a step in the session's JSON.
mod finished_at {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes the field as it is")]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<service::DateTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.as_ref().map(|time| time.0).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<service::DateTime>, D::Error> {
        Ok(Option::<DateTime<Utc>>::deserialize(deserializer)?.map(Into::into))
    }
}

/// The steps of a registration that has not begun.
pub(crate) fn fresh_steps() -> Vec<Step> {
    [StepName::ValidateUser, StepName::CreateDriver, StepName::GrantDriverRole]
        .map(|name| Step { name, status: StepStatus::Pending, attempts: 0, finished_at: None })
        .into()
}

#[Object]
impl DriverRegistrationSession {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn user(&self) -> User {
        User { id: self.0.user_id }
    }

    async fn driver(&self, ctx: &Context<'_>) -> Option<Result<Driver>> {
        Batch::<DriverById>::of(ctx)
            .one(self.0.driver_id)
            .await
            .transpose()
            .map(|row| row.map(Driver))
    }

    async fn status(&self) -> RegistrationStatus {
        self.0.status
    }

    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn steps(&self) -> Result<Vec<Step>> {
        Ok(serde_json::from_value(self.0.steps.clone())?)
    }

    /// Why it failed, when status is FAILED or COMPENSATED.
    async fn failure(&self) -> Option<&str> {
        self.0.failure.as_deref()
    }

    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

/// Sessions by id.
pub(crate) struct RegistrationById(pub(crate) DatabaseConnection);

impl BatchLoad for RegistrationById {
    type Key = Uuid;
    type Value = Arc<registration::Model>;
    const NAME: &'static str = "DriverRegistrationSession";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<registration::Model>>, DbErr> {
        let rows = registration::Entity::find()
            .filter(registration::Column::Id.is_in(keys.iter().copied()));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.id, Arc::new(row))).collect())
    }
}

/// The newest session of users.
pub(crate) struct RegistrationByUser(pub(crate) DatabaseConnection);

impl BatchLoad for RegistrationByUser {
    type Key = Uuid;
    type Value = Arc<registration::Model>;
    const NAME: &'static str = "DriverRegistrationSession.user";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<registration::Model>>, DbErr> {
        let rows = registration::Entity::find()
            .filter(registration::Column::UserId.is_in(keys.iter().copied()))
            .order_by_asc(registration::Column::Id);
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.user_id, Arc::new(row))).collect())
    }
}

/// Contract: `DriverRegistrationRequest`.
#[derive(Debug, Clone, InputObject, Serialize, Deserialize)]
pub(crate) struct RegisterDriverInput {
    pub(crate) user_id: ID,
    pub(crate) vehicle_type: VehicleType,
    pub(crate) service_types: Vec<ServiceType>,
    pub(crate) personal_info: PersonalInfoInput,
    pub(crate) vehicle_details: VehicleDetailsInput,
    idempotency_key: Option<ID>,
}

/// Who the driver is.
#[derive(Debug, Clone, InputObject, Serialize, Deserialize)]
pub(crate) struct PersonalInfoInput {
    pub(crate) license_number: String,
    /// A date: 2030-12-31.
    pub(crate) license_expires_on: String,
    /// A date: 1990-01-31.
    pub(crate) date_of_birth: String,
    pub(crate) address: String,
    pub(crate) national_id: Option<String>,
    pub(crate) emergency_contact_name: Option<String>,
    pub(crate) emergency_contact_phone: Option<String>,
}

impl RegisterDriverInput {
    /// Each once, in the order of the input.
    pub(crate) fn distinct_service_types(&self) -> Vec<ServiceType> {
        let mut distinct = Vec::new();
        for service_type in &self.service_types {
            if !distinct.contains(service_type) {
                distinct.push(*service_type);
            }
        }
        distinct
    }

    fn problems(&self, today: chrono::NaiveDate) -> Vec<Problem> {
        let mut problems = self.vehicle_details.problems("vehicleDetails", today);
        let info = &self.personal_info;
        let texts = [("licenseNumber", &info.license_number), ("address", &info.address)];
        problems.extend(
            texts
                .into_iter()
                .filter_map(|(name, text)| required_text(text, &["personalInfo", name])),
        );
        if self.service_types.is_empty() {
            let message = "name at least one kind of service";
            problems.push(Problem::validation(
                ValidationCode::REQUIRED,
                &["serviceTypes"],
                message,
            ));
        }
        match date(&info.date_of_birth, &["personalInfo", "dateOfBirth"]) {
            Ok(born)
                if born
                    .checked_add_months(chrono::Months::new(18 * 12))
                    .is_none_or(|adult| adult > today) =>
            {
                let message = "a driver is 18 years old or more";
                let path = &["personalInfo", "dateOfBirth"];
                problems.push(Problem::validation(ValidationCode::OUT_OF_RANGE, path, message));
            }
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        }
        let path = ["personalInfo", "licenseExpiresOn"];
        problems.extend(expiry_problem(&info.license_expires_on, &path, today));
        let optional = [
            ("nationalId", &info.national_id),
            ("emergencyContactName", &info.emergency_contact_name),
            ("emergencyContactPhone", &info.emergency_contact_phone),
        ];
        problems.extend(optional.into_iter().filter_map(|(name, text)| {
            text_limit_problem(text.as_deref().unwrap_or_default(), &["personalInfo", name])
        }));
        problems
    }
}

#[derive(SimpleObject)]
struct RegisterDriverPayload {
    registration: Option<DriverRegistrationSession>,
    problems: Vec<Problem>,
}

#[derive(InputObject)]
struct DriverRegistrationFilterInput {
    status: Option<RegistrationStatus>,
}

/// The mutation that starts a registration.
#[derive(Default)]
pub(crate) struct RegistrationMutation;

#[Object]
impl RegistrationMutation {
    /// Contract: POST /api/drivers/register. Starts the durable saga and returns at once with its session.
    #[graphql(directive = authenticated::apply())]
    async fn register_driver(
        &self,
        ctx: &Context<'_>,
        input: RegisterDriverInput,
    ) -> Option<Result<RegisterDriverPayload>> {
        let registered = register(ctx, &input).await;
        Some(registered.map(|registered| match registered {
            Ok(row) => RegisterDriverPayload {
                registration: Some(DriverRegistrationSession(Arc::new(row))),
                problems: vec![],
            },
            Err(problems) => RegisterDriverPayload { registration: None, problems },
        }))
    }
}

async fn register(
    ctx: &Context<'_>,
    input: &RegisterDriverInput,
) -> Result<Result<registration::Model, Vec<Problem>>> {
    let fleet = Fleet::of(ctx);
    let caller = Caller::of(ctx);
    caller.require_identity()?;
    // A user registers themselves; operations may register anybody.
    let user_id = input.user_id.parse::<Uuid>().ok();
    let Some(user_id) = user_id.filter(|id| caller.is_user_or_has_scope(*id, "write:drivers"))
    else {
        return Ok(Err(vec![Problem::not_found("user")]));
    };
    let now = fleet.parts.clock.now();
    let problems = input.problems(now.date_naive());
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let id = fleet.parts.clock.new_id();
    let transaction = fleet.parts.database.begin().await?;
    if let Some(key) = &input.idempotency_key {
        let label = caller.label();
        let request = RequestKey { caller: &label, operation: "registerDriver", key };
        match fleet.idempotency.claim(&transaction, request, input, id).await? {
            Claim::New => {}
            Claim::Reused => return Ok(Err(vec![Claim::reused()])),
            Claim::Replay(made) => {
                let row = registration::Entity::find_by_id(made).one(&transaction).await?;
                return Ok(row.ok_or_else(|| vec![Problem::not_found("registration")]));
            }
        }
    }
    if driver_of(user_id, &transaction).await?.is_some() {
        return Ok(Err(vec![already_registered()]));
    }
    let row = registration::ActiveModel {
        id: Set(id),
        user_id: Set(user_id),
        driver_id: Set(fleet.parts.clock.new_id()),
        status: Set(RegistrationStatus::Running),
        input: Set(serde_json::to_value(input)?),
        steps: Set(serde_json::to_value(fresh_steps())?),
        failure: Set(None),
        lease_owner: Set(None),
        lease_until: Set(None),
        next_at: Set(now),
        version: Set(0),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let row = match row.insert(&transaction).await {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            return Ok(Err(vec![already_registered()]));
        }
        other => other?,
    };
    fleet.outbox.commit(transaction).await?;
    fleet.bell.notify_waiters();
    Ok(Ok(row))
}

/// The driver that a user is.
async fn driver_of(
    user_id: Uuid,
    transaction: &DatabaseTransaction,
) -> Result<Option<driver::Model>, DbErr> {
    driver::Entity::find().filter(driver::Column::UserId.eq(user_id)).one(transaction).await
}

fn already_registered() -> Problem {
    Problem::conflict(
        ConflictCode::ALREADY_REGISTERED,
        "the user is a driver, or is being registered as one",
    )
}

/// The queries of registrations.
#[derive(Default)]
pub(crate) struct RegistrationQuery;

#[Object]
impl RegistrationQuery {
    #[graphql(directive = authenticated::apply())]
    async fn driver_registration(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Option<Result<DriverRegistrationSession>> {
        if let Err(error) = Caller::of(ctx).require_identity() {
            return Some(Err(error));
        }
        visible(ctx, &id).await
    }

    #[graphql(requires_scopes = "read:drivers")]
    async fn driver_registrations(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        filter: Option<DriverRegistrationFilterInput>,
    ) -> Option<Result<Connection<DriverRegistrationSession>>> {
        Some(all(ctx, Page::new(first, after, None, None), filter).await)
    }

    #[graphql(entity)]
    async fn find_driver_registration_session_by_id(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Option<Result<DriverRegistrationSession>> {
        visible(ctx, &id).await
    }
}

/// A session, for its user and `read:drivers`.
async fn visible(ctx: &Context<'_>, id: &ID) -> Option<Result<DriverRegistrationSession>> {
    let row = match Batch::<RegistrationById>::of(ctx).one(id.parse().ok()?).await.transpose()? {
        Ok(row) => row,
        Err(error) => return Some(Err(error)),
    };
    Caller::of(ctx)
        .is_user_or_has_scope(row.user_id, "read:drivers")
        .then_some(Ok(DriverRegistrationSession(row)))
}

async fn all(
    ctx: &Context<'_>,
    page: Result<Page>,
    filter: Option<DriverRegistrationFilterInput>,
) -> Result<Connection<DriverRegistrationSession>> {
    Caller::of(ctx).require_scope("read:drivers")?;
    let page = page?;
    let mut rows = registration::Entity::find();
    if let Some(status) = filter.and_then(|filter| filter.status) {
        rows = rows.filter(registration::Column::Status.eq(status));
    }
    let database = &Fleet::of(ctx).parts.database.read;
    let total =
        if wants_total_count(ctx) { Some(rows.clone().count(database).await?) } else { None };
    let keyset = Keyset {
        sort: registration::Column::CreatedAt,
        id: registration::Column::Id,
        direction: Direction::Descending,
    };
    let slice = paginate(rows, keyset, &page, |row| (row.created_at, row.id), database).await?;
    Ok(slice.into_connection(total, |row| DriverRegistrationSession(Arc::new(row))))
}
