//! Checks `@interfaceObject`, and keys on interfaces.

use std::collections::BTreeSet;

use apollo_compiler::schema::ExtendedType;
use supergraph::{FieldSet, FieldSetSelection};

use super::Check;

impl Check<'_> {
    /// Checks the interfaces, and the objects that stand for interfaces.
    pub(super) fn interfaces(&mut self) {
        let subgraph = self.subgraph;
        for ty in subgraph.schema.types.values() {
            if subgraph.is_interface_object(ty) && subgraph.keys(ty).is_empty() {
                let message = format!(
                    "`{}` is an `@interfaceObject` in `{}` but has no `@key` there: nothing tells which object is meant",
                    ty.name(),
                    subgraph.name
                );
                self.error("INTERFACE_OBJECT_USAGE_ERROR", message, ty.name().location());
            }
            if ty.is_interface() && subgraph.link.version.is_some() {
                self.keys_of_implementing_types(ty);
            }
        }
    }

    /// Whoever answers for an interface by a key answers for each type that implements it.
    fn keys_of_implementing_types(&mut self, interface: &ExtendedType) {
        let subgraph = self.subgraph;
        for (key, resolvable) in subgraph.keys(interface) {
            for object in subgraph.implementing_types(interface.name()) {
                let has = subgraph.keys(object).iter().any(|(own, own_resolvable)| {
                    selected(own) == selected(key) && (*own_resolvable || !resolvable)
                });
                if !has {
                    let message = format!(
                        "`@key(fields: \"{key}\")` on interface `{}` of `{}` is missing on `{}`, which implements it",
                        interface.name(),
                        subgraph.name,
                        object.name()
                    );
                    self.error(
                        "INTERFACE_KEY_NOT_ON_IMPLEMENTATION",
                        message,
                        object.name().location(),
                    );
                }
            }
        }
    }
}

/// The selections of a key regardless of their order.
fn selected(key: &FieldSet) -> BTreeSet<String> {
    let text = |selection: &FieldSetSelection| match selection {
        FieldSetSelection::Field(field) => {
            format!("{} {:?}", field.name, selected(&field.selections))
        }
        FieldSetSelection::InlineFragment { type_condition, selections } => {
            format!("{type_condition:?} {:?}", selected(selections))
        }
    };
    key.selections.iter().map(text).collect()
}
