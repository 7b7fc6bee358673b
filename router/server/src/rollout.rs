//! Which labels of `@override` are on for a request: a field moves to another subgraph for some of them first.

use std::collections::BTreeMap;

use supergraph::{LabelId, Supergraph};

/// The labels of a graph, and for how many of a hundred requests each is on.
pub(crate) struct Rollout(Vec<(LabelId, f64)>);

impl Rollout {
    /// What the settings say of each label; without a word, `percent(N)` means what it says, and any other is off.
    pub(crate) fn new(supergraph: &Supergraph, settings: &BTreeMap<String, f64>) -> Self {
        for name in settings.keys().filter(|name| supergraph.label_id(name).is_none()) {
            tracing::warn!(label = name, "no `@override` has this label of `override_labels`");
        }
        let share =
            |name: &str| settings.get(name).copied().or_else(|| percent(name)).unwrap_or(0.0);
        let labels = supergraph.override_labels().iter();
        Self(labels.filter_map(|name| Some((supergraph.label_id(name)?, share(name)))).collect())
    }

    /// Whether there is nothing to choose.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels that are on for one request; `draw` gives for each a number between 0 and 100, without 100.
    pub(crate) fn on(&self, mut draw: impl FnMut() -> f64) -> Box<[LabelId]> {
        let is_on = |(_, share): &&(LabelId, f64)| draw() < *share;
        self.0.iter().filter(is_on).map(|(label, _)| *label).collect()
    }
}

/// What `percent(25)` says.
fn percent(label: &str) -> Option<f64> {
    label.strip_prefix("percent(")?.strip_suffix(')')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_label_is_on_for_its_share_of_the_draws() {
        let labels = [LabelId(0), LabelId(1), LabelId(2), LabelId(3)];
        let shares = [0.0, 25.0, 50.0, 100.0];
        let rollout = Rollout(labels.into_iter().zip(shares).collect());
        let on = |draws: [f64; 4]| {
            let mut draws = draws.into_iter();
            rollout.on(|| draws.next().expect("one for each label"))
        };
        assert_eq!(*on([0.0; 4]), labels[1..]);
        assert_eq!(*on([25.0; 4]), labels[2..]);
        assert_eq!(*on([99.999; 4]), labels[3..]);
        assert_eq!(*on([24.9, 24.9, 50.0, 50.0]), [labels[1], labels[3]]);
        let one_in_a_thousand = (0..1000).map(|draw| on([f64::from(draw) / 10.0; 4]));
        assert_eq!(one_in_a_thousand.filter(|on| on.contains(&labels[1])).count(), 250);
    }
}
