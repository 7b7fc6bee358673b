//! Which subgraphs gave a field away by `@override`, and whether they still need it.

use std::collections::{BTreeMap, BTreeSet};

use super::Merge;
use super::field::FieldIn;

/// The moves of one field, by subgraph.
#[derive(Default)]
pub(super) struct Moves {
    /// From the subgraph that takes the field to the name of the one it is taken from.
    sources: BTreeMap<usize, String>,
    /// The subgraphs that take it from one that there is not.
    from_nowhere: BTreeSet<usize>,
    /// The subgraphs that gave it away, and whether they still need it for keys, requirements or interfaces.
    given: BTreeMap<usize, bool>,
    /// The label of a progressive move, at both its ends.
    labels: BTreeMap<usize, String>,
}

impl Moves {
    /// The subgraph that this one takes the field from, as an argument of `@join__field`.
    pub(super) fn source(&self, subgraph: usize) -> String {
        let source = self.sources.get(&subgraph);
        source.map(|from| format!(", override: {from:?}")).unwrap_or_default()
    }

    /// Whether the arguments say no more than that the field is taken from a subgraph that there is not.
    pub(super) fn only_names(&self, subgraph: usize, arguments: &str) -> bool {
        self.from_nowhere.contains(&subgraph) && arguments == self.source(subgraph)
    }

    /// Whether the field is not resolved there any more; under a label it may still be.
    pub(super) fn is_moved(&self, subgraph: usize) -> bool {
        self.given.contains_key(&subgraph)
    }

    /// Whether the subgraph does not even need the field any more.
    pub(super) fn is_dropped(&self, subgraph: usize) -> bool {
        self.given.get(&subgraph) == Some(&false) && !self.labels.contains_key(&subgraph)
    }

    /// Whether the subgraph has given the field away but still uses it.
    pub(super) fn is_kept(&self, subgraph: usize) -> bool {
        self.given.get(&subgraph) == Some(&true) && !self.labels.contains_key(&subgraph)
    }

    pub(super) fn label(&self, subgraph: usize) -> Option<&str> {
        self.labels.get(&subgraph).map(String::as_str)
    }
}

impl Merge<'_> {
    /// Reads the moves of a field, with the errors and hints about them.
    pub(super) fn moves(&mut self, coordinate: &str, field: &[FieldIn<'_>]) -> Moves {
        let mut moves = Moves::default();
        for taker in field {
            let subgraphs = self.subgraphs;
            let subgraph = &subgraphs[taker.subgraph];
            let Some((from, label)) = subgraph.overrides(taker.definition) else { continue };
            moves.sources.insert(taker.subgraph, from.to_owned());
            let Some(source) = subgraphs.iter().position(|other| other.name == from) else {
                moves.from_nowhere.insert(taker.subgraph);
                self.hint_unknown_source(coordinate, taker, from);
                continue;
            };
            let giver = field.iter().find(|part| part.subgraph == source);
            let Some(giver) = giver.filter(|giver| !self.is_external(giver)) else {
                let message = format!(
                    "field `{coordinate}` of `{}` overrides the one of `{from}`, which does not resolve it: the \
                     `@override` can be removed",
                    subgraph.name
                );
                self.hint("OVERRIDE_DIRECTIVE_CAN_BE_REMOVED", message, [taker.subgraph]);
                continue;
            };
            moves.given.insert(source, self.is_needed(giver));
            if let Some(label) = label {
                moves.labels.insert(taker.subgraph, label.to_owned());
                moves.labels.insert(source, label.to_owned());
            }
            self.check_giver(coordinate, taker, giver);
            self.hint_move(coordinate, taker, giver, label);
        }
        moves
    }

    /// Checks that the field can be taken from there.
    fn check_giver(&mut self, coordinate: &str, taker: &FieldIn<'_>, giver: &FieldIn<'_>) {
        let (to, from) = (&self.subgraphs[taker.subgraph], &self.subgraphs[giver.subgraph]);
        let places = [taker.place(), giver.place()];
        if from.overrides(giver.definition).is_some() {
            let message = format!(
                "field `{coordinate}` is overridden by `{}` and overrides another itself in `{}`: a field moves once",
                to.name, from.name
            );
            self.error("OVERRIDE_SOURCE_HAS_OVERRIDE", message, places);
            return;
        }
        for directive in ["requires", "provides"] {
            if from.link.field_has(&giver.definition.directives, directive) {
                let message = format!(
                    "field `{coordinate}` is overridden by `{}`, but has `@{directive}` in `{}`",
                    to.name, from.name
                );
                self.error("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", message, places);
                return;
            }
        }
    }

    /// Whether a subgraph needs a field that it gave away: for a field set, or for an interface there.
    fn is_needed(&self, giver: &FieldIn<'_>) -> bool {
        let subgraph = &self.subgraphs[giver.subgraph];
        let name = &giver.definition.name;
        subgraph.field_set_uses(giver.parent.name(), name)
            || subgraph.is_in_an_interface(giver.parent, name)
    }

    fn hint_unknown_source(&mut self, coordinate: &str, taker: &FieldIn<'_>, from: &str) {
        let message = format!(
            "field `{coordinate}` of `{}` overrides the one of `{from}`, and there is no such subgraph",
            self.subgraphs[taker.subgraph].name
        );
        self.hint("FROM_SUBGRAPH_DOES_NOT_EXIST", message, [taker.subgraph]);
    }

    fn hint_move(
        &mut self,
        coordinate: &str,
        taker: &FieldIn<'_>,
        giver: &FieldIn<'_>,
        label: Option<&str>,
    ) {
        let (to, from) =
            (&self.subgraphs[taker.subgraph].name, &self.subgraphs[giver.subgraph].name);
        if let Some(label) = label {
            let message = format!(
                "field `{coordinate}` is moving from `{from}` to `{to}` under the label `{label}`"
            );
            self.hint("OVERRIDE_MIGRATION_IN_PROGRESS", message, [taker.subgraph, giver.subgraph]);
        } else {
            let how = if self.is_needed(giver) { "be marked `@external`" } else { "be removed" };
            let message =
                format!("field `{coordinate}` is overridden by `{to}`: in `{from}` it can {how}");
            self.hint("OVERRIDDEN_FIELD_CAN_BE_REMOVED", message, [giver.subgraph]);
        }
    }
}
