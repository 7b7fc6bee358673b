//! Writes the client's answer in one pass over the response tree, in the order of the client's selection set.
//!
//! Spec: <https://spec.graphql.org/October2021/#sec-Handling-Field-Errors>: null where it is not allowed makes the
//! object or item around it null.

use std::ops::Range;

use foldhash::{HashMap, HashMapExt};

use crate::error::{FieldError, PathSegment, code};
use crate::json::{as_int, is_integer, is_number, unescape};
use crate::program::{FieldListId, LeafKind, Output, OutputField, OutputId, OutputKind, TypeId};
use crate::run::Run;
use crate::run::rows::{RowId, Slice, Slot};

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoValue {
    /// No subgraph gave one.
    Null,
    /// An error says why.
    Failed,
}

/// Writes values, and truncates what it wrote where null is found not to be allowed.
pub(crate) struct Emitter<'e, 'p> {
    run: &'e mut Run<'p>,
    out: Vec<u8>,
    path: Vec<Place<'p>>,
    /// What has been written of rows that stand in several places.
    written: HashMap<(RowId, OutputId), Range<usize>>,
    /// Its keys, by where it ends.
    written_order: Vec<(RowId, OutputId)>,
    too_large: bool,
}

/// A step to what is being written.
#[derive(Debug, Clone, Copy)]
enum Place<'p> {
    Field(&'p OutputField),
    Item(usize),
}

/// The whole answer: `{"data":…,"errors":…}`.
pub(crate) fn emit(run: &mut Run<'_>) -> Vec<u8> {
    run.forget_hidden_errors();
    let (program, root) = (run.program, run.root);
    let expected = run.answer_bytes + run.answer_bytes / 4 + 64;
    let out = program.usual_size.answer_buffer(expected.min(run.limits.answer_bytes));
    let mut emitter = Emitter {
        run,
        out,
        path: Vec::new(),
        written: HashMap::new(),
        written_order: Vec::new(),
        too_large: false,
    };
    emitter.out.extend_from_slice(b"{\"data\":");
    let start = emitter.out.len();
    if emitter.object(root, program.root_output).is_err() {
        emitter.out.truncate(start);
        emitter.out.extend_from_slice(b"null");
    }
    emitter.out
}

impl<'p> Emitter<'_, 'p> {
    fn object(&mut self, row: RowId, output: OutputId) -> Result<(), NoValue> {
        let (type_id, fields) = self.field_list(row, output)?;
        let shared = self.run.rows.is_shared(row);
        if shared && let Some(written) = self.written.get(&(row, output)) {
            self.out.extend_from_within(written.clone());
            return self.check_size();
        }
        let (start, errors) = (self.out.len(), self.run.errors.len());
        self.out.push(b'{');
        let program = self.run.program;
        for field in &program.field_lists[fields.index()] {
            if !self.run.guards[field.guard.index()] {
                continue;
            }
            let is_first = self.out.len() == start + 1;
            self.out.extend_from_slice(&field.lead[usize::from(is_first)..]);
            self.path.push(Place::Field(field));
            let completed = self.complete(type_id, self.run.rows.slot(row, field.slot), field, 0);
            self.path.pop();
            completed?;
        }
        self.out.push(b'}');
        // Errors have paths, so what carries some is written anew at each place.
        if shared && errors == self.run.errors.len() {
            self.written.insert((row, output), start..self.out.len());
            self.written_order.push((row, output));
        }
        self.check_size()
    }

    /// The row's type and its fields.
    fn field_list(
        &mut self,
        row: RowId,
        output: OutputId,
    ) -> Result<(TypeId, FieldListId), NoValue> {
        let program = self.run.program;
        let Output { type_name, static_type, by_type } = &program.outputs[output.index()];
        let type_id = match self.run.rows.type_id(row) {
            TypeId::UNKNOWN => *static_type,
            told => told,
        };
        if let Some(fields) = by_type.get(type_id.index()).copied().flatten() {
            return Ok((type_id, fields));
        }
        // The name of a type that the client may not see is not told.
        self.fail(
            code::INVALID_VALUE,
            format!("the object is of no type that `{type_name}` may have here"),
        )
    }

    fn check_size(&mut self) -> Result<(), NoValue> {
        if self.out.len() <= self.run.limits.answer_bytes {
            return Ok(());
        }
        if !std::mem::replace(&mut self.too_large, true) {
            self.path.clear();
            self.run.errors.push(FieldError {
                message: "the answer is larger than the limit".to_owned(),
                path: Vec::new(),
                subgraph: None,
                code: Some(code::ANSWER_TOO_LARGE.into()),
            });
        }
        Err(NoValue::Failed)
    }

    /// Writes a value or null; an error where null is not allowed.
    fn complete(
        &mut self,
        type_id: TypeId,
        value: Slot,
        field: &'p OutputField,
        level: usize,
    ) -> Result<(), NoValue> {
        let start = self.out.len();
        let Err(no_value) = self.value(type_id, value, field, level) else { return Ok(()) };
        if self.too_large {
            return Err(NoValue::Failed);
        }
        self.truncate(start);
        if !field.non_null[level] {
            self.out.extend_from_slice(b"null");
            return Ok(());
        }
        if no_value == NoValue::Null {
            let path = self.response_path();
            if !self.run.errors.explain(&path) {
                let message = format!("null in `{}`, where it is not allowed", field.coordinate);
                return self.fail(code::UNEXPECTED_NULL, message);
            }
        }
        Err(NoValue::Failed)
    }

    fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
        while let Some(last) = self.written_order.last()
            && self.written[last].end > len
        {
            self.written.remove(last);
            self.written_order.pop();
        }
    }

    fn value(
        &mut self,
        type_id: TypeId,
        value: Slot,
        field: &'p OutputField,
        level: usize,
    ) -> Result<(), NoValue> {
        if field.kind == OutputKind::TypeName {
            return self.type_name(type_id);
        }
        let in_list = level + 1 < field.non_null.len();
        match (value, &field.kind) {
            (Slot::Absent | Slot::Null, _) => Err(NoValue::Null),
            (Slot::List(list), _) if in_list => self.items(list.len(), |emitter, item| {
                let value = emitter.run.rows.item(list, item);
                emitter.complete(type_id, value, field, level + 1)
            }),
            (Slot::Leaf(slice), OutputKind::Leaf(_)) if in_list => {
                self.leaf_items(type_id, slice, field, level)
            }
            (Slot::Leaf(slice), OutputKind::Leaf(kind)) => self.leaf(slice, kind, field),
            (Slot::Row(row), OutputKind::Object(output)) if !in_list => self.object(row, *output),
            _ => self.fail(
                code::INVALID_VALUE,
                format!("the value of `{}` has the wrong shape", field.coordinate),
            ),
        }
    }

    fn items(
        &mut self,
        count: usize,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), NoValue>,
    ) -> Result<(), NoValue> {
        self.out.push(b'[');
        for index in 0..count {
            if index > 0 {
                self.out.push(b',');
            }
            self.path.push(Place::Item(index));
            let completed = item(self, index);
            self.path.pop();
            completed?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// A list of leaves, which came as one slice.
    fn leaf_items(
        &mut self,
        type_id: TypeId,
        slice: Slice,
        field: &'p OutputField,
        level: usize,
    ) -> Result<(), NoValue> {
        let Some(items) = self.run.rows.leaf_items(slice, self.run.limits.nesting) else {
            return self.fail(
                code::INVALID_VALUE,
                format!("the value of `{}` is not a list", field.coordinate),
            );
        };
        self.items(items.len(), |emitter, item| {
            emitter.complete(type_id, items[item], field, level + 1)
        })
    }

    fn leaf(&mut self, slice: Slice, kind: &LeafKind, field: &OutputField) -> Result<(), NoValue> {
        let json = self.run.rows.json(slice);
        if kind.admits(json) {
            self.out.extend_from_slice(json);
            return Ok(());
        }
        match kind {
            // An integer is a legal `ID`, and is written as the string it means.
            LeafKind::Id if is_integer(json) => {
                self.out.push(b'"');
                self.out.extend_from_slice(json);
                self.out.push(b'"');
                Ok(())
            }
            LeafKind::Enum(_) => self.fail(
                code::INVALID_VALUE,
                format!("the value of `{}` is not one of its enum", field.coordinate),
            ),
            _ => self.fail(
                code::INVALID_VALUE,
                format!("the value of `{}` is not of its type", field.coordinate),
            ),
        }
    }

    fn type_name(&mut self, type_id: TypeId) -> Result<(), NoValue> {
        if type_id == TypeId::UNKNOWN {
            return Err(NoValue::Null);
        }
        self.out.extend_from_slice(self.run.program.types.quoted(type_id));
        Ok(())
    }

    fn fail<T>(&mut self, code: &str, message: String) -> Result<T, NoValue> {
        let path = self.response_path();
        self.run.errors.push(FieldError { message, path, subgraph: None, code: Some(code.into()) });
        Err(NoValue::Failed)
    }

    fn response_path(&self) -> Vec<PathSegment> {
        self.path
            .iter()
            .map(|place| match place {
                Place::Field(field) => PathSegment::Key(field.key.clone()),
                Place::Item(item) => PathSegment::Index(u32::try_from(*item).unwrap_or(u32::MAX)),
            })
            .collect()
    }
}

impl LeafKind {
    /// Whether a JSON value that is not null is one of these, to be written as it stands.
    pub(crate) fn admits(&self, json: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::String | Self::Id => json[0] == b'"',
            Self::Boolean => matches!(json[0], b't' | b'f'),
            Self::Float => is_number(json),
            Self::Int => as_int(json).is_some(),
            Self::Enum(values) => {
                values.iter().any(|value| **value == *json)
                    || json.contains(&b'\\')
                        && unescape(json).is_some_and(|text| {
                            values.iter().any(|value| value[1..value.len() - 1] == *text.as_bytes())
                        })
            }
        }
    }
}
