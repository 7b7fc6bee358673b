//! Asks for fields in the client's order where one fetch is the whole plan, so that its answer can be the client's as it
//! comes (see [`crate::verbatim`]).
//!
//! The planner has `__typename` first: who reads the answer knows an object's type before the fields that depend on it.
//! Where none does, it may stand where clients have it, which is mostly last.

use planner::{Fetch, FetchRequest, FetchSelection, FetchSelectionSet};

use crate::lower::Lowering;
use crate::program::{OutputId, OutputKind, TypeId};

impl Lowering<'_> {
    /// The fetch with its fields in the client's order.
    pub(super) fn in_client_order(&self, fetch: &Fetch) -> Fetch {
        let mut fetch = fetch.clone();
        if let FetchRequest::Root { selection_set, .. } = &mut fetch.request {
            self.order_as_client(selection_set, self.program.root_output);
        }
        fetch
    }

    /// Leaves alone what the client has not asked for just so.
    fn order_as_client(&self, set: &mut FetchSelectionSet, output: OutputId) {
        let output = &self.program.outputs[output.index()];
        let known_type = Some(output.static_type).filter(|id| *id != TypeId::UNKNOWN);
        let Some(list) = known_type.and_then(|id| output.by_type[id.index()]) else { return };
        let shown = &self.program.field_lists[list.index()];
        let place = |selection: &FetchSelection| match selection {
            FetchSelection::Field(field) => {
                let key = field.output.as_ref()?;
                shown.iter().position(|shown| shown.key == *key)
            }
            FetchSelection::InlineFragment(_) => None,
        };
        if set.selections.iter().any(|selection| place(selection).is_none()) {
            return;
        }
        set.selections.sort_by_key(place);
        for selection in &mut set.selections {
            let at = place(selection);
            if let (FetchSelection::Field(field), Some(at)) = (selection, at)
                && let OutputKind::Object(below) = shown[at].kind
            {
                self.order_as_client(&mut field.selection_set, below);
            }
        }
    }
}
