//! Merges the directives of operations: clients may use what every subgraph understands.

use apollo_compiler::ast::DirectiveDefinition;
use apollo_compiler::{Name, Node};
use indexmap::IndexSet;

use super::{Merge, Place};
use crate::subgraph::EXECUTABLE_LOCATIONS;

/// One subgraph's definition.
type DefinitionIn<'a> = (usize, &'a Node<DirectiveDefinition>);

impl<'a> Merge<'a> {
    /// Prints the directives of operations that every subgraph defines, as far as they agree.
    pub(super) fn executable_directives(&mut self) -> String {
        let subgraphs = self.subgraphs;
        let mut names: IndexSet<&Name> = IndexSet::new();
        for subgraph in subgraphs {
            for (name, definition) in &subgraph.schema.directive_definitions {
                // A subgraph's SDL may repeat what every GraphQL schema has.
                let is_known = definition.is_built_in()
                    || matches!(name.as_str(), "skip" | "include")
                    || self.composed.has(name)
                    || subgraph.link.canonical(name).is_some();
                if !is_known && !executable_locations(definition).is_empty() {
                    names.insert(name);
                }
            }
        }
        names.sort_unstable();
        names.into_iter().filter_map(|name| self.executable_directive(name)).collect()
    }

    fn executable_directive(&mut self, name: &Name) -> Option<String> {
        let subgraphs = self.subgraphs;
        let (mut having, mut missing): (Vec<DefinitionIn<'a>>, Vec<usize>) =
            (Vec::new(), Vec::new());
        for (index, subgraph) in subgraphs.iter().enumerate() {
            match subgraph.schema.directive_definitions.get(name) {
                Some(definition) if !executable_locations(definition).is_empty() => {
                    having.push((index, definition));
                }
                _ => missing.push(index),
            }
        }
        let all: Vec<usize> = having.iter().map(|(index, _)| *index).collect();
        if !missing.is_empty() {
            let message = format!(
                "`@{name}` is for operations in {} but not in {}: clients cannot use it",
                self.names(&all),
                self.names(&missing)
            );
            self.hint("INCONSISTENT_EXECUTABLE_DIRECTIVE_PRESENCE", message, missing);
            return None;
        }
        let locations = self.common_locations(name, &having)?;
        let repeatable =
            if self.is_repeatable_everywhere(name, &having) { "repeatable " } else { "" };
        let coordinate = format!("@{name}");
        let arguments =
            having.iter().map(|(index, definition)| (*index, &definition.arguments[..]));
        let places = having.iter().map(|(i, definition)| (*i, definition.name.location()));
        let places: Vec<Place> = places.collect();
        let arguments = self.arguments_of(&coordinate, arguments, &places);
        Some(format!("directive @{name}{arguments} {repeatable}on {}\n\n", locations.join(" | ")))
    }

    /// The places in operations that all subgraphs allow.
    fn common_locations(
        &mut self,
        name: &Name,
        having: &[DefinitionIn<'_>],
    ) -> Option<Vec<&'static str>> {
        let all: Vec<(usize, Vec<&'static str>)> = having
            .iter()
            .map(|(index, definition)| (*index, executable_locations(definition)))
            .collect();
        let mut common = all[0].1.clone();
        for (_, locations) in &all {
            common.retain(|location| locations.contains(location));
        }
        if all.iter().all(|(_, locations)| *locations == common) {
            return Some(common);
        }
        let parts: Vec<String> = all
            .iter()
            .map(|(i, locations)| {
                format!("{} in `{}`", locations.join(", "), self.subgraphs[*i].name)
            })
            .collect();
        let (code, consequence) = if common.is_empty() {
            ("NO_EXECUTABLE_DIRECTIVE_INTERSECTION", "clients cannot use it".to_owned())
        } else {
            let common = common.join(", ");
            (
                "INCONSISTENT_EXECUTABLE_DIRECTIVE_LOCATIONS",
                format!("clients may use it on {common}"),
            )
        };
        let message = format!("`@{name}` stands on {}: {consequence}", parts.join(" but on "));
        self.hint(code, message, having.iter().map(|(index, _)| *index));
        (!common.is_empty()).then_some(common)
    }

    fn is_repeatable_everywhere(&mut self, name: &Name, having: &[DefinitionIn<'_>]) -> bool {
        let (yes, no): (Vec<DefinitionIn<'_>>, Vec<DefinitionIn<'_>>) =
            having.iter().partition(|(_, definition)| definition.repeatable);
        let indices = |of: &[DefinitionIn<'_>]| of.iter().map(|(i, _)| *i).collect::<Vec<_>>();
        if !yes.is_empty() && !no.is_empty() {
            let (yes, no) = (indices(&yes), indices(&no));
            let message = format!(
                "`@{name}` is repeatable in {} but not in {}: clients cannot repeat it",
                self.names(&yes),
                self.names(&no)
            );
            self.hint("INCONSISTENT_EXECUTABLE_DIRECTIVE_REPEATABLE", message, no);
            return false;
        }
        no.is_empty()
    }
}

/// The places in operations where a directive may stand, in the order of the specification.
fn executable_locations(definition: &DirectiveDefinition) -> Vec<&'static str> {
    let stands = |location: &&str| definition.locations.iter().any(|own| own.name() == *location);
    EXECUTABLE_LOCATIONS.into_iter().filter(stands).collect()
}
