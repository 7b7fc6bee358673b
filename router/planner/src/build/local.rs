//! Puts demands into the fetch in which the objects stand, and goes on below them.

use std::rc::Rc;

use apollo_compiler::Name;
use apollo_compiler::ast::Type;
use indexmap::IndexMap;
use supergraph::{FieldPresence, SubgraphId, TypeId, TypeSet};

use super::{Builder, Cursor, Position, Touched, union};
use crate::demand::Demand;
use crate::entry_name::position;
use crate::overlay::OverlayId;
use crate::search::Node;
use crate::selection::{SelectionId, typename};
use crate::{FetchField, FetchSelectionSet, PathElement, PlanError};

impl<'a> Builder<'a> {
    /// Puts a demand of objects of some classes into the fetch where they stand, and goes on below it.
    pub(super) fn local(
        &mut self,
        demand: &Rc<Demand>,
        classes: &[TypeId],
        at: &Position,
    ) -> Result<Touched, PlanError> {
        let mut touched = Touched::from([at.draft]);
        let classes: TypeSet = classes
            .iter()
            .copied()
            .filter(|c| demand.concerns(self.search.supergraph, *c))
            .collect();
        let condition = at.condition.and(&demand.condition);
        if demand.is_typename() {
            for cursor in &at.cursors {
                let field = typename(Some(demand.name.clone()), condition.clone());
                if !cursor.classes.intersection(&classes).is_empty() {
                    self.selections.field(cursor.set, field, false);
                }
            }
            return Ok(touched);
        }
        let output = demand.output.clone().unwrap_or_else(|| {
            self.names.choose(&position(&at.path), &demand.name, &demand.arguments)
        });
        let mut below: IndexMap<OverlayId, Vec<Cursor>> = IndexMap::new();
        let mut ty = None;
        for cursor in &at.cursors {
            let here = classes.intersection(&cursor.classes);
            for (set, on, classes) in self.targets(cursor, &here, demand, at) {
                let (presence, field_type) = self.field_in(on, demand, at.subgraph);
                let child = self.search.supergraph.type_id(field_type.inner_named_type());
                let field = FetchField {
                    name: demand.name.clone(),
                    alias: (output != demand.name).then(|| output.clone()),
                    output: Some(output.clone()),
                    arguments: demand.arguments.clone(),
                    variables: demand.variables.clone(),
                    condition: condition.clone(),
                    selection_set: FetchSelectionSet::default(),
                };
                let below_set = self.selections.field(set, field, child.is_some());
                if let Some((set, child)) = below_set.zip(child) {
                    let overlay = self.overlay_below(classes[0], &demand.name, presence, at);
                    let classes = self.classes_in(child, at.subgraph);
                    below.entry(overlay).or_default().push(Cursor { set, type_id: child, classes });
                }
                ty = Some(field_type);
            }
        }
        let of: Vec<TypeId> = classes.iter().collect();
        let types = self.is_narrower(demand, &of).then(|| self.wanted_types(demand, &of));
        let after = if types.is_some() { &at.after | &at.told } else { at.after.clone() };
        let elements = ty.map(|ty| self.path_below(at, &classes, types, &output, &ty));
        let path = elements.unwrap_or_default();
        let above = at.above_below();
        for (overlay, cursors) in below {
            let universe = union(&cursors);
            let position = Position {
                path: path.clone(),
                cursors,
                overlay,
                condition: condition.clone(),
                universe,
                after: after.clone(),
                told: Touched::new(),
                above: Some(above.clone()),
                origin: None,
                ..at.clone()
            };
            touched.extend(self.place(Node::Below(demand.id), &demand.children, &position)?);
        }
        Ok(touched)
    }

    /// Where in a cursor a field of some classes goes: in the set itself where that means the same, else in a fragment for
    /// each class.
    fn targets(
        &mut self,
        cursor: &Cursor,
        classes: &TypeSet,
        demand: &Demand,
        at: &Position,
    ) -> Vec<(SelectionId, TypeId, Vec<TypeId>)> {
        if classes.is_empty() {
            return Vec::new();
        }
        let all: Vec<TypeId> = classes.iter().collect();
        let whole = *classes == cursor.classes && self.means_the_same(cursor, &all, demand, at);
        if whole || !self.is_abstract(cursor.type_id, at.subgraph) {
            return vec![(cursor.set, cursor.type_id, all)];
        }
        all.into_iter()
            .map(|class| {
                let types = self.runtime_types([class]);
                let name = self.search.supergraph.type_of(class).name.clone();
                (self.selections.fragment(cursor.set, &name, &types), class, vec![class])
            })
            .collect()
    }

    /// Whether a field, selected on the cursor's abstract type, is what it is on each of the classes.
    pub(super) fn means_the_same(
        &self,
        cursor: &Cursor,
        classes: &[TypeId],
        demand: &Demand,
        at: &Position,
    ) -> bool {
        let supergraph = self.search.supergraph;
        let on = supergraph.field_of(cursor.type_id, &demand.name);
        if on.is_none_or(|field| field.presences.get(at.subgraph).is_none()) {
            return false;
        }
        if demand.children.is_empty() {
            return true;
        }
        let (presence, ty) = self.field_in(cursor.type_id, demand, at.subgraph);
        let Some(child) = supergraph.type_id(ty.inner_named_type()) else { return true };
        let overlay = self.overlay_below(cursor.type_id, &demand.name, presence, at);
        let mut each = TypeSet::from_iter([]);
        for class in classes {
            let (presence, ty) = self.field_in(*class, demand, at.subgraph);
            let Some(child) = supergraph.type_id(ty.inner_named_type()) else { return false };
            if self.overlay_below(*class, &demand.name, presence, at) != overlay {
                return false;
            }
            each = each.union(&self.classes_in(child, at.subgraph));
        }
        each == self.classes_in(child, at.subgraph)
    }

    /// A field as a subgraph has it on a type.
    fn field_in(
        &self,
        on: TypeId,
        demand: &Demand,
        subgraph: SubgraphId,
    ) -> (Option<&'a FieldPresence>, Type) {
        let supergraph = self.search.supergraph;
        let field = supergraph.field_of(on, &demand.name);
        let presence = field.and_then(|field| field.presences.get(subgraph));
        let resolution = || self.search.resolution(demand, on, subgraph);
        let presence = presence.or_else(|| resolution().map(|resolution| resolution.presence));
        let ty = presence.map(|p| &p.ty).or(field.map(|f| &f.ty)).cloned();
        (presence, ty.unwrap_or_else(|| Type::Named(apollo_compiler::name!("Unknown"))))
    }

    fn overlay_below(
        &self,
        class: TypeId,
        field: &str,
        presence: Option<&FieldPresence>,
        at: &Position,
    ) -> OverlayId {
        let overlays = &self.search.overlays;
        overlays.below(overlays.for_class(at.overlay, class), field, presence)
    }

    /// The path to the values of a field; `types` where it is wanted of some objects of the classes only.
    fn path_below(
        &self,
        at: &Position,
        classes: &TypeSet,
        types: Option<TypeSet>,
        output: &Name,
        ty: &Type,
    ) -> Vec<PathElement> {
        let mut path = at.path.clone();
        if let Some(types) = types {
            path.push(PathElement::TypeCondition(self.runtime_types(types.iter())));
        } else if at.universe.len() > 1 && !at.universe.is_subset(classes) {
            path.push(PathElement::TypeCondition(self.runtime_types(classes.iter())));
        }
        path.push(PathElement::Key(output.clone()));
        path.extend(std::iter::repeat_n(PathElement::Items, list_depth(ty)));
        path
    }
}

/// How many lists a type is wrapped in.
fn list_depth(ty: &Type) -> usize {
    match ty {
        Type::List(inner) | Type::NonNullList(inner) => 1 + list_depth(inner),
        Type::Named(_) | Type::NonNullNamed(_) => 0,
    }
}
