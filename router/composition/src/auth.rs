//! Checks that a field requires at least what the fields require that it is computed from.
//!
//! A field with `@requires` or `@fromContext` shows something of what it takes; whoever may not read that must not read
//! it either.

use std::collections::BTreeSet;

use apollo_compiler::ast::{Directive, FieldDefinition, Value};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};
use supergraph::{FieldSet, FieldSetSelection};

use crate::error::CompositionError;
use crate::subgraph::Subgraph;

/// Every field that shows more than its own requirements allow.
pub(crate) fn check(subgraphs: &[Subgraph], supergraph_sdl: &str) -> Vec<CompositionError> {
    let uses = |directive: &&str| supergraph_sdl.contains(*directive);
    if !["@authenticated", "@requiresScopes", "@policy"].iter().any(uses) {
        return Vec::new();
    }
    // What does not even parse is reported by the step that reads the supergraph.
    let Ok(schema) = Schema::parse(supergraph_sdl, "supergraph.graphql") else { return Vec::new() };
    subgraphs.iter().flat_map(|subgraph| Check { subgraph, schema: &schema }.errors()).collect()
}

struct Check<'a> {
    subgraph: &'a Subgraph,
    schema: &'a Schema,
}

/// What a reader must show: a sign-in, and one of the lists of each of the names.
#[derive(Default)]
struct Requirements<'a> {
    authenticated: bool,
    scopes: Vec<Alternatives<'a>>,
    policies: Vec<Alternatives<'a>>,
}

/// Lists of names, one of which has to be had in full.
type Alternatives<'a> = Vec<BTreeSet<&'a str>>;

impl Check<'_> {
    fn errors(&self) -> Vec<CompositionError> {
        let subgraph = self.subgraph;
        let mut errors = Vec::new();
        for ty in subgraph.schema.types.values().filter(|ty| !ty.is_built_in()) {
            for field in subgraph.fields(ty) {
                let taken = self.taken(ty, field);
                let own = self.field(&subgraph.supergraph_name(ty.name()), &field.name);
                let Some(own) = own.filter(|_| !taken.is_empty()) else { continue };
                for (directive, on, set) in taken {
                    let mut missing = Vec::new();
                    self.missing(&own, &on, &set, &mut missing);
                    errors.extend(missing.into_iter().map(|coordinate| CompositionError {
                        code: "MISSING_TRANSITIVE_AUTH_REQUIREMENTS",
                        message: format!(
                            "field `{}.{}` of `{}` takes `{coordinate}` by `@{directive}`, but requires less of its \
                             reader than that does",
                            ty.name(),
                            field.name,
                            subgraph.name
                        ),
                        locations: vec![subgraph.location(field.name.location())],
                    }));
                }
            }
        }
        errors
    }

    /// The field sets that a field is computed from: by which directive, and on which type of the supergraph.
    fn taken(
        &self,
        ty: &ExtendedType,
        field: &FieldDefinition,
    ) -> Vec<(&'static str, Name, FieldSet)> {
        let subgraph = self.subgraph;
        let mut taken = Vec::new();
        if let Some(requires) = subgraph.field_set(ty, field, "requires") {
            taken.push(("requires", subgraph.supergraph_name(ty.name()), requires));
        }
        for (_, context, selection) in subgraph.context_arguments(field) {
            for source in subgraph.types_with_context(context) {
                let on = subgraph.supergraph_name(source.name());
                taken.push(("fromContext", on, selection.clone()));
            }
        }
        taken
    }

    /// Notes the selected fields that require more than `own`.
    fn missing(
        &self,
        own: &Requirements<'_>,
        on: &Name,
        set: &FieldSet,
        missing: &mut Vec<String>,
    ) {
        for selection in &set.selections {
            match selection {
                FieldSetSelection::InlineFragment { type_condition, selections } => {
                    self.missing(own, type_condition.as_ref().unwrap_or(on), selections, missing);
                }
                FieldSetSelection::Field(selected) => {
                    let Ok(definition) = self.schema.type_field(on, &selected.name) else {
                        continue;
                    };
                    let required = self.field(on, &selected.name);
                    if required.is_some_and(|required| !own.covers(&required)) {
                        missing.push(format!("{on}.{}", selected.name));
                    }
                    let below = definition.ty.inner_named_type();
                    self.missing(own, below, &selected.selections, missing);
                }
            }
        }
    }

    /// What a field requires: by itself, by its type and by the type it returns.
    fn field(&self, on: &Name, field: &Name) -> Option<Requirements<'_>> {
        let definition = self.schema.type_field(on, field).ok()?;
        let mut requirements = Requirements::default();
        requirements.add(definition.directives.iter());
        for name in [on, definition.ty.inner_named_type()] {
            let ty = self.schema.types.get(name)?;
            requirements.add(ty.directives().iter().map(|directive| &directive.node));
        }
        Some(requirements)
    }
}

impl<'a> Requirements<'a> {
    fn add(&mut self, directives: impl Iterator<Item = &'a Node<Directive>>) {
        for directive in directives {
            match directive.name.as_str() {
                "authenticated" => self.authenticated = true,
                "requiresScopes" => self.scopes.push(alternatives(directive, "scopes")),
                "policy" => self.policies.push(alternatives(directive, "policies")),
                _ => {}
            }
        }
    }

    /// Whether whoever meets these meets the others.
    fn covers(&self, others: &Self) -> bool {
        (self.authenticated || !others.authenticated)
            && implies(&self.scopes, &others.scopes)
            && implies(&self.policies, &others.policies)
    }
}

/// Whether all of `own` (each a choice) imply each of `others`: however a reader meets them, one list of the other is had.
fn implies(own: &[Alternatives<'_>], others: &[Alternatives<'_>]) -> bool {
    let met = own.iter().fold(vec![BTreeSet::new()], |met, choice| {
        let with = |had: &BTreeSet<_>| choice.iter().map(|names| had | names).collect::<Vec<_>>();
        met.iter().flat_map(with).collect()
    });
    let is_met = |other: &Alternatives<'_>| {
        met.iter().all(|had| other.iter().any(|needed| needed.is_subset(had)))
    };
    others.iter().all(is_met)
}

fn alternatives<'a>(directive: &'a Directive, argument: &str) -> Alternatives<'a> {
    let names = |list: &'a Value| {
        list.as_list().unwrap_or_default().iter().filter_map(|name| name.as_str()).collect()
    };
    let lists = directive.specified_argument_by_name(argument).and_then(|v| v.as_list());
    lists.unwrap_or_default().iter().map(|list| names(list)).collect()
}
