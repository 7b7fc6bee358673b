//! The stages of the router by themselves: compose, plan, and execute with subgraphs that answer at once.
//!
//! `cargo bench -p bench`; `cargo bench -p bench -- compose` for one of them.

#![expect(clippy::unwrap_used, reason = "a bench is a test of speed")]

use std::sync::Arc;

use apollo_compiler::ExecutableDocument;
use bench::floor::InProcess;
use bench::{Federation, Workload};
use divan::Bencher;
use executor::Options;
use futures::executor::block_on;
use supergraph::Supergraph;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

const WORKLOADS: [&str; 6] = ["public", "field", "list", "large", "chain", "mutation"];

/// Subgraph schemas to supergraph SDL; so many types come on top.
#[divan::bench(args = [0, 100, 1_000])]
fn compose(bencher: Bencher<'_, '_>, filler_types: usize) {
    let federation = Federation::read("public").unwrap();
    bencher.bench(|| federation.supergraph_sdl("subgraphs.test", filler_types).unwrap());
}

/// Supergraph SDL to the query graph.
#[divan::bench(args = [0, 100, 1_000])]
fn load(bencher: Bencher<'_, '_>, filler_types: usize) {
    let federation = Federation::read("public").unwrap();
    let sdl = federation.supergraph_sdl("subgraphs.test", filler_types).unwrap();
    bencher.bench(|| Supergraph::parse(&sdl).unwrap());
}

/// A valid operation to its query plan.
#[divan::bench(args = WORKLOADS)]
fn plan(bencher: Bencher<'_, '_>, name: &str) {
    let workload = Workload::read(name).unwrap();
    let sdl = workload.federation().unwrap().supergraph_sdl("subgraphs.test", 0).unwrap();
    let supergraph = Supergraph::parse(&sdl).unwrap();
    let schema = supergraph.api_schema();
    let document =
        ExecutableDocument::parse_and_validate(schema, &workload.document, "operation.graphql");
    let document = Arc::new(document.unwrap());
    let operation = document.operations.get(None).unwrap();
    bencher.bench(|| planner::plan(&supergraph, &document, operation).unwrap());
}

/// Represent, scan, merge and emit: all that is done for a request between the sockets.
#[divan::bench(args = WORKLOADS)]
fn execute(bencher: Bencher<'_, '_>, name: &str) {
    let in_process = InProcess::prepare(&Workload::read(name).unwrap()).unwrap();
    let options = Options::default();
    bencher.bench(|| block_on(in_process.execute(&options)).unwrap());
}
