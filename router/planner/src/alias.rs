//! Gives fields whose types differ under one response key an alias each, as a subgraph's validation asks for.
//!
//! `... on User { id } ... on Admin { id }` is refused where `id` is `ID!` on one type and `ID` on the other.

use apollo_compiler::Name;
use apollo_compiler::ast::Type;
use indexmap::IndexMap;
use supergraph::{SubgraphId, Supergraph, TypeId};

use crate::{FetchField, FetchSelection, FetchSelectionSet};

/// A field, found under a response key.
struct Found<'s> {
    field: &'s mut FetchField,
    /// Its type in the subgraph.
    ty: Option<Type>,
}

/// Separates the fields of a request that the subgraph would not take under one key.
pub(crate) fn separate_conflicts(
    set: &mut FetchSelectionSet,
    parent: Option<TypeId>,
    supergraph: &Supergraph,
    subgraph: SubgraphId,
) {
    Separator { supergraph, subgraph }.sets(vec![(parent, set)]);
}

struct Separator<'a> {
    supergraph: &'a Supergraph,
    subgraph: SubgraphId,
}

impl Separator<'_> {
    /// Separates within sets that the subgraph merges into one.
    fn sets(&self, sets: Vec<(Option<TypeId>, &mut FetchSelectionSet)>) {
        let mut keys: IndexMap<Name, Vec<Found<'_>>> = IndexMap::new();
        for (parent, set) in sets {
            self.collect(parent, set, &mut keys);
        }
        let mut used: Vec<Name> = keys.keys().cloned().collect();
        for (key, fields) in keys {
            for (index, mut group) in by_shape(fields, self.supergraph).into_iter().enumerate() {
                if index > 0 {
                    let alias = free_alias(&key, &used);
                    for found in &mut group {
                        found.field.alias = Some(alias.clone());
                    }
                    used.push(alias);
                }
                let below =
                    group.into_iter().filter(|f| !f.field.selection_set.selections.is_empty());
                let below = below.map(|found| {
                    let named = found.ty.as_ref().map(Type::inner_named_type);
                    let parent = named.and_then(|name| self.supergraph.type_id(name));
                    (parent, &mut found.field.selection_set)
                });
                self.sets(below.collect());
            }
        }
    }

    fn collect<'s>(
        &self,
        parent: Option<TypeId>,
        set: &'s mut FetchSelectionSet,
        keys: &mut IndexMap<Name, Vec<Found<'s>>>,
    ) {
        for selection in &mut set.selections {
            match selection {
                FetchSelection::Field(field) => {
                    let ty = parent.and_then(|parent| self.type_in(parent, &field.name));
                    let key = field.alias.clone().unwrap_or_else(|| field.name.clone());
                    keys.entry(key).or_default().push(Found { field, ty });
                }
                FetchSelection::InlineFragment(fragment) => {
                    let on = self.supergraph.type_id(&fragment.type_condition);
                    self.collect(on.or(parent), &mut fragment.selection_set, keys);
                }
            }
        }
    }

    fn type_in(&self, parent: TypeId, field: &str) -> Option<Type> {
        let field = self.supergraph.field_of(parent, field)?;
        let presence = field.presences.get(self.subgraph);
        Some(presence.map_or(&field.ty, |presence| &presence.ty).clone())
    }
}

/// The fields in groups that can stand under one key, the first one's group first.
fn by_shape<'s>(fields: Vec<Found<'s>>, supergraph: &Supergraph) -> Vec<Vec<Found<'s>>> {
    let shape = |ty: &Type| {
        let named = ty.inner_named_type();
        let composite = supergraph.type_id(named).is_some();
        (wrappers(ty), (!composite).then(|| named.clone()))
    };
    let mut groups: Vec<Vec<Found<'s>>> = Vec::new();
    for found in fields {
        let same = groups.iter_mut().find(|group| match (&group[0].ty, &found.ty) {
            (Some(known), Some(ty)) => shape(known) == shape(ty),
            _ => true,
        });
        match same {
            Some(group) => group.push(found),
            None => groups.push(vec![found]),
        }
    }
    groups
}

/// The lists and non-nulls around a type: `[!]!`.
fn wrappers(ty: &Type) -> String {
    match ty {
        Type::Named(_) => String::new(),
        Type::NonNullNamed(_) => "!".to_owned(),
        Type::List(inner) => format!("[{}]", wrappers(inner)),
        Type::NonNullList(inner) => format!("[{}]!", wrappers(inner)),
    }
}

fn free_alias(key: &Name, used: &[Name]) -> Name {
    let candidates = (0..=used.len()).filter_map(|n| Name::new(&format!("_{n}_{key}")).ok());
    let mut free = candidates.filter(|alias| !used.contains(alias));
    free.next().expect("there are more candidates than names in use")
}
