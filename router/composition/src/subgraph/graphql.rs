//! Checks a subgraph's SDL as GraphQL, with what it may leave out for the federation to add.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use apollo_compiler::ast::InputValueDefinition;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{Component, ExtendedType};
use apollo_compiler::{Name, Node, Schema, name};

use super::document::diagnostics;
use super::specification::{SCALARS, SPECIFICATIONS, Specification, check_definitions};
use crate::default::wrong_defaults;
use crate::error::CompositionError;
use crate::link::Link;
use crate::merge::ONE_OF;

/// Everything that keeps the SDL from being valid GraphQL.
pub(super) fn check(
    subgraph: &str,
    schema: &Schema,
    link: &Link,
) -> Result<(), Vec<CompositionError>> {
    let errors = check_definitions(subgraph, schema, link);
    if !errors.is_empty() {
        return Err(errors);
    }
    let completed = with_additions(schema, link);
    let wrong = wrong_defaults(&completed);
    let wrong = wrong.into_iter().map(|it| (it.message(), it.definition.name.location()));
    let errors: Vec<CompositionError> = wrong
        .chain(deprecated_requirements(&completed))
        .chain(one_of_fields(&completed))
        .map(|(what, span)| CompositionError {
            code: "INVALID_GRAPHQL",
            message: format!("subgraph `{subgraph}` is not valid GraphQL: {what}"),
            locations: vec![super::location(subgraph, &completed, span)],
        })
        .collect();
    match completed.validate() {
        Ok(_) if errors.is_empty() => Ok(()),
        Ok(_) => Err(errors),
        Err(broken) => {
            let mut found = diagnostics(subgraph, &broken.errors);
            for error in &mut found {
                name_the_import(error, link);
            }
            Err([errors, found].concat())
        }
    }
}

/// A directive of the federation that is not known here has not been imported: says how it is.
fn name_the_import(error: &mut CompositionError, link: &Link) {
    let unknown = error.message.split_once("cannot find directive `@").map(|(_, rest)| rest);
    let Some(name) = unknown.and_then(|rest| rest.split('`').next()) else { return };
    if !SPECIFICATIONS.iter().any(|specification| specification.name == name) {
        return;
    }
    let way_out = match link.version {
        None => format!(
            "; it is one of Federation 2, for which the schema says `extend schema @{}(url: \
             \"https://specs.apollo.dev/federation/v2.12\", import: [\"@{name}\"])`",
            link.name
        ),
        Some(_) => {
            format!("; the link to the federation has to import it: `import: [\"@{name}\"]`")
        }
    };
    error.message.push_str(&way_out);
}

/// The schema with the federation's own definitions where it leaves them out.
fn with_additions(schema: &Schema, link: &Link) -> Schema {
    let mut definitions = String::new();
    let scalars: BTreeSet<&str> = SCALARS.into_iter().chain(link.scalars()).collect();
    for scalar in scalars {
        let _ = writeln!(definitions, "scalar {scalar}");
    }
    for (name, canonical) in link.names() {
        if let Some(specification) = Specification::of(canonical, link.version) {
            definitions += &specification.definition(name);
        }
    }
    let _ = writeln!(
        definitions,
        "directive @{}(url: String, as: String, for: _Any, import: [_Any]) repeatable on SCHEMA",
        link.name
    );
    // Every GraphQL schema has it, and nobody defines it.
    definitions += ONE_OF;
    // A subgraph may have no query at all, or a query root without fields; GraphQL wants one.
    definitions += "type _NoQuery { none: Int }";
    let additions =
        Schema::parse(definitions, "federation.graphql").expect("our own definitions parse");
    let mut schema = schema.clone();
    for (name, ty) in additions.types {
        schema.types.entry(name).or_insert(ty);
    }
    for (name, definition) in additions.directive_definitions {
        schema.directive_definitions.entry(name).or_insert(definition);
    }
    let query = schema.schema_definition.query.as_ref();
    let query = query.and_then(|query| schema.get_object(&query.name));
    if let Some(query) = query.filter(|query| query.fields.is_empty()) {
        let name = query.name.clone();
        schema.types.shift_remove(&name);
        schema.schema_definition.make_mut().query = None;
    }
    if schema.schema_definition.query.is_none() {
        schema.schema_definition.make_mut().query = Some(name!("_NoQuery").into());
    }
    schema
}

/// Of a `@oneOf` one field is given and no other: none can be required, or be there by itself.
fn one_of_fields(schema: &Schema) -> Vec<(String, Option<SourceSpan>)> {
    let inputs = schema.types.values().filter_map(ExtendedType::as_input_object);
    let one_of = inputs.filter(|input| input.directives.has("oneOf"));
    let fields = one_of.flat_map(|input| input.fields.values().map(|field| (&input.name, field)));
    let wrong = fields.filter(|(_, field)| field.ty.is_non_null() || field.default_value.is_some());
    let error = |(on, field): (&Name, &Component<InputValueDefinition>)| {
        let message = format!(
            "`{on}.{}` is a field of a `@oneOf`: it must be nullable and without a default",
            field.name
        );
        (message, field.name.location())
    };
    wrong.map(error).collect()
}

/// What must be given cannot be `@deprecated`, which the validator leaves to its users, too.
fn deprecated_requirements(schema: &Schema) -> Vec<(String, Option<SourceSpan>)> {
    let mut found = Vec::new();
    let mut check = |kind: &str, on: &str, value: &Node<InputValueDefinition>| {
        if value.is_required() && value.directives.has("deprecated") {
            let message = format!(
                "{kind} `{}` of `{on}` is required and `@deprecated`: clients could not leave it out",
                value.name
            );
            found.push((message, value.name.location()));
        }
    };
    for ty in schema.types.values().filter(|ty| !ty.is_built_in()) {
        for field in super::all_fields(ty).into_iter().flat_map(|fields| fields.values()) {
            for argument in &field.arguments {
                check("argument", &format!("{}.{}", ty.name(), field.name), argument);
            }
        }
        if let ExtendedType::InputObject(input) = ty {
            for field in input.fields.values() {
                check("input field", &input.name, &field.node);
            }
        }
    }
    for directive in schema.directive_definitions.values() {
        for argument in &directive.arguments {
            check("argument", &format!("@{}", directive.name), argument);
        }
    }
    found
}
