//! What a subgraph's answer means: rows merged into the response tree, and its errors at their places.

use std::ops::{ControlFlow, Range};

use apollo_compiler::Name;

use crate::SubgraphResponse;
use crate::error::{FetchFailureReason, FieldError, PathSegment};
use crate::program::{Batch, Fetch, FetchIndex, FetchKind, ReaderId, ReaderKind, SlotId};
use crate::run::Run;
use crate::run::place::{for_each_place, response_path, rows_at};
use crate::run::rows::{RowId, Slice, Slot};
use crate::run::scan::scan;

/// A request that has been sent: its fetch, and for each batch which of its representations went with it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) fetch: FetchIndex,
    pub(crate) entities: Vec<Range<usize>>,
    /// The variables that objects above have set: `"_c0":"de","_c1":5`; empty where there are none.
    pub(crate) context: Vec<u8>,
}

impl Sent {
    pub(crate) fn of_root(fetch: FetchIndex) -> Self {
        Self { fetch, entities: Vec::new(), context: Vec::new() }
    }
}

/// An error as a subgraph reports it; what is not as the specification says reads as null.
type SubgraphFieldError = serde_json::Value;

/// Where an error of an entity fetch belongs.
struct EntityErrorPlace {
    batch: usize,
    /// `None` where the subgraph does not say which: then it may be any.
    index: Option<usize>,
    below: Vec<PathSegment>,
}

impl Run<'_> {
    /// Takes in an answer: its data, then its errors.
    pub(crate) fn take_in(
        &mut self,
        sent: &Sent,
        response: SubgraphResponse,
    ) -> Result<(), FetchFailureReason> {
        let program = self.program;
        let fetch = &program.fetches[sent.fetch.index()];
        self.answer_bytes += response.body.len();
        if self.answer_bytes > self.limits.answer_bytes.min(u32::MAX as usize) {
            return Err(FetchFailureReason::AnswersTooLarge);
        }
        // A redirect is none of ours to follow: the request may carry what is meant for this subgraph alone.
        let refused = !(200..300).contains(&response.status);
        if let Some(verbatim) = &program.verbatim
            && !refused
            && verbatim.admits(&response.body, self.limits.nesting)
        {
            self.verbatim = Some(response.body);
            return Ok(());
        }
        let envelope =
            scan(program, &mut self.rows, response.body, fetch.data, self.limits.nesting).map_err(
                |_| {
                    if refused {
                        FetchFailureReason::Status(response.status)
                    } else {
                        FetchFailureReason::NotJson
                    }
                },
            )?;
        let errors = self.subgraph_errors(envelope.errors)?;
        if !errors.is_empty() {
            self.note_errors(sent.fetch);
        }
        let outcome = match envelope.data {
            Slot::Row(data) => self.merge(sent, fetch, data, errors.is_empty()),
            Slot::Null | Slot::Absent if !errors.is_empty() => Err(FetchFailureReason::NoData),
            Slot::Null | Slot::Absent if refused => {
                Err(FetchFailureReason::Status(response.status))
            }
            _ => Err(FetchFailureReason::NotGraphql),
        };
        for error in errors.iter().take(self.limits.errors) {
            self.add_subgraph_error(sent, fetch, error);
        }
        outcome
    }

    fn subgraph_errors(
        &self,
        errors: Option<Slice>,
    ) -> Result<Vec<SubgraphFieldError>, FetchFailureReason> {
        let Some(errors) = errors else { return Ok(Vec::new()) };
        let errors: Option<_> = serde_json::from_slice(self.rows.json(errors))
            .map_err(|_| FetchFailureReason::NotGraphql)?;
        Ok(errors.unwrap_or_default())
    }

    fn merge(
        &mut self,
        sent: &Sent,
        fetch: &Fetch,
        data: RowId,
        flawless: bool,
    ) -> Result<(), FetchFailureReason> {
        if let FetchKind::Root(path) = &fetch.kind {
            let targets = rows_at(&self.rows, self.root, path);
            self.merge_entity(Some(data), targets);
            return Ok(());
        }
        // Nothing is taken from an answer of which a part is wrong.
        let batches = sent
            .entities
            .iter()
            .zip((0..).map(SlotId))
            .map(|(range, slot)| self.entities(self.rows.slot(data, slot), range.len(), flawless))
            .collect::<Result<Vec<_>, _>>()?;
        for (batch, (entities, range)) in batches.into_iter().zip(&sent.entities).enumerate() {
            let represented = self.represented_rows(sent.fetch, batch, range.clone());
            for (entity, targets) in entities.into_iter().zip(represented) {
                self.merge_entity(entity, targets);
            }
        }
        Ok(())
    }

    /// The entities of a batch, one for each representation; none where `_entities` itself failed, as an error says.
    fn entities(
        &self,
        answer: Slot,
        expected: usize,
        flawless: bool,
    ) -> Result<Vec<Option<RowId>>, FetchFailureReason> {
        let entity = |entity| match entity {
            Slot::Row(row) => Ok(Some(row)),
            Slot::Null | Slot::Absent => Ok(None),
            Slot::Leaf(_) | Slot::List(_) => Err(FetchFailureReason::Entities),
        };
        match answer {
            Slot::List(list) if list.len() == expected => {
                (0..expected).map(|item| entity(self.rows.item(list, item))).collect()
            }
            Slot::Null | Slot::Absent if !flawless || expected == 0 => Ok(Vec::new()),
            _ => Err(FetchFailureReason::Entities),
        }
    }

    /// Merges an entity into the rows that were represented by one representation.
    pub(crate) fn merge_entity(&mut self, entity: Option<RowId>, mut targets: Vec<RowId>) {
        let Some(entity) = entity else { return };
        self.rows.add_copies(&mut targets);
        if targets.len() > 1 {
            self.rows.share_below(entity);
        }
        for target in targets {
            self.rows.merge(target, entity);
        }
    }

    /// For each representation of a range, the rows it stands for.
    fn represented_rows(
        &self,
        fetch: FetchIndex,
        batch: usize,
        range: Range<usize>,
    ) -> Vec<Vec<RowId>> {
        let mut rows = vec![Vec::new(); range.len()];
        for &(row, representation) in self.representations[fetch.index()][batch].rows() {
            let representation = representation as usize;
            if range.contains(&representation) {
                rows[representation - range.start].push(row);
            }
        }
        rows
    }

    fn add_subgraph_error(&mut self, sent: &Sent, fetch: &Fetch, error: &SubgraphFieldError) {
        let path = error["path"].as_array().map(Vec::as_slice).unwrap_or_default();
        let message = error["message"].as_str().unwrap_or("the subgraph reported an error");
        let field_error = |path| FieldError {
            message: message.to_owned(),
            path,
            subgraph: Some(fetch.subgraph),
            code: error["extensions"].get("code").cloned(),
        };
        match &fetch.kind {
            FetchKind::Root(at) => {
                let below = self.translated(fetch.data, path);
                for mut place in self.places(at) {
                    place.extend_from_slice(&below);
                    self.errors.push(field_error(place));
                }
            }
            FetchKind::Entities(batches) => {
                for place in self.entity_error_places(sent, batches, path) {
                    for path in self.entity_paths(sent, batches, &place) {
                        self.errors.push(field_error(path));
                    }
                }
            }
        }
    }

    /// A path of the subgraph's answer as one of the client's, ending where the client's ends.
    fn translated(&self, reader: ReaderId, path: &[serde_json::Value]) -> Vec<PathSegment> {
        let mut reader = Some(reader);
        let mut translated = Vec::new();
        for segment in path {
            match segment {
                serde_json::Value::String(key) => {
                    let Some((name, below)) = reader.and_then(|reader| self.entry_for(reader, key))
                    else {
                        break;
                    };
                    translated.push(PathSegment::Key(name));
                    reader = below;
                }
                serde_json::Value::Number(index) => {
                    let Some(index) = index.as_u64().and_then(|index| u32::try_from(index).ok())
                    else {
                        break;
                    };
                    translated.push(PathSegment::Index(index));
                }
                _ => break,
            }
        }
        translated
    }

    /// The entry of the client's answer into which a key is read, and how what is below it is read.
    fn entry_for(&self, reader: ReaderId, key: &str) -> Option<(Name, Option<ReaderId>)> {
        let reader = &self.program.readers[reader.index()];
        let entries = &self.program.shapes[reader.shape.index()].entries;
        let expected = reader
            .keys
            .iter()
            .find(|expected| &expected.quoted[1..expected.quoted.len() - 1] == key.as_bytes())?;
        let target = expected.targets.iter().find(|target| entries[target.slot.index()].visible)?;
        let below = match target.kind {
            ReaderKind::Object(below) => Some(below),
            ReaderKind::Leaf | ReaderKind::TypeName => None,
        };
        Some((entries[target.slot.index()].name.clone(), below))
    }

    /// `["_entities", 2, "price"]`: the third entity sent. Without an index, any entity of the batch; without even the
    /// key, any of the request.
    fn entity_error_places(
        &self,
        sent: &Sent,
        batches: &[Batch],
        path: &[serde_json::Value],
    ) -> Vec<EntityErrorPlace> {
        let named = path.first().and_then(serde_json::Value::as_str);
        let Some(batch) = batches.iter().position(|batch| named == Some(&*batch.key)) else {
            let any = |batch| EntityErrorPlace { batch, index: None, below: Vec::new() };
            return (0..batches.len()).map(any).collect();
        };
        let range = &sent.entities[batch];
        let index = path
            .get(1)
            .and_then(serde_json::Value::as_u64)
            .and_then(|index| usize::try_from(index).ok())
            .filter(|&index| index < range.len())
            .map(|index| range.start + index);
        let below = match index {
            Some(_) => self.translated(batches[batch].reader, &path[2..]),
            None => Vec::new(),
        };
        vec![EntityErrorPlace { batch, index, below }]
    }

    /// All places of the client's answer where the entity stands.
    fn entity_paths(
        &self,
        sent: &Sent,
        batches: &[Batch],
        place: &EntityErrorPlace,
    ) -> Vec<Vec<PathSegment>> {
        let range = match place.index {
            Some(index) => index..index + 1,
            None => sent.entities[place.batch].clone(),
        };
        let mut rows: Vec<RowId> =
            self.represented_rows(sent.fetch, place.batch, range).into_iter().flatten().collect();
        self.rows.add_copies(&mut rows);
        let mut wanted = vec![false; self.rows.len()];
        for row in rows {
            wanted[row.0 as usize] = true;
        }
        let mut room = self.limits.errors.saturating_sub(self.errors.len());
        let mut paths = Vec::new();
        for_each_place(&self.rows, self.root, &batches[place.batch].path, |row, steps| {
            if room == 0 {
                return ControlFlow::Break(());
            }
            if wanted[row.0 as usize] {
                room -= 1;
                let mut path = response_path(self.program, &self.rows, steps);
                path.extend_from_slice(&place.below);
                paths.push(path);
            }
            ControlFlow::Continue(())
        });
        paths
    }
}
