//! Answers that are passed on as they came: where a plan is one fetch, and its answer says what the client asked for, in
//! the client's order and with nothing else, then its bytes are the client's answer.
//!
//! Nothing is taken on trust: the bytes are checked as they would be read. Whatever is not just so, a null out of place,
//! a surplus key, an error, is read and written as any other answer.

use bytes::Bytes;

use crate::json::Cursor;
use crate::program::{
    FetchKind, Guard, LeafKind, OutputId, OutputKind, Program, ReaderId, ReaderKind, TypeId,
};

/// What an answer must say to be passed on.
#[derive(Debug)]
pub(crate) struct Verbatim {
    objects: Vec<Vec<Field>>,
    root: ObjectIndex,
}

/// Into [`Verbatim::objects`].
type ObjectIndex = usize;

#[derive(Debug)]
struct Field {
    /// With its quotes.
    key: Box<[u8]>,
    /// Whether null is forbidden, level by level.
    non_null: Box<[bool]>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Leaf(LeafKind),
    /// The name of the object's type, with its quotes.
    TypeName(Box<[u8]>),
    Object(ObjectIndex),
}

/// The answer is not to be passed on.
struct Differs;

impl Verbatim {
    /// What the answer of a program's only fetch must say; `None` where there are more, or where what is asked is not
    /// what is shown.
    pub(crate) fn of(program: &Program) -> Option<Self> {
        let [fetch] = &program.fetches[..] else { return None };
        let is_plain = matches!(&fetch.kind, FetchKind::Root(path) if path.is_empty())
            && fetch.guard == Guard::ALWAYS;
        let mut verbatim = Self { objects: Vec::new(), root: 0 };
        if is_plain {
            verbatim.root = verbatim.object(program, program.root_output, fetch.data)?;
        }
        is_plain.then_some(verbatim)
    }

    fn object(
        &mut self,
        program: &Program,
        output: OutputId,
        reader: ReaderId,
    ) -> Option<ObjectIndex> {
        let output = &program.outputs[output.index()];
        // Which fields an object has must not depend on its type.
        let type_id = Some(output.static_type).filter(|id| *id != TypeId::UNKNOWN)?;
        let list = output.by_type[type_id.index()]?;
        let shown = &program.field_lists[list.index()];
        let keys = &program.readers[reader.index()].keys;
        if shown.len() != keys.len() {
            return None;
        }
        let mut fields = Vec::with_capacity(keys.len());
        for (shown, key) in shown.iter().zip(keys) {
            let [target] = &key.targets[..] else { return None };
            let is_same = shown.guard == Guard::ALWAYS
                && shown.slot == target.slot
                && target.types.is_none()
                && shown.lead[1..].strip_suffix(b":") == Some(&key.quoted);
            let kind = match (&shown.kind, target.kind) {
                (OutputKind::Leaf(kind), ReaderKind::Leaf) => Kind::Leaf(kind.clone()),
                (OutputKind::TypeName, ReaderKind::TypeName) => {
                    Kind::TypeName(program.types.quoted(type_id).into())
                }
                (OutputKind::Object(output), ReaderKind::Object(reader)) => {
                    Kind::Object(self.object(program, *output, reader)?)
                }
                _ => return None,
            };
            if !is_same {
                return None;
            }
            fields.push(Field { key: key.quoted.clone(), non_null: shown.non_null.clone(), kind });
        }
        self.objects.push(fields);
        Some(self.objects.len() - 1)
    }

    /// Whether these bytes are what the client is to be told, to the last one.
    pub(crate) fn admits(&self, answer: &Bytes, nesting_limit: usize) -> bool {
        let check = Check { verbatim: self, text: answer };
        std::str::from_utf8(answer).is_ok() && check.answer(nesting_limit).is_ok()
    }
}

struct Check<'v> {
    verbatim: &'v Verbatim,
    text: &'v [u8],
}

impl Check<'_> {
    fn answer(&self, nesting_limit: usize) -> Result<(), Differs> {
        let mut cursor = Cursor::new(self.text, nesting_limit);
        let mut turn = cursor.enter(b'{')?;
        let is_data = cursor.next_key(&mut turn)? && cursor.take_key(b"\"data\"")?;
        if !is_data || cursor.peek()? != b'{' {
            return Err(Differs);
        }
        self.object(&mut cursor, self.verbatim.root)?;
        if cursor.next_key(&mut turn)? {
            return Err(Differs);
        }
        Ok(cursor.finish()?)
    }

    fn object(&self, cursor: &mut Cursor<'_>, object: ObjectIndex) -> Result<(), Differs> {
        let mut turn = cursor.enter(b'{')?;
        for field in &self.verbatim.objects[object] {
            if !cursor.next_key(&mut turn)? || !cursor.take_key(&field.key)? {
                return Err(Differs);
            }
            self.value(cursor, field, 0)?;
        }
        if cursor.next_key(&mut turn)? { Err(Differs) } else { Ok(()) }
    }

    fn value(&self, cursor: &mut Cursor<'_>, field: &Field, level: usize) -> Result<(), Differs> {
        let first = cursor.peek()?;
        if first == b'n' {
            cursor.value()?;
            return if field.non_null[level] { Err(Differs) } else { Ok(()) };
        }
        if level + 1 < field.non_null.len() {
            let mut turn = cursor.enter(b'[')?;
            while cursor.next_item(&mut turn)? {
                self.value(cursor, field, level + 1)?;
            }
            return Ok(());
        }
        match &field.kind {
            Kind::Object(object) => self.object(cursor, *object),
            Kind::Leaf(kind) => {
                let value = cursor.value()?;
                if kind.admits(&self.text[value]) { Ok(()) } else { Err(Differs) }
            }
            Kind::TypeName(name) => {
                let value = cursor.value()?;
                if self.text[value] == **name { Ok(()) } else { Err(Differs) }
            }
        }
    }
}

impl From<crate::json::Malformed> for Differs {
    fn from(_: crate::json::Malformed) -> Self {
        Self
    }
}
