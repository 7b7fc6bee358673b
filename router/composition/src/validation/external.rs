//! Checks `@external`: that something uses the field, and that nothing contradicts it.

use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::schema::{Component, ExtendedType};

use super::Check;
use super::field_set::UsedFields;

impl Check<'_> {
    /// Checks the external fields. Federation 1 was not strict about them: what nothing uses was left out.
    pub(super) fn externals(&mut self, used: &UsedFields) {
        let subgraph = self.subgraph;
        for ty in subgraph.schema.types.values().filter(|ty| !ty.is_built_in()) {
            if subgraph.link.version.is_none() {
                self.only_unused_externals(ty, used);
                continue;
            }
            for field in subgraph.fields(ty).filter(|field| subgraph.is_marked_external(ty, field))
            {
                if ty.is_interface() {
                    let message = format!(
                        "`{}.{}` of `{}` is a field of an interface and cannot be `@external`",
                        ty.name(),
                        field.name,
                        subgraph.name
                    );
                    self.error("EXTERNAL_ON_INTERFACE", message, field.name.location());
                    continue;
                }
                self.external_beside_others(ty, field);
                self.external_unused(ty, field, used);
            }
        }
    }

    /// An external field is another subgraph's: what it says of itself is said there.
    fn external_beside_others(&mut self, ty: &ExtendedType, field: &Component<FieldDefinition>) {
        let subgraph = self.subgraph;
        if !subgraph.is_external(ty, field) {
            return;
        }
        let codes = [
            ("provides", "EXTERNAL_COLLISION_WITH_ANOTHER_DIRECTIVE"),
            ("tag", "MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL"),
            ("inaccessible", "MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL"),
        ];
        for (directive, code) in codes {
            if subgraph.link.field_has(&field.directives, directive) {
                let message = format!(
                    "`{}.{}` of `{}` has both `@external` and `@{directive}`",
                    ty.name(),
                    field.name,
                    subgraph.name
                );
                self.error(code, message, field.name.location());
            }
        }
    }

    fn external_unused(
        &mut self,
        ty: &ExtendedType,
        field: &Component<FieldDefinition>,
        used: &UsedFields,
    ) {
        let subgraph = self.subgraph;
        // `@external` on a type is shorthand; a field of it that nothing uses is no mistake.
        if subgraph.link.field_has(&field.directives, "external") && !self.is_used(ty, field, used)
        {
            let message = format!(
                "`{}.{}` of `{}` is `@external`, but no `@key`, `@requires` or `@provides` there uses it and no \
                 interface there has it",
                ty.name(),
                field.name,
                subgraph.name
            );
            self.error("EXTERNAL_UNUSED", message, field.name.location());
        }
    }

    /// A type all of whose fields are external and unused is left out, which is an error where a field returns it.
    fn only_unused_externals(&mut self, ty: &ExtendedType, used: &UsedFields) {
        let subgraph = self.subgraph;
        let mut fields = subgraph.fields(ty).peekable();
        let is_useless = |field: &Component<FieldDefinition>| {
            subgraph.is_external(ty, field) && !self.is_used(ty, field, used)
        };
        let is_returned = || {
            let types = subgraph.schema.types.values();
            types
                .flat_map(|ty| subgraph.fields(ty))
                .any(|field| field.ty.inner_named_type() == ty.name())
        };
        if ty.is_object() && fields.peek().is_some() && fields.all(is_useless) && is_returned() {
            let message = format!(
                "every field of `{}` is `@external` in `{}` and nothing there uses them, but a field returns the type",
                ty.name(),
                subgraph.name
            );
            self.error("TYPE_WITH_ONLY_UNUSED_EXTERNAL", message, ty.name().location());
        }
    }

    /// Whether a field set uses the field, or an interface needs it.
    fn is_used(&self, ty: &ExtendedType, field: &FieldDefinition, used: &UsedFields) -> bool {
        let ExtendedType::Object(object) = ty else { return false };
        used.contains(&(object.name.clone(), field.name.clone()))
            || object.implements_interfaces.iter().any(|interface| {
                let interface = self.subgraph.schema.get_interface(&interface.name);
                interface.is_some_and(|interface| interface.fields.contains_key(&field.name))
            })
    }
}
