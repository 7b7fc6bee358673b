//! Values of contexts: what an object above sets for the arguments of a field below (`@context`, `@fromContext`).

use std::fmt::Write as _;
use std::rc::Rc;

use apollo_compiler::ast::VariableDefinition;
use apollo_compiler::{Name, Node};
use supergraph::{ContextArgument, FieldSet, SubgraphId, TypeId, TypeSet};

use super::{Builder, Placements, Position, Touched, add_placements};
use crate::demand::Demand;
use crate::draft::DraftRequest;
use crate::entry_name::position;
use crate::{Condition, ContextValue, PathElement, PlanError, ResponsePath};

/// The variables that carry the values of contexts, under names that the client's do not have.
pub(super) struct ContextVariables {
    prefix: String,
    /// How far down the path a value is set, and what it is.
    known: Vec<(Vec<PathElement>, FieldSet, String)>,
}

impl ContextVariables {
    pub(super) fn beside(variables: &[Node<VariableDefinition>]) -> Self {
        let mut prefix = "_c".to_owned();
        while variables.iter().any(|variable| variable.name.starts_with(&prefix)) {
            prefix.push('_');
        }
        Self { prefix, known: Vec::new() }
    }

    /// The same name for the same value.
    fn name(&mut self, at: &Position, argument: &ContextArgument) -> Name {
        let value = (at.path.clone(), argument.selection.clone(), argument.ty.to_string());
        let known = self.known.iter().position(|known| *known == value);
        let number = known.unwrap_or_else(|| {
            self.known.push(value);
            self.known.len() - 1
        });
        Name::new(&format!("{}{number}", self.prefix)).expect("a prefixed number is a name")
    }
}

/// A demand whose contextual arguments have values.
pub(super) struct Contextual {
    /// With the arguments, each of which is a variable.
    pub(super) demand: Rc<Demand>,
    /// Where the variables have their values from.
    pub(super) values: Vec<ContextValue>,
    /// The fetches to wait for.
    pub(super) ready: Touched,
}

impl Builder<'_> {
    /// Asks for a field with contextual arguments where its object stands, without a request of its own: the fetch of
    /// entities there can take up the values, where they are set no further down than these entities.
    pub(super) fn without_hop(
        &mut self,
        to: SubgraphId,
        demand: &Rc<Demand>,
        classes: &[TypeId],
        at: &Position,
    ) -> Result<Option<Touched>, PlanError> {
        let DraftRequest::Entities(batches) = &self.drafts.all[at.draft].request else {
            return Ok(None);
        };
        let entered = batches[0].path.len();
        let needs = self.search.needs(demand, classes[0], to);
        let is_alike = classes.iter().all(|class| {
            let other = self.search.needs(demand, *class, to);
            other.requires.is_none() && other.context == needs.context
        });
        if to != at.subgraph || needs.context.is_empty() || !is_alike {
            return Ok(None);
        }
        let is_always = at.condition.and(&demand.condition).is_always();
        let is_there = |argument: &ContextArgument| {
            let above = self.sets_context(&argument.context, at);
            above.is_some_and(|above| {
                above.path.len() <= entered
                    && (!argument.ty.is_non_null() || (is_always && self.all_set(argument, &above)))
            })
        };
        if !needs.context.iter().all(is_there) {
            return Ok(None);
        }
        let Contextual { demand, values, ready } = self.contextual(demand, needs.context, at)?;
        if !self.drafts.can_wait(at.draft, &ready) {
            return Ok(None);
        }
        self.drafts.add_context(at.draft, values, &ready);
        self.local(&demand, classes, at).map(Some)
    }

    /// Whether all objects at a position set a context: where one does not, null is sent, which not all may be.
    fn all_set(&self, argument: &ContextArgument, above: &Position) -> bool {
        let graph = self.search.supergraph.query_graph();
        above.classes().iter().all(|class| graph.sets_context(class, &argument.context))
    }

    /// Gets the values of contexts for the arguments of a field.
    pub(super) fn contextual(
        &mut self,
        demand: &Rc<Demand>,
        arguments: &[ContextArgument],
        at: &Position,
    ) -> Result<Contextual, PlanError> {
        let mut ready = Touched::new();
        let mut values: Vec<ContextValue> = Vec::new();
        let mut text = demand.arguments.trim_end_matches(')').to_owned();
        for argument in arguments {
            let above = self.sets_context(&argument.context, at).ok_or_else(|| {
                let here = self.search.supergraph.type_of(at.cursors[0].type_id);
                PlanError::Unsatisfiable {
                    type_name: here.name.clone(),
                    field: demand.name.clone(),
                    path: ResponsePath(at.path.clone()).to_string(),
                }
            })?;
            let condition = at.condition.and(&demand.condition);
            let setting = self.setting(&argument.context, &above);
            ready.extend(self.fetch_value(&argument.selection, &above, &setting, condition)?);
            let variable = self.context_variables.name(&above, argument);
            let opening = if text.is_empty() { "(" } else { ", " };
            let _ = write!(text, "{opening}{}: ${variable}", argument.name);
            let places = position(&above.path);
            let classes: Vec<TypeId> = setting.iter().collect();
            // Objects of one type need not say their type: what fragments on others select is left out.
            let value = match &*classes {
                [_] => self.represented(&argument.selection, &classes, &places, false),
                _ => self.represented_below(&argument.selection, Some(classes[0]), &places, false),
            };
            let depth = above.path.len();
            let value = ContextValue { variable, ty: argument.ty.to_string(), depth, value };
            if !values.contains(&value) {
                values.push(value);
            }
        }
        text.push(')');
        let output = demand.output.clone().unwrap_or_else(|| {
            self.names.choose(&position(&at.path), &demand.name, &demand.arguments)
        });
        let demand = Demand { output: Some(output), arguments: text, ..Demand::clone(demand) };
        Ok(Contextual { demand: Rc::new(demand), values, ready })
    }

    /// The nearest objects above that set a context.
    fn sets_context(&self, context: &str, at: &Position) -> Option<Rc<Position>> {
        let mut above = std::iter::successors(at.above.as_ref(), |next| next.above.as_ref());
        above.find(|position| !self.setting(context, position).is_empty()).cloned()
    }

    /// The classes at a position that set a context. Others there have nothing below them that uses it.
    fn setting(&self, context: &str, at: &Position) -> TypeSet {
        let graph = self.search.supergraph.query_graph();
        at.classes().iter().filter(|class| graph.sets_context(*class, context)).collect()
    }

    fn fetch_value(
        &mut self,
        selection: &FieldSet,
        above: &Position,
        setting: &TypeSet,
        condition: Condition,
    ) -> Result<Touched, PlanError> {
        let hidden = self.search.hidden(selection);
        let mut placements = Placements::new();
        for class in setting.iter() {
            let place = self.place_of(class, above);
            let solution = self.solution(hidden.node, &hidden.demands, place)?;
            add_placements(&mut placements, &solution, class);
        }
        let inner = Position { condition, ..above.clone() };
        let mut touched = self.placements(placements, &inner)?;
        touched.insert(above.draft);
        Ok(touched)
    }
}
