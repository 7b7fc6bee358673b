//! Which errors are the client's business: not those of what was asked of an object before its type was told, where the
//! client wants it of other types only.

use crate::error::{FieldError, PathSegment};
use crate::program::{Output, OutputField, OutputKind, TypeId};
use crate::run::Run;
use crate::run::rows::Slot;

impl Run<'_> {
    /// Forgets the errors of subgraphs at places that the answer does not have.
    pub(super) fn forget_hidden_errors(&mut self) {
        if !self.errors.is_empty() {
            let mut errors = std::mem::take(&mut self.errors);
            errors.retain(|error| error.subgraph.is_none() || self.is_shown(error));
            self.errors = errors;
        }
    }

    /// Whether the objects on the way to an error have the fields on its path. What is below null is not looked into.
    fn is_shown(&self, error: &FieldError) -> bool {
        let mut value = Slot::Row(self.root);
        let mut output = self.program.root_output;
        for segment in &error.path {
            match (value, segment) {
                (Slot::Row(row), PathSegment::Key(key)) => {
                    let Output { static_type, by_type, .. } = &self.program.outputs[output.index()];
                    let type_id = match self.rows.type_id(row) {
                        TypeId::UNKNOWN => *static_type,
                        told => told,
                    };
                    let Some(fields) = by_type.get(type_id.index()).copied().flatten() else {
                        return true;
                    };
                    let fields: &[OutputField] = &self.program.field_lists[fields.index()];
                    let Some(field) = fields.iter().find(|field| field.key == *key) else {
                        return false;
                    };
                    let OutputKind::Object(below) = field.kind else { return true };
                    (value, output) = (self.rows.slot(row, field.slot), below);
                }
                (Slot::List(list), PathSegment::Index(item)) if (*item as usize) < list.len() => {
                    value = self.rows.item(list, *item as usize);
                }
                _ => return true,
            }
        }
        true
    }
}
