//! The flat form of a plan and its operation: everything a request needs, as arrays and indices.
//!
//! ```text
//! Shape     a position of the response tree: which entries its objects have, as slots
//! Reader    how an object of a subgraph's answer is read into a row of a shape
//! Template  how a row becomes a representation
//! Output    how a row becomes an object of the client's answer
//! ```

mod type_names;

use apollo_compiler::Name;
use supergraph::SubgraphId;

pub(crate) use crate::program::type_names::{TypeNames, TypeSet};
use crate::run::rows::UsualSize;
use crate::verbatim::Verbatim;

/// All of it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) types: TypeNames,
    /// Evaluated once a request; [`Guard::ALWAYS`] is the first.
    pub(crate) guards: Vec<Guard>,
    /// The first is the root.
    pub(crate) shapes: Vec<Shape>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) fetches: Vec<Fetch>,
    pub(crate) outputs: Vec<Output>,
    /// The lists of fields that the outputs choose from, by runtime type.
    pub(crate) field_lists: Vec<Vec<OutputField>>,
    pub(crate) root_output: OutputId,
    pub(crate) root_type: TypeId,
    /// Whether fields depend on objects above them: then equal entities are not one.
    pub(crate) has_context: bool,
    /// Set where answers may be passed on as they come.
    pub(crate) verbatim: Option<Verbatim>,
    /// How much room the last request took.
    pub(crate) usual_size: UsualSize,
}

macro_rules! index {
    ($(#[$doc:meta] $name:ident($inner:ty);)*) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) struct $name(pub(crate) $inner);

        impl $name {
            pub(crate) fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index! {
    /// Into [`Program::shapes`].
    ShapeId(u32);
    /// Of an entry of a shape.
    SlotId(u32);
    /// Into [`Program::readers`].
    ReaderId(u32);
    /// Into [`Program::fetches`].
    FetchIndex(u32);
    /// Into [`Program::outputs`].
    OutputId(u32);
    /// Into [`Program::field_lists`].
    FieldListId(u32);
    /// Into [`Program::guards`].
    GuardId(u32);
    /// An object type that the plan or the operation names.
    TypeId(u16);
}

/// A field with its arguments, as it is sent: equal ids, asked of one object, mean equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldId(pub(crate) u32);

/// A variable and the value for which the literal holds.
pub(crate) type GuardLiteral = (Name, bool);

/// When a fetch or an output field takes part: an alternative of `any` holds, and none of `unless`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) any: Vec<Vec<GuardLiteral>>,
    pub(crate) unless: Vec<Vec<GuardLiteral>>,
}

impl Guard {
    pub(crate) const ALWAYS: GuardId = GuardId(0);

    pub(crate) fn holds(&self, value_of: impl Fn(&Name) -> bool) -> bool {
        let holds =
            |all: &Vec<GuardLiteral>| all.iter().all(|(name, wanted)| value_of(name) == *wanted);
        self.any.iter().any(holds) && !self.unless.iter().any(holds)
    }
}

/// A position of the response tree. Each object there is a row with one slot for each entry.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub(crate) entries: Vec<ShapeEntry>,
}

/// An entry of the objects at a position.
#[derive(Debug)]
pub(crate) struct ShapeEntry {
    /// What the plan calls it: the client's response key, where the client asks for it.
    pub(crate) name: Name,
    /// The position below, where objects stand there.
    pub(crate) below: Option<ShapeId>,
    /// Whether the client asks for it, so that errors can point at it.
    pub(crate) visible: bool,
}

/// How an object of a subgraph's answer is read.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) shape: ShapeId,
    /// The type of the objects where all are of one, else [`TypeId::UNKNOWN`].
    pub(crate) static_type: TypeId,
    /// The keys expected, in their order.
    pub(crate) keys: Vec<ReaderKey>,
    /// Whether what is read depends on the object's type, which the answer tells.
    pub(crate) needs_type: bool,
}

/// A key expected in an answer.
#[derive(Debug)]
pub(crate) struct ReaderKey {
    /// With its quotes.
    pub(crate) quoted: Box<[u8]>,
    /// Where the value goes: to several entries where types differ; nowhere where it only fills a selection set.
    pub(crate) targets: Vec<ReaderTarget>,
}

/// Where a value of an answer goes.
#[derive(Debug)]
pub(crate) struct ReaderTarget {
    pub(crate) slot: SlotId,
    /// What was asked.
    pub(crate) field: FieldId,
    /// Whether other fields stand in the same entry, of objects of other types.
    pub(crate) is_one_of_many: bool,
    /// The types whose objects are read so; `None` for all.
    pub(crate) types: Option<TypeSet>,
    pub(crate) kind: ReaderKind,
}

/// What is done with a value of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReaderKind {
    /// It is kept as it stands.
    Leaf,
    /// It is kept, and is the object's type.
    TypeName,
    /// Objects in it become rows.
    Object(ReaderId),
}

/// One fetch of the plan.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) subgraph: SubgraphId,
    pub(crate) guard: GuardId,
    pub(crate) depends_on: Vec<FetchIndex>,
    pub(crate) dependents: Vec<FetchIndex>,
    /// `{"query":"…"`
    pub(crate) body_start: Box<[u8]>,
    /// The client's variables that are sent along: `"name":`, and the name.
    pub(crate) variables: Vec<(Box<[u8]>, Name)>,
    /// How `data` is read: into the root, or, for entities, a list for each batch.
    pub(crate) data: ReaderId,
    /// Whether it changes nothing.
    pub(crate) repeatable: bool,
    /// What is asked.
    pub(crate) kind: FetchKind,
}

/// Root fields, or entities.
#[derive(Debug)]
pub(crate) enum FetchKind {
    /// Fields of a root type, for the objects at a path: the root, or a query within an answer.
    Root(Vec<Step>),
    Entities(Vec<Batch>),
}

/// One `_entities` field of a fetch.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Where it does not hold, nothing is represented.
    pub(crate) guard: GuardId,
    /// `"representations":`
    pub(crate) variable: Box<[u8]>,
    /// `_entities`, or its alias: as errors name it.
    pub(crate) key: Name,
    pub(crate) path: Vec<Step>,
    pub(crate) templates: Vec<Template>,
    /// What objects above have set for the fields that are asked for, those nearer to the root first.
    pub(crate) context: Vec<ContextValue>,
    pub(crate) reader: ReaderId,
    /// Where entities of this batch may be known already.
    pub(crate) sources: Vec<Source>,
}

/// A variable whose value stands in an object above.
#[derive(Debug)]
pub(crate) struct ContextValue {
    /// `"_c0":`
    pub(crate) variable: Box<[u8]>,
    /// How many steps of the path lead to that object.
    pub(crate) depth: usize,
    /// Where the value stands in it: one field on each level.
    pub(crate) value: Vec<TemplateField>,
}

/// Objects of an earlier answer of the same subgraph, with all that a batch would ask of them.
#[derive(Debug)]
pub(crate) struct Source {
    /// Who brought them. It has ended before the batch is represented.
    pub(crate) fetch: FetchIndex,
    pub(crate) path: Vec<Step>,
    /// The type of objects there that do not say theirs.
    pub(crate) static_type: TypeId,
    /// The type of those that count.
    pub(crate) type_id: TypeId,
    /// How such an object is represented: byte for byte as the batch represents an equal one.
    pub(crate) template: Template,
    /// What is taken over.
    pub(crate) copies: Vec<Copy>,
}

/// An entry that is taken over from one object into an equal one at another position.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) from: SlotId,
    pub(crate) to: SlotId,
    /// Of objects of these types; `None` for all.
    pub(crate) types: Option<TypeSet>,
    /// The shape of the objects in it and what is taken over of them; `None` for leaves.
    pub(crate) below: Option<(ShapeId, Vec<Copy>)>,
}

/// A step from the root to the objects of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Slot(SlotId),
    Items,
    /// Items of lists of any depth, or of none.
    AnyItems,
    Types(TypeSet),
}

/// How a row becomes a representation.
#[derive(Debug)]
pub(crate) struct Template {
    /// The types represented so; `None` for all.
    pub(crate) types: Option<TypeSet>,
    /// The object type that is named in `start`; `None` where that is an interface object.
    pub(crate) type_id: Option<TypeId>,
    /// `{"__typename":"Product"`
    pub(crate) start: Box<[u8]>,
    pub(crate) fields: Vec<TemplateField>,
}

/// A part of a representation.
#[derive(Debug, Clone)]
pub(crate) enum TemplateField {
    Value {
        /// `"name":`
        key: Box<[u8]>,
        slot: SlotId,
        /// Without it, the object cannot be sent.
        required: bool,
        /// What is sent of an object; empty for leaves.
        fields: Vec<TemplateField>,
    },
    /// `__typename`: left out where the row has none.
    TypeName(SlotId),
    /// Only of objects of these types.
    OfTypes(TypeSet, Vec<TemplateField>),
}

/// How a row becomes an object of the answer: which list of fields, by its type.
#[derive(Debug)]
pub(crate) struct Output {
    /// The field's type, for messages.
    pub(crate) type_name: Name,
    /// The type of rows that do not say theirs: the field's own where that is an object type.
    pub(crate) static_type: TypeId,
    /// By [`TypeId`]; `None` for types that clients may not see here.
    pub(crate) by_type: Vec<Option<FieldListId>>,
}

/// A field of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutputField {
    /// `,"key":`
    pub(crate) lead: Box<[u8]>,
    pub(crate) key: Name,
    pub(crate) slot: SlotId,
    pub(crate) guard: GuardId,
    /// `Type.field`, for messages.
    pub(crate) coordinate: Box<str>,
    /// Whether null is forbidden, level by level: the field itself, its items, their items.
    pub(crate) non_null: Box<[bool]>,
    pub(crate) kind: OutputKind,
}

/// What stands in a field's innermost items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OutputKind {
    /// The name of the object's type.
    TypeName,
    Leaf(LeafKind),
    Object(OutputId),
}

/// A leaf type, and so what its values look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LeafKind {
    Int,
    Float,
    String,
    Boolean,
    Id,
    /// A custom scalar: any JSON.
    Any,
    /// The values that clients may see, with their quotes.
    Enum(Box<[Box<[u8]>]>),
}
