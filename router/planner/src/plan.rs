//! The query plan: which subgraph is asked for what, in which order, and where the answers go.
//!
//! A plan is a flat list of fetches with their dependencies. Each fetch says what it sends and how its answer
//! is written into one *response tree*: an object per position, whose entries are named by [`FetchField::output`].
//! The client's answer is emitted from that tree at the end, in the order of the client's selection set.
//!
//! `Display` prints the plan as Apollo and Hive print theirs.

use std::fmt;
use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::ast::OperationType;
use supergraph::SubgraphId;

/// All that has to be fetched for one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPlan {
    /// What the client sent: a query, mutation or subscription.
    pub operation_type: OperationType,
    /// The fetches, in an order in which they could run one after the other: `fetches[i].id == FetchId(i)`, and
    /// each depends on earlier ones only. Empty where the router answers by itself (introspection, `__typename`).
    /// Of a subscription, the first fetch is what is subscribed to; the others run for each of its events.
    pub fetches: Vec<Fetch>,
}

/// The place of a fetch in [`QueryPlan::fetches`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u32);

/// One request to one subgraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Its own place in the list.
    pub id: FetchId,
    /// Who is asked.
    pub subgraph: SubgraphId,
    /// The fetches that must have ended before this one starts; ascending. Root fields of a mutation depend on all
    /// fetches of the root field before them.
    pub depends_on: Vec<FetchId>,
    /// The fetch is skipped where this is false.
    pub condition: Condition,
    /// What is asked.
    pub request: FetchRequest,
}

/// What a fetch asks: root fields, or fields of entities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchRequest {
    /// Fields of a root type.
    Root {
        /// The root type of the request.
        operation_type: OperationType,
        /// The objects into which the answer is written: empty for the root of the response tree; else a field of an
        /// answer returned the query's root type, and another subgraph is asked for its fields. Where there is no object
        /// nothing is sent.
        path: ResponsePath,
        /// The fields.
        selection_set: FetchSelectionSet,
    },
    /// `_entities`, once for each batch; several batches are aliased `_e0`, `_e1`, … with variables
    /// `$representations`, or `$_r0`, `$_r1`, … for several.
    Entities(Vec<EntityBatch>),
}

/// One `_entities` field: which objects of the response tree are sent, and what is asked of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityBatch {
    /// Where this is false nothing is sent in this batch. Without it the fetch would not be sent for the batch alone.
    pub condition: Condition,
    /// Where the objects stand in the response tree.
    pub path: ResponsePath,
    /// How an object is represented; the first whose type condition holds for an object is taken. An object for
    /// which none holds, or which lacks a key field or has null for one, is not sent.
    pub representations: Vec<Representation>,
    /// Variables whose values come from objects above. Only entities for which all of them have the same values may be
    /// asked for in one request. Empty in a fetch of several batches.
    pub context: Vec<ContextValue>,
    /// What is asked of each entity, in fragments on entity types of the subgraph. It is written into the object
    /// that was represented.
    pub selection_set: FetchSelectionSet,
}

/// A variable that carries what an object above has set for the fields below it (`@context`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextValue {
    /// The variable of the request.
    pub variable: Name,
    /// Its type in the subgraph: `String!`.
    pub ty: String,
    /// How many elements of the batch's path lead to the object that sets it.
    pub depth: usize,
    /// Where the value stands in that object: one field on each level, `__typename` aside, within fragments for objects of
    /// different types. The value of the last one is sent.
    pub value: Vec<RepresentationSelection>,
}

/// A way to represent an object: `{ __typename, …fields }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Representation {
    /// The object types of the supergraph that are represented so; compared with the object's `__typename` where it
    /// has one. Empty means any type.
    pub runtime_types: Arc<[Name]>,
    /// The `__typename` that is sent: an object type, or the name of an interface object.
    pub typename: Name,
    /// The fields that are sent, keys first.
    pub fields: Vec<RepresentationSelection>,
}

/// A part of a representation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RepresentationSelection {
    /// A field: the value of the object's entry `input` goes under `name`.
    Field {
        /// The name in the representation.
        name: Name,
        /// The entry of the object in the response tree.
        input: Name,
        /// Whether it belongs to the key. A null or absent key field means that the object cannot be sent; any other
        /// is sent as null.
        key: bool,
        /// The fields of the value where it is an object or a list of objects; empty for leaves.
        fields: Vec<RepresentationSelection>,
    },
    /// Fields that only objects of these runtime types have.
    InlineFragment {
        /// The object types for which the fields are sent.
        runtime_types: Arc<[Name]>,
        /// The fields.
        fields: Vec<RepresentationSelection>,
    },
}

/// What is selected in a request to a subgraph, and where it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchSelectionSet {
    /// The selections, in the order in which they are sent.
    pub selections: Vec<FetchSelection>,
}

/// One selection of a subgraph request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchSelection {
    /// A field.
    Field(FetchField),
    /// `... on Type { … }`.
    InlineFragment(FetchInlineFragment),
}

/// A field of a subgraph request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchField {
    /// The field's name in the subgraph.
    pub name: Name,
    /// The alias sent, if any: the subgraph answers under `alias`, else under `name`.
    pub alias: Option<Name>,
    /// The entry of the response tree into which the answer is written; usually the client's response key. `None`
    /// for a `__typename` that only keeps a selection set from being empty, or that names an interface object.
    pub output: Option<Name>,
    /// Arguments as they are sent, e.g. `(first: 5, after: $cursor)`; empty without.
    pub arguments: String,
    /// The variables that the arguments use, in order of appearance. (Those of conditions are in `condition`.)
    pub variables: Vec<Name>,
    /// Sent as `@include` and `@skip`.
    pub condition: Condition,
    /// The fields below; empty for leaves.
    pub selection_set: FetchSelectionSet,
}

/// An inline fragment of a subgraph request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchInlineFragment {
    /// A composite type that the subgraph knows.
    pub type_condition: Name,
    /// The object types of the supergraph that can match; an answer's object is read with this fragment where its
    /// `__typename` is one of them.
    pub runtime_types: Arc<[Name]>,
    /// Sent as `@include` and `@skip`.
    pub condition: Condition,
    /// The fields for objects of that type.
    pub selection_set: FetchSelectionSet,
}

/// A path in the response tree, from the root: `me.reviews.@.author`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponsePath(pub Vec<PathElement>);

/// A step of a [`ResponsePath`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathElement {
    /// The value of an object's entry (an [`FetchField::output`]).
    Key(Name),
    /// Every item of a list (`@`); a list of lists has one for each level.
    Items,
    /// Only objects whose `__typename` is one of these.
    TypeCondition(Arc<[Name]>),
}

/// When something is asked for: in disjunctive normal form, over the operation's Boolean variables.
///
/// `Condition::ALWAYS` holds always. `any` of two literals prints as two alternatives; a subgraph request carries
/// conditions with a single alternative as nested `@include`/`@skip`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    /// Holds if all literals of one alternative hold; no alternatives means never, one empty alternative always.
    pub any: Vec<Vec<Literal>>,
}

/// `@include(if: $variable)` or, negated, `@skip(if: $variable)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal {
    /// A Boolean variable of the operation.
    pub variable: Name,
    /// The value for which it holds: true for `@include`, false for `@skip`.
    pub holds_if: bool,
}

impl fmt::Display for ResponsePath {
    /// `me.reviews.@.author`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for element in &self.0 {
            let dot = if std::mem::take(&mut first) { "" } else { "." };
            match element {
                PathElement::Key(key) => write!(f, "{dot}{key}")?,
                PathElement::Items => write!(f, "{dot}@")?,
                PathElement::TypeCondition(types) => {
                    let names: Vec<&str> = types.iter().map(Name::as_str).collect();
                    write!(f, "|[{}]", names.join("|"))?;
                }
            }
        }
        Ok(())
    }
}
