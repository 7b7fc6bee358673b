//! Which fields a subgraph's field sets select, at any depth.

use std::collections::BTreeSet;

use apollo_compiler::Name;
use supergraph::{FieldSet, FieldSetSelection};

use super::Subgraph;

/// Fields by type and name.
type Fields = BTreeSet<(Name, Name)>;

/// The fields that each kind of field set selects; a field of an interface stands for those that implement it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldUse {
    /// By a `@key`.
    pub(super) keys: Fields,
    /// By a `@provides`.
    pub(super) provides: Fields,
    /// By a `@requires`.
    requires: Fields,
    /// By a `@fromContext`.
    contexts: Fields,
}

impl FieldUse {
    /// Reads all field sets of a subgraph.
    pub(super) fn of(subgraph: &Subgraph) -> Self {
        let mut used = Self::default();
        for ty in subgraph.schema.types.values().filter(|ty| !ty.is_built_in()) {
            for (key, _) in subgraph.keys(ty) {
                note(subgraph, ty.name(), key, &mut used.keys);
            }
            for field in subgraph.fields(ty) {
                if let Some(requires) = subgraph.field_set(ty, field, "requires") {
                    note(subgraph, ty.name(), &requires, &mut used.requires);
                }
                if let Some(provides) = subgraph.field_set(ty, field, "provides") {
                    note(subgraph, field.ty.inner_named_type(), &provides, &mut used.provides);
                }
                for (_, context, selection) in subgraph.context_arguments(field) {
                    for source in subgraph.types_with_context(context) {
                        note(subgraph, source.name(), &selection, &mut used.contexts);
                    }
                }
            }
        }
        used
    }

    /// Whether any field set selects the field.
    pub(super) fn selects(&self, field: &(Name, Name)) -> bool {
        [&self.keys, &self.provides, &self.requires, &self.contexts]
            .iter()
            .any(|fields| fields.contains(field))
    }
}

/// Notes the fields that a field set on a type selects.
fn note(subgraph: &Subgraph, on: &Name, set: &FieldSet, fields: &mut Fields) {
    for selection in &set.selections {
        match selection {
            FieldSetSelection::Field(selected) => {
                fields.insert((on.clone(), selected.name.clone()));
                for object in subgraph.implementing_types(on) {
                    fields.insert((object.name().clone(), selected.name.clone()));
                }
                if let Ok(definition) = subgraph.schema.type_field(on, &selected.name) {
                    note(subgraph, definition.ty.inner_named_type(), &selected.selections, fields);
                }
            }
            FieldSetSelection::InlineFragment { type_condition, selections } => {
                note(subgraph, type_condition.as_ref().unwrap_or(on), selections, fields);
            }
        }
    }
}
