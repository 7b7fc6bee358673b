//! Entities by key: what a request wants of one sort of row is loaded together, in one statement.
//!
//! Left alone, resolvers ask for one row each. Here each waits until no other can go on (`Pace`), be they a thousand
//! entities by key, or a field of each.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::{Context, Error, Name, Request, Value, Variables};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared, try_join_all};
use sea_orm::{DatabaseConnection, DbErr};

use crate::error::bad_user_input;
use crate::pace::Pace;

/// The most representations that one request may carry.
pub const REPRESENTATION_LIMIT: usize = 1_000;
/// The most keys in one statement; databases have a limit of their own, above it.
const KEY_LIMIT: usize = 10_000;

/// Loads rows by key, many in one statement.
pub trait BatchLoad: Send + Sync + 'static {
    /// What identifies a row: an id, a slug.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is loaded; cheap to clone (an `Arc` of the row).
    type Value: Clone + Send + Sync + 'static;
    /// Names the rows in metrics: `User`.
    const NAME: &'static str;

    /// The rows that exist, by key.
    fn load(
        &self,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<HashMap<Self::Key, Self::Value>, DbErr>> + Send;
}

/// A loader that lives for one request: each key is loaded once, those wanted at the same time together.
///
/// It is never shared between requests, so that no caller sees what another loaded. A subscription's remembers nothing:
/// each event is resolved from what the database holds by then.
pub struct Batch<L: BatchLoad>(Arc<Shelf<L>>);

/// What a loader knows, and is about to load.
struct Shelf<L: BatchLoad> {
    loader: L,
    pace: Pace,
    remembers: bool,
    state: Mutex<State<L>>,
}

struct State<L: BatchLoad> {
    /// `None` where there is no row, so that a missing one is not asked for twice.
    known: HashMap<L::Key, Option<L::Value>>,
    /// The keys of the next load, each once.
    wanted: HashSet<L::Key>,
    /// The next load. Those who wait hold it: it is gone when they are.
    next: Option<WeakShared<Load<L>>>,
}

type Load<L> = BoxFuture<
    'static,
    Result<Arc<HashMap<<L as BatchLoad>::Key, <L as BatchLoad>::Value>>, Arc<DbErr>>,
>;

impl<L: BatchLoad> Batch<L> {
    /// The loader of the request that `ctx` resolves; it was named to [`Entities::with`].
    pub fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked::<Self>()
    }

    /// The row of this key.
    pub async fn one(&self, key: L::Key) -> Result<Option<L::Value>, Error> {
        let load = {
            let mut state = self.0.state();
            if let Some(known) = state.known.get(&key) {
                return Ok(known.clone());
            }
            state.wanted.insert(key.clone());
            self.next(&mut state)
        };
        Ok(load.await?.get(&key).cloned())
    }

    /// The rows that exist of these keys.
    pub async fn many(
        &self,
        keys: impl IntoIterator<Item = L::Key>,
    ) -> Result<HashMap<L::Key, L::Value>, Error> {
        let each = keys.into_iter().map(|key| async move {
            let value = self.one(key.clone()).await?;
            Ok::<_, Error>(value.map(|value| (key, value)))
        });
        Ok(try_join_all(each).await?.into_iter().flatten().collect())
    }

    /// Gives the loader a row that is at hand, or was just changed.
    pub fn feed(&self, key: L::Key, value: L::Value) {
        if self.0.remembers {
            self.0.state().known.insert(key, Some(value));
        }
    }

    /// The load that the wanted keys wait for.
    fn next(&self, state: &mut State<L>) -> Shared<Load<L>> {
        if let Some(load) = state.next.as_ref().and_then(WeakShared::upgrade) {
            return load;
        }
        let (owner, rest) = (Arc::clone(&self.0), self.0.pace.rest());
        let load = async move {
            rest.await;
            owner.load().await.map(Arc::new).map_err(Arc::new)
        };
        let load = load.boxed().shared();
        state.next = load.downgrade();
        load
    }
}

impl<L: BatchLoad> Shelf<L> {
    fn state(&self) -> MutexGuard<'_, State<L>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads what is wanted.
    async fn load(&self) -> Result<HashMap<L::Key, L::Value>, DbErr> {
        let wanted: Vec<L::Key> = {
            let mut state = self.state();
            state.next = None;
            state.wanted.drain().collect()
        };
        let mut found = HashMap::with_capacity(wanted.len());
        for keys in wanted.chunks(KEY_LIMIT) {
            metrics::counter!("entity_loads_total", "entity" => L::NAME).increment(1);
            found.extend(self.loader.load(keys).await?);
        }
        if self.remembers {
            let known = wanted.into_iter().map(|key| (key.clone(), found.get(&key).cloned()));
            self.state().known.extend(known);
        }
        Ok(found)
    }
}

/// The loaders of a subgraph: made afresh for each request.
#[derive(Clone)]
pub struct Entities {
    database: DatabaseConnection,
    loaders: Vec<Arc<Furnish>>,
}

/// Puts one fresh loader into a request.
type Furnish = dyn Fn(Request, DatabaseConnection, Pace, Life) -> Request + Send + Sync;

/// How long what a request loads holds.
#[derive(Clone, Copy, PartialEq)]
enum Life {
    /// As long as the request.
    Request,
    /// Until the next event of a subscription.
    Event,
}

impl Entities {
    /// No entities yet; their loaders read this database.
    pub fn new(database: DatabaseConnection) -> Self {
        Self { database, loaders: Vec::new() }
    }

    /// Registers a loader, which `make` builds for each request.
    #[must_use]
    pub fn with<L: BatchLoad>(
        mut self,
        make: impl Fn(DatabaseConnection) -> L + Send + Sync + 'static,
    ) -> Self {
        self.loaders.push(Arc::new(move |request: Request, database, pace, life| {
            let state = State { known: HashMap::new(), wanted: HashSet::new(), next: None };
            request.data(Batch(Arc::new(Shelf {
                loader: make(database),
                pace,
                remembers: life == Life::Request,
                state: Mutex::new(state),
            })))
        }));
        self
    }

    /// Puts fresh loaders into the request, which is then to be executed at the pace.
    pub(crate) fn prepare(&self, mut request: Request) -> Result<(Request, Pace), Error> {
        if count_representations(&mut request) > REPRESENTATION_LIMIT {
            return Err(bad_user_input(format!(
                "more than {REPRESENTATION_LIMIT} representations in one request"
            )));
        }
        let life = if is_subscription(&mut request) { Life::Event } else { Life::Request };
        let pace = Pace::default();
        let request = self.loaders.iter().fold(request, |request, furnish| {
            furnish(request, self.database.clone(), pace.clone(), life)
        });
        Ok((request, pace))
    }
}

/// Whether the operation that will be executed is a subscription; a document that does not parse has none.
fn is_subscription(request: &mut Request) -> bool {
    let wanted = request.operation_name.clone();
    request.parsed_query().is_ok_and(|document| {
        document.operations.iter().any(|(name, operation)| {
            let named = name.map(Name::as_str);
            operation.node.ty == OperationType::Subscription
                && wanted.as_deref().is_none_or(|wanted| named == Some(wanted))
        })
    })
}

/// How many representations a request carries, in all its `_entities` fields.
fn count_representations(request: &mut Request) -> usize {
    if !request.query.contains("_entities") {
        return 0;
    }
    let variables = std::mem::take(&mut request.variables);
    // A document that does not parse is reported by the execution that follows.
    let count = request.parsed_query().map_or(0, |document| representations(document, &variables));
    request.variables = variables;
    count
}

fn representations(document: &ExecutableDocument, variables: &Variables) -> usize {
    let mut fields = Vec::new();
    for (_, operation) in document.operations.iter() {
        entity_fields(
            &operation.node.selection_set.node,
            document,
            &mut HashSet::new(),
            &mut fields,
        );
    }
    let arguments = fields.into_iter().filter_map(|field| field.get_argument("representations"));
    let counts = arguments.map(|argument| {
        // Of a variable, as many nulls as it has representations: they are to be counted, and may be large.
        let nulls = |name: Name| match variables.get(&name) {
            Some(Value::List(items)) => Ok::<_, Infallible>(vec![Value::Null; items.len()].into()),
            _ => Ok(Value::Null),
        };
        match argument.node.clone().into_const_with(nulls) {
            Ok(Value::List(items)) => items.len(),
            _ => 1,
        }
    });
    counts.sum()
}

/// The `_entities` fields at the root, through fragments, each of which is entered once.
fn entity_fields<'a>(
    selections: &'a SelectionSet,
    document: &'a ExecutableDocument,
    entered: &mut HashSet<&'a Name>,
    found: &mut Vec<&'a Field>,
) {
    for selection in &selections.items {
        match &selection.node {
            Selection::Field(field) if field.node.name.node == "_entities" => {
                found.push(&field.node);
            }
            Selection::Field(_) => {}
            Selection::InlineFragment(fragment) => {
                entity_fields(&fragment.node.selection_set.node, document, entered, found);
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if let Some(fragment) =
                    document.fragments.get(name).filter(|_| entered.insert(name))
                {
                    entity_fields(&fragment.node.selection_set.node, document, entered, found);
                }
            }
        }
    }
}
