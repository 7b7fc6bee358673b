//! Asks another subgraph, in a request of its own: by a key for entities, from the root for a query within an answer.

use std::collections::BTreeMap;
use std::rc::Rc;

use apollo_compiler::ast::OperationType;
use supergraph::{ContextArgument, FieldSet, SubgraphId, TypeId, TypeKind, TypeSet};

use super::{Builder, Cursor, Placements, Position, Touched, Wanted, add_placements, union};
use crate::demand::Demand;
use crate::draft::{
    Draft, DraftBatch, DraftId, DraftRepresentation, DraftRepresentations, DraftRequest, represent,
};
use crate::entry_name::position;
use crate::overlay::OverlayId;
use crate::search::{Frame, Hop, Node};
use crate::selection::SelectionId;
use crate::{Condition, ContextValue, PathElement, PlanError, RepresentationSelection};

/// Classes that take one way.
struct HopGroup {
    hop: Rc<Hop>,
    classes: Vec<TypeId>,
    /// What is wanted of which of them, by its place among all that is wanted there.
    wanted: BTreeMap<usize, Vec<TypeId>>,
}

/// A demand on objects of classes that take one way, and what it needs beside their key.
struct Job<'a> {
    requires: Option<&'a FieldSet>,
    context: &'a [ContextArgument],
    demand: Rc<Demand>,
    classes: Vec<TypeId>,
}

/// What is sent to enter a subgraph.
struct Entrance<'h> {
    to: SubgraphId,
    hop: &'h Hop,
    classes: &'h [TypeId],
    /// The runtime types that are sent, where only some of the classes' objects are.
    types: Option<TypeSet>,
    fields: Vec<RepresentationSelection>,
    context: Vec<ContextValue>,
    /// The fetches to wait for.
    ready: Touched,
}

impl<'a> Builder<'a> {
    /// Asks a subgraph for demands on objects of some classes.
    pub(super) fn hop(
        &mut self,
        to: SubgraphId,
        wanted: &[Wanted],
        at: &Position,
    ) -> Result<Touched, PlanError> {
        if at.classes().iter().any(|class| self.search.is_query(class)) {
            return self.reenter(to, wanted, at);
        }
        let mut touched = Touched::new();
        let mut apart: Vec<Wanted> = Vec::new();
        for (demand, classes) in wanted {
            match self.without_hop(to, demand, classes, at)? {
                Some(here) => touched.extend(here),
                None => apart.push((demand.clone(), classes.clone())),
            }
        }
        for HopGroup { hop, classes, wanted } in self.hop_groups(to, &apart, at) {
            let wanted = wanted.into_iter().map(|(place, of)| (apart[place].0.clone(), of));
            let wanted: Vec<Wanted> = wanted.collect();
            let ready = self.keys(&hop, &classes, &wanted, at)?;
            touched.extend(&ready);
            let keys = self.represented(&hop.key, &classes, &position(&at.path), true);
            for job in self.jobs(to, &classes, &wanted) {
                let mut entrance = Entrance {
                    to,
                    hop: &hop,
                    classes: &job.classes,
                    types: None,
                    fields: keys.clone(),
                    context: Vec::new(),
                    ready: ready.clone(),
                };
                if self.stays_nameless(&hop, &job, to, at) {
                    entrance.types = Some(self.wanted_types(&job.demand, &job.classes));
                    entrance.ready.extend(&at.told);
                }
                if let Some(set) = job.requires {
                    let (required, fields) = self.require(set, &job, to, at)?;
                    entrance.ready.extend(required);
                    entrance.fields.extend(fields);
                }
                let mut demand = job.demand.clone();
                if !job.context.is_empty() {
                    let contextual = self.contextual(&demand, job.context, at)?;
                    entrance.ready.extend(contextual.ready);
                    entrance.context = contextual.values;
                    demand = contextual.demand;
                }
                let landing = self.enter(entrance, &demand, at);
                touched.extend(self.land(&demand, &job.classes, &landing)?);
            }
        }
        Ok(touched)
    }

    /// Whether something is wanted of some objects only, of which neither the place where they stand nor the one that a hop
    /// leads to knows more than the interface: who is sent depends on what a third one told.
    fn stays_nameless(&self, hop: &Hop, job: &Job<'_>, to: SubgraphId, at: &Position) -> bool {
        let supergraph = self.search.supergraph;
        !job.demand.is_typename()
            && supergraph.is_interface_object(hop.typename, to)
            && job.classes.iter().any(|class| supergraph.is_interface_object(*class, at.subgraph))
            && self.is_narrower(&job.demand, &job.classes)
    }

    /// Asks for fields of the query's root type again, below a field that returns it.
    fn reenter(
        &mut self,
        to: SubgraphId,
        wanted: &[Wanted],
        at: &Position,
    ) -> Result<Touched, PlanError> {
        let known = self.drafts.root_at(to, &at.path, self.step);
        let (draft, set) = known.unwrap_or_else(|| {
            let set = self.selections.add_set();
            let (operation_type, path) = (OperationType::Query, at.path.clone());
            let draft = self.drafts.add(Draft {
                subgraph: to,
                depends_on: &Touched::from([at.draft]) | &at.after,
                step: self.step,
                request: DraftRequest::Root { operation_type, path, set },
                merged: false,
            });
            (draft, set)
        });
        let mut touched = Touched::from([at.draft]);
        for (demand, classes) in wanted {
            let classes_here: TypeSet = classes.iter().copied().collect();
            let cursors = vec![Cursor { set, type_id: classes[0], classes: classes_here }];
            let landing =
                Position { draft, subgraph: to, cursors, overlay: OverlayId::NONE, ..at.clone() };
            touched.extend(self.local(demand, classes, &landing)?);
        }
        Ok(touched)
    }

    /// The classes that take the same way into a subgraph.
    fn hop_groups(&self, to: SubgraphId, wanted: &[Wanted], at: &Position) -> Vec<HopGroup> {
        // By class and the type it is sent as: the way, and the places of what is wanted.
        let mut ways: BTreeMap<(TypeId, TypeId), (Rc<Hop>, Vec<usize>)> = BTreeMap::new();
        for (place, (demand, classes)) in wanted.iter().enumerate() {
            for class in classes {
                let hops = self.search.hops(self.place_of(*class, at));
                let hop = self.search.hop_for(demand, *class, to, &hops[to.index()]);
                let hop = hop.expect("the search found this way").clone();
                let way = ways.entry((*class, hop.typename)).or_insert_with(|| (hop, Vec::new()));
                way.1.push(place);
            }
        }
        let mut groups: Vec<HopGroup> = Vec::new();
        for ((class, _), (hop, places)) in ways {
            let same = groups.iter_mut().find(|HopGroup { hop: known, classes, .. }| {
                known.key == hop.key
                    && known.inputs == hop.inputs
                    && (known.typename == classes[0]) == (hop.typename == class)
                    && (known.typename == hop.typename || hop.typename == class)
            });
            let group = match same {
                Some(same) => same,
                None => {
                    groups.push_mut(HopGroup { hop, classes: Vec::new(), wanted: BTreeMap::new() })
                }
            };
            group.classes.push(class);
            for place in places {
                group.wanted.entry(place).or_default().push(class);
            }
        }
        groups
    }

    /// Gets the key fields of objects that take one way; the fetches to wait for.
    fn keys(
        &mut self,
        hop: &Hop,
        classes: &[TypeId],
        wanted: &[Wanted],
        at: &Position,
    ) -> Result<Touched, PlanError> {
        let condition = wanted
            .iter()
            .filter(|(_, of)| classes.iter().any(|class| of.contains(class)))
            .fold(Condition::never(), |any, (demand, _)| {
                any.or(&at.condition.and(&demand.condition))
            });
        let mut placements = Placements::new();
        for class in classes {
            add_placements(&mut placements, &hop.inputs, *class);
        }
        let inner = Position { condition, ..at.clone() };
        let frame = Frame::Hops(self.place_of(classes[0], at));
        let mut ready = self.framed(frame, |this| this.placements(placements, &inner))?;
        ready.insert(at.draft);
        ready.extend(&at.after);
        Ok(ready)
    }

    /// The demands on objects that take one way, apart by what they need; those that need nothing first.
    fn jobs(&self, to: SubgraphId, classes: &[TypeId], wanted: &[Wanted]) -> Vec<Job<'a>> {
        let mut jobs: Vec<Job<'a>> = Vec::new();
        for (demand, of) in wanted {
            let first = jobs.len();
            for class in classes.iter().filter(|class| of.contains(class)) {
                let needs = self.search.needs(demand, *class, to);
                let same = jobs[first..]
                    .iter_mut()
                    .find(|job| job.requires == needs.requires && job.context == needs.context);
                match same {
                    Some(job) => job.classes.push(*class),
                    None => jobs.push(Job {
                        requires: needs.requires,
                        context: needs.context,
                        demand: demand.clone(),
                        classes: vec![*class],
                    }),
                }
            }
        }
        jobs.sort_by_key(|job| (job.requires.is_some(), !job.context.is_empty()));
        jobs
    }

    /// Gets what a field requires; the fetches to wait for, and what is sent.
    fn require(
        &mut self,
        set: &FieldSet,
        job: &Job<'_>,
        to: SubgraphId,
        at: &Position,
    ) -> Result<(Touched, Vec<RepresentationSelection>), PlanError> {
        let hidden = self.search.hidden(set);
        let condition = at.condition.and(&job.demand.condition);
        let inner = Position { condition, ..at.clone() };
        let frame = Frame::Requirement(job.classes[0], job.demand.name.clone(), to);
        let touched = self.framed(frame, |this| {
            let mut placements = Placements::new();
            for class in &job.classes {
                let place = this.place_of(*class, at);
                let solution = this.solution(hidden.node, &hidden.demands, place)?;
                add_placements(&mut placements, &solution, *class);
            }
            this.placements(placements, &inner)
        })?;
        Ok((touched, self.represented(set, &job.classes, &position(&at.path), false)))
    }

    /// The place of objects in the fetch of entities that takes them up.
    fn enter(&mut self, entrance: Entrance<'_>, demand: &Demand, at: &Position) -> Position {
        let Entrance { to, hop, classes, types, fields, context, ready } = entrance;
        let supergraph = self.search.supergraph;
        let own = !supergraph.is_interface_object(hop.typename, to)
            && supergraph.type_of(hop.typename).kind == TypeKind::Object;
        let representation = |class: TypeId| DraftRepresentation {
            any: at.universe.len() <= 1,
            typename: supergraph.type_of(if own { class } else { hop.typename }).name.clone(),
            fields: fields.clone(),
        };
        let representations: DraftRepresentations =
            classes.iter().map(|class| (*class, representation(*class))).collect();
        let mut path = at.path.clone();
        path.extend(
            types.map(|types| PathElement::TypeCondition(self.runtime_types(types.iter()))),
        );
        let batch = DraftBatch { path, representations, context, set: SelectionId::default() };
        let (draft, set) = self.draft_for(to, batch, ready);
        let nowhere = Position {
            draft,
            subgraph: to,
            cursors: Vec::new(),
            overlay: OverlayId::NONE,
            origin: Some(at.origin()),
            ..at.clone()
        };
        let cursors = if own {
            self.own_cursors(set, classes, demand, &nowhere)
        } else {
            let landed = match classes {
                [class] if *class == hop.typename => self.classes_in(hop.typename, to),
                _ => classes.iter().copied().collect(),
            };
            vec![self.cursor(set, hop.typename, landed)]
        };
        let landed = union(&cursors);
        let universe = if landed.is_subset(&at.universe) { at.universe.clone() } else { landed };
        Position { cursors, universe, ..nowhere }
    }

    /// A fetch that can take up a batch, or a new one; and the selection set of the batch.
    fn draft_for(
        &mut self,
        to: SubgraphId,
        batch: DraftBatch,
        ready: Touched,
    ) -> (DraftId, SelectionId) {
        if let Some(draft) = self.drafts.joinable(to, self.step, &batch, &ready)
            && let DraftRequest::Entities(batches) = &mut self.drafts.all[draft].request
        {
            batches[0].add_context(batch.context);
            represent(&mut batches[0].representations, batch.representations);
            return (draft, batches[0].set);
        }
        let set = self.selections.add_set();
        let draft = self.drafts.add(Draft {
            subgraph: to,
            depends_on: ready,
            step: self.step,
            request: DraftRequest::Entities(vec![DraftBatch { set, ..batch }]),
            merged: false,
        });
        (draft, set)
    }

    /// Where objects of these classes are asked for a field: in a fragment on an interface that they, and no others, have in
    /// common, or in a fragment for each.
    fn own_cursors(
        &mut self,
        set: SelectionId,
        classes: &[TypeId],
        demand: &Demand,
        at: &Position,
    ) -> Vec<Cursor> {
        let all: TypeSet = classes.iter().copied().collect();
        let interfaces = self.search.supergraph.query_graph().interfaces_of(&all, at.subgraph);
        let common = interfaces.iter().find(|interface| {
            let cursor = Cursor { set, type_id: **interface, classes: all.clone() };
            self.means_the_same(&cursor, classes, demand, at)
        });
        match common {
            Some(interface) => vec![self.cursor(set, *interface, all)],
            None => {
                classes.iter().map(|class| self.cursor(set, *class, TypeSet::one(*class))).collect()
            }
        }
    }

    /// A fragment on a type within a set.
    fn cursor(&mut self, set: SelectionId, type_id: TypeId, classes: TypeSet) -> Cursor {
        let types = self.runtime_types([type_id]);
        let name = &self.search.supergraph.type_of(type_id).name;
        Cursor { set: self.selections.fragment(set, name, &types), type_id, classes }
    }

    /// Puts a demand into the fetch of entities that was entered for it.
    fn land(
        &mut self,
        demand: &Rc<Demand>,
        classes: &[TypeId],
        landing: &Position,
    ) -> Result<Touched, PlanError> {
        let landed: Vec<TypeId> = landing.classes().iter().collect();
        if landed == classes {
            return self.local(demand, classes, landing);
        }
        // An interface's objects have got their own types: from here, each is a place of its own.
        let node = Node::Alone(demand.id);
        Ok(&self.place(node, std::slice::from_ref(demand), landing)?
            | &Touched::from([landing.draft]))
    }
}
