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

    /// Draws the labels that are on for one request.
    pub(crate) fn draw(&self) -> Box<[LabelId]> {
        let is_on =
            |share: f64| share > 0.0 && (share >= 100.0 || rand::random_range(0.0..100.0) < share);
        self.0.iter().filter(|(_, share)| is_on(*share)).map(|(label, _)| *label).collect()
    }
}

/// What `percent(25)` says.
fn percent(label: &str) -> Option<f64> {
    label.strip_prefix("percent(")?.strip_suffix(')')?.parse().ok()
}
