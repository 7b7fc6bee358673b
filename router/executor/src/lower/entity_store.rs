//! Finds for each batch where its entities may be known already: the positions of earlier answers of the same subgraph
//! whose objects have the key, and all that the batch would ask of them.
//!
//! Earlier are the fetches that the batch's own has to wait for anyway: so what is asked never depends on who answers
//! first.

use foldhash::HashMap;

use crate::program::{
    Batch, Copy, FetchIndex, FetchKind, FieldId, Program, Reader, ReaderId, ReaderKind,
    ReaderTarget, Source, Step, Template, TemplateField, TypeId, TypeSet,
};

/// Sources that are looked through for one batch.
const SOURCES: usize = 8;

/// A position of the response tree, as one fetch fills it.
struct Position {
    fetch: FetchIndex,
    path: Vec<Step>,
    reader: ReaderId,
    /// The batch, where the objects are those that it represents.
    batch: Option<usize>,
}

/// Gives each batch its sources. `fields` are the numbers of fields, by what is sent.
pub(super) fn find_sources(program: &mut Program, fields: &HashMap<String, FieldId>) {
    let ancestors = ancestors(program);
    let positions: Vec<Position> = (0..program.fetches.len())
        .flat_map(|fetch| positions(program, FetchIndex(u32::try_from(fetch).unwrap_or(u32::MAX))))
        .collect();
    for (index, ancestors) in ancestors.iter().enumerate() {
        let finder = Finder { program, fields };
        let fetch = &program.fetches[index];
        let FetchKind::Entities(batches) = &fetch.kind else { continue };
        let is_earlier = |position: &&Position| {
            let earlier = &program.fetches[position.fetch.index()];
            ancestors[position.fetch.index()] && earlier.subgraph == fetch.subgraph
        };
        let earlier: Vec<&Position> = positions.iter().filter(is_earlier).collect();
        let found: Vec<Vec<Source>> = batches
            .iter()
            .map(|batch| {
                let sources = earlier.iter().flat_map(|position| finder.sources(batch, position));
                sources.take(SOURCES).collect()
            })
            .collect();
        if let FetchKind::Entities(batches) = &mut program.fetches[index].kind {
            for (batch, sources) in batches.iter_mut().zip(found) {
                batch.sources = sources;
            }
        }
    }
}

/// For each fetch, which others have ended when it starts.
fn ancestors(program: &Program) -> Vec<Vec<bool>> {
    let mut all: Vec<Vec<bool>> = Vec::new();
    for fetch in &program.fetches {
        let mut ancestors = vec![false; program.fetches.len()];
        for on in &fetch.depends_on {
            ancestors[on.index()] = true;
            // A fetch depends on earlier ones only.
            for (ancestor, known) in ancestors.iter_mut().zip(&all[on.index()]) {
                *ancestor |= known;
            }
        }
        all.push(ancestors);
    }
    all
}

fn positions(program: &Program, fetch: FetchIndex) -> Vec<Position> {
    let lowered = &program.fetches[fetch.index()];
    let mut positions = match &lowered.kind {
        FetchKind::Root(path) => {
            vec![Position { fetch, path: path.clone(), reader: lowered.data, batch: None }]
        }
        FetchKind::Entities(batches) => (0..)
            .zip(batches)
            .map(|(at, batch): (usize, &Batch)| Position {
                fetch,
                path: batch.path.clone(),
                reader: batch.reader,
                batch: Some(at),
            })
            .collect(),
    };
    let mut next = 0;
    while let Some(position) = positions.get(next) {
        let reader = &program.readers[position.reader.index()];
        let below: Vec<Position> = targets(reader)
            .filter_map(|target| {
                let ReaderKind::Object(reader) = target.kind else { return None };
                let mut path = position.path.clone();
                path.extend(target.types.clone().map(Step::Types));
                path.extend([Step::Slot(target.slot), Step::AnyItems]);
                Some(Position { fetch, path, reader, batch: None })
            })
            .collect();
        positions.extend(below);
        next += 1;
    }
    positions
}

fn targets(reader: &Reader) -> impl Iterator<Item = &ReaderTarget> {
    reader.keys.iter().flat_map(|key| &key.targets)
}

struct Finder<'p> {
    program: &'p Program,
    fields: &'p HashMap<String, FieldId>,
}

impl Finder<'_> {
    fn reader(&self, reader: ReaderId) -> &Reader {
        &self.program.readers[reader.index()]
    }

    /// What a position can give a batch: a source for each type that it knows whole.
    fn sources(&self, batch: &Batch, position: &Position) -> Vec<Source> {
        let represented = batch.templates.iter().filter_map(|template| {
            let type_id = template.type_id?;
            let copies = self.copies(batch.reader, position.reader, Some(type_id))?;
            let (static_type, sent) = self.sent(position, type_id);
            let fields = self.fields(&template.fields, position.reader, sent)?;
            if copies.is_empty() {
                return None;
            }
            let template = Template {
                types: None,
                type_id: Some(type_id),
                start: template.start.clone(),
                fields,
            };
            let (fetch, path) = (position.fetch, position.path.clone());
            Some(Source { fetch, path, static_type, type_id, template, copies })
        });
        represented.collect()
    }

    /// The type of objects at a position that do not say theirs, and what was sent of those of a type.
    fn sent(&self, position: &Position, type_id: TypeId) -> (TypeId, &[TemplateField]) {
        let static_type = self.reader(position.reader).static_type;
        let fetch = &self.program.fetches[position.fetch.index()];
        let (FetchKind::Entities(batches), Some(batch)) = (&fetch.kind, position.batch) else {
            return (static_type, &[]);
        };
        let templates = &batches[batch].templates;
        let sent = templates.iter().find(|template| template.type_id == Some(type_id));
        match sent {
            Some(template) if templates.len() == 1 => (type_id, &template.fields),
            Some(template) => (static_type, &template.fields),
            None => (static_type, &[]),
        }
    }

    /// A batch's template for the objects of a position. A field other than a key must have been sent there, too: what
    /// was answered may depend on it. A key may have been answered.
    fn fields(
        &self,
        wanted: &[TemplateField],
        reader: ReaderId,
        sent: &[TemplateField],
    ) -> Option<Vec<TemplateField>> {
        wanted.iter().map(|wanted| self.field(wanted, reader, sent)).collect()
    }

    fn field(
        &self,
        wanted: &TemplateField,
        reader: ReaderId,
        sent: &[TemplateField],
    ) -> Option<TemplateField> {
        let TemplateField::Value { key, required, fields, .. } = wanted else { return None };
        if let Some(sent) = sent.iter().find(|sent| is_same_text(sent, wanted)) {
            return Some(sent.clone());
        }
        if !required {
            return None;
        }
        let name = std::str::from_utf8(key).ok()?.trim_matches(['"', ':']);
        let field = self.fields.get(name)?;
        let target = targets(self.reader(reader))
            .find(|target| target.field == *field && target.types.is_none())?;
        let fields = match target.kind {
            ReaderKind::Leaf if fields.is_empty() => Vec::new(),
            ReaderKind::Object(below) if !fields.is_empty() => self.fields(fields, below, &[])?,
            _ => return None,
        };
        Some(TemplateField::Value { key: key.clone(), slot: target.slot, required: true, fields })
    }

    /// How all that `wanted` reads is taken from what `known` has read of an equal object; `None` where something is
    /// missing. `type_id` is its type, where all are of one.
    fn copies(
        &self,
        wanted: ReaderId,
        known: ReaderId,
        type_id: Option<TypeId>,
    ) -> Option<Vec<Copy>> {
        let counts = |types: &Option<TypeSet>| match (types, type_id) {
            (Some(types), Some(type_id)) => types.contains(type_id),
            _ => true,
        };
        let (wanted, known) = (self.reader(wanted), self.reader(known));
        let wanted = targets(wanted).filter(|target| counts(&target.types));
        let copy = |wanted: &ReaderTarget| {
            let covers = |known: &&ReaderTarget| {
                known.field == wanted.field
                    && match (&known.types, type_id) {
                        (None, _) => true,
                        (Some(types), Some(type_id)) => types.contains(type_id),
                        (Some(types), None) => {
                            wanted.types.as_ref().is_some_and(|wanted| types.includes(wanted))
                        }
                    }
            };
            let known = targets(known).find(covers)?;
            let below = match (wanted.kind, known.kind) {
                (ReaderKind::Object(wanted), ReaderKind::Object(known)) => {
                    let reader = self.reader(wanted);
                    let type_id = Some(reader.static_type).filter(|id| *id != TypeId::UNKNOWN);
                    Some((reader.shape, self.copies(wanted, known, type_id)?))
                }
                (wanted, known) if wanted == known => None,
                _ => return None,
            };
            let types = wanted.types.clone().filter(|_| type_id.is_none());
            Some(Copy { from: known.slot, to: wanted.slot, types, below })
        };
        wanted.map(copy).collect()
    }
}

/// Whether two template fields write the same keys.
fn is_same_text(left: &TemplateField, right: &TemplateField) -> bool {
    match (left, right) {
        (
            TemplateField::Value {
                key: left, fields: left_fields, required: left_required, ..
            },
            TemplateField::Value {
                key: right, fields: right_fields, required: right_required, ..
            },
        ) => {
            left == right
                && left_required == right_required
                && left_fields.len() == right_fields.len()
                && left_fields
                    .iter()
                    .zip(right_fields)
                    .all(|(left, right)| is_same_text(left, right))
        }
        _ => false,
    }
}
