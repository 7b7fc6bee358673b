//! The selection sets of the requests while they are being built: an arena, merged field by field.

use std::sync::Arc;

use apollo_compiler::Name;

use crate::{Condition, FetchField, FetchInlineFragment, FetchSelection, FetchSelectionSet};

/// A selection set in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SelectionId(usize);

/// All selection sets of a plan. Conditions in it are absolute: they include those of everything around.
#[derive(Debug, Default)]
pub(crate) struct Selections {
    sets: Vec<Vec<Entry>>,
}

#[derive(Debug, Clone)]
enum Entry {
    Field { field: FetchField, below: Option<SelectionId> },
    Fragment { type_condition: Name, runtime_types: Arc<[Name]>, below: SelectionId },
}

impl Selections {
    /// A new, empty selection set.
    pub(crate) fn add_set(&mut self) -> SelectionId {
        self.sets.push(Vec::new());
        SelectionId(self.sets.len() - 1)
    }

    /// The set of a fragment on a type, made where there is none.
    pub(crate) fn fragment(
        &mut self,
        set: SelectionId,
        type_condition: &Name,
        runtime_types: &Arc<[Name]>,
    ) -> SelectionId {
        for entry in &mut self.sets[set.0] {
            if let Entry::Fragment { type_condition: known, runtime_types: types, below } = entry
                && known == type_condition
            {
                if types.len() < runtime_types.len() {
                    *types = runtime_types.clone();
                }
                return *below;
            }
        }
        let below = self.add_set();
        let (type_condition, runtime_types) = (type_condition.clone(), runtime_types.clone());
        self.sets[set.0].push(Entry::Fragment { type_condition, runtime_types, below });
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
        for entry in &mut self.sets[set.0] {
            if let Entry::Field { field: known, below } = entry
                && known.name == field.name
                && known.output == field.output
                && known.arguments == field.arguments
            {
                known.condition = known.condition.or(&field.condition);
                return *below;
            }
        }
        let below = composite.then(|| self.add_set());
        self.sets[set.0].push(Entry::Field { field, below });
        below
    }

    /// Adds all that is in one set to another.
    pub(crate) fn merge(&mut self, into: SelectionId, from: SelectionId) {
        for entry in self.sets[from.0].clone() {
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
        self.sets[set.0].iter().fold(Condition::never(), |condition, entry| match entry {
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

    /// The selections of a set, but leaves that stand around it already.
    fn selections(
        &self,
        set: SelectionId,
        outer: &Condition,
        around: &[&FetchField],
    ) -> Vec<FetchSelection> {
        let mut leaves: Vec<&FetchField> = around.to_vec();
        leaves.extend(self.sets[set.0].iter().filter_map(|entry| match entry {
            Entry::Field { field, below: None } => Some(field),
            _ => None,
        }));
        let mut selections = Vec::new();
        for entry in &self.sets[set.0] {
            match entry {
                Entry::Field { field, below: None } if around.iter().any(|f| covers(f, field)) => {}
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
                    let inner = self.selections(*below, &condition, &leaves);
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
}

/// Whether a leaf is superfluous where another stands.
fn covers(around: &FetchField, leaf: &FetchField) -> bool {
    around.name == leaf.name
        && around.output == leaf.output
        && around.arguments == leaf.arguments
        && (around.condition.is_always() || around.condition == leaf.condition)
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
