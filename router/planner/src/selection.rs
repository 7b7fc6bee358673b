//! The selection sets of the requests while they are being built: an arena, merged field by field.

use std::sync::Arc;

use apollo_compiler::Name;
use indexmap::IndexMap;

use crate::{Condition, FetchField, FetchInlineFragment, FetchSelection, FetchSelectionSet};

/// A selection set in the arena.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SelectionId(usize);

/// All selection sets of a plan. Conditions in it are absolute: they include those of everything around.
#[derive(Debug, Default)]
pub(crate) struct Selections {
    sets: Vec<IndexMap<Key, Entry>>,
}

/// What makes two selections of a set one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Field { name: Name, output: Option<Name>, arguments: String },
    Fragment { type_condition: Name },
}

#[derive(Debug, Clone)]
enum Entry {
    Field { field: FetchField, below: Option<SelectionId> },
    Fragment { type_condition: Name, runtime_types: Arc<[Name]>, below: SelectionId },
}

impl Selections {
    /// A new, empty selection set.
    pub(crate) fn add_set(&mut self) -> SelectionId {
        self.sets.push(IndexMap::new());
        SelectionId(self.sets.len() - 1)
    }

    /// The set of a fragment on a type, made where there is none.
    pub(crate) fn fragment(
        &mut self,
        set: SelectionId,
        type_condition: &Name,
        runtime_types: &Arc<[Name]>,
    ) -> SelectionId {
        let key = Key::Fragment { type_condition: type_condition.clone() };
        if let Some(Entry::Fragment { runtime_types: known, below, .. }) =
            self.sets[set.0].get_mut(&key)
        {
            if known.len() < runtime_types.len() {
                *known = runtime_types.clone();
            }
            return *below;
        }
        let below = self.add_set();
        let (type_condition, runtime_types) = (type_condition.clone(), runtime_types.clone());
        self.sets[set.0].insert(key, Entry::Fragment { type_condition, runtime_types, below });
        below
    }

    /// Adds a field with its condition; one with the same output and arguments is kept, under either condition. Gives
    /// the set below it.
    pub(crate) fn field(
        &mut self,
        set: SelectionId,
        field: FetchField,
        composite: bool,
    ) -> Option<SelectionId> {
        let key = Key::Field {
            name: field.name.clone(),
            output: field.output.clone(),
            arguments: field.arguments.clone(),
        };
        if let Some(Entry::Field { field: known, below }) = self.sets[set.0].get_mut(&key) {
            known.condition = known.condition.or(&field.condition);
            return *below;
        }
        let below = composite.then(|| self.add_set());
        self.sets[set.0].insert(key, Entry::Field { field, below });
        below
    }

    /// Adds all that is in one set to another.
    pub(crate) fn merge(&mut self, into: SelectionId, from: SelectionId) {
        for (_, entry) in self.sets[from.0].clone() {
            match entry {
                Entry::Field { field, below } => {
                    let known = self.field(into, field, below.is_some());
                    if let Some((known, below)) = known.zip(below) {
                        self.merge(known, below);
                    }
                }
                Entry::Fragment { type_condition, runtime_types, below } => {
                    let known = self.fragment(into, &type_condition, &runtime_types);
                    self.merge(known, below);
                }
            }
        }
    }

    /// The condition under which anything of a set is wanted.
    pub(crate) fn condition(&self, set: SelectionId) -> Condition {
        self.sets[set.0].values().fold(Condition::never(), |condition, entry| match entry {
            Entry::Field { field, .. } => condition.or(&field.condition),
            Entry::Fragment { below, .. } => condition.or(&self.condition(*below)),
        })
    }

    /// The finished selection set, where `outer` is known to hold. Empty fragments are left out; an empty set gets a
    /// `__typename` that goes nowhere.
    pub(crate) fn finish(&self, set: SelectionId, outer: &Condition) -> FetchSelectionSet {
        let mut selections = self.selections(set, outer, &[]);
        if selections.is_empty() {
            selections.push(FetchSelection::Field(typename(None, Condition::always())));
        }
        FetchSelectionSet { selections }
    }

    /// The selections of a set, but leaves that stand in one of those around it already.
    fn selections(
        &self,
        set: SelectionId,
        outer: &Condition,
        around: &[SelectionId],
    ) -> Vec<FetchSelection> {
        let with_this: Vec<SelectionId> = around.iter().copied().chain([set]).collect();
        let mut selections = Vec::new();
        for (key, entry) in &self.sets[set.0] {
            match entry {
                Entry::Field { field, .. } if field.condition.any.is_empty() => {}
                Entry::Field { field, below: None } if self.covers(around, key, field) => {}
                Entry::Field { field, below } => {
                    let selection_set = below.map(|below| self.finish(below, &field.condition));
                    selections.push(FetchSelection::Field(FetchField {
                        selection_set: selection_set.unwrap_or_default(),
                        condition: field.condition.inside(outer),
                        ..field.clone()
                    }));
                }
                Entry::Fragment { type_condition, runtime_types, below } => {
                    let condition = self.condition(*below);
                    let inner = self.selections(*below, &condition, &with_this);
                    if !inner.is_empty() {
                        selections.push(FetchSelection::InlineFragment(FetchInlineFragment {
                            type_condition: type_condition.clone(),
                            runtime_types: runtime_types.clone(),
                            condition: condition.inside(outer),
                            selection_set: FetchSelectionSet { selections: inner },
                        }));
                    }
                }
            }
        }
        // `__typename` first: who scans the answer knows the type before the fields.
        selections.sort_by_key(
            |selection| !matches!(selection, FetchSelection::Field(f) if f.name == "__typename"),
        );
        selections
    }

    /// Whether a leaf is superfluous because it stands in a set around.
    fn covers(&self, around: &[SelectionId], key: &Key, leaf: &FetchField) -> bool {
        around.iter().any(|set| match self.sets[set.0].get(key) {
            Some(Entry::Field { field, .. }) => {
                field.condition.is_always() || field.condition == leaf.condition
            }
            _ => false,
        })
    }
}

/// A `__typename`, with the entry of the response tree it goes to.
pub(crate) fn typename(output: Option<Name>, condition: Condition) -> FetchField {
    FetchField {
        name: apollo_compiler::name!("__typename"),
        alias: None,
        output,
        arguments: String::new(),
        variables: Vec::new(),
        condition,
        selection_set: FetchSelectionSet::default(),
    }
}
