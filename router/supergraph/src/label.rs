//! The labels of progressive overrides: which field has moved for this request, and which has not.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// The label of an `@override`, by its place in `Supergraph::override_labels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelId(pub u16);

impl LabelId {
    /// The place as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// When a subgraph answers for a field that a labelled `@override` moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moving {
    /// The label.
    pub label: LabelId,
    /// Where the field moves to answers while the label is on; where it comes from, while it is off.
    pub answers_if: bool,
}

/// The labels that are on for one request. It remembers which were asked for, so that a plan can be used again where the
/// others differ.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    on: Vec<LabelId>,
    asked: RefCell<BTreeMap<LabelId, bool>>,
}

impl Labels {
    /// These are on, all others are off.
    pub fn on(labels: impl IntoIterator<Item = LabelId>) -> Self {
        Self { on: labels.into_iter().collect(), asked: RefCell::default() }
    }

    /// Whether a label is on.
    pub fn is_on(&self, label: LabelId) -> bool {
        let is_on = self.on.contains(&label);
        self.asked.borrow_mut().insert(label, is_on);
        is_on
    }

    /// The labels that were asked for, ascending, and whether each is on.
    pub fn asked(&self) -> Vec<(LabelId, bool)> {
        self.asked.borrow().iter().map(|(label, is_on)| (*label, *is_on)).collect()
    }
}
