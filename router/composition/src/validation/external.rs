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
                for field in subgraph.fields(ty) {
                    if self.is_used(ty, field, used) {
                        self.external_beside_provides(ty, field);
                    }
                }
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
                self.external_beside_provides(ty, field);
                self.external_unused(ty, field, used);
            }
        }
    }

    /// An external field is another subgraph's, and so is what it returns.
    fn external_beside_provides(&mut self, ty: &ExtendedType, field: &Component<FieldDefinition>) {
        let subgraph = self.subgraph;
        if subgraph.is_external(ty, field) && subgraph.link.field_has(&field.directives, "provides")
        {
            let message = format!(
                "`{}.{}` of `{}` has both `@external` and `@provides`",
                ty.name(),
                field.name,
                subgraph.name
            );
            self.error("EXTERNAL_COLLISION_WITH_ANOTHER_DIRECTIVE", message, field.name.location());
        }
    }

    fn external_unused(
        &mut self,
        ty: &ExtendedType,
        field: &Component<FieldDefinition>,
        used: &UsedFields,
    ) {
        let subgraph = self.subgraph;
        if !self.is_used(ty, field, used) {
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
        used.contains(&(ty.name().clone(), field.name.clone()))
            || self.subgraph.is_in_an_interface(ty, &field.name)
    }
}
