//! Who can be reached from where: the hops between subgraphs by entity keys.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use apollo_compiler::Name;
use supergraph::{
    FieldPresence, FieldSet, FieldSetField, FieldSetSelection, SubgraphId, Supergraph, TypeKind,
};

/// How deep the nesting of keys is followed.
const KEY_DEPTH: usize = 6;

/// What a subgraph can resolve here beyond its own: the field set of a `@provides` above.
pub(crate) type Overlay = Arc<FieldSet>;

/// A way into a subgraph.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    /// Who is asked for each of the key's fields: where one comes from, or where a hop before this leads.
    pub(crate) providers: Vec<(FieldSetField, SubgraphId)>,
    /// The `__typename` that is sent.
    pub(crate) typename: Name,
    /// How many requests, one after the other, it takes.
    pub(crate) rounds: u32,
}

/// The ways from one place, by [`SubgraphId`].
pub(crate) type Hops = Arc<Vec<Option<Hop>>>;

/// A field as one subgraph resolves it for a class of objects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolution<'a> {
    pub(crate) presence: &'a FieldPresence,
}

/// Finds and remembers the ways between subgraphs.
pub(crate) struct Router<'a> {
    pub(crate) supergraph: &'a Supergraph,
    hops: RefCell<HashMap<(Name, SubgraphId, Overlay), Hops>>,
}

impl<'a> Router<'a> {
    pub(crate) fn new(supergraph: &'a Supergraph) -> Self {
        Self { supergraph, hops: RefCell::default() }
    }

    /// How a subgraph resolves a field of an object type (or, for objects whose type only an interface object stands
    /// for, of that interface); `None` where it does not.
    pub(crate) fn resolution(
        &self,
        class: &str,
        field: &str,
        subgraph: SubgraphId,
    ) -> Option<Resolution<'a>> {
        let ty = self.supergraph.composite_type(class)?;
        let own = ty.fields.get(field).and_then(|f| f.presences[subgraph.index()].as_ref());
        if let Some(presence) = own.filter(|p| p.resolvable()) {
            return Some(Resolution { presence });
        }
        if ty.kind != TypeKind::Object {
            return None;
        }
        self.supergraph.interface_objects(class, subgraph).find_map(|interface| {
            let presence = interface.fields.get(field)?.presences[subgraph.index()].as_ref()?;
            presence.resolvable().then_some(Resolution { presence })
        })
    }

    /// The ways from an object of a class in a subgraph to the others; the subgraph itself is reached by a hop of its own
    /// only where it answers `_entities` for the class.
    pub(crate) fn hops(&self, class: &Name, from: SubgraphId, overlay: &Overlay) -> Hops {
        self.hops_within(class, from, overlay, KEY_DEPTH)
    }

    fn hops_within(&self, class: &Name, from: SubgraphId, overlay: &Overlay, depth: usize) -> Hops {
        let key = (class.clone(), from, overlay.clone());
        if let Some(known) = self.hops.borrow().get(&key) {
            return known.clone();
        }
        let found = Arc::new(self.find_hops(class, from, overlay, depth));
        if depth == KEY_DEPTH {
            self.hops.borrow_mut().insert(key, found.clone());
        }
        found
    }

    /// Breadth first: in each round, every subgraph one of whose keys can be filled from those reached before.
    fn find_hops(
        &self,
        class: &Name,
        from: SubgraphId,
        overlay: &Overlay,
        depth: usize,
    ) -> Vec<Option<Hop>> {
        let count = self.supergraph.subgraphs().len();
        let mut hops: Vec<Option<Hop>> = vec![None; count];
        if depth == 0 {
            return hops;
        }
        let mut reached = vec![from];
        for rounds in 1.. {
            let mut found: Vec<(SubgraphId, Hop)> = Vec::new();
            for to in self.supergraph.subgraph_ids().filter(|to| hops[to.index()].is_none()) {
                let filled = self.keys(class, to).into_iter().find_map(|(typename, key)| {
                    let providers = self.providers(class, &key, &reached, from, overlay, depth)?;
                    Some(Hop { providers, typename, rounds })
                });
                found.extend(filled.map(|hop| (to, hop)));
            }
            if found.is_empty() {
                return hops;
            }
            for (to, hop) in found {
                if to != from {
                    reached.push(to);
                }
                hops[to.index()] = Some(hop);
            }
        }
        hops
    }

    /// The keys for which a subgraph answers `_entities` for objects of a class, shortest first, with the type to name.
    fn keys(&self, class: &Name, subgraph: SubgraphId) -> Vec<(Name, FieldSet)> {
        let own = self.supergraph.composite_type(class).into_iter();
        let interfaces = self.supergraph.interface_objects(class, subgraph);
        let mut keys: Vec<(Name, FieldSet)> = own
            .chain(interfaces)
            .flat_map(|ty| {
                let presence = ty.presences[subgraph.index()].as_ref();
                let keys = presence.map(|p| p.keys.as_slice()).unwrap_or_default().iter();
                keys.filter(|key| key.resolvable)
                    .map(|key| (ty.name.clone(), key.field_set.clone()))
            })
            .collect();
        keys.sort_by_key(|(_, key)| key.to_string().len());
        keys
    }

    /// Who provides each field of a key: the origin first, then those reached, earliest first.
    fn providers(
        &self,
        class: &Name,
        key: &FieldSet,
        reached: &[SubgraphId],
        from: SubgraphId,
        overlay: &Overlay,
        depth: usize,
    ) -> Option<Vec<(FieldSetField, SubgraphId)>> {
        let no_overlay = Overlay::default();
        key.fields()
            .map(|field| {
                let provider = reached.iter().find(|provider| {
                    let overlay = if **provider == from { overlay } else { &no_overlay };
                    self.covers(class, field, **provider, overlay, depth)
                });
                provider.map(|provider| (field.clone(), *provider))
            })
            .collect()
    }

    /// Whether a subgraph resolves a key's field with all that is below it, if need be with hops from there.
    fn covers(
        &self,
        class: &Name,
        field: &FieldSetField,
        subgraph: SubgraphId,
        overlay: &Overlay,
        depth: usize,
    ) -> bool {
        let below = overlaid(overlay, &field.name);
        let resolution = self.resolution(class, &field.name, subgraph);
        if resolution.is_none_or(|r| r.presence.requires.is_some()) && below.is_none() {
            return false;
        }
        if field.selections.is_empty() {
            return true;
        }
        let Some(child) = self.field_type(class, &field.name) else { return false };
        let provided = resolution.and_then(|r| r.presence.provides.clone()).unwrap_or_default();
        let overlay = Arc::new(union(below.unwrap_or_default(), provided));
        let classes = self.classes(&child, subgraph);
        classes.iter().all(|class| {
            fields_for(self.supergraph, &field.selections, class).iter().all(|inner| {
                self.covers(class, inner, subgraph, &overlay, depth)
                    || self
                        .hops_within(class, subgraph, &overlay, depth - 1)
                        .iter()
                        .enumerate()
                        .any(|(to, hop)| {
                            let to = SubgraphId(u16::try_from(to).expect("at most 256 subgraphs"));
                            hop.is_some()
                                && to != subgraph
                                && self.covers(class, inner, to, &Overlay::default(), depth - 1)
                        })
            })
        })
    }

    /// The named type of a field.
    pub(crate) fn field_type(&self, class: &str, field: &str) -> Option<Name> {
        Some(
            self.supergraph.composite_type(class)?.fields.get(field)?.ty.inner_named_type().clone(),
        )
    }

    /// What values of a type are in a subgraph: its runtime types, or the interface itself where it is an interface object.
    pub(crate) fn classes(&self, type_name: &Name, subgraph: SubgraphId) -> Vec<Name> {
        match self.supergraph.type_presence(type_name, subgraph) {
            Some(presence) if presence.is_interface_object => vec![type_name.clone()],
            Some(presence) => presence.runtime_types.to_vec(),
            None => Vec::new(),
        }
    }
}

/// What an overlay says of a field: `None` if nothing, else the fields it provides below.
pub(crate) fn overlaid(overlay: &FieldSet, field: &str) -> Option<FieldSet> {
    let mut found: Option<FieldSet> = None;
    for candidate in overlay.fields().filter(|candidate| candidate.name == field) {
        found = Some(union(found.unwrap_or_default(), candidate.selections.clone()));
    }
    found
}

/// The part of an overlay that holds for a runtime type.
pub(crate) fn overlay_for(supergraph: &Supergraph, overlay: &FieldSet, class: &str) -> FieldSet {
    FieldSet {
        selections: fields_for(supergraph, overlay, class)
            .into_iter()
            .map(FieldSetSelection::Field)
            .collect(),
    }
}

/// The fields that a field set selects of objects of a class.
pub(crate) fn fields_for(
    supergraph: &Supergraph,
    set: &FieldSet,
    class: &str,
) -> Vec<FieldSetField> {
    let mut fields = Vec::new();
    for selection in &set.selections {
        match selection {
            FieldSetSelection::Field(field) => fields.push(field.clone()),
            FieldSetSelection::InlineFragment { type_condition, selections } => {
                let matches = type_condition.as_ref().is_none_or(|on| {
                    on == class
                        || supergraph
                            .composite_type(on)
                            .is_some_and(|ty| ty.runtime_types.iter().any(|t| t == class))
                });
                if matches {
                    fields.extend(fields_for(supergraph, selections, class));
                }
            }
        }
    }
    fields
}

/// Both field sets.
pub(crate) fn union(mut a: FieldSet, b: FieldSet) -> FieldSet {
    for selection in b.selections {
        if !a.selections.contains(&selection) {
            a.selections.push(selection);
        }
    }
    a
}
