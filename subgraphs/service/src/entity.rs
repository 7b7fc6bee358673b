//! Entities by key: what a request's `_entities` representations name is loaded up front, once per type.
//!
//! Left alone, async-graphql resolves each representation on its own and a data loader waits to collect the keys.
//! Here the keys are read from the request first; the per-request loader is warm before anything is resolved. That goes
//! for the entities themselves, and for what their fields load by the same keys.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hash::Hash;
use std::str::FromStr;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::{Context, Error, Name, Request, Value, Variables};
use futures::future::BoxFuture;
use sea_orm::DbErr;
use tracing::Instrument;

use crate::error::bad_user_input;

/// The most representations that one request may carry.
pub const REPRESENTATION_LIMIT: usize = 1_000;

/// Loads rows by key, many in one statement.
pub trait BatchLoad: Send + Sync + 'static {
    /// What identifies a row: an id, a slug.
    type Key: FromStr + Clone + Eq + Hash + Send + Sync + 'static;
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

/// A loader that lives for one request: each key is loaded once, those asked for at the same time together.
///
/// It is never shared between requests, so that no caller sees what another loaded. A subscription's remembers nothing:
/// each event is resolved from what the database holds by then.
pub struct Batch<L: BatchLoad> {
    loader: DataLoader<Complete<L>, HashMapCache>,
    remembers: bool,
}

/// Answers for every key, `None` where there is no row, so that a missing row is not asked for twice.
struct Complete<L>(L);

impl<L: BatchLoad> Loader<L::Key> for Complete<L> {
    type Value = Option<L::Value>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[L::Key]) -> Result<HashMap<L::Key, Self::Value>, Arc<DbErr>> {
        metrics::counter!("entity_loads_total", "entity" => L::NAME).increment(1);
        let mut found = self.0.load(keys).await.map_err(Arc::new)?;
        Ok(keys.iter().map(|key| (key.clone(), found.remove(key))).collect())
    }
}

impl<L: BatchLoad> Batch<L> {
    /// A fresh loader, for one request.
    pub fn new(loader: L) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the loader's tasks live no longer than the request that waits"
        )]
        let spawn = |load: BoxFuture<'static, ()>| tokio::spawn(load.in_current_span());
        let loader = DataLoader::with_cache(Complete(loader), spawn, HashMapCache::default());
        Self { loader, remembers: true }
    }

    /// The same, for a subscription.
    fn forgetful(self) -> Self {
        self.loader.enable_all_cache(false);
        Self { remembers: false, ..self }
    }

    /// The loader of the request that `ctx` resolves; it was named to [`Entities::with`].
    pub fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked::<Self>()
    }

    /// The row of this key.
    pub async fn one(&self, key: L::Key) -> Result<Option<L::Value>, Error> {
        Ok(self.loader.load_one(key).await?.flatten())
    }

    /// The rows that exist of these keys.
    pub async fn many(
        &self,
        keys: impl IntoIterator<Item = L::Key>,
    ) -> Result<HashMap<L::Key, L::Value>, Error> {
        let found = self.loader.load_many(keys).await?;
        Ok(found.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
    }

    /// Loads these keys now, in one statement, so that later calls find them: for lists, before they return.
    pub async fn prefetch(&self, keys: &[L::Key]) -> Result<(), Error> {
        if !keys.is_empty() && self.remembers {
            self.loader.feed_many(self.loader.loader().load(keys).await?).await;
        }
        Ok(())
    }

    /// Gives the loader a row that is at hand, or was just changed.
    pub async fn feed(&self, key: L::Key, value: L::Value) {
        self.loader.feed_one(key, Some(value)).await;
    }
}

/// The loaders of a subgraph: made afresh for each request, and warmed with the keys that it carries.
#[derive(Clone, Default)]
pub struct Entities(Vec<Arc<dyn Warm>>);

/// One registered loader, its type erased.
trait Warm: Send + Sync {
    fn warm<'a>(&'a self, request: Request, keys: &'a Representations) -> BoxFuture<'a, Request>;

    fn lay_by(&self, subscription: Request) -> Request;
}

struct Registered<L, F> {
    keys: &'static [(&'static str, &'static str)],
    /// The field that needs the rows; the entity itself does, where there is none.
    field: Option<&'static str>,
    make: F,
    loader: std::marker::PhantomData<fn() -> L>,
}

impl Entities {
    /// No entities.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a loader: `make` builds it for a request, and `keys` says which representations warm it, as
    /// `("User", "id")`: type and key field.
    #[must_use]
    pub fn with<L: BatchLoad>(
        self,
        keys: &'static [(&'static str, &'static str)],
        make: impl Fn() -> L + Send + Sync + 'static,
    ) -> Self {
        self.register(Registered { keys, field: None, make, loader: std::marker::PhantomData })
    }

    /// Registers the loader of a field of an entity: representations with the same key warm it, where the request asks
    /// for a field of that name.
    #[must_use]
    pub fn with_field<L: BatchLoad>(
        self,
        keys: &'static [(&'static str, &'static str)],
        field: &'static str,
        make: impl Fn() -> L + Send + Sync + 'static,
    ) -> Self {
        let loader = std::marker::PhantomData;
        self.register(Registered { keys, field: Some(field), make, loader })
    }

    fn register(mut self, loader: impl Warm + 'static) -> Self {
        self.0.push(Arc::new(loader));
        self
    }

    /// Puts fresh loaders into the request, warm with the keys of its representations.
    pub(crate) async fn prepare(&self, mut request: Request) -> Result<Request, Error> {
        if is_subscription(&mut request) {
            return Ok(self.0.iter().fold(request, |request, loader| loader.lay_by(request)));
        }
        let representations = Representations::of(&mut request)?;
        for registered in &self.0 {
            request = registered.warm(request, &representations).await;
        }
        Ok(request)
    }
}

impl<L: BatchLoad, F: Fn() -> L + Send + Sync> Warm for Registered<L, F> {
    fn warm<'a>(
        &'a self,
        request: Request,
        representations: &'a Representations,
    ) -> BoxFuture<'a, Request> {
        Box::pin(async move {
            let batch = Batch::new((self.make)());
            let is_asked_for = self.field.is_none_or(|field| representations.select(field));
            let warming = self.keys.iter().filter(|_| is_asked_for);
            let mut keys: Vec<L::Key> =
                warming.flat_map(|key| representations.keys(*key)).collect();
            let mut seen = HashSet::new();
            keys.retain(|key| seen.insert(key.clone()));
            // Where this fails, each resolver asks again and fails with a path of its own.
            let _ = batch.prefetch(&keys).await;
            request.data(batch)
        })
    }

    fn lay_by(&self, subscription: Request) -> Request {
        subscription.data(Batch::new((self.make)()).forgetful())
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

/// The arguments of a request's `_entities` fields, and the names of all fields that it selects.
#[derive(Default)]
struct Representations {
    items: Vec<async_graphql::indexmap::IndexMap<Name, Value>>,
    selected: HashSet<Name>,
}

impl Representations {
    fn of(request: &mut Request) -> Result<Self, Error> {
        if !request.query.contains("_entities") {
            return Ok(Self::default());
        }
        let variables = std::mem::take(&mut request.variables);
        // A document that does not parse is reported by the execution that follows.
        let found = request
            .parsed_query()
            .map(|document| Self {
                items: representations(document, &variables),
                selected: selected_fields(document),
            })
            .unwrap_or_default();
        request.variables = variables;
        if found.items.len() > REPRESENTATION_LIMIT {
            return Err(bad_user_input(format!(
                "more than {REPRESENTATION_LIMIT} representations in one request"
            )));
        }
        Ok(found)
    }

    fn select(&self, field: &str) -> bool {
        self.selected.contains(field)
    }

    fn keys<K: FromStr>(&self, (type_name, field): (&str, &str)) -> impl Iterator<Item = K> {
        self.items.iter().filter_map(move |representation| {
            let of_type = matches!(representation.get("__typename"), Some(Value::String(name)) if name == type_name);
            let key = representation.get(field).filter(|_| of_type)?;
            match key {
                Value::String(text) => text.parse().ok(),
                Value::Number(number) => number.to_string().parse().ok(),
                _ => None,
            }
        })
    }
}

fn representations(
    document: &ExecutableDocument,
    variables: &Variables,
) -> Vec<async_graphql::indexmap::IndexMap<Name, Value>> {
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
    let lists = arguments.filter_map(|argument| {
        let value = argument.node.clone();
        value.into_const_with(|name| variables.get(&name).cloned().ok_or(())).ok()
    });
    let items = lists.flat_map(|list| match list {
        Value::List(items) => items,
        single => vec![single],
    });
    items
        .filter_map(|item| if let Value::Object(object) = item { Some(object) } else { None })
        .collect()
}

/// The names of all fields, wherever they are selected.
fn selected_fields(document: &ExecutableDocument) -> HashSet<Name> {
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set);
    let mut open: Vec<_> = operations.chain(fragments).collect();
    let mut selected = HashSet::new();
    while let Some(selection_set) = open.pop() {
        for selection in &selection_set.node.items {
            match &selection.node {
                Selection::Field(field) => {
                    selected.insert(field.node.name.node.clone());
                    open.push(&field.node.selection_set);
                }
                Selection::InlineFragment(fragment) => open.push(&fragment.node.selection_set),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    selected
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
