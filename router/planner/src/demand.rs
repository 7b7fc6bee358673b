//! What is wanted: a tree of fields, each with the runtime types and the condition for which it is.

use std::rc::Rc;

use apollo_compiler::Name;
use supergraph::{FieldSet, FieldSetSelection, Supergraph, TypeId, TypeSet};

use crate::Condition;

/// A field that is wanted: of the client, or for a key or a requirement.
#[derive(Debug, Clone)]
pub(crate) struct Demand {
    /// Unique in the plan; memos are kept by it.
    pub(crate) id: u32,
    /// Its place among the others: that of the client's field of which it is a part.
    pub(crate) order: u32,
    /// The entry of the response tree; `None` where the planner chooses it.
    pub(crate) output: Option<Name>,
    pub(crate) name: Name,
    pub(crate) arguments: String,
    pub(crate) variables: Vec<Name>,
    /// The type on which it was selected; `None` for the object's own.
    pub(crate) parent: Option<TypeId>,
    /// The runtime types of which it is wanted; `None` for any.
    pub(crate) types: Option<TypeSet>,
    /// Beside that of what stands around it.
    pub(crate) condition: Condition,
    pub(crate) children: Vec<Rc<Demand>>,
}

/// Numbers demands.
#[derive(Debug, Default)]
pub(crate) struct Ids(std::cell::Cell<u32>);

impl Ids {
    /// How many there may be in one plan.
    pub(crate) const LIMIT: u32 = 200_000;

    pub(crate) fn next(&self) -> u32 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.0.get() > Self::LIMIT
    }
}

impl Demand {
    /// The runtime type of an object.
    pub(crate) fn typename(ids: &Ids) -> Rc<Self> {
        Rc::new(Self { order: 0, ..Self::hidden(ids, apollo_compiler::name!("__typename")) })
    }

    fn hidden(ids: &Ids, name: Name) -> Self {
        let id = ids.next();
        Self {
            id,
            order: id,
            output: None,
            name,
            arguments: String::new(),
            variables: Vec::new(),
            parent: None,
            types: None,
            condition: Condition::always(),
            children: Vec::new(),
        }
    }

    /// The demands of a field set on objects of any type.
    pub(crate) fn of_field_set(
        supergraph: &Supergraph,
        set: &FieldSet,
        ids: &Ids,
    ) -> Vec<Rc<Self>> {
        let mut demands = Vec::new();
        collect(supergraph, set, None, ids, &mut demands);
        demands
    }

    pub(crate) fn is_typename(&self) -> bool {
        self.name == "__typename"
    }

    /// Whether it is wanted of objects of a class. An interface as a class stands for all that implement it.
    pub(crate) fn concerns(&self, supergraph: &Supergraph, class: TypeId) -> bool {
        self.types.as_ref().is_none_or(|types| {
            types.contains(class)
                || supergraph.query_graph().runtime_types(class).iter().any(|t| types.contains(t))
        })
    }

    /// Whether it is wanted of some objects of a class only; so it can be of an interface.
    pub(crate) fn is_narrower_than(&self, supergraph: &Supergraph, class: TypeId) -> bool {
        let runtime_types = supergraph.query_graph().runtime_types(class);
        self.types.as_ref().is_some_and(|types| !runtime_types.is_subset(types))
    }

    /// The same demand in smaller parts, which may be met apart; `None` where it is one leaf.
    pub(crate) fn parts(&self, ids: &Ids) -> Option<Vec<Rc<Self>>> {
        let with = |child: Rc<Self>| {
            Rc::new(Self { id: ids.next(), children: vec![child], ..self.clone() })
        };
        match self.children.as_slice() {
            [] => None,
            [only] => Some(only.parts(ids)?.into_iter().map(with).collect()),
            several => Some(several.iter().cloned().map(with).collect()),
        }
    }
}

fn collect(
    supergraph: &Supergraph,
    set: &FieldSet,
    types: Option<&TypeSet>,
    ids: &Ids,
    demands: &mut Vec<Rc<Demand>>,
) {
    for selection in &set.selections {
        match selection {
            FieldSetSelection::Field(field) => {
                let children = Demand::of_field_set(supergraph, &field.selections, ids);
                demands.push(Rc::new(Demand {
                    arguments: field.arguments.clone(),
                    types: types.cloned(),
                    children,
                    ..Demand::hidden(ids, field.name.clone())
                }));
            }
            FieldSetSelection::InlineFragment { type_condition, selections } => {
                let on = type_condition.as_ref().and_then(|name| supergraph.type_id(name));
                let on = on.map(|id| supergraph.query_graph().runtime_types(id));
                let narrowed = match (types, on) {
                    (Some(types), Some(on)) => Some(types.intersection(on)),
                    (types, on) => types.or(on).cloned(),
                };
                collect(supergraph, selections, narrowed.as_ref(), ids, demands);
            }
        }
    }
}

impl PartialEq for Demand {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
