//! Reads a subgraph's SDL into a schema.

use std::collections::BTreeSet;

use apollo_compiler::Name;
use apollo_compiler::Schema;
use apollo_compiler::ast::{Definition, Document};
use apollo_compiler::schema::SchemaBuilder;
use apollo_compiler::validation::DiagnosticList;

use crate::SubgraphSource;
use crate::error::{CompositionError, SubgraphLocation};

/// A schema, and the types that stand in its SDL only as `extend type`.
pub(super) struct Parsed {
    pub(super) schema: Schema,
    pub(super) orphans: BTreeSet<Name>,
}

/// Reads SDL. What every server defines for introspection it may define again; it counts for nothing.
pub(super) fn parse(source: &SubgraphSource) -> Result<Parsed, Vec<CompositionError>> {
    let mut errors = Vec::new();
    let document = Document::parse(&source.sdl, format!("{}.graphql", source.name));
    let document = document.unwrap_or_else(|broken| {
        errors = diagnostics(&source.name, &broken.errors);
        broken.partial
    });
    errors.extend(redefined_scalars(&source.name, &document));
    let builder = SchemaBuilder::new().adopt_orphan_extensions().ignore_builtin_redefinitions();
    let builder = builder.add_ast(&document);
    let orphans = builder.iter_orphan_extension_types().cloned().collect();
    match builder.build() {
        Ok(schema) if errors.is_empty() => Ok(Parsed { schema, orphans }),
        Ok(_) => Err(errors),
        Err(broken) => Err([errors, diagnostics(&source.name, &broken.errors)].concat()),
    }
}

/// Definitions that make something else of a scalar that is built in.
fn redefined_scalars(subgraph: &str, document: &Document) -> Vec<CompositionError> {
    let is_built_in = |name: &str| matches!(name, "Int" | "Float" | "String" | "Boolean" | "ID");
    let redefined = document.definitions.iter().filter_map(|definition| {
        let what = match definition {
            Definition::ObjectTypeDefinition(_) => "an object type",
            Definition::InterfaceTypeDefinition(_) => "an interface",
            Definition::UnionTypeDefinition(_) => "a union",
            Definition::EnumTypeDefinition(_) => "an enum",
            Definition::InputObjectTypeDefinition(_) => "an input type",
            _ => return None,
        };
        let name = definition.name().filter(|name| is_built_in(name))?;
        let span = name.location();
        let range = span.and_then(|span| span.line_column_range(&document.sources));
        Some(CompositionError {
            code: "TYPE_DEFINITION_INVALID",
            message: format!(
                "subgraph `{subgraph}`: `{name}` is a scalar of GraphQL itself, and {what} here: give the type another name"
            ),
            locations: vec![SubgraphLocation {
                subgraph: subgraph.to_owned(),
                line_column: range.map(|range| (range.start.line, range.start.column)),
            }],
        })
    });
    redefined.collect()
}

/// Every diagnostic of the parser or validator as an `INVALID_GRAPHQL`; what is said of several places is said once.
pub(super) fn diagnostics(subgraph: &str, errors: &DiagnosticList) -> Vec<CompositionError> {
    let mut found: Vec<CompositionError> = Vec::new();
    for diagnostic in errors.iter() {
        let line_column =
            diagnostic.line_column_range().map(|range| (range.start.line, range.start.column));
        let location = SubgraphLocation { subgraph: subgraph.to_owned(), line_column };
        let message = format!("subgraph `{subgraph}` is not valid GraphQL: {}", diagnostic.error);
        match found.iter_mut().find(|known| known.message == message) {
            Some(known) => known.locations.push(location),
            None => found.push(CompositionError {
                code: "INVALID_GRAPHQL",
                message,
                locations: vec![location],
            }),
        }
    }
    found
}
