//! Checks where `@inaccessible` and the auth directives cannot stand.

use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;

use super::Check;
use crate::subgraph::EXECUTABLE_LOCATIONS;

/// The directives that say who may read an element.
const REQUIREMENTS: [&str; 3] = ["authenticated", "requiresScopes", "policy"];

impl Check<'_> {
    /// What GraphQL or a specification needs cannot be hidden from clients.
    pub(super) fn inaccessible(&mut self) {
        let subgraph = self.subgraph;
        let is_specification = |name: &str| {
            subgraph.link.is_scalar(name)
                || name.starts_with("__")
                || ["federation__", "link__"].iter().any(|prefix| name.starts_with(prefix))
        };
        for ty in subgraph.schema.types.values() {
            let what = if is_specification(ty.name()) {
                "a specification's own"
            } else if ty.is_built_in() {
                "built into GraphQL"
            } else {
                continue;
            };
            if subgraph.link.has(ty.directives(), "inaccessible") {
                let message = format!(
                    "`{}` is `@inaccessible` in `{}`, but {what}",
                    ty.name(),
                    subgraph.name
                );
                self.error("DISALLOWED_INACCESSIBLE", message, ty.name().location());
            }
        }
        for (name, definition) in &subgraph.schema.directive_definitions {
            let stands_in_schemas =
                definition.locations.iter().find(|l| !EXECUTABLE_LOCATIONS.contains(&l.name()));
            for argument in &definition.arguments {
                let is_hidden = subgraph.link.field_has(&argument.directives, "inaccessible");
                if let Some(location) = stands_in_schemas.filter(|_| is_hidden) {
                    let message = format!(
                        "argument `@{name}({}:)` is `@inaccessible` in `{}`, but the directive stands in schemas, on \
                         {location}",
                        argument.name, subgraph.name
                    );
                    self.error("DISALLOWED_INACCESSIBLE", message, argument.name.location());
                }
            }
        }
    }

    /// An interface requires what the types behind it do, and nothing of its own.
    pub(super) fn requirements(&mut self, ty: &ExtendedType) {
        let subgraph = self.subgraph;
        let is_interface_object = subgraph.is_interface_object(ty);
        if !ty.is_interface() && !is_interface_object {
            return;
        }
        let kind = if is_interface_object { "an `@interfaceObject`" } else { "an interface" };
        for directive in REQUIREMENTS {
            if subgraph.link.has(ty.directives(), directive) {
                self.requires(directive, ty.name(), kind, ty.name().location());
            }
        }
        for field in subgraph.fields(ty).filter(|_| !is_interface_object) {
            for directive in REQUIREMENTS {
                if subgraph.link.field_has(&field.directives, directive) {
                    let place = format!("{}.{}", ty.name(), field.name);
                    self.requires(
                        directive,
                        &place,
                        "a field of an interface",
                        field.name.location(),
                    );
                }
            }
        }
    }

    fn requires(&mut self, directive: &str, place: &str, kind: &str, span: Option<SourceSpan>) {
        let message = format!(
            "`{place}` of `{}` has `@{directive}`, but is {kind}: it belongs on the types that implement the interface",
            self.subgraph.name
        );
        self.error("AUTH_REQUIREMENTS_APPLIED_ON_INTERFACE", message, span);
    }
}
