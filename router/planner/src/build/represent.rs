//! What is sent of objects: keys and requirements, from the entries into which they were fetched.

use apollo_compiler::{Name, name};
use supergraph::{FieldSet, FieldSetSelection, TypeId, TypeKind, TypeSet};

use super::Builder;
use crate::RepresentationSelection;

impl Builder<'_> {
    /// What is sent of a field set that has been put at a position.
    pub(super) fn represented(
        &mut self,
        set: &FieldSet,
        classes: &[TypeId],
        at: &[Name],
        key: bool,
    ) -> Vec<RepresentationSelection> {
        let fields = self.search.fields_for(set, classes[0]).into_iter().cloned();
        let flat = FieldSet { selections: fields.map(FieldSetSelection::Field).collect() };
        self.represented_below(&flat, Some(classes[0]), at, key)
    }

    pub(super) fn represented_below(
        &mut self,
        set: &FieldSet,
        ty: Option<TypeId>,
        at: &[Name],
        key: bool,
    ) -> Vec<RepresentationSelection> {
        let supergraph = self.search.supergraph;
        let mut fields = Vec::new();
        for selection in &set.selections {
            match selection {
                FieldSetSelection::Field(field) if field.name == "__typename" => {}
                FieldSetSelection::Field(field) => {
                    let input = self.names.choose(at, &field.name, &field.arguments);
                    let child = ty.and_then(|ty| self.composite_type(ty, &field.name));
                    let mut below = at.to_vec();
                    below.push(input.clone());
                    let mut inner = self.represented_below(&field.selections, child, &below, key);
                    if child.is_some_and(|id| supergraph.type_of(id).kind != TypeKind::Object) {
                        let name = name!("__typename");
                        inner.insert(
                            0,
                            RepresentationSelection::Field {
                                input: name.clone(),
                                name,
                                key: false,
                                fields: Vec::new(),
                            },
                        );
                    }
                    let name = field.name.clone();
                    fields.push(RepresentationSelection::Field { name, input, key, fields: inner });
                }
                FieldSetSelection::InlineFragment { type_condition, selections } => {
                    let on = type_condition.as_ref().and_then(|name| supergraph.type_id(name));
                    let inner = self.represented_below(selections, on.or(ty), at, key);
                    let types = on.or(ty).map(|on| supergraph.query_graph().runtime_types(on));
                    let types = types.into_iter().flat_map(TypeSet::iter);
                    fields.push(RepresentationSelection::InlineFragment {
                        runtime_types: self.runtime_types(types),
                        fields: inner,
                    });
                }
            }
        }
        fields
    }

    /// The composite type of a field in the supergraph.
    fn composite_type(&self, on: TypeId, field: &str) -> Option<TypeId> {
        let supergraph = self.search.supergraph;
        let field = supergraph.field_of(on, field)?;
        supergraph.type_id(field.ty.inner_named_type())
    }
}
