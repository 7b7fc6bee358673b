//! Overlays: what a subgraph can resolve at an object beyond its own, because a `@provides` stands above it.

use std::cell::RefCell;

use indexmap::IndexSet;
use supergraph::{FieldPresence, FieldSet, FieldSetField, FieldSetSelection, Supergraph, TypeId};

/// A field set that is provided at an object; equal ones have the same number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OverlayId(u32);

impl OverlayId {
    /// Nothing is provided.
    pub(crate) const NONE: Self = Self(0);
}

/// The overlays of a plan.
#[derive(Debug)]
pub(crate) struct Overlays<'a> {
    supergraph: &'a Supergraph,
    known: RefCell<IndexSet<FieldSet>>,
}

impl<'a> Overlays<'a> {
    pub(crate) fn new(supergraph: &'a Supergraph) -> Self {
        Self { supergraph, known: RefCell::new([FieldSet::default()].into_iter().collect()) }
    }

    /// The part of an overlay that holds for objects of a class: fields only.
    pub(crate) fn for_class(&self, overlay: OverlayId, class: TypeId) -> OverlayId {
        if overlay == OverlayId::NONE {
            return overlay;
        }
        let set = self.field_set(overlay);
        let fields = fields_for(self.supergraph, &set, class).into_iter().cloned();
        self.intern(FieldSet { selections: fields.map(FieldSetSelection::Field).collect() })
    }

    /// Whether an overlay of a class has a field.
    pub(crate) fn provides(&self, overlay: OverlayId, field: &str) -> bool {
        overlay != OverlayId::NONE && self.field_set(overlay).fields().any(|f| f.name == field)
    }

    /// What is provided below a field: by the overlay of the object, and by the field's own `@provides`.
    pub(crate) fn below(
        &self,
        overlay: OverlayId,
        field: &str,
        presence: Option<&FieldPresence>,
    ) -> OverlayId {
        let own = presence.and_then(|presence| presence.provides.as_ref());
        if overlay == OverlayId::NONE && own.is_none() {
            return overlay;
        }
        let above = self.field_set(overlay);
        let above = above.fields().filter(|f| f.name == field).map(|f| &f.selections);
        let mut below = FieldSet::default();
        for selection in above.chain(own).flat_map(|set| &set.selections) {
            if !below.selections.contains(selection) {
                below.selections.push(selection.clone());
            }
        }
        self.intern(below)
    }

    fn field_set(&self, overlay: OverlayId) -> FieldSet {
        self.known.borrow()[overlay.0 as usize].clone()
    }

    fn intern(&self, set: FieldSet) -> OverlayId {
        let (index, _) = self.known.borrow_mut().insert_full(set);
        OverlayId(u32::try_from(index).expect("a plan has fewer overlays than demands"))
    }
}

/// The fields that a field set selects of objects of a class.
pub(crate) fn fields_for<'s>(
    supergraph: &Supergraph,
    set: &'s FieldSet,
    class: TypeId,
) -> Vec<&'s FieldSetField> {
    let mut fields = Vec::new();
    for selection in &set.selections {
        match selection {
            FieldSetSelection::Field(field) => fields.push(field),
            FieldSetSelection::InlineFragment { type_condition, selections } => {
                let matches = type_condition.as_ref().is_none_or(|on| {
                    supergraph.type_id(on).is_some_and(|on| {
                        on == class || supergraph.query_graph().runtime_types(on).contains(class)
                    })
                });
                if matches {
                    fields.extend(fields_for(supergraph, selections, class));
                }
            }
        }
    }
    fields
}
