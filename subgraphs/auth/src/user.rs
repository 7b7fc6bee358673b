//! Users: the entity, who may see what of it, the directory, and changes to profiles and accounts.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr};
use sea_orm::{ActiveValue::Set, DatabaseConnection, IntoActiveModel, QuerySelect};
use serde_json::json;
use service::{
    Batch, BatchLoad, Caller, Connection, DateTime, Direction, Keyset, NewEvent, Page, Problem,
    authenticated, paginate, wants_total_count,
};
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::input;
use crate::role::{Role, RolesByUser};
use crate::session::{self, Session};
use crate::table::{user, user_role};

/// Contract: `UserResponse`.
#[derive(Clone)]
pub(crate) struct User {
    row: Arc<user::Model>,
    seen_by: SeenBy,
}

/// Whose eyes a user is shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SeenBy {
    /// Whoever called: private fields are checked.
    Caller,
    /// The user, who has just proved it by password or secret.
    Owner,
}

impl User {
    /// As the caller may see it.
    pub(crate) fn seen(row: impl Into<Arc<user::Model>>) -> Self {
        Self { row: row.into(), seen_by: SeenBy::Caller }
    }

    /// As the user itself sees it: after a password or a one-time secret.
    pub(crate) fn own(row: impl Into<Arc<user::Model>>) -> Self {
        Self { row: row.into(), seen_by: SeenBy::Owner }
    }

    /// Whether mail, phone and roles are shown.
    fn is_private_to(&self, ctx: &Context<'_>) -> bool {
        self.seen_by == SeenBy::Owner
            || Caller::of(ctx).is_user_or_has_scope(self.row.id, "read:users")
    }
}

#[Object]
impl User {
    pub(crate) async fn id(&self) -> ID {
        self.row.id.into()
    }

    async fn first_name(&self) -> &str {
        &self.row.first_name
    }

    async fn last_name(&self) -> &str {
        &self.row.last_name
    }

    async fn display_name(&self) -> String {
        let initial = self.row.last_name.chars().next();
        initial.map_or_else(
            || self.row.first_name.clone(),
            |initial| format!("{} {initial}.", self.row.first_name),
        )
    }

    /// Null unless it is your own account or you hold read:users.
    #[graphql(directive = authenticated::apply())]
    async fn email(&self, ctx: &Context<'_>) -> Option<&str> {
        self.is_private_to(ctx).then_some(&self.row.email)
    }

    /// E.164. Null unless it is your own account or you hold read:users.
    #[graphql(directive = authenticated::apply())]
    async fn phone(&self, ctx: &Context<'_>) -> Option<&str> {
        self.row.phone.as_deref().filter(|_| self.is_private_to(ctx))
    }

    /// Null unless it is your own account or you hold read:users.
    #[graphql(directive = authenticated::apply())]
    async fn email_verified(&self, ctx: &Context<'_>) -> Option<bool> {
        self.is_private_to(ctx).then_some(self.row.email_verified)
    }

    /// Null unless it is your own account or you hold read:users.
    #[graphql(directive = authenticated::apply())]
    async fn phone_verified(&self, ctx: &Context<'_>) -> Option<bool> {
        self.is_private_to(ctx).then_some(self.row.phone_verified)
    }

    /// Null unless it is your own account or you hold read:users.
    #[graphql(directive = authenticated::apply())]
    async fn roles(&self, ctx: &Context<'_>) -> Option<Result<Vec<Role>>> {
        if !self.is_private_to(ctx) {
            return None;
        }
        let roles = Batch::<RolesByUser>::of(ctx).one(self.row.id).await;
        Some(roles.map(Option::unwrap_or_default))
    }

    async fn is_active(&self) -> bool {
        self.row.is_active
    }

    async fn avatar_url(&self) -> Option<&str> {
        self.row.avatar_url.as_deref()
    }

    async fn locale(&self) -> Option<&str> {
        self.row.locale.as_deref()
    }

    async fn created_at(&self) -> DateTime {
        self.row.created_at.into()
    }

    async fn updated_at(&self) -> DateTime {
        self.row.updated_at.into()
    }

    /// Signed-in devices (refresh-token families); own account only.
    #[graphql(directive = authenticated::apply())]
    async fn sessions(&self, ctx: &Context<'_>) -> Option<Result<Vec<Session>>> {
        let own = self.seen_by == SeenBy::Owner || Caller::of(ctx).is_user(self.row.id);
        if own { Some(session::of_user(ctx, self.row.id).await) } else { None }
    }
}

/// Loads users by id.
pub(crate) struct UserById(pub(crate) DatabaseConnection);

impl BatchLoad for UserById {
    type Key = Uuid;
    type Value = Arc<user::Model>;
    const NAME: &'static str = "User";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<user::Model>>, DbErr> {
        let rows = user::Entity::find()
            .filter(user::Column::Id.is_in(keys.iter().copied()))
            .all(&self.0)
            .await?;
        Ok(rows.into_iter().map(|row| (row.id, Arc::new(row))).collect())
    }
}

#[derive(InputObject)]
struct UserFilterInput {
    /// Part of the name, or of the mail address.
    query: Option<String>,
    role: Option<Role>,
    is_active: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum UserOrder {
    CreatedAtAsc,
    CreatedAtDesc,
}

/// The queries of users.
#[derive(Default)]
pub(crate) struct UserQuery;

#[Object]
impl UserQuery {
    /// The signed-in user; null when the request is anonymous.
    async fn me(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        by_id(ctx, Caller::of(ctx).user_id()?).await.transpose()
    }

    /// Contract: GET /api/users/{id}. Own account, or scope read:users, or a service token with read:users.
    #[graphql(directive = authenticated::apply())]
    async fn user(&self, ctx: &Context<'_>, id: ID) -> Option<Result<User>> {
        let caller = Caller::of(ctx);
        if let Err(error) = caller.require_identity() {
            return Some(Err(error));
        }
        let id = Uuid::parse_str(&id).ok()?;
        if !caller.is_user_or_has_scope(id, "read:users") {
            return None;
        }
        by_id(ctx, id).await.transpose()
    }

    /// Back-office directory.
    #[graphql(requires_scopes = "read:users")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<UserFilterInput>,
        #[graphql(default_with = "UserOrder::CreatedAtDesc")] order_by: UserOrder,
    ) -> Option<Result<Connection<User>>> {
        Some(directory(ctx, Page::new(first, after, last, before), filter, order_by).await)
    }

    #[graphql(entity)]
    async fn find_user_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<User>> {
        by_id(ctx, Uuid::parse_str(&id).ok()?).await.transpose()
    }
}

async fn by_id(ctx: &Context<'_>, id: Uuid) -> Result<Option<User>> {
    Ok(Batch::<UserById>::of(ctx).one(id).await?.map(User::seen))
}

async fn directory(
    ctx: &Context<'_>,
    page: Result<Page>,
    filter: Option<UserFilterInput>,
    order_by: UserOrder,
) -> Result<Connection<User>> {
    Caller::of(ctx).require_scope("read:users")?;
    let page = page?;
    let database = &Accounts::of(ctx).parts.database.read;
    let users = filter.map_or_else(user::Entity::find, UserFilterInput::select);
    let total =
        if wants_total_count(ctx) { Some(users.clone().count(database).await?) } else { None };
    let direction = match order_by {
        UserOrder::CreatedAtAsc => Direction::Ascending,
        UserOrder::CreatedAtDesc => Direction::Descending,
    };
    let keyset = Keyset { sort: user::Column::CreatedAt, id: user::Column::Id, direction };
    let slice = paginate(users, keyset, &page, |row| (row.created_at, row.id), database).await?;
    Ok(slice.into_connection(total, User::seen))
}

impl UserFilterInput {
    fn select(self) -> Select<user::Entity> {
        let mut users = user::Entity::find();
        if let Some(text) = self.query {
            let text = text.to_lowercase();
            let contains = |column: user::Column| {
                let lower = Func::lower(Expr::col((user::Entity, column)));
                // `%` and `_` in what is sought are not wildcards: `instr`-like search by both databases' LIKE.
                let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
                Expr::expr(lower).like(LikeExpr::new(format!("%{escaped}%")).escape('\\'))
            };
            let anywhere = sea_orm::Condition::any()
                .add(contains(user::Column::FirstName))
                .add(contains(user::Column::LastName))
                .add(contains(user::Column::Email));
            users = users.filter(anywhere);
        }
        if let Some(role) = self.role {
            let having = user_role::Entity::find()
                .select_only()
                .column(user_role::Column::UserId)
                .filter(user_role::Column::Role.eq(role));
            users =
                users.filter(user::Column::Id.in_subquery(sea_orm::QueryTrait::into_query(having)));
        }
        if let Some(is_active) = self.is_active {
            users = users.filter(user::Column::IsActive.eq(is_active));
        }
        users
    }
}

#[derive(InputObject)]
struct UpdateProfileInput {
    first_name: Option<String>,
    last_name: Option<String>,
    phone: Option<String>,
    avatar_url: Option<String>,
    locale: Option<String>,
}

#[derive(InputObject)]
struct DeactivateUserInput {
    user_id: ID,
    reason: String,
}

#[derive(InputObject)]
struct ReactivateUserInput {
    user_id: ID,
}

#[derive(SimpleObject)]
struct UpdateProfilePayload {
    user: Option<User>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct DeactivateUserPayload {
    user: Option<User>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct ReactivateUserPayload {
    user: Option<User>,
    problems: Vec<Problem>,
}

/// The mutations of users.
#[derive(Default)]
pub(crate) struct UserMutation;

#[Object]
impl UserMutation {
    /// Changes what is given, and leaves the rest. A new phone number is unverified.
    #[graphql(directive = authenticated::apply())]
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        input: UpdateProfileInput,
    ) -> Option<Result<UpdateProfilePayload>> {
        Some(update_profile(ctx, input).await.map(|outcome| match outcome {
            Ok(user) => UpdateProfilePayload { user: Some(user), problems: vec![] },
            Err(problems) => UpdateProfilePayload { user: None, problems },
        }))
    }

    /// Closes an account: its sessions end at once, its access tokens within their life.
    #[graphql(requires_scopes = "write:users")]
    async fn deactivate_user(
        &self,
        ctx: &Context<'_>,
        input: DeactivateUserInput,
    ) -> Option<Result<DeactivateUserPayload>> {
        let mut problems = Vec::new();
        let reason = input::reason(&input.reason, &mut problems);
        let outcome = match problems.pop() {
            Some(problem) => Caller::of(ctx).require_scope("write:users").map(|()| Err(problem)),
            None => set_active(ctx, &input.user_id, Err(reason)).await,
        };
        Some(outcome.map(|outcome| match outcome {
            Ok(user) => DeactivateUserPayload { user: Some(user), problems: vec![] },
            Err(problem) => DeactivateUserPayload { user: None, problems: vec![problem] },
        }))
    }

    /// Opens a closed account again.
    #[graphql(requires_scopes = "write:users")]
    async fn reactivate_user(
        &self,
        ctx: &Context<'_>,
        input: ReactivateUserInput,
    ) -> Option<Result<ReactivateUserPayload>> {
        Some(set_active(ctx, &input.user_id, Ok(())).await.map(|outcome| match outcome {
            Ok(user) => ReactivateUserPayload { user: Some(user), problems: vec![] },
            Err(problem) => ReactivateUserPayload { user: None, problems: vec![problem] },
        }))
    }
}

async fn update_profile(
    ctx: &Context<'_>,
    input: UpdateProfileInput,
) -> Result<Result<User, Vec<Problem>>> {
    let id = Caller::of(ctx).require_user()?;
    let accounts = Accounts::of(ctx);
    let Some(user) = user::Entity::find_by_id(id).one(&accounts.parts.database.read).await? else {
        return Ok(Err(vec![Problem::not_found("user")]));
    };
    let mut problems = Vec::new();
    let mut change = user.clone().into_active_model();
    if let Some(name) = input.first_name {
        change.first_name = Set(input::name(&name, "firstName", &mut problems));
    }
    if let Some(name) = input.last_name {
        change.last_name = Set(input::name(&name, "lastName", &mut problems));
    }
    if let Some(phone) = input.phone {
        let phone = input::phone(&phone, &mut problems);
        change.phone_verified = Set(user.phone_verified && user.phone.as_deref() == Some(&phone));
        change.phone = Set(Some(phone));
    }
    if let Some(url) = input.avatar_url {
        change.avatar_url = Set(Some(input::web_address(&url, "avatarUrl", &mut problems)));
    }
    if let Some(locale) = input.locale {
        change.locale = Set(Some(input::locale(&locale, &mut problems)));
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    change.updated_at = Set(accounts.parts.clock.now());
    match change.update(&accounts.parts.database.write).await {
        Ok(user) => Ok(Ok(refreshed(ctx, user))),
        Err(error) => Ok(Err(vec![input::taken(error)?])),
    }
}

/// Opens an account (`Ok`), or closes it for a reason (`Err`).
async fn set_active(
    ctx: &Context<'_>,
    id: &ID,
    active: Result<(), String>,
) -> Result<Result<User, Problem>> {
    Caller::of(ctx).require_scope("write:users")?;
    let accounts = Accounts::of(ctx);
    let Some(user) = accounts.user(id).await? else { return Ok(Err(Problem::not_found("user"))) };
    if user.is_active == active.is_ok() {
        return Ok(Ok(User::seen(user)));
    }
    let now = accounts.parts.clock.now();
    let transaction = accounts.parts.database.begin().await?;
    let mut change = user.into_active_model();
    change.is_active = Set(active.is_ok());
    change.updated_at = Set(now);
    let reason = active.err();
    change.deactivation_reason = Set(reason.clone());
    let user = change.update(&transaction).await?;
    let kind = if user.is_active { "user.reactivated" } else { "user.deactivated" };
    if !user.is_active {
        session::revoke_all(&transaction, user.id, now).await?;
    }
    let payload = match reason {
        Some(reason) => json!({ "userId": user.id, "reason": reason }),
        None => json!({ "userId": user.id }),
    };
    accounts
        .outbox
        .record(&transaction, NewEvent { kind, aggregate: "user", aggregate_id: user.id, payload })
        .await?;
    accounts.outbox.commit(transaction).await?;
    Ok(Ok(refreshed(ctx, user)))
}

/// The changed user, told to the request's loader as well.
pub(crate) fn refreshed(ctx: &Context<'_>, user: user::Model) -> User {
    let row = Arc::new(user);
    Batch::<UserById>::of(ctx).feed(row.id, Arc::clone(&row));
    User::seen(row)
}
