//! Lowers a plan and its operation to the flat form.
//!
//! 1. `output` walks the client's operation: which entries it shows, in which order, for which runtime types.
//! 2. `read` and `fetch` walk the plan: how answers are read into the entries, and what is sent.
//!
//! Both name the entries of the same response tree; `shape` numbers them.

mod client_order;
mod entity_store;
mod fetch;
mod input;
mod output;
mod read;
mod shape;
mod shared_entry;

use apollo_compiler::Name;
use apollo_compiler::executable::{ExecutableDocument, Operation};
use foldhash::{HashMap, HashMapExt};
use planner::{Condition, QueryPlan};
use supergraph::Supergraph;

use crate::lower::shape::ROOT;
use crate::program::{
    FieldId, Guard, GuardId, GuardLiteral, OutputId, Program, Shape, ShapeId, SlotId, TypeNames,
    TypeSet,
};

use crate::run::rows::UsualSize;
use crate::verbatim::Verbatim;

pub(crate) use input::variable_types;

/// What is built while lowering.
struct Lowering<'a> {
    supergraph: &'a Supergraph,
    document: &'a ExecutableDocument,
    operation: &'a Operation,
    program: Program,
    /// Outputs that exist already, by what they are made of.
    outputs: HashMap<output::OutputKey, OutputId>,
    /// The slots of the entries that exist already.
    slots: HashMap<(ShapeId, Name), SlotId>,
    /// The fields that are asked of subgraphs, by what is sent.
    fields: HashMap<String, FieldId>,
}

/// Lowers all but the variables.
pub(crate) fn lower(
    supergraph: &Supergraph,
    document: &ExecutableDocument,
    operation: &Operation,
    query_plan: &QueryPlan,
) -> Program {
    let mut types = TypeNames::new();
    let root_type = types.intern(operation.object_type());
    let program = Program {
        types,
        guards: vec![Guard { any: vec![Vec::new()], unless: Vec::new() }],
        shapes: vec![Shape::default()],
        readers: Vec::new(),
        fetches: Vec::new(),
        outputs: Vec::new(),
        field_lists: Vec::new(),
        root_output: OutputId(0),
        root_type,
        has_context: false,
        verbatim: None,
        usual_size: UsualSize::default(),
    };
    let mut lowering = Lowering {
        supergraph,
        document,
        operation,
        program,
        outputs: HashMap::new(),
        slots: HashMap::new(),
        fields: HashMap::new(),
    };
    lowering.program.root_output = lowering.root_output(ROOT);
    lowering.fetches(query_plan);
    shared_entry::mark_shared_entries(&mut lowering.program);
    if operation.is_query() && !lowering.program.has_context {
        entity_store::find_sources(&mut lowering.program, &lowering.fields);
    }
    lowering.program.verbatim = Verbatim::of(&lowering.program);
    lowering.program
}

impl Lowering<'_> {
    fn guard(&mut self, guard: Guard) -> GuardId {
        let guards = &mut self.program.guards;
        let known = guards.iter().position(|known| *known == guard);
        let index = known.unwrap_or_else(|| {
            guards.push(guard);
            guards.len() - 1
        });
        GuardId(u32::try_from(index).expect("operations are limited"))
    }

    fn plan_guard(&mut self, condition: &Condition) -> GuardId {
        if condition.is_always() {
            return Guard::ALWAYS;
        }
        let literals = |all: &Vec<planner::Literal>| -> Vec<GuardLiteral> {
            all.iter().map(|literal| (literal.variable.clone(), literal.holds_if)).collect()
        };
        self.guard(Guard { any: condition.any.iter().map(literals).collect(), unless: Vec::new() })
    }

    fn type_set(&mut self, names: &[Name]) -> TypeSet {
        let mut set = TypeSet::default();
        for name in names {
            set.insert(self.program.types.intern(name));
        }
        set
    }
}
