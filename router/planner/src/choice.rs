//! Chooses which subgraphs to open for a set of demands: each opened one costs a request, each demand what it costs there.

use std::rc::Rc;

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
    let sets: Vec<Vec<SubgraphId>> = match targets.len() {
        0 => vec![Vec::new()],
        count if count <= EXACT => subsets(&targets),
        _ => vec![greedy(&open, &opening)],
    };
    let priced = sets.iter().filter_map(|set| {
        let ways: Vec<(Way, Cost)> =
            open.iter().map(|o| cheapest(o, set)).collect::<Option<_>>()?;
        Some((total(&ways, &opening), ways))
    });
    let best = priced.min_by_key(|(cost, _)| cost.weight());
    let (cost, ways) = best.expect("every demand has a way, and one set has all subgraphs");
    let assigned = ways.into_iter().zip(open).map(|((way, _), o)| (way, o.demand));
    (assigned.collect(), cost)
}

/// The cheapest way of a demand where only these subgraphs are opened.
fn cheapest(open: &Open, set: &[SubgraphId]) -> Option<(Way, Cost)> {
    let usable = open.ways.iter().filter(|(way, _)| match way {
        Way::Local => true,
        Way::Hop(to) => set.contains(to),
    });
    usable.min_by_key(|(way, cost)| (cost.weight(), *way)).copied()
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

/// All sets of the subgraphs, small ones first.
fn subsets(targets: &[SubgraphId]) -> Vec<Vec<SubgraphId>> {
    let mut masks: Vec<u32> = (0..1u32 << targets.len()).collect();
    masks.sort_by_key(|mask| mask.count_ones());
    let of = |mask: u32| {
        targets.iter().enumerate().filter(move |(bit, _)| mask & (1 << bit) != 0).map(|(_, to)| *to)
    };
    masks.into_iter().map(|mask| of(mask).collect()).collect()
}

/// One demand after the other, those with the fewest ways first, each where it then costs least.
fn greedy(open: &[Open], opening: &impl Fn(SubgraphId) -> Cost) -> Vec<SubgraphId> {
    let mut opened: Vec<SubgraphId> = Vec::new();
    let mut order: Vec<&Open> = open.iter().collect();
    order.sort_by_key(|o| o.ways.len());
    for open in order {
        let price = |(way, cost): &(Way, Cost)| match way {
            Way::Hop(to) if !opened.contains(to) => opening(*to).then(*cost).weight(),
            _ => cost.weight(),
        };
        let best = open.ways.iter().min_by_key(|way| (price(way), way.0));
        if let Some((Way::Hop(to), _)) = best
            && !opened.contains(to)
        {
            opened.push(*to);
        }
    }
    opened
}
