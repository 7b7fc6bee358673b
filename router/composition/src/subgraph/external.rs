//! What a subgraph knows of and other subgraphs resolve: `@external` fields, and what field sets select of them.

use apollo_compiler::Name;
use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::schema::ExtendedType;
use supergraph::{FieldSet, FieldSetField, FieldSetSelection};

use super::Subgraph;

impl Subgraph {
    /// Whether the field is known here but not resolved here. The key fields of an extension are resolved here whatever
    /// their `@external` says: that is how Federation 1 wrote keys.
    pub(crate) fn is_external(&self, ty: &ExtendedType, field: &FieldDefinition) -> bool {
        self.is_marked_external(ty, field)
            && !(self.extensions.contains(ty.name()) && self.is_key_field(ty, &field.name))
    }

    /// Whether the field or its declaration says `@external`; on a type or an interface's field it meant nothing in
    /// Federation 1.
    pub(crate) fn is_marked_external(&self, ty: &ExtendedType, field: &FieldDefinition) -> bool {
        if ty.is_interface() && self.link.version.is_none() {
            return false;
        }
        self.link.field_has(&field.directives, "external")
            || (self.link.version.is_some() && self.declaration_has(ty, &field.name, "external"))
    }

    /// Whether the field is external, or for an interface's field, whether it is in an implementing type.
    pub(crate) fn is_external_somewhere(&self, ty: &ExtendedType, field: &FieldDefinition) -> bool {
        let is_external_in = |object: &ExtendedType| {
            self.fields(object).any(|own| own.name == field.name && self.is_external(object, own))
        };
        self.is_external(ty, field)
            || (ty.is_interface() && self.implementing_types(ty.name()).any(is_external_in))
    }

    /// A field set that a directive of a field names: `requires` or `provides`. Federation 1 also wrote them where they
    /// meant nothing: on interfaces, on leaves, and for fields that the subgraph resolves anyway.
    pub(crate) fn field_set(
        &self,
        ty: &ExtendedType,
        field: &FieldDefinition,
        canonical: &'static str,
    ) -> Option<FieldSet> {
        let directive = self.link.field_all(&field.directives, canonical).next()?;
        let field_set = FieldSet::parse(&self.link.fields(directive)?).ok()?;
        if self.link.version.is_some() {
            return Some(field_set);
        }
        if ty.is_interface() {
            return None;
        }
        let on = if canonical == "requires" { ty.name() } else { field.ty.inner_named_type() };
        let active = self.external_part(on, &field_set);
        (!active.is_empty()).then_some(active)
    }

    /// What a field set selects of other subgraphs' fields.
    fn external_part(&self, on: &Name, field_set: &FieldSet) -> FieldSet {
        let part = |selection: &FieldSetSelection| match selection {
            FieldSetSelection::Field(selected) => {
                let ty = self.schema.types.get(on)?;
                let field = self.fields(ty).find(|field| field.name == selected.name)?;
                if self.is_external_somewhere(ty, field) {
                    return Some(selection.clone());
                }
                let below = field.ty.inner_named_type();
                let selections = self.external_part(below, &selected.selections);
                (!selections.is_empty()).then(|| {
                    FieldSetSelection::Field(FieldSetField { selections, ..selected.clone() })
                })
            }
            FieldSetSelection::InlineFragment { type_condition, selections } => {
                let selections =
                    self.external_part(type_condition.as_ref().unwrap_or(on), selections);
                let type_condition = type_condition.clone();
                (!selections.is_empty())
                    .then_some(FieldSetSelection::InlineFragment { type_condition, selections })
            }
        };
        FieldSet { selections: field_set.selections.iter().filter_map(part).collect() }
    }
}
