//! Roles: what each allows, and how they are granted and revoked.

use std::collections::{BTreeSet, HashMap};

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, DatabaseConnection, DatabaseTransaction};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::{BatchLoad, Caller, Claim, NewEvent, Problem, RequestKey, Scopes};
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::table::user_role;
use crate::user::User;

/// What a user is in the house.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Enum,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Asks for rides.
    #[sea_orm(string_value = "RIDER")]
    Rider,
    /// Gives rides.
    #[sea_orm(string_value = "DRIVER")]
    Driver,
    /// Assigns rides.
    #[sea_orm(string_value = "DISPATCHER")]
    Dispatcher,
    /// Looks into everything.
    #[sea_orm(string_value = "SUPPORT")]
    Support,
    /// May do everything.
    #[sea_orm(string_value = "ADMIN")]
    Admin,
}

impl Role {
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Rider | Self::Driver => &[],
            Self::Dispatcher => &["read:drivers", "read:rides", "write:rides"],
            Self::Support => &["read:users", "read:drivers", "read:rides", "read:platform"],
            Self::Admin => &[
                "read:users",
                "write:users",
                "read:roles",
                "write:roles",
                "read:drivers",
                "write:drivers",
                "read:rides",
                "write:rides",
                "read:platform",
                "write:platform",
            ],
        }
    }
}

/// What all the roles together allow.
pub(crate) fn scopes(roles: &[Role]) -> Scopes {
    roles.iter().flat_map(|role| role.scopes()).map(ToString::to_string).collect::<BTreeSet<_>>()
}

/// The roles of users, in the order of the enum.
pub(crate) struct RolesByUser(pub(crate) DatabaseConnection);

impl BatchLoad for RolesByUser {
    type Key = Uuid;
    type Value = Vec<Role>;
    const NAME: &'static str = "UserRole";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Vec<Role>>, DbErr> {
        roles_of(&self.0, keys).await
    }
}

/// The roles of these users: an empty list for one who has none.
pub(crate) async fn roles_of(
    connection: &impl ConnectionTrait,
    users: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Role>>, DbErr> {
    let mut roles: HashMap<Uuid, Vec<Role>> =
        users.iter().map(|user| (*user, Vec::new())).collect();
    let rows =
        user_role::Entity::find().filter(user_role::Column::UserId.is_in(users.iter().copied()));
    for row in rows.all(connection).await? {
        roles.entry(row.user_id).or_default().push(row.role);
    }
    for roles in roles.values_mut() {
        roles.sort_unstable();
    }
    Ok(roles)
}

/// Grants a role, in the transaction; says whether the user did not have it.
pub(crate) async fn grant(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    user_id: Uuid,
    role: Role,
) -> Result<bool, DbErr> {
    let row = user_role::ActiveModel {
        user_id: Set(user_id),
        role: Set(role),
        granted_at: Set(accounts.parts.clock.now()),
    };
    let already = OnConflict::columns([user_role::Column::UserId, user_role::Column::Role])
        .do_nothing()
        .to_owned();
    let inserted = user_role::Entity::insert(row)
        .on_conflict(already)
        .exec_without_returning(transaction)
        .await?;
    Ok(inserted == 1)
}

/// The same, and tells the other services where it is news.
pub(crate) async fn grant_and_tell(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    user_id: Uuid,
    role: Role,
) -> Result<(), DbErr> {
    if grant(accounts, transaction, user_id, role).await? {
        tell(accounts, transaction, "user.role_granted", user_id, role).await?;
    }
    Ok(())
}

async fn tell(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    kind: &'static str,
    user_id: Uuid,
    role: Role,
) -> Result<(), DbErr> {
    let payload = json!({ "userId": user_id, "role": role });
    let event = NewEvent { kind, aggregate: "user", aggregate_id: user_id, payload };
    accounts.outbox.record(transaction, event).await
}

/// Takes a role away; says whether the user had it.
async fn revoke(
    transaction: &DatabaseTransaction,
    user_id: Uuid,
    role: Role,
) -> Result<bool, DbErr> {
    let deleted = user_role::Entity::delete_by_id((user_id, role)).exec(transaction).await?;
    Ok(deleted.rows_affected == 1)
}

#[derive(InputObject)]
struct GrantRoleInput {
    user_id: ID,
    role: Role,
    idempotency_key: Option<ID>,
}

#[derive(InputObject)]
struct RevokeRoleInput {
    user_id: ID,
    role: Role,
    idempotency_key: Option<ID>,
}

#[derive(SimpleObject)]
struct GrantRolePayload {
    user: Option<User>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct RevokeRolePayload {
    user: Option<User>,
    problems: Vec<Problem>,
}

/// The mutations of roles.
#[derive(Default)]
pub(crate) struct RoleMutation;

#[Object]
impl RoleMutation {
    /// Contract: authService.addUserRole. Idempotent. The saga calls it with a service token.
    #[graphql(requires_scopes = "write:roles")]
    async fn grant_role(
        &self,
        ctx: &Context<'_>,
        input: GrantRoleInput,
    ) -> Option<Result<GrantRolePayload>> {
        let change = Change { kind: Kind::Grant, user_id: &input.user_id, role: input.role };
        let outcome = change.make(ctx, input.idempotency_key.as_ref()).await;
        Some(outcome.map(|outcome| {
            let (user, problems) =
                outcome.map_or_else(|problem| (None, vec![problem]), |user| (Some(user), vec![]));
            GrantRolePayload { user, problems }
        }))
    }

    /// Takes a role away. Idempotent.
    #[graphql(requires_scopes = "write:roles")]
    async fn revoke_role(
        &self,
        ctx: &Context<'_>,
        input: RevokeRoleInput,
    ) -> Option<Result<RevokeRolePayload>> {
        let change = Change { kind: Kind::Revoke, user_id: &input.user_id, role: input.role };
        let outcome = change.make(ctx, input.idempotency_key.as_ref()).await;
        Some(outcome.map(|outcome| {
            let (user, problems) =
                outcome.map_or_else(|problem| (None, vec![problem]), |user| (Some(user), vec![]));
            RevokeRolePayload { user, problems }
        }))
    }
}

/// A role to be granted or revoked.
struct Change<'a> {
    kind: Kind,
    user_id: &'a ID,
    role: Role,
}

#[derive(Clone, Copy)]
enum Kind {
    Grant,
    Revoke,
}

impl Kind {
    fn operation(self) -> &'static str {
        match self {
            Self::Grant => "grantRole",
            Self::Revoke => "revokeRole",
        }
    }
}

impl Change<'_> {
    async fn make(&self, ctx: &Context<'_>, key: Option<&ID>) -> Result<Result<User, Problem>> {
        let caller = Caller::of(ctx);
        caller.require_scope("write:roles")?;
        let accounts = Accounts::of(ctx);
        let Some(user) = accounts.user(self.user_id).await? else {
            return Ok(Err(Problem::not_found("user")));
        };

        let transaction = accounts.parts.database.begin().await?;
        if let Some(key) = key {
            let label = caller.label();
            let request = RequestKey { caller: &label, operation: self.kind.operation(), key };
            let input = json!({ "userId": user.id, "role": self.role });
            match accounts.idempotency.claim(&transaction, request, &input, user.id).await? {
                Claim::New => {}
                Claim::Replay(_) => return Ok(Ok(User::seen(user))),
                Claim::Reused => return Ok(Err(Claim::reused())),
            }
        }
        match self.kind {
            Kind::Grant => grant_and_tell(accounts, &transaction, user.id, self.role).await?,
            Kind::Revoke => {
                if revoke(&transaction, user.id, self.role).await? {
                    tell(accounts, &transaction, "user.role_revoked", user.id, self.role).await?;
                }
            }
        }
        accounts.outbox.commit(transaction).await?;
        Ok(Ok(User::seen(user)))
    }
}
