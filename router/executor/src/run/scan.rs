//! Reads a subgraph's answer in one pass, as the plan says: expected keys into slots, everything else skipped.
//!
//! The next key is predicted from the order in which the fields were asked for, so a well-behaved answer costs one
//! comparison a key. Leaves are not looked into; whether a value fits its type is seen when it is written out.

use bytes::Bytes;

use crate::json::{Cursor, Malformed, quoted, unescape};
use crate::program::{Program, Reader, ReaderId, ReaderKey, ReaderKind, ReaderTarget, TypeId};
use crate::run::rows::{RowId, Rows, Slice, Slot};

/// The parts of a GraphQL response.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// What `data` is; absent where there is none.
    pub(crate) data: Slot,
    /// What `errors` is, if anything.
    pub(crate) errors: Option<Slice>,
}

/// Reads a whole answer. Its rows are new: nothing else refers to them yet.
pub(crate) fn scan(
    program: &Program,
    rows: &mut Rows,
    answer: Bytes,
    data_reader: ReaderId,
    nesting_limit: usize,
) -> Result<Envelope, Malformed> {
    std::str::from_utf8(&answer).map_err(|_| Malformed)?;
    let text = answer.clone();
    let source = rows.add_source(answer);
    let mut cursor = Cursor::new(&text, nesting_limit);
    let mut envelope = Envelope { data: Slot::Absent, errors: None };
    let mut scanner = Scanner { program, rows, text: &text, source, items: Vec::new() };
    let mut turn = cursor.enter(b'{')?;
    while cursor.next_key(&mut turn)? {
        match &*unescape(cursor.take_key_text()?).ok_or(Malformed)? {
            "data" => {
                envelope.data = scanner.value(&mut cursor, data_reader, TypeId::UNKNOWN)?;
            }
            "errors" => envelope.errors = Some(scanner.slice(cursor.value()?)),
            _ => {
                cursor.value()?;
            }
        }
    }
    cursor.finish()?;
    Ok(envelope)
}

struct Scanner<'s> {
    program: &'s Program,
    rows: &'s mut Rows,
    text: &'s [u8],
    source: u32,
    /// Items of the lists that are being read, innermost last.
    items: Vec<Slot>,
}

impl Scanner<'_> {
    /// A value where objects are expected, in lists or not. Anything else is kept as it stands.
    fn value(
        &mut self,
        cursor: &mut Cursor<'_>,
        reader: ReaderId,
        type_id: TypeId,
    ) -> Result<Slot, Malformed> {
        match cursor.peek()? {
            b'{' => Ok(Slot::Row(self.object(cursor, reader, type_id)?)),
            b'[' => {
                let outer = self.items.len();
                let mut turn = cursor.enter(b'[')?;
                while cursor.next_item(&mut turn)? {
                    let item = self.value(cursor, reader, type_id)?;
                    self.items.push(item);
                }
                Ok(Slot::List(self.rows.add_list(self.items.drain(outer..))))
            }
            b'n' => cursor.value().map(|_| Slot::Null),
            _ => cursor.value().map(|range| Slot::Leaf(self.slice(range))),
        }
    }

    fn object(
        &mut self,
        cursor: &mut Cursor<'_>,
        reader: ReaderId,
        type_id: TypeId,
    ) -> Result<RowId, Malformed> {
        let program = self.program;
        let reader = &program.readers[reader.index()];
        let row = self.rows.add_row(&program.shapes, reader.shape, type_id);
        if reader.needs_type
            && let Some(type_id) = self.type_ahead(cursor.clone(), reader)?
        {
            self.rows.set_type(row, type_id);
        }
        let mut turn = cursor.enter(b'{')?;
        let mut predicted = 0;
        while cursor.next_key(&mut turn)? {
            if let Some(at) = expected_key(cursor, reader, predicted)? {
                predicted = at + 1;
                self.entry(cursor, row, &reader.keys[at])?;
            } else {
                cursor.key()?;
                cursor.value()?;
            }
        }
        Ok(row)
    }

    /// The object's type, which fields may stand before.
    fn type_ahead(
        &self,
        mut cursor: Cursor<'_>,
        reader: &Reader,
    ) -> Result<Option<TypeId>, Malformed> {
        let mut turn = cursor.enter(b'{')?;
        while cursor.next_key(&mut turn)? {
            let key = expected_key(&mut cursor, reader, 0)?;
            if key.is_none() {
                cursor.key()?;
            }
            let value = cursor.peek().and_then(|_| cursor.value())?;
            let tells_type = |target: &ReaderTarget| target.kind == ReaderKind::TypeName;
            if key.is_some_and(|key| reader.keys[key].targets.iter().any(tells_type)) {
                return Ok(self.program.types.find(&self.text[value]));
            }
        }
        Ok(None)
    }

    /// The value of an expected key, into every entry that wants it of an object of this type.
    fn entry(
        &mut self,
        cursor: &mut Cursor<'_>,
        row: RowId,
        key: &ReaderKey,
    ) -> Result<(), Malformed> {
        cursor.peek()?;
        let start = cursor.clone();
        let mut read = false;
        for target in &key.targets {
            let type_id = self.rows.type_id(row);
            if !target.types.as_ref().is_none_or(|types| types.admits(type_id)) {
                continue;
            }
            *cursor = start.clone();
            read = true;
            let value = match target.kind {
                ReaderKind::Object(reader) => self.value(cursor, reader, TypeId::UNKNOWN)?,
                ReaderKind::Leaf | ReaderKind::TypeName => {
                    let range = cursor.value()?;
                    if target.kind == ReaderKind::TypeName
                        && let Some(type_id) = self.program.types.find(&self.text[range.clone()])
                    {
                        self.rows.set_type(row, type_id);
                    }
                    if &self.text[range.clone()] == b"null" {
                        Slot::Null
                    } else {
                        Slot::Leaf(self.slice(range))
                    }
                }
            };
            self.rows.set_slot(row, target.slot, value);
            if target.is_one_of_many {
                self.rows.note_field(row, target.slot, target.field);
            }
        }
        if !read {
            cursor.value()?;
        }
        Ok(())
    }

    fn slice(&self, range: std::ops::Range<usize>) -> Slice {
        let index = |at| u32::try_from(at).expect("answers are limited to less than 4 GiB");
        Slice { source: self.source, start: index(range.start), end: index(range.end) }
    }
}

/// Passes the key here where it is one of the expected, looking first where it should come.
fn expected_key(
    cursor: &mut Cursor<'_>,
    reader: &Reader,
    predicted: usize,
) -> Result<Option<usize>, Malformed> {
    let (before, after) = reader.keys.split_at(predicted.min(reader.keys.len()));
    for (at, key) in after.iter().enumerate() {
        if cursor.take_key(&key.quoted)? {
            return Ok(Some(before.len() + at));
        }
    }
    for (at, key) in before.iter().enumerate() {
        if cursor.take_key(&key.quoted)? {
            return Ok(Some(at));
        }
    }
    escaped_key(cursor, reader)
}

/// The same for a key that is written with escapes, as no subgraph needs to.
fn escaped_key(cursor: &mut Cursor<'_>, reader: &Reader) -> Result<Option<usize>, Malformed> {
    let mut ahead = cursor.clone();
    let key = ahead.take_key_text()?;
    if !key.contains(&b'\\') {
        return Ok(None);
    }
    let name = unescape(key).ok_or(Malformed)?;
    let at = reader.keys.iter().position(|key| *key.quoted == *quoted(&name));
    if at.is_some() {
        *cursor = ahead;
    }
    Ok(at)
}
