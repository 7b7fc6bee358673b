//! Checks what `@requires` selects against those who resolve it: the arguments that are given to a field must be ones
//! that every subgraph knows which may be asked for it.

use std::collections::BTreeSet;

use apollo_compiler::Name;
use supergraph::{FieldSet, FieldSetField, FieldSetSelection};

use super::Merge;
use super::field::FieldIn;

/// The requirement being checked.
struct Requirement<'a> {
    field: FieldIn<'a>,
    /// How messages begin: `` `@requires` on `Product.price` of `shop` ``.
    subject: String,
}

impl<'a> Merge<'a> {
    /// Checks all requirements. Within its own subgraph, each is known to be right.
    pub(super) fn check_requirements(&mut self) {
        for (index, subgraph) in self.subgraphs.iter().enumerate() {
            for ty in subgraph.schema.types.values().filter(|ty| !ty.is_built_in()) {
                for definition in subgraph.fields(ty) {
                    let Some(set) = subgraph.field_set(ty, definition, "requires") else {
                        continue;
                    };
                    let subject = format!(
                        "`@requires` on `{}.{}` of `{}`",
                        ty.name(),
                        definition.name,
                        subgraph.name
                    );
                    let field = FieldIn { subgraph: index, parent: ty, definition };
                    let requirement = Requirement { field, subject };
                    self.required(&subgraph.supergraph_name(ty.name()), &set, &requirement);
                }
            }
        }
    }

    fn required(&mut self, on: &Name, set: &FieldSet, requirement: &Requirement<'a>) {
        for selection in &set.selections {
            match selection {
                FieldSetSelection::InlineFragment { type_condition, selections } => {
                    self.required(type_condition.as_ref().unwrap_or(on), selections, requirement);
                }
                FieldSetSelection::Field(selected) => {
                    let resolving = self.resolving(on, &selected.name);
                    self.required_arguments(on, selected, &resolving, requirement);
                    if let Some(first) = resolving.first() {
                        let below = first.definition.ty.inner_named_type();
                        self.required(below, &selected.selections, requirement);
                    }
                }
            }
        }
    }

    /// Those who resolve a field, or say as an interface that their types do.
    fn resolving(&self, on: &Name, name: &Name) -> Vec<FieldIn<'a>> {
        let definitions = self.types.get(on).into_iter().flatten();
        let fields = definitions.filter_map(|definition| {
            let (subgraph, ty) = (definition.subgraph, definition.ty);
            let mut fields = self.subgraphs[subgraph].fields(ty);
            let definition = fields.find(|field| field.name == *name)?;
            Some(FieldIn { subgraph, parent: ty, definition })
        });
        fields.filter(|field| !self.is_external(field)).collect()
    }

    fn required_arguments(
        &mut self,
        on: &Name,
        selected: &FieldSetField,
        resolving: &[FieldIn<'a>],
        requirement: &Requirement<'a>,
    ) {
        let arguments = selected.argument_values();
        let given: BTreeSet<&Name> = arguments.iter().map(|argument| &argument.name).collect();
        for field in resolving.iter().filter(|field| field.subgraph != requirement.field.subgraph) {
            let subgraph = &self.subgraphs[field.subgraph];
            let known = &field.definition.arguments;
            let unknown = given.iter().filter(|name| !known.iter().any(|own| own.name == ***name));
            let unknown = unknown.map(|name| {
                format!(
                    "gives `{on}.{}` an argument `{name}`, which it does not have in `{}`",
                    selected.name, subgraph.name
                )
            });
            let missing = known.iter().filter(|own| {
                own.is_required() && !given.contains(&own.name) && !subgraph.is_contextual(own)
            });
            let missing = missing.map(|own| {
                format!(
                    "does not give `{on}.{}` the argument `{}`, which it needs in `{}`",
                    selected.name, own.name, subgraph.name
                )
            });
            for reason in unknown.chain(missing).collect::<Vec<_>>() {
                let places = [requirement.field.place(), field.place()];
                let message = format!("{} {reason}", requirement.subject);
                self.error("REQUIRES_INVALID_FIELDS", message, places);
            }
        }
    }
}
