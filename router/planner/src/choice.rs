//! Chooses which subgraphs to open for a set of demands: each opened one costs a request, each demand what it costs there.

use std::rc::Rc;

use indexmap::IndexSet;
use supergraph::SubgraphId;

use crate::cost::Cost;
use crate::demand::Demand;

/// How a demand is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// In the subgraph where the object stands.
    Local,
    /// In another request, to this subgraph.
    Hop(SubgraphId),
}

/// A demand and the ways to meet it, with what each costs beyond opening the subgraph.
pub(crate) struct Open {
    pub(crate) demand: Rc<Demand>,
    pub(crate) ways: Vec<(Way, Cost)>,
}

/// Up to this many subgraphs, every set of them is tried.
const EXACT: usize = 8;

/// Up to this many kinds of demands, too.
const KINDS: usize = 64;

/// The way for each demand, by the cheapest set of subgraphs; and the total.
pub(crate) fn choose(
    open: Vec<Open>,
    opening: impl Fn(SubgraphId) -> Cost,
) -> (Vec<(Way, Rc<Demand>)>, Cost) {
    let mut targets: Vec<SubgraphId> = open
        .iter()
        .flat_map(|o| &o.ways)
        .filter_map(|(way, _)| match way {
            Way::Hop(to) => Some(*to),
            Way::Local => None,
        })
        .collect();
    targets.sort_unstable();
    targets.dedup();
    // Which set is best depends on how demands can be met, not on how many can be met so.
    let kinds: IndexSet<&[(Way, Cost)]> = open.iter().map(|open| open.ways.as_slice()).collect();
    let kinds: Vec<&[(Way, Cost)]> = kinds.into_iter().collect();
    let set = if targets.len() <= EXACT && kinds.len() <= KINDS {
        exact(&kinds, &targets, &opening)
    } else {
        greedy(&kinds, &opening)
    };
    let every = open.iter().map(|open| open.ways.as_slice());
    let ways = ways_by(every, &set).expect("the set has a way for every kind of demand");
    let cost = total(&ways, &opening);
    let assigned = ways.into_iter().zip(open).map(|((way, _), o)| (way, o.demand));
    (assigned.collect(), cost)
}

/// The best of all sets of targets, small ones first. A set that costs more for its requests alone than the best known ends
/// the search: one of its targets unused, it would be a smaller set.
fn exact(
    kinds: &[&[(Way, Cost)]],
    targets: &[SubgraphId],
    opening: &impl Fn(SubgraphId) -> Cost,
) -> Vec<SubgraphId> {
    let mut best: Option<(u64, Vec<SubgraphId>)> = None;
    let mut masks: Vec<u32> = (0..1u32 << targets.len()).collect();
    masks.sort_by_key(|mask| mask.count_ones());
    for mask in masks {
        let least = Cost::of_requests(mask.count_ones()).weight();
        if best.as_ref().is_some_and(|(known, _)| *known <= least) {
            break;
        }
        let set: Vec<SubgraphId> = targets
            .iter()
            .enumerate()
            .filter(|(bit, _)| mask & (1 << bit) != 0)
            .map(|(_, to)| *to)
            .collect();
        let Some(ways) = ways_by(kinds.iter().copied(), &set) else { continue };
        let weight = total(&ways, opening).weight();
        if best.as_ref().is_none_or(|(known, _)| weight < *known) {
            best = Some((weight, set));
        }
    }
    best.map(|(_, set)| set).unwrap_or_default()
}

/// The cheapest way of each demand where only these subgraphs are opened.
fn ways_by<'w>(
    mut open: impl Iterator<Item = &'w [(Way, Cost)]>,
    set: &[SubgraphId],
) -> Option<Vec<(Way, Cost)>> {
    let mut cheapest = Vec::new();
    open.try_for_each(|ways| {
        let usable = ways.iter().filter(|(way, _)| match way {
            Way::Local => true,
            Way::Hop(to) => set.contains(to),
        });
        cheapest.push(*usable.min_by_key(|(way, cost)| (cost.weight(), *way))?);
        Some(())
    })?;
    Some(cheapest)
}

fn total(ways: &[(Way, Cost)], opening: &impl Fn(SubgraphId) -> Cost) -> Cost {
    let mut opened: Vec<SubgraphId> = Vec::new();
    let mut sum = Cost::default();
    for (way, cost) in ways {
        let Way::Hop(to) = way else {
            sum = sum + *cost;
            continue;
        };
        if opened.contains(to) {
            let after = opening(*to).then(*cost);
            sum = sum.shared(after, opening(*to));
        } else {
            opened.push(*to);
            sum = sum + opening(*to).then(*cost);
        }
    }
    sum
}

/// One kind after the other, those with the fewest ways first, each where it then costs least.
fn greedy(kinds: &[&[(Way, Cost)]], opening: &impl Fn(SubgraphId) -> Cost) -> Vec<SubgraphId> {
    let mut opened: Vec<SubgraphId> = Vec::new();
    let mut order = kinds.to_vec();
    order.sort_by_key(|ways| ways.len());
    for ways in order {
        let price = |(way, cost): &(Way, Cost)| match way {
            Way::Hop(to) if !opened.contains(to) => opening(*to).then(*cost).weight(),
            _ => cost.weight(),
        };
        let best = ways.iter().min_by_key(|way| (price(way), way.0));
        if let Some((Way::Hop(to), _)) = best
            && !opened.contains(to)
        {
            opened.push(*to);
        }
    }
    opened
}
