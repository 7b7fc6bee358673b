//! The worlds of the corpus, with subgraphs whose answers come mangled.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use executor::{SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse};
use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::sample::Index;
use supergraph::Supergraph;

use crate::data::Data;
use crate::fake_subgraph::{FakeSubgraph, Request};
use crate::nearly::corpus;

/// A case that can be executed.
pub(crate) struct World {
    name: String,
    pub(crate) supergraph: Supergraph,
    pub(crate) operations: Vec<Operation>,
    /// In the order of their ids.
    pub(crate) subgraphs: Arc<Vec<FakeSubgraph>>,
}

/// An operation of a case.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) text: String,
    /// As JSON; empty for none.
    pub(crate) variables: String,
}

/// For each change: where, what is done, and with which byte.
pub(crate) type Mangling = Vec<(Index, u8, u8)>;

/// Subgraphs that answer something near to the truth.
pub(crate) struct Mangled {
    pub(crate) subgraphs: Arc<Vec<FakeSubgraph>>,
    pub(crate) mangling: Mangling,
}

/// All cases of the corpus with data.
pub(crate) static WORLDS: LazyLock<Vec<World>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases");
    let mut cases: Vec<PathBuf> =
        folders(&root).iter().flat_map(|subject| folders(subject)).collect();
    cases.retain(|case| case.join("data").exists());
    cases.sort();
    let worlds = cases.iter().map(|case| World::read(case));
    worlds.filter(|world| !world.operations.is_empty()).collect()
});

/// A world for all kinds of input.
pub(crate) static INPUTS: LazyLock<World> = LazyLock::new(|| {
    let supergraph = Supergraph::parse(
        r#"
        schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
        enum join__Graph { A @join__graph(name: "a", url: "") }
        type Query @join__type(graph: A) { anything: Int }
        input Filter @join__type(graph: A) { a: Int! = 1, b: [Filter!] = [{a: 2}], kind: Kind, ids: [ID!], any: Any }
        enum Kind @join__type(graph: A) { BOOK @join__enumValue(graph: A), FILM @join__enumValue(graph: A) }
        scalar Any @join__type(graph: A)
        "#,
    );
    let supergraph = supergraph.expect("it is a supergraph");
    let subgraph =
        FakeSubgraph::new("a", "type Query { anything: Int }", Data::default(), Arc::default());
    World {
        name: "inputs".to_owned(),
        supergraph,
        operations: Vec::new(),
        subgraphs: Arc::new(vec![subgraph]),
    }
});

/// JSON to make variables of.
pub(crate) fn variables() -> Vec<String> {
    let mut variables = corpus(|path| path.ends_with(".variables.json"));
    variables.extend([
        r#"{"a":1,"b":2.50,"ids":["x",7,null],"filter":{"a":1,"b":[{"a":2,"b":[]}],"kind":"BOOK","any":[1e400]}}"#.to_owned(),
        r#"{"a":-0,"b":"é\n😀","ids":[],"filter":{"kind":"FILM","ids":["1"],"any":{"a":[]}}}"#.to_owned(),
    ]);
    variables
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).expect("the corpus is readable");
    let paths = entries.map(|entry| entry.expect("the corpus is readable").path());
    paths.filter(|path| path.is_dir()).collect()
}

impl World {
    fn read(case: &Path) -> Self {
        let read = |path: &Path| fs::read_to_string(path).expect("the corpus is text");
        let supergraph = Supergraph::parse(&read(&case.join("supergraph.graphql")));
        let supergraph = supergraph.expect("the corpus composes");
        let mutations = Arc::<std::sync::atomic::AtomicUsize>::default();
        let subgraph = |name: String| {
            let data = fs::read_to_string(case.join(format!("data/{name}.json")));
            let data = data.map_or_else(
                |_| Data::default(),
                |json| serde_json::from_str(&json).expect("it is JSON"),
            );
            let sdl = read(&case.join(format!("subgraphs/{name}.graphql")));
            FakeSubgraph::new(&name, &sdl, data, mutations.clone())
        };
        let subgraphs =
            supergraph.subgraphs().iter().map(|it| subgraph(it.name.to_string())).collect();
        let entries = fs::read_dir(case).expect("the corpus is readable");
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| entry.expect("the corpus is readable").path()).collect();
        paths.retain(|path| {
            path.extension().is_some_and(|it| it == "graphql")
                && !path.ends_with("supergraph.graphql")
        });
        paths.sort();
        let operation = |path: &PathBuf| {
            let variables = fs::read_to_string(path.with_extension("variables.json"));
            Operation { text: read(path), variables: variables.unwrap_or_default() }
        };
        let operations = paths.iter().map(operation).collect();
        let name = case.display().to_string();
        Self { name, supergraph, operations, subgraphs: Arc::new(subgraphs) }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl SubgraphClient for Mangled {
    type Context = ();

    fn fetch<'a>(
        &'a self,
        request: SubgraphRequest,
        (): &'a (),
    ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>> {
        let subgraph = &self.subgraphs[request.subgraph.index()];
        // Half of a surrogate pair is JSON by its grammar, and goes on as it came; this subgraph does not read it.
        let Ok(request) = serde_json::from_slice::<Request>(&request.body) else {
            let refusal = SubgraphResponse { status: 400, body: "unreadable".into() };
            return async { Ok(refusal) }.boxed();
        };
        let mut answer = subgraph.answer(&request);
        // What mangled answers lead to is asked wrongly.
        drop(subgraph.take_refusals());
        if let Ok(response) = &mut answer {
            let mut bytes = response.body.to_vec();
            self.mangling.iter().for_each(|(at, kind, byte)| mangle(&mut bytes, *at, *kind, *byte));
            response.body = bytes.into();
        }
        async { answer }.boxed()
    }
}

fn mangle(bytes: &mut Vec<u8>, at: Index, kind: u8, byte: u8) {
    const ODD: [&[u8]; 9] = [
        b"null",
        b"{}",
        b"[]",
        b"\"\\ud800\"",
        b"1e999",
        b"[[[[",
        b"\"data\":",
        b"\"__typename\":\"X\",",
        b"-",
    ];
    if bytes.is_empty() {
        return;
    }
    let at = at.index(bytes.len());
    match kind % 6 {
        0 => bytes[at] = byte,
        1 => bytes.truncate(at),
        2 => {
            let end = (at + usize::from(byte % 16)).min(bytes.len());
            bytes.drain(at..end);
        }
        3 => {
            let odd = ODD[usize::from(byte) % ODD.len()];
            bytes.splice(at..at, odd.iter().copied());
        }
        4 => {
            let end = (at + usize::from(byte)).min(bytes.len());
            let doubled = bytes[at..end].to_vec();
            bytes.splice(at..at, doubled);
        }
        _ => bytes.insert(at, b"{}[]\",:"[usize::from(byte) % 7]),
    }
}
