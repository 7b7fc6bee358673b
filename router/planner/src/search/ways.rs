//! The ways to meet a demand: at hand, or by a hop, and what each costs.

use std::rc::Rc;
use std::sync::Arc;

use supergraph::{Entry, FieldPresence, FieldSet, FieldSetField, SubgraphId, TypeId, TypeSet};

use super::{Frame, Hop, Node, Place, Search, Solution};
use crate::choice::{Open, Way, choose};
use crate::cost::Cost;
use crate::demand::Demand;
use crate::overlay::{OverlayId, fields_for};

impl Search<'_> {
    /// Assigns a way to each demand, or to each part of one that cannot be met whole. `hops` are those that may be used;
    /// `None` for all there are.
    pub(super) fn assign(
        &self,
        demands: &[Rc<Demand>],
        place: Place,
        hops: Option<&[Vec<Rc<Hop>>]>,
    ) -> Option<Solution> {
        let mut wanted: Vec<Rc<Demand>> = demands
            .iter()
            .filter(|d| d.concerns(self.supergraph, place.class))
            .rev()
            .cloned()
            .collect();
        if self.needs_typename(&wanted, place) {
            wanted.insert(0, self.typename.clone());
        }
        let mut open = Vec::new();
        while let Some(demand) = wanted.pop() {
            self.step()?;
            let ways = self.ways(&demand, place, hops);
            if ways.is_empty() {
                wanted.extend(self.parts(&demand)?.into_iter().rev());
            } else {
                open.push(Open { demand, ways });
            }
        }
        let all;
        let hops = match hops {
            Some(hops) => hops,
            None if open.iter().all(|o| matches!(o.ways.as_slice(), [(Way::Local, _)])) => &[],
            None => {
                all = self.hops(place);
                all.as_slice()
            }
        };
        let opening = |to: SubgraphId| {
            let costs = hops[to.index()].iter().map(|hop| hop.cost);
            costs.min_by_key(|cost| cost.weight()).expect("it is a way")
        };
        let (assignments, cost) = choose(open, opening);
        Some(Solution { cost, assignments })
    }

    /// Where only an interface object stands for an object, what is wanted of some types only asks for the type too.
    fn needs_typename(&self, demands: &[Rc<Demand>], place: Place) -> bool {
        self.is_nameless(place)
            && demands.iter().any(|d| d.is_narrower_than(self.supergraph, place.class))
            && !demands.iter().any(|d| {
                d.is_typename()
                    && d.condition.is_always()
                    && !d.is_narrower_than(self.supergraph, place.class)
            })
    }

    /// Whether the object's own type is not known where it stands.
    fn is_nameless(&self, place: Place) -> bool {
        place.subgraph.is_some_and(|id| self.supergraph.is_interface_object(place.class, id))
    }

    pub(super) fn parts(&self, demand: &Rc<Demand>) -> Option<Vec<Rc<Demand>>> {
        self.parts.borrow_mut().entry(demand.id).or_insert_with(|| demand.parts(self.ids)).clone()
    }

    /// All ways to meet a demand from a place.
    fn ways(
        &self,
        demand: &Rc<Demand>,
        place: Place,
        hops: Option<&[Vec<Rc<Hop>>]>,
    ) -> Vec<(Way, Cost)> {
        let mut ways = Vec::new();
        let local = self.local(demand, place);
        let is_late = local.is_some() && self.endangers_others(demand, place);
        if let Some(cost) = local.filter(|_| !is_late) {
            ways.push((Way::Local, cost));
            if cost.is_free() || self.is_hasty() {
                return ways;
            }
        }
        let all;
        let hops = if let Some(hops) = hops {
            hops
        } else {
            all = self.hops(place);
            all.as_slice()
        };
        let hops = self.supergraph.subgraph_ids().zip(hops);
        let hops =
            hops.filter_map(|(to, hops)| Some((to, self.hop_for(demand, place.class, to, hops)?)));
        let mut open: Vec<(SubgraphId, &Rc<Hop>)> =
            if self.changes_class(place.class) || demand.is_typename() {
                hops.collect()
            } else {
                let resolutions = self.resolutions(demand, place.class);
                let resolves =
                    |to: SubgraphId| resolutions.binary_search_by_key(&to, |(id, _)| *id).is_ok();
                hops.filter(|(to, _)| resolves(*to)).collect()
            };
        if self.is_hasty() {
            open.sort_by_key(|(_, hop)| hop.cost.weight());
        }
        for (to, _) in open {
            let needs = self.needs(demand, place.class, to);
            // A hop back to where the object stands helps only a field that needs something, or the object's type.
            if place.subgraph == Some(to) && needs.is_nothing() && !is_late {
                continue;
            }
            let landed = self.landed(demand, place.class, to);
            let cost = landed.and_then(|cost| {
                Some(self.required(needs.requires, demand, place, to)?.then(cost))
            });
            ways.extend(cost.map(|cost| (Way::Hop(to), cost)));
            if cost.is_some() && self.is_hasty() {
                break;
            }
        }
        if ways.is_empty() {
            ways.extend(local.map(|cost| (Way::Local, cost)));
        }
        ways
    }

    /// Whether a field that is wanted of some types could take objects of others with it where their type is not known
    /// yet: it is not nullable, and so its failure is theirs.
    fn endangers_others(&self, demand: &Demand, place: Place) -> bool {
        let presence = place
            .subgraph
            .and_then(|subgraph| Some(self.resolution(demand, place.class, subgraph)?.presence));
        self.is_nameless(place)
            && demand.is_narrower_than(self.supergraph, place.class)
            && presence.is_some_and(|presence| presence.ty.is_non_null())
    }

    /// The cost of a demand in the subgraph where the object stands; `None` where it cannot be met there.
    fn local(&self, demand: &Demand, place: Place) -> Option<Cost> {
        let subgraph = place.subgraph?;
        if demand.is_typename() {
            return (!self.is_nameless(place)).then_some(Cost::FIELD);
        }
        let needs = self.needs(demand, place.class, subgraph);
        let provided =
            needs.requires.is_some() && self.overlays.provides(place.overlay, &demand.name);
        if !needs.context.is_empty() || (needs.requires.is_some() && !provided) {
            return None;
        }
        self.resolved(demand, place)
    }

    /// The cost of a demand in a subgraph that a hop led to.
    fn landed(&self, demand: &Rc<Demand>, class: TypeId, to: SubgraphId) -> Option<Cost> {
        let at = |class| Place { class, subgraph: Some(to), overlay: OverlayId::NONE };
        let classes = self.landing_classes(class, to);
        if classes.is_none() {
            if demand.is_typename() {
                return (!self.is_nameless(at(class))).then_some(Cost::FIELD);
            }
            return self.resolved(demand, at(class));
        }
        let mut dearest = None;
        let classes = classes.into_iter().flat_map(TypeSet::iter);
        for class in classes.filter(|class| demand.concerns(self.supergraph, *class)) {
            let solution =
                self.solve(Node::Alone(demand.id), std::slice::from_ref(demand), at(class))?;
            dearest = Some(dearest.unwrap_or(Cost::default()).either(solution.cost));
        }
        dearest
    }

    /// The cost of a field that a subgraph resolves, what it requires being given, with all below it.
    fn resolved(&self, demand: &Demand, place: Place) -> Option<Cost> {
        let subgraph = place.subgraph?;
        let provided = self.overlays.provides(place.overlay, &demand.name);
        let resolution = self.resolution(demand, place.class, subgraph);
        if resolution.is_none() && !provided {
            return None;
        }
        self.step()?;
        if demand.children.is_empty() {
            return Some(Cost::FIELD);
        }
        let presence = resolution.map(|resolution| resolution.presence);
        let below = self.overlays.below(place.overlay, &demand.name, presence);
        let child = self.child_type(place.class, &demand.name, subgraph, presence)?;
        let classes = self.supergraph.query_graph().classes(child, subgraph)?;
        let mut dearest = Cost::default();
        for class in classes.iter() {
            let overlay = self.overlays.for_class(below, class);
            let place = Place { class, subgraph: Some(subgraph), overlay };
            let solution = self.solve(Node::Below(demand.id), &demand.children, place)?;
            dearest = dearest.either(solution.cost);
        }
        Some(Cost::FIELD + dearest)
    }

    /// The composite type of a field, as a subgraph has it.
    fn child_type(
        &self,
        class: TypeId,
        field: &str,
        subgraph: SubgraphId,
        presence: Option<&FieldPresence>,
    ) -> Option<TypeId> {
        let field = self.supergraph.field_of(class, field);
        let external = || field.and_then(|f| f.presences.get(subgraph));
        let ty = presence.or_else(external).map(|p| &p.ty).or(field.map(|f| &f.ty))?;
        self.supergraph.type_id(ty.inner_named_type())
    }

    /// The cost of what a field requires, from where the object stands.
    fn required(
        &self,
        requires: Option<&FieldSet>,
        demand: &Demand,
        place: Place,
        to: SubgraphId,
    ) -> Option<Cost> {
        let Some(set) = requires else { return Some(Cost::default()) };
        let hidden = self.hidden(set);
        self.within(Frame::Requirement(place.class, demand.name.clone(), to), || {
            Some(self.solve(hidden.node, &hidden.demands, place)?.cost)
        })
    }

    /// Breadth first: in each round, every subgraph one of whose keys can be had from those reached before.
    pub(super) fn find_hops(&self, place: Place) -> Vec<Vec<Rc<Hop>>> {
        let mut hops: Vec<Vec<Rc<Hop>>> = vec![Vec::new(); self.supergraph.subgraphs().len()];
        if place.subgraph.is_none() || self.is_query(place.class) {
            return self.root_hops(place.class);
        }
        loop {
            let mut found: Vec<(SubgraphId, Hop)> = Vec::new();
            for to in self.supergraph.subgraph_ids() {
                let known = hops[to.index()].as_slice();
                let first = found.len();
                for entry in self.supergraph.query_graph().entries(place.class, to) {
                    if known.iter().any(|hop| hop.typename == entry.typename) {
                        continue;
                    }
                    let best =
                        found[first..].iter().position(|(_, h)| h.typename == entry.typename);
                    if best.is_some() && self.is_hasty() {
                        continue;
                    }
                    let Some(hop) = self.hop_by(entry, place, &hops) else { continue };
                    match best {
                        None => found.push((to, hop)),
                        Some(best) if hop.cost.weight() < found[first + best].1.cost.weight() => {
                            found[first + best].1 = hop;
                        }
                        Some(_) => {}
                    }
                }
            }
            if found.is_empty() {
                return hops;
            }
            for (to, hop) in found {
                hops[to.index()].push(Rc::new(hop));
            }
        }
    }

    /// The way by one key, which is had from the place or by ways that are known.
    fn hop_by(&self, entry: &Entry, place: Place, hops: &[Vec<Rc<Hop>>]) -> Option<Hop> {
        let inputs = self.assign(&self.hidden(&entry.key).demands, place, Some(hops))?;
        let cost = inputs.cost.then_request();
        Some(Hop { typename: entry.typename, key: entry.key.clone(), inputs, cost })
    }

    /// Every subgraph that has the root type.
    fn root_hops(&self, root: TypeId) -> Vec<Vec<Rc<Hop>>> {
        let has = |to| self.supergraph.query_graph().classes(root, to).is_some();
        let hop = || Hop {
            typename: root,
            key: Arc::default(),
            inputs: Solution { cost: Cost::default(), assignments: Vec::new() },
            cost: Cost::default().then_request(),
        };
        let hops = self.supergraph.subgraph_ids();
        hops.map(|to| has(to).then(|| Rc::new(hop())).into_iter().collect()).collect()
    }

    /// The fields of a field set that are selected of objects of a class.
    pub(crate) fn fields_for<'s>(
        &self,
        set: &'s FieldSet,
        class: TypeId,
    ) -> Vec<&'s FieldSetField> {
        fields_for(self.supergraph, set, class)
    }
}
