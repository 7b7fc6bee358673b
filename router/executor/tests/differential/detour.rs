//! Minds how many requests a plan takes, without a planner to compare with: what answers a harder question answers an
//! easier one, too.
//!
//! The plan of an operation answers the operation without one of its selections, and the plan for a federation holds in one
//! that has a way more. So a plan is a detour where the harder question takes fewer requests, or fewer rounds of them. Only
//! operations without conditions are compared: what is asked for twice under different ones may take a request for each.

use apollo_compiler::Node;
use apollo_compiler::ast::{
    Definition, DirectiveList, Document, FieldDefinition, ObjectTypeDefinition, Selection,
};
use planner::{Budget, QueryPlan};

use crate::case::{Composed, Failure, Federation, Kind};
use crate::operation::Operation;

/// What a plan takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effort {
    requests: usize,
    /// How many of them run one after the other.
    rounds: usize,
}

impl Effort {
    pub(crate) fn of(plan: &QueryPlan) -> Self {
        let mut rounds: Vec<usize> = Vec::new();
        for fetch in &plan.fetches {
            let before = fetch.depends_on.iter().map(|it| rounds[it.0 as usize]);
            rounds.push(before.max().unwrap_or_default() + 1);
        }
        let longest = rounds.iter().copied().max().unwrap_or_default();
        Self { requests: rounds.len(), rounds: longest }
    }

    /// Whether the other takes less in one way, and more in none.
    pub(crate) fn is_beaten_by(self, other: Self) -> bool {
        other.requests <= self.requests && other.rounds <= self.rounds && other != self
    }
}

/// An operation's text without one of its selections, for each of them. Not all of these are valid.
pub(crate) fn easier(text: &str) -> Vec<String> {
    let document = Document::parse(text, "operation.graphql").expect("it was validated");
    let without = |number: usize| {
        let (mut candidate, mut left) = (document.clone(), number);
        let mut definitions = candidate.definitions.iter_mut();
        let is_found = definitions.any(|definition| match definition {
            Definition::OperationDefinition(it) => {
                remove_selection(&mut it.make_mut().selection_set, &mut left)
            }
            Definition::FragmentDefinition(it) => {
                remove_selection(&mut it.make_mut().selection_set, &mut left)
            }
            _ => false,
        });
        is_found.then(|| candidate.to_string())
    };
    (0..).map_while(without).collect()
}

fn remove_selection(selections: &mut Vec<Selection>, left: &mut usize) -> bool {
    if *left < selections.len() {
        selections.remove(*left);
        return true;
    }
    *left -= selections.len();
    selections.iter_mut().any(|selection| match selection {
        Selection::Field(field) => remove_selection(&mut field.make_mut().selection_set, left),
        Selection::InlineFragment(fragment) => {
            remove_selection(&mut fragment.make_mut().selection_set, left)
        }
        Selection::FragmentSpread(_) => false,
    })
}

/// The federation with one way less, for each of them: a key, what a field provides, or a field that another subgraph may
/// have, too. Not all of these compose.
pub(crate) fn harder(federation: &Federation) -> Vec<Federation> {
    let mut all = Vec::new();
    for (index, (name, sdl)) in federation.subgraphs.iter().enumerate() {
        let document = Document::parse(sdl.as_str(), name.as_str()).expect("it was composed");
        let without = |number: usize| {
            let (mut candidate, mut left) = (document.clone(), number);
            let mut definitions = candidate.definitions.iter_mut();
            let is_found = definitions.any(|definition| match definition {
                Definition::ObjectTypeDefinition(it) => block_way(it.make_mut(), &mut left),
                _ => false,
            });
            is_found.then(|| candidate.to_string())
        };
        for sdl in (0..).map_while(without) {
            let mut harder = federation.clone();
            harder.subgraphs[index].1 = sdl;
            all.push(harder);
        }
    }
    all
}

/// Whether an operation takes less where a way is blocked. Only where clients see the same is that the same question.
pub(crate) fn compare(
    composed: &Composed,
    harder: &Composed,
    operation: &Operation,
) -> Result<(), Failure> {
    let api = |it: &Composed| it.supergraph.api_schema().to_string();
    if operation.has_conditions()
        || operation.text.starts_with("mutation")
        || api(composed) != api(harder)
    {
        return Ok(());
    }
    let plan = |it: &Composed| {
        let document = it.validate(operation)?;
        it.plan(&document, operation, Budget::default()).ok()
    };
    let (Some(plan), Some(other)) = (plan(composed), plan(harder)) else { return Ok(()) };
    if !Effort::of(&plan).is_beaten_by(Effort::of(&other)) {
        return Ok(());
    }
    let plans = (plan.display(&composed.supergraph), other.display(&harder.supergraph));
    let reason = format!("with a way less, it takes less:\n{}\ninstead of\n{}", plans.1, plans.0);
    Err(Failure { kind: Kind::Detour, reason })
}

fn block_way(object: &mut ObjectTypeDefinition, left: &mut usize) -> bool {
    let mut is_it = || {
        let is_it = *left == 0;
        *left = left.wrapping_sub(1);
        is_it
    };
    let directives = &mut object.directives.0;
    if let Some(key) = directives.iter().position(|it| it.name == "key" && is_it()) {
        directives.remove(key);
        return true;
    }
    // What is external is no way, and what moves here leaves another one open.
    let is_way = |directives: &DirectiveList| {
        !directives.iter().any(|it| ["external", "override", "requires"].contains(&&*it.name))
    };
    let is_alone = object.fields.len() == 1;
    let mut is_it_here =
        |it: &Node<FieldDefinition>| !is_alone && is_way(&it.directives) && is_it();
    if let Some(field) = object.fields.iter().position(&mut is_it_here) {
        object.fields.remove(field);
        return true;
    }
    object.fields.iter_mut().any(|field| {
        let provides = field.directives.iter().position(|it| it.name == "provides" && is_it());
        provides.is_some_and(|at| {
            field.make_mut().directives.0.remove(at);
            true
        })
    })
}
