//! Turns rows into representations, each distinct one once.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;

use crate::program::{Template, TemplateField};
use crate::run::rows::{RowId, Rows, Slot};

/// The representations of a batch, with the rows that each stands for.
#[derive(Debug, Default)]
pub(crate) struct Representations {
    /// All of them, as they are sent: joined by commas.
    json: Vec<u8>,
    ends: Vec<usize>,
    /// For each row that is represented, by which representation; in the order of the answer.
    rows: Vec<(RowId, u32)>,
    table: Table,
}

/// The object lacks a key field, or has null for one: it cannot be sent.
#[derive(Debug)]
struct Unrepresentable;

impl Representations {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Those of a range, joined by commas.
    pub(crate) fn json(&self, range: Range<usize>) -> &[u8] {
        if range.is_empty() {
            return &[];
        }
        &self.json[self.start(range.start)..self.ends[range.end - 1]]
    }

    fn start(&self, index: usize) -> usize {
        // After the comma.
        if index == 0 { 0 } else { self.ends[index - 1] + 1 }
    }

    /// The rows that representations stand for, in the order of the answer.
    pub(crate) fn rows(&self) -> &[(RowId, u32)] {
        &self.rows
    }

    /// Represents a row by the first template that its type allows; leaves it out where none does.
    pub(crate) fn add(&mut self, rows: &Rows, row: RowId, templates: &[Template]) {
        let type_id = rows.type_id(row);
        let admits = |template: &&Template| {
            template.types.as_ref().is_none_or(|types| types.admits(type_id))
        };
        let Some(template) = templates.iter().find(admits) else { return };
        let before = self.json.len();
        if before > 0 {
            self.json.push(b',');
        }
        let start = self.json.len();
        self.json.extend_from_slice(&template.start);
        if write_fields(rows, row, &template.fields, &mut self.json).is_err() {
            self.json.truncate(before);
            return;
        }
        self.json.push(b'}');
        let index = if let Some(equal) = self.find_equal(start) {
            self.json.truncate(before);
            equal
        } else {
            self.ends.push(self.json.len());
            self.ends.len() - 1
        };
        self.rows.push((row, u32::try_from(index).expect("entities are limited")));
    }

    /// The representation equal to the one that starts here and is not counted yet; where there is none, it is noted.
    fn find_equal(&mut self, start: usize) -> Option<usize> {
        let Self { json, ends, table, .. } = self;
        let candidate = &json[start..];
        let known = |index: usize| {
            let from = if index == 0 { 0 } else { ends[index - 1] + 1 };
            &json[from..ends[index]]
        };
        table.find_or_insert(candidate, ends.len(), known)
    }
}

fn write_fields(
    rows: &Rows,
    row: RowId,
    fields: &[TemplateField],
    out: &mut Vec<u8>,
) -> Result<(), Unrepresentable> {
    for field in fields {
        match field {
            TemplateField::OfTypes(types, fields) => {
                if types.admits(rows.type_id(row)) {
                    write_fields(rows, row, fields, out)?;
                }
            }
            TemplateField::TypeName(slot) => {
                if let Slot::Leaf(slice) = rows.slot(row, *slot) {
                    write_comma(out);
                    out.extend_from_slice(b"\"__typename\":");
                    out.extend_from_slice(rows.json(slice));
                }
            }
            TemplateField::Value { key, slot, required, fields } => {
                write_comma(out);
                out.extend_from_slice(key);
                write_value(rows, rows.slot(row, *slot), fields, *required, out)?;
            }
        }
    }
    Ok(())
}

/// A comma, unless the object has just begun.
fn write_comma(out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
}

fn write_value(
    rows: &Rows,
    value: Slot,
    fields: &[TemplateField],
    required: bool,
    out: &mut Vec<u8>,
) -> Result<(), Unrepresentable> {
    match value {
        Slot::Absent | Slot::Null if required => return Err(Unrepresentable),
        Slot::Absent | Slot::Null => out.extend_from_slice(b"null"),
        Slot::Leaf(slice) => out.extend_from_slice(rows.json(slice)),
        Slot::Row(row) => {
            out.push(b'{');
            write_fields(rows, row, fields, out)?;
            out.push(b'}');
        }
        Slot::List(list) => {
            out.push(b'[');
            for item in 0..list.len() {
                if item > 0 {
                    out.push(b',');
                }
                write_value(rows, rows.item(list, item), fields, false, out)?;
            }
            out.push(b']');
        }
    }
    Ok(())
}

/// An index over byte strings that stand elsewhere: found by hash, compared in full.
#[derive(Debug, Default)]
struct Table {
    /// Open addressing; each holds an index plus one, or 0.
    buckets: Vec<u32>,
    filled: usize,
    hasher: RandomState,
}

impl Table {
    /// The index of an equal string, or `None` after noting `new_index` for this one.
    fn find_or_insert<'k>(
        &mut self,
        candidate: &[u8],
        new_index: usize,
        known: impl Fn(usize) -> &'k [u8],
    ) -> Option<usize> {
        if self.filled * 2 >= self.buckets.len() {
            self.grow(&known);
        }
        let mask = self.buckets.len() - 1;
        let mut bucket = self.bucket(candidate, mask);
        while self.buckets[bucket] != 0 {
            let index = self.buckets[bucket] as usize - 1;
            if known(index) == candidate {
                return Some(index);
            }
            bucket = (bucket + 1) & mask;
        }
        self.buckets[bucket] = u32::try_from(new_index + 1).expect("entities are limited");
        self.filled += 1;
        None
    }

    fn grow<'k>(&mut self, known: &impl Fn(usize) -> &'k [u8]) {
        let size = (self.buckets.len() * 2).max(16);
        let old = std::mem::replace(&mut self.buckets, vec![0; size]);
        for entry in old.into_iter().filter(|&entry| entry != 0) {
            let mut bucket = self.bucket(known(entry as usize - 1), size - 1);
            while self.buckets[bucket] != 0 {
                bucket = (bucket + 1) & (size - 1);
            }
            self.buckets[bucket] = entry;
        }
    }

    fn bucket(&self, bytes: &[u8], mask: usize) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
        let hash = self.hasher.hash_one(bytes) as usize;
        hash & mask
    }
}
