//! Directives of the federation spec that async-graphql does not know.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use async_graphql::TypeDirective;

/// Requires a signed-in user: `#[graphql(directive = authenticated::apply())]`.
///
/// async-graphql imports a fixed list of federation directives; one that is not imported is written with its
/// namespace, which every composition reads as `@authenticated`.
#[TypeDirective(
    location = "FieldDefinition",
    location = "Object",
    name = "federation__authenticated"
)]
pub fn authenticated() {}
