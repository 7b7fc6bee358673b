//! The selection sets of the requests while they are being built: an arena, merged field by field.

use apollo_compiler::Name;

use crate::demand::Types;
use crate::{Condition, FetchField, FetchInlineFragment, FetchSelection, FetchSelectionSet};

/// A selection set in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SelectionId(usize);

/// All selection sets of a plan.
#[derive(Debug, Default)]
pub(crate) struct Selections {
    sets: Vec<Vec<Entry>>,
}

#[derive(Debug)]
enum Entry {
    Field { field: FetchField, below: Option<SelectionId> },
    Fragment { type_condition: Name, runtime_types: Types, below: SelectionId },
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
        runtime_types: &Types,
    ) -> SelectionId {
        for entry in &self.sets[set.0] {
            if let Entry::Fragment { type_condition: known, runtime_types: types, below } = entry
                && known == type_condition
                && types == runtime_types
            {
                return *below;
            }
        }
        let below = self.add_set();
        let entry = Entry::Fragment {
            type_condition: type_condition.clone(),
            runtime_types: runtime_types.clone(),
            below,
        };
        self.sets[set.0].push(entry);
        below
    }

    /// Adds a field; one with the same output and arguments is kept, under either condition. Gives the set below it.
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

    /// The condition under which anything of a set is wanted.
    pub(crate) fn condition(&self, set: SelectionId) -> Condition {
        let mut condition = Condition { any: Vec::new() };
        for entry in &self.sets[set.0] {
            condition = match entry {
                Entry::Field { field, .. }
                    if field.name == "__typename" && field.output.is_none() =>
                {
                    continue;
                }
                Entry::Field { field, .. } => condition.or(&field.condition),
                Entry::Fragment { below, .. } => condition.or(&self.condition(*below)),
            };
        }
        condition
    }

    /// The finished selection set. Empty fragments are left out; an empty set gets a `__typename` that goes nowhere.
    pub(crate) fn finish(&self, set: SelectionId) -> FetchSelectionSet {
        let mut selections: Vec<FetchSelection> = Vec::new();
        for entry in &self.sets[set.0] {
            match entry {
                Entry::Field { field, below } => {
                    let selection_set = below.map(|below| self.finish(below)).unwrap_or_default();
                    selections
                        .push(FetchSelection::Field(FetchField { selection_set, ..field.clone() }));
                }
                Entry::Fragment { type_condition, runtime_types, below }
                    if !self.sets[below.0].is_empty() =>
                {
                    selections.push(FetchSelection::InlineFragment(FetchInlineFragment {
                        type_condition: type_condition.clone(),
                        runtime_types: runtime_types.clone(),
                        condition: Condition::always(),
                        selection_set: self.finish(*below),
                    }));
                }
                Entry::Fragment { .. } => {}
            }
        }
        // `__typename` first: who scans the answer knows the type before the fields.
        selections.sort_by_key(
            |selection| !matches!(selection, FetchSelection::Field(f) if f.name == "__typename"),
        );
        if selections.is_empty() {
            selections.push(FetchSelection::Field(typename(None)));
        }
        FetchSelectionSet { selections }
    }
}

/// A `__typename`, with the entry of the response tree it goes to.
pub(crate) fn typename(output: Option<Name>) -> FetchField {
    FetchField {
        name: apollo_compiler::name!("__typename"),
        alias: output.clone().filter(|key| key != "__typename"),
        output,
        arguments: String::new(),
        variables: Vec::new(),
        condition: Condition::always(),
        selection_set: FetchSelectionSet::default(),
    }
}
