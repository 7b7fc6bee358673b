//! One request on its way: which fetches are ready, which are out, and what they brought.
//!
//! A fetch starts as soon as the fetches that it depends on have ended; there are no waves. Everything runs in the
//! caller's task.

pub(crate) mod answer;
mod context;
pub(crate) mod emit;
mod entity_store;
pub(crate) mod place;
pub(crate) mod representation;
pub(crate) mod rows;
pub(crate) mod scan;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::error::{FetchFailure, FetchFailureReason, FieldError, FieldErrors, PathSegment};
use crate::program::{Batch, Fetch, FetchIndex, FetchKind, Program, Step};
use crate::run::answer::Sent;
use crate::run::place::{for_each_place, response_path, rows_at};
use crate::run::representation::{AbsentInput, Representations};
use crate::run::rows::{RowId, Rows};
use crate::variables::Variables;
use crate::{Limits, Options, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse};

/// The state of a request.
pub(crate) struct Run<'p> {
    pub(crate) program: &'p Program,
    pub(crate) limits: &'p Limits,
    entity_store: bool,
    pub(crate) variables: &'p Variables<'p>,
    /// For each guard of the program, whether it holds.
    pub(crate) guards: Vec<bool>,
    pub(crate) rows: Rows,
    pub(crate) root: RowId,
    pub(crate) errors: FieldErrors,
    pub(crate) failures: Vec<FetchFailure>,
    /// For each fetch, what it asks for, batch by batch.
    pub(crate) representations: Vec<Vec<Representations>>,
    pub(crate) subgraph_requests: usize,
    /// The answer that is passed on as it came.
    pub(crate) verbatim: Option<Bytes>,
    progress: Vec<Progress>,
    answer_bytes: usize,
    entities: usize,
}

/// How far a fetch is.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Fetches that have to end before.
    waits_for: usize,
    /// Requests that are out.
    requests: usize,
    /// Whether it failed, or anything that it depends on.
    failed: bool,
    /// Whether an answer of it has errors.
    has_errors: bool,
}

impl<'p> Run<'p> {
    /// A request of which nothing has been fetched.
    pub(crate) fn new(
        program: &'p Program,
        options: &'p Options,
        variables: &'p Variables<'p>,
        guards: Vec<bool>,
    ) -> Self {
        let mut rows = Rows::sized(&program.usual_size);
        let root = rows.add_row(&program.shapes, crate::program::ShapeId(0), program.root_type);
        let progress =
            |fetch: &Fetch| Progress { waits_for: fetch.depends_on.len(), ..Progress::default() };
        Self {
            program,
            limits: &options.limits,
            entity_store: options.entity_store,
            variables,
            guards,
            rows,
            root,
            errors: FieldErrors::new(options.limits.errors),
            failures: Vec::new(),
            representations: program.fetches.iter().map(|_| Vec::new()).collect(),
            subgraph_requests: 0,
            verbatim: None,
            progress: program.fetches.iter().map(progress).collect(),
            answer_bytes: 0,
            entities: 0,
        }
    }

    /// Runs all fetches to their end.
    pub(crate) async fn fetch_all<C: SubgraphClient>(&mut self, client: &C, context: &C::Context) {
        let ready = (0u32..)
            .map(FetchIndex)
            .zip(&self.progress)
            .filter(|(_, progress)| progress.waits_for == 0)
            .map(|(fetch, _)| fetch)
            .collect();
        self.fetch(ready, client, context).await;
    }

    /// The request of the first fetch, which all others wait for; none where it asks for nothing.
    pub(crate) fn source_request(&self) -> Option<SubgraphRequest> {
        let fetch = self.program.fetches.first().filter(|it| self.guards[it.guard.index()])?;
        Some(self.request(fetch, &Sent::of_root(FetchIndex(0))))
    }

    /// Takes in an event as the answer to the first fetch, and runs the others to their end.
    pub(crate) async fn fetch_rest<C: SubgraphClient>(
        &mut self,
        event: Result<SubgraphResponse, SubgraphError>,
        client: &C,
        context: &C::Context,
    ) {
        let first = FetchIndex(0);
        let mut ready = VecDeque::new();
        self.progress[first.index()].requests = 1;
        if self.receive(&Sent::of_root(first), event) {
            self.end(first, &mut ready);
        }
        self.fetch(ready, client, context).await;
    }

    /// Runs the fetches that are ready, and those that wait for them.
    async fn fetch<C: SubgraphClient>(
        &mut self,
        mut ready: VecDeque<FetchIndex>,
        client: &C,
        context: &C::Context,
    ) {
        let mut in_flight = FuturesUnordered::new();
        loop {
            while let Some(fetch) = ready.pop_front() {
                let requests = self.start(fetch);
                if requests.is_empty() {
                    self.end(fetch, &mut ready);
                }
                for (sent, request) in requests {
                    in_flight.push(async move { (sent, client.fetch(request, context).await) });
                }
            }
            let Some((sent, result)) = in_flight.next().await else { return };
            if self.receive(&sent, result) {
                self.end(sent.fetch, &mut ready);
            }
        }
    }

    /// The requests of a fetch: none where it is skipped, several where its entities are many.
    fn start(&mut self, index: FetchIndex) -> Vec<(Sent, SubgraphRequest)> {
        let program = self.program;
        let fetch = &program.fetches[index.index()];
        if fetch.depends_on.iter().any(|on| self.progress[on.index()].failed) {
            self.progress[index.index()].failed = true;
        }
        let requests = match &fetch.kind {
            _ if !self.guards[fetch.guard.index()] => Vec::new(),
            FetchKind::Root(path) if rows_at(&self.rows, self.root, path).is_empty() => Vec::new(),
            FetchKind::Root(_) => vec![Sent::of_root(index)],
            FetchKind::Entities(batches) => self.represent(index, batches),
        };
        self.progress[index.index()].requests = requests.len();
        self.subgraph_requests += requests.len();
        requests
            .into_iter()
            .map(|sent| {
                let request = self.request(fetch, &sent);
                (sent, request)
            })
            .collect()
    }

    fn request(&self, fetch: &Fetch, sent: &Sent) -> SubgraphRequest {
        let Fetch { subgraph, repeatable, .. } = *fetch;
        SubgraphRequest { subgraph, body: self.body(fetch, sent), repeatable }
    }

    /// Represents what the batches ask for, in chunks for as many requests.
    fn represent(&mut self, index: FetchIndex, batches: &'p [Batch]) -> Vec<Sent> {
        // What a failed fetch should have brought is not null but unknown.
        let absent = if self.progress[index.index()].failed {
            AbsentInput::Unknown
        } else {
            AbsentInput::Null
        };
        if let [batch] = batches
            && !batch.context.is_empty()
        {
            return self.represent_in_context(index, batch, absent);
        }
        let represented: Vec<Representations> = batches
            .iter()
            .map(|batch| {
                let mut representations = Representations::new(absent, self.program.has_context);
                if !self.guards[batch.guard.index()] {
                    return representations;
                }
                for row in rows_at(&self.rows, self.root, &batch.path) {
                    representations.add(&self.rows, row, &batch.templates);
                }
                if self.entity_store {
                    self.take_known(batch, &mut representations);
                }
                representations
            })
            .collect();
        let counts: Vec<usize> = represented.iter().map(Representations::len).collect();
        self.representations[index.index()] = represented;
        self.entities += counts.iter().sum::<usize>();
        if self.entities > self.limits.entities {
            self.fail(index, None, FetchFailureReason::TooManyEntities);
            return Vec::new();
        }
        chunks(&counts, self.limits.entities_per_fetch)
            .into_iter()
            .map(|entities| Sent { fetch: index, entities, context: Vec::new() })
            .collect()
    }

    /// `{"query":"…","variables":{"first":5,"representations":[…]}}`
    fn body(&self, fetch: &Fetch, sent: &Sent) -> Bytes {
        let mut body = Vec::with_capacity(fetch.body_start.len() + 256);
        body.extend_from_slice(&fetch.body_start);
        let mut opening: &[u8] = b",\"variables\":{";
        for (key, name) in &fetch.variables {
            if let Some(value) = self.variables.json(name) {
                body.extend_from_slice(opening);
                body.extend_from_slice(key);
                body.extend_from_slice(value);
                opening = b",";
            }
        }
        if let FetchKind::Entities(batches) = &fetch.kind {
            let represented = &self.representations[sent.fetch.index()];
            for ((batch, representations), range) in
                batches.iter().zip(represented).zip(&sent.entities)
            {
                body.extend_from_slice(opening);
                body.extend_from_slice(&batch.variable);
                body.push(b'[');
                body.extend_from_slice(representations.json(range.clone()));
                body.push(b']');
                opening = b",";
            }
        }
        if !sent.context.is_empty() {
            body.push(b',');
            body.extend_from_slice(&sent.context);
        }
        body.extend_from_slice(if opening == b"," { b"}}" } else { b"}" });
        Bytes::from(body)
    }

    /// Takes in the end of a request; true where its fetch has ended, too.
    fn receive(&mut self, sent: &Sent, result: Result<SubgraphResponse, SubgraphError>) -> bool {
        let outcome = result
            .map_err(FetchFailureReason::from)
            .and_then(|response| self.take_in(sent, response));
        if let Err(reason) = outcome {
            self.fail(sent.fetch, Some(sent), reason);
        }
        let progress = &mut self.progress[sent.fetch.index()];
        progress.requests -= 1;
        progress.requests == 0
    }

    /// Notes that a fetch gave nothing, or one request of it.
    fn fail(&mut self, index: FetchIndex, sent: Option<&Sent>, reason: FetchFailureReason) {
        self.progress[index.index()].failed = true;
        let program = self.program;
        let fetch = &program.fetches[index.index()];
        self.failures.push(FetchFailure { subgraph: fetch.subgraph, reason });
        // The subgraph's own errors have been passed on.
        if reason == FetchFailureReason::NoData {
            return;
        }
        let paths = match &fetch.kind {
            FetchKind::Root(path) => self.root_paths(fetch, path),
            FetchKind::Entities(batches) => (0..batches.len())
                .filter(|&batch| sent.is_none_or(|sent| !sent.entities[batch].is_empty()))
                .map(|batch| self.batch_path(&batches[batch]))
                .collect(),
        };
        for path in paths {
            self.errors.push(FieldError {
                message: reason.to_string(),
                path,
                subgraph: Some(fetch.subgraph),
                code: Some(reason.code().into()),
            });
        }
    }

    /// Notes that a subgraph reported errors.
    pub(crate) fn note_errors(&mut self, index: FetchIndex) {
        self.progress[index.index()].has_errors = true;
    }

    /// Whether a fetch that has ended brought all that it should, and no errors.
    pub(crate) fn is_flawless(&self, index: FetchIndex) -> bool {
        let progress = &self.progress[index.index()];
        !progress.failed && !progress.has_errors
    }

    /// The root fields that a fetch asks for, at each place into which it is read.
    fn root_paths(&self, fetch: &Fetch, path: &[Step]) -> Vec<Vec<PathSegment>> {
        let reader = &self.program.readers[fetch.data.index()];
        let entries = &self.program.shapes[reader.shape.index()].entries;
        let targets = reader.keys.iter().flat_map(|key| &key.targets);
        let entries = targets.map(|target| &entries[target.slot.index()]);
        let visible: Vec<_> = entries.filter(|entry| entry.visible).collect();
        let at = |mut place: Vec<PathSegment>, name| {
            place.push(PathSegment::Key(name));
            place
        };
        let places = self.places(path);
        let each = places
            .iter()
            .flat_map(|place| visible.iter().map(|entry| at(place.clone(), entry.name.clone())));
        each.collect()
    }

    /// The places of the answer at a path, as many as there may be errors.
    pub(crate) fn places(&self, path: &[Step]) -> Vec<Vec<PathSegment>> {
        let mut places = Vec::new();
        for_each_place(&self.rows, self.root, path, |_, steps| {
            places.push(response_path(self.program, &self.rows, steps));
            if places.len() < self.limits.errors {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        places
    }

    /// The place that all objects of a batch have in common.
    fn batch_path(&self, batch: &Batch) -> Vec<PathSegment> {
        let mut common: Option<Vec<PathSegment>> = None;
        for_each_place(&self.rows, self.root, &batch.path, |_, steps| {
            let path = response_path(self.program, &self.rows, steps);
            let common = common.get_or_insert_with(|| path.clone());
            let equal = common.iter().zip(&path).take_while(|(a, b)| a == b).count();
            common.truncate(equal);
            if equal <= 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        common.unwrap_or_default()
    }

    /// Ends a fetch; those that waited for it alone are ready.
    fn end(&mut self, index: FetchIndex, ready: &mut VecDeque<FetchIndex>) {
        for &dependent in &self.program.fetches[index.index()].dependents {
            let progress = &mut self.progress[dependent.index()];
            progress.waits_for -= 1;
            if progress.waits_for == 0 {
                ready.push_back(dependent);
            }
        }
    }
}

/// Deals the representations of all batches into requests of at most so many, in order: for each request, a range of
/// each batch. Nothing to ask for, no request.
fn chunks(counts: &[usize], size: usize) -> Vec<Vec<Range<usize>>> {
    let mut dealt = vec![0; counts.len()];
    let mut chunks = Vec::new();
    while dealt != counts {
        let mut room = size.max(1);
        let chunk = dealt
            .iter_mut()
            .zip(counts)
            .map(|(dealt, &count)| {
                let start = *dealt;
                *dealt = count.min(start + room);
                room -= *dealt - start;
                start..*dealt
            })
            .collect();
        chunks.push(chunk);
    }
    chunks
}
