//! Which values of contexts the objects on the way give to the fields below them.

use std::collections::{BTreeSet, HashMap};

use apollo_compiler::Name;
use supergraph::{FieldPresence, FieldSet, Supergraph};

use super::reach::{Position, Reach};

/// Every value that some field takes from a context: the context, and the selection on the object that sets it.
pub(super) struct Contexts<'a> {
    taken: Vec<(&'a str, &'a FieldSet)>,
    /// The values, by number, that an object type may give.
    given_by: HashMap<&'a Name, Vec<usize>>,
}

/// The values, by number, that objects on the way give.
pub(super) type Given = BTreeSet<usize>;

impl<'a> Contexts<'a> {
    pub(super) fn of(supergraph: &'a Supergraph) -> Self {
        let mut taken: Vec<(&str, &FieldSet)> = Vec::new();
        for argument in supergraph
            .types()
            .values()
            .flat_map(|ty| ty.fields.values())
            .flat_map(|field| field.presences.iter())
            .flat_map(|(_, presence)| &presence.context_arguments)
        {
            let value = (argument.context.as_str(), &argument.selection);
            if !taken.contains(&value) {
                taken.push(value);
            }
        }
        let mut given_by: HashMap<&Name, Vec<usize>> = HashMap::new();
        for ty in supergraph.types().values().filter(|ty| !ty.contexts.is_empty()) {
            for (number, _) in taken
                .iter()
                .enumerate()
                .filter(|(_, (context, _))| ty.contexts.iter().any(|set| set == context))
            {
                for object in ty.runtime_types.iter() {
                    given_by.entry(object).or_default().push(number);
                }
            }
        }
        Self { taken, given_by }
    }

    /// What an object gives to the fields below it, beside what objects above it give.
    pub(super) fn below(
        &self,
        object: &Name,
        positions: &BTreeSet<Position>,
        above: &Given,
        reach: &mut Reach<'_>,
    ) -> Given {
        let own = self.given_by.get(object).into_iter().flatten().copied();
        let own = own.filter(|number| reach.has_all(object, positions, self.taken[*number].1));
        above.iter().copied().chain(own).collect()
    }

    /// The first context that a field takes a value from and that nothing on the way gives.
    pub(super) fn missing<'p>(
        &self,
        presence: &'p FieldPresence,
        given: &Given,
    ) -> Option<&'p str> {
        let is_given = |context: &str, selection: &FieldSet| {
            let number = self.taken.iter().position(|taken| *taken == (context, selection));
            number.is_some_and(|number| given.contains(&number))
        };
        let mut arguments = presence.context_arguments.iter();
        let missing = arguments.find(|a| !is_given(&a.context, &a.selection));
        missing.map(|argument| argument.context.as_str())
    }
}
