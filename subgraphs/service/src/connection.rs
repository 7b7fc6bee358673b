//! Lists a page at a time: keyset connections in either direction, with opaque cursors.

use std::borrow::Cow;

use async_graphql::{Error, Object, OutputType, SimpleObject, TypeName};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, EntityTrait, FromQueryResult, Order, QueryFilter,
    QueryOrder, QuerySelect, Select, Value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::bad_user_input;

/// The most that a page holds.
pub const PAGE_LIMIT: u64 = 100;
/// What a page holds where the client does not say.
const DEFAULT_PAGE: u64 = 20;

/// Which page is asked for: the four arguments of a connection, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    limit: u64,
    backward: bool,
    after: Option<String>,
    before: Option<String>,
}

impl Page {
    /// Checks a connection's arguments; refuses more than [`PAGE_LIMIT`], or both directions at once, with
    /// `BAD_USER_INPUT`.
    pub fn new(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self, Error> {
        if first.is_some() && last.is_some() {
            return Err(bad_user_input("`first` and `last` exclude each other"));
        }
        let name = if last.is_some() { "last" } else { "first" };
        let limit = match first.or(last).map(u64::try_from) {
            None => DEFAULT_PAGE,
            Some(Ok(limit)) if limit <= PAGE_LIMIT => limit,
            Some(_) => {
                return Err(bad_user_input(format!("`{name}` must be between 0 and {PAGE_LIMIT}")));
            }
        };
        Ok(Self { limit, backward: last.is_some(), after, before })
    }
}

/// What a list is sorted by: a column, then the id, which makes the order total.
#[derive(Debug, Clone, Copy)]
pub struct Keyset<C> {
    /// The column that sorts.
    pub sort: C,
    /// The column that breaks ties: the primary key.
    pub id: C,
    /// The direction of both.
    pub direction: Direction,
}

/// Which end of the order comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Direction {
    fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }

    fn order(self) -> Order {
        match self {
            Self::Ascending => Order::Asc,
            Self::Descending => Order::Desc,
        }
    }
}

/// One page of rows, each with its cursor.
#[derive(Debug, Clone)]
pub struct Slice<T> {
    rows: Vec<(String, T)>,
    has_next_page: bool,
    has_previous_page: bool,
}

/// Loads one page of `query`, sorted by `keyset`; `key` reads a row's sort value and id.
///
/// One row more than asked for is read, to know whether another page follows.
pub async fn paginate<E, K>(
    query: Select<E>,
    keyset: Keyset<E::Column>,
    page: &Page,
    key: impl Fn(&E::Model) -> (K, Uuid),
    database: &DatabaseConnection,
) -> Result<Slice<E::Model>, Error>
where
    E: EntityTrait,
    E::Model: FromQueryResult + Send + Sync,
    K: Serialize + DeserializeOwned + Into<Value>,
{
    let mut query = query;
    if let Some(cursor) = &page.after {
        query = query.filter(beyond::<E, K>(keyset, keyset.direction, decode::<K>(cursor)?));
    }
    if let Some(cursor) = &page.before {
        query =
            query.filter(beyond::<E, K>(keyset, keyset.direction.reversed(), decode::<K>(cursor)?));
    }
    let read = if page.backward { keyset.direction.reversed() } else { keyset.direction };
    let mut rows = query
        .order_by(keyset.sort, read.order())
        .order_by(keyset.id, read.order())
        .limit(page.limit + 1)
        .all(database)
        .await?;
    let more = rows.len() as u64 > page.limit;
    if more {
        rows.pop();
    }
    if page.backward {
        rows.reverse();
    }
    Ok(Slice {
        rows: rows.into_iter().map(|row| (encode(&key(&row)), row)).collect(),
        has_next_page: if page.backward { page.before.is_some() } else { more },
        has_previous_page: if page.backward { more } else { page.after.is_some() },
    })
}

/// The rows that follow the cursor in this direction: `sort > s OR (sort = s AND id > i)`.
fn beyond<E: EntityTrait, K: Into<Value>>(
    keyset: Keyset<E::Column>,
    direction: Direction,
    (sort, id): (K, Uuid),
) -> Condition {
    let sort: Value = sort.into();
    let further = |column: E::Column, value: Value| -> SimpleExpr {
        let column = Expr::col((E::default(), column));
        match direction {
            Direction::Ascending => column.gt(value),
            Direction::Descending => column.lt(value),
        }
    };
    Condition::any()
        .add(further(keyset.sort, sort.clone()))
        .add(keyset.sort.eq(sort).and(further(keyset.id, id.into())))
}

fn encode<K: Serialize>(key: &(K, Uuid)) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).expect("a sort value and an id are JSON"))
}

fn decode<K: DeserializeOwned>(cursor: &str) -> Result<(K, Uuid), Error> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| bad_user_input("`after` and `before` take a cursor of this list"))
}

impl<T> Slice<T> {
    /// The page as GraphQL shows it; `total_count` is null where it was not asked for ([`wants_total_count`]).
    pub fn into_connection<N: OutputType>(
        self,
        total_count: Option<u64>,
        node: impl Fn(T) -> N,
    ) -> Connection<N> {
        Connection {
            edges: self
                .rows
                .into_iter()
                .map(|(cursor, row)| Edge { cursor, node: node(row) })
                .collect(),
            has_next_page: self.has_next_page,
            has_previous_page: self.has_previous_page,
            total_count,
        }
    }
}

/// Whether the operation selects `totalCount` on the connection that `ctx` resolves: counting is not free.
pub fn wants_total_count(ctx: &async_graphql::Context<'_>) -> bool {
    ctx.look_ahead().field("totalCount").exists()
}

/// A page of nodes; named after them: `UserConnection`.
pub struct Connection<N> {
    edges: Vec<Edge<N>>,
    has_next_page: bool,
    has_previous_page: bool,
    total_count: Option<u64>,
}

/// A node and its cursor; named after the node: `UserEdge`.
pub struct Edge<N> {
    cursor: String,
    node: N,
}

/// Where a page stands in its list.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(shareable)]
pub struct PageInfo {
    has_next_page: bool,
    has_previous_page: bool,
    start_cursor: Option<String>,
    end_cursor: Option<String>,
}

impl<N: OutputType> TypeName for Connection<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", N::type_name()).into()
    }
}

impl<N: OutputType> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", N::type_name()).into()
    }
}

#[Object(name_type)]
impl<N: OutputType> Connection<N> {
    async fn edges(&self) -> &Vec<Edge<N>> {
        &self.edges
    }

    async fn nodes(&self) -> Vec<&N> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.has_next_page,
            has_previous_page: self.has_previous_page,
            start_cursor: self.edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: self.edges.last().map(|edge| edge.cursor.clone()),
        }
    }

    async fn total_count(&self) -> Option<i32> {
        self.total_count.map(|count| i32::try_from(count).unwrap_or(i32::MAX))
    }
}

#[Object(name_type)]
impl<N: OutputType> Edge<N> {
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    async fn node(&self) -> &N {
        &self.node
    }
}
