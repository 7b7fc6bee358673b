//! Turns rows into representations, each distinct one once.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;

use crate::program::{Template, TemplateField};
use crate::run::rows::{RowId, Rows, Slot};

/// What it means that an input, other than a key, is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AbsentInput {
    /// The subgraph left it out: it is sent as null.
    Null,
    /// It could not be fetched: the object is not sent.
    Unknown,
}

/// The representations of a batch, with the rows that each stands for.
#[derive(Debug)]
pub(crate) struct Representations {
    absent: AbsentInput,
    /// All of them, as they are sent: joined by commas.
    json: Vec<u8>,
    ends: Vec<usize>,
    /// For each row that is represented, by which representation; in the order of the answer.
    rows: Vec<(RowId, u32)>,
    /// Whether each row has one of its own, whatever others are equal.
    each: bool,
    table: Table,
}

/// The object lacks a key field, or has null for one: it cannot be sent.
#[derive(Debug)]
pub(crate) struct Unrepresentable;

impl Representations {
    /// None yet. `each` row gets one of its own, or all rows with equal ones share it.
    pub(crate) fn new(absent: AbsentInput, each: bool) -> Self {
        let table = Table::default();
        Self { absent, json: Vec::new(), ends: Vec::new(), rows: Vec::new(), each, table }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Those of a range, joined by commas.
    pub(crate) fn json(&self, range: Range<usize>) -> &[u8] {
        if range.is_empty() {
            return &[];
        }
        // After the comma.
        let start = if range.start == 0 { 0 } else { self.ends[range.start - 1] + 1 };
        &self.json[start..self.ends[range.end - 1]]
    }

    /// The rows that representations stand for, in the order of the answer.
    pub(crate) fn rows(&self) -> &[(RowId, u32)] {
        &self.rows
    }

    /// Represents a row by the first template that its type allows; leaves it out where none does.
    pub(crate) fn add(&mut self, rows: &Rows, row: RowId, templates: &[Template]) {
        let type_id = rows.type_id(row);
        let admits = |template: &&Template| {
            template.types.as_ref().is_none_or(|types| types.contains(type_id))
        };
        let Some(template) = templates.iter().find(admits) else { return };
        let before = self.json.len();
        if before > 0 {
            self.json.push(b',');
        }
        let start = self.json.len();
        if template.represent(rows, row, self.absent, &mut self.json).is_err() {
            self.json.truncate(before);
            return;
        }
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
        if self.each {
            return None;
        }
        let Self { json, ends, table, .. } = self;
        table.find_or_insert(&json[start..], ends.len(), |index| part(json, ends, index))
    }

    /// The representation that is this one, byte for byte.
    pub(crate) fn find(&self, representation: &[u8]) -> Option<usize> {
        self.table.find(representation, |index| part(&self.json, &self.ends, index))
    }

    /// Keeps some of the representations, and the rows they stand for. None is added or looked for afterwards.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let (json, ends) = (std::mem::take(&mut self.json), std::mem::take(&mut self.ends));
        self.table = Table::default();
        let mut kept = vec![None; ends.len()];
        for (index, kept) in kept.iter_mut().enumerate().filter(|(index, _)| keep(*index)) {
            if !self.json.is_empty() {
                self.json.push(b',');
            }
            self.json.extend_from_slice(part(&json, &ends, index));
            *kept = Some(u32::try_from(self.ends.len()).expect("entities are limited"));
            self.ends.push(self.json.len());
        }
        self.rows.retain_mut(|(_, representation)| match kept[*representation as usize] {
            Some(kept) => {
                *representation = kept;
                true
            }
            None => false,
        });
    }
}

/// One of the representations that end at `ends`, with a comma between them.
fn part<'j>(json: &'j [u8], ends: &[usize], index: usize) -> &'j [u8] {
    let start = if index == 0 { 0 } else { ends[index - 1] + 1 };
    &json[start..ends[index]]
}

impl Template {
    /// Writes the representation of a row.
    pub(crate) fn represent(
        &self,
        rows: &Rows,
        row: RowId,
        absent: AbsentInput,
        out: &mut Vec<u8>,
    ) -> Result<(), Unrepresentable> {
        out.extend_from_slice(&self.start);
        Writer { rows, absent, out }.fields(row, &self.fields)?;
        out.push(b'}');
        Ok(())
    }
}

/// Writes the value of the one field that is named on each level; null where there is none.
pub(crate) fn write_value(rows: &Rows, row: RowId, fields: &[TemplateField], out: &mut Vec<u8>) {
    let value = single_value(rows, row, fields);
    // A leaf is all that is left, or a list of leaves: nothing in it is a required key.
    let mut writer = Writer { rows, absent: AbsentInput::Null, out };
    if writer.value(value.unwrap_or(Slot::Null), &[]).is_err() {
        out.extend_from_slice(b"null");
    }
}

fn single_value(rows: &Rows, row: RowId, fields: &[TemplateField]) -> Option<Slot> {
    fields.iter().find_map(|field| match field {
        TemplateField::OfTypes(types, fields) if types.admits(rows.type_id(row)) => {
            single_value(rows, row, fields)
        }
        TemplateField::OfTypes(..) | TemplateField::TypeName(_) => None,
        TemplateField::Value { slot, fields, .. } => match rows.slot(row, *slot) {
            Slot::Row(below) => single_value(rows, below, fields),
            value => Some(value),
        },
    })
}

/// Writes one representation.
struct Writer<'w> {
    rows: &'w Rows,
    absent: AbsentInput,
    out: &'w mut Vec<u8>,
}

impl Writer<'_> {
    fn fields(&mut self, row: RowId, fields: &[TemplateField]) -> Result<(), Unrepresentable> {
        for field in fields {
            match field {
                TemplateField::OfTypes(types, fields) => {
                    if types.admits(self.rows.type_id(row)) {
                        self.fields(row, fields)?;
                    }
                }
                TemplateField::TypeName(slot) => {
                    if let Slot::Leaf(slice) = self.rows.slot(row, *slot) {
                        self.comma();
                        self.out.extend_from_slice(b"\"__typename\":");
                        self.out.extend_from_slice(self.rows.json(slice));
                    }
                }
                TemplateField::Value { key, slot, required, fields } => {
                    let value = self.rows.slot(row, *slot);
                    match value {
                        Slot::Absent | Slot::Null if *required => return Err(Unrepresentable),
                        Slot::Absent if self.absent == AbsentInput::Unknown => {
                            return Err(Unrepresentable);
                        }
                        _ => {}
                    }
                    self.comma();
                    self.out.extend_from_slice(key);
                    self.value(value, fields)?;
                }
            }
        }
        Ok(())
    }

    /// A comma, unless the object has just begun.
    fn comma(&mut self) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
    }

    fn value(&mut self, value: Slot, fields: &[TemplateField]) -> Result<(), Unrepresentable> {
        match value {
            Slot::Absent | Slot::Null => self.out.extend_from_slice(b"null"),
            Slot::Leaf(slice) => self.out.extend_from_slice(self.rows.json(slice)),
            Slot::Row(row) => {
                self.out.push(b'{');
                self.fields(row, fields)?;
                self.out.push(b'}');
            }
            Slot::List(list) => {
                self.out.push(b'[');
                for item in 0..list.len() {
                    if item > 0 {
                        self.out.push(b',');
                    }
                    self.value(self.rows.item(list, item), fields)?;
                }
                self.out.push(b']');
            }
        }
        Ok(())
    }
}

/// An index over byte strings that stand elsewhere: found by hash, compared in full.
#[derive(Debug, Default)]
struct Table<S = RandomState> {
    /// Open addressing; each holds an index plus one, or 0.
    buckets: Vec<u32>,
    filled: usize,
    hasher: S,
}

impl<S: BuildHasher> Table<S> {
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

    /// The index of an equal string.
    fn find<'k>(&self, candidate: &[u8], known: impl Fn(usize) -> &'k [u8]) -> Option<usize> {
        let mask = self.buckets.len().checked_sub(1)?;
        let mut bucket = self.bucket(candidate, mask);
        while self.buckets[bucket] != 0 {
            let index = self.buckets[bucket] as usize - 1;
            if known(index) == candidate {
                return Some(index);
            }
            bucket = (bucket + 1) & mask;
        }
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

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasherDefault, Hasher};

    use super::*;

    /// A hash that all strings share.
    #[derive(Default)]
    struct Same;

    impl Hasher for Same {
        fn finish(&self) -> u64 {
            7
        }

        fn write(&mut self, _: &[u8]) {}
    }

    #[test]
    fn different_keys_with_equal_hashes_never_mix() {
        let mut table = Table::<BuildHasherDefault<Same>>::default();
        let keys: Vec<String> = (0..100).map(|id| format!("{{\"id\":{id}}}")).collect();
        let known = |index: usize| keys[index].as_bytes();
        for round in 0..2 {
            for (index, key) in keys.iter().enumerate() {
                let found = table.find_or_insert(key.as_bytes(), index, known);
                assert_eq!(found, (round == 1).then_some(index), "{key}");
            }
        }
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(table.find(key.as_bytes(), known), Some(index));
        }
        assert_eq!(table.find(b"{\"id\":100}", known), None);
    }
}
