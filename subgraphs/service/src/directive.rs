//! Directives of the federation spec that async-graphql does not know: `@authenticated`.
//!
//! It imports a fixed list of federation directives. One that is not imported is written with its namespace, which every
//! composition reads as the directive itself: `#[graphql(directive = authenticated::apply())]`.

#![expect(missing_docs, reason = "the macro makes items without documentation")]

use async_graphql::TypeDirective;

/// Requires a signed-in user.
#[TypeDirective(
    location = "FieldDefinition",
    location = "Object",
    name = "federation__authenticated"
)]
pub fn authenticated() {}
