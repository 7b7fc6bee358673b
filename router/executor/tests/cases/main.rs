//! Plans and executes the operations of every case against fake subgraphs, and compares with the `.json` beside each.
//!
//! What is expected was once written by the executor itself, so each answer must also be what one server with the data
//! of all subgraphs says: composition, planning and execution as a whole must be as if there were no federation.

#[path = "context.rs"]
mod contextual;
mod data;
mod fake_subgraph;
mod indent;
mod monolith;
mod reference;
mod resolver;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::OperationType;
use apollo_compiler::validation::Valid;
use executor::{
    Executable, Options, RequestError, Response, SubgraphClient, SubgraphError, SubgraphRequest,
    SubgraphResponse,
};
use expect_test::expect_file;
use futures::FutureExt;
use futures::future::BoxFuture;
use planner::Budget;
use supergraph::{Labels, Supergraph};

use crate::contextual::{Contextual, contextual_arguments};
use crate::data::Data;
use crate::fake_subgraph::{FakeSubgraph, Request};
use crate::indent::indented;
use crate::monolith::monolith;

/// All subgraphs of a case, and what they were sent.
struct FakeSubgraphs {
    /// In the order of their ids.
    subgraphs: Vec<(String, FakeSubgraph)>,
    contextual: Vec<Contextual>,
    requests: Mutex<String>,
}

impl FakeSubgraphs {
    fn load(case: &Path, supergraph: &Supergraph) -> datatest_stable::Result<Self> {
        let mutations = Arc::<AtomicUsize>::default();
        let load = |name: &str| -> datatest_stable::Result<FakeSubgraph> {
            let path = case.join("subgraphs").join(format!("{name}.graphql"));
            let data = case.join("data").join(format!("{name}.json"));
            let data = match fs::read_to_string(&data) {
                Ok(json) => serde_json::from_str(&json)
                    .map_err(|error| format!("{}: {error}", data.display()))?,
                Err(_) => Data::default(),
            };
            Ok(FakeSubgraph::new(name, &fs::read_to_string(&path)?, data, mutations.clone()))
        };
        let subgraphs = supergraph
            .subgraphs()
            .iter()
            .map(|it| Ok((it.name.to_string(), load(&it.name.to_string())?)))
            .collect::<datatest_stable::Result<_>>()?;
        let sdls = supergraph.subgraphs().iter().map(|it| {
            fs::read_to_string(case.join("subgraphs").join(format!("{}.graphql", it.name)))
        });
        let sdls = sdls.collect::<Result<Vec<_>, _>>()?;
        let contextual = contextual_arguments(sdls.iter().map(String::as_str));
        Ok(Self { subgraphs, contextual, requests: Mutex::default() })
    }

    /// Whether a server that has all their data says the same, byte for byte, and whether it has errors where this has.
    fn compare_with_monolith(
        &self,
        supergraph: &Supergraph,
        document: &Valid<ExecutableDocument>,
        variables: &str,
        response: &Response,
    ) -> datatest_stable::Result<()> {
        let all: Vec<_> = self.subgraphs.iter().map(|(_, it)| &it.source.data).collect();
        let Some(monolith) = monolith(supergraph, &all) else { return Ok(()) };
        let variables = if variables.is_empty() { "{}" } else { variables };
        let operation = document.operations.get(None).map_err(|_| "a case has one operation")?;
        let expected = reference::execute(
            &monolith,
            &self.contextual,
            document,
            operation,
            &serde_json::from_str(variables)?,
        );
        assert!(expected.misfits.is_empty(), "the data does not fit: {:?}", expected.misfits);
        let body = std::str::from_utf8(&response.body)?;
        let data = body.strip_prefix("{\"data\":").ok_or("`data` comes first")?;
        let rest = data.strip_prefix(expected.data.as_str());
        let Some(rest) = rest.filter(|rest| *rest == "}" || rest.starts_with(",\"errors\":"))
        else {
            panic!("{body}\na monolith answers otherwise:\n{}", indented(expected.data.as_bytes()));
        };
        assert_eq!(rest != "}", !expected.errors.is_empty(), "{:?}", expected.errors);
        Ok(())
    }
}

impl SubgraphClient for FakeSubgraphs {
    type Context = ();

    fn fetch<'a>(
        &'a self,
        request: SubgraphRequest,
        (): &'a (),
    ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>> {
        let (name, subgraph) = &self.subgraphs[request.subgraph.index()];
        let request: Request = serde_json::from_slice(&request.body).expect("a request is JSON");
        let variables = serde_json::to_string(&request.variables).expect("variables are JSON");
        let mut requests = self.requests.lock().expect("nothing panics while it is locked");
        let _ = writeln!(requests, "{name}: {}\n  {variables}", request.query);
        let answer = subgraph.answer(&request);
        async { answer }.boxed()
    }
}

/// The answer; of a subscription, the one to the only event that a fake subgraph has.
fn execute(
    executable: &Executable,
    variables: &str,
    subgraphs: &FakeSubgraphs,
) -> Result<Response, RequestError> {
    let options = Options::default();
    let execution = async {
        if executable.operation_type() != OperationType::Subscription {
            return executable.execute(variables, subgraphs, &(), &options).await;
        }
        let request = executable.source_request(variables, &options)?;
        let event = subgraphs.fetch(request, &()).await;
        executable.respond_to_event(event, variables, subgraphs, &(), &options).await
    };
    execution.now_or_never().expect("the fake subgraphs answer at once")
}

/// An operation of a case.
struct Case<'c> {
    directory: &'c Path,
    supergraph: Supergraph,
    document: Arc<Valid<ExecutableDocument>>,
    labels: Labels,
    variables: String,
}

impl Case<'_> {
    /// Plans and executes; whatever the plan, the answer is what a monolith says, and no subgraph refuses anything.
    fn run(
        &self,
        budget: Budget,
    ) -> datatest_stable::Result<(Result<Response, RequestError>, String)> {
        let only = self.document.operations.get(None).map_err(|_| "a case has one operation")?;
        let (supergraph, document) = (&self.supergraph, &self.document);
        let query_plan = planner::plan_within(supergraph, document, only, &self.labels, budget)?;
        let subgraphs = FakeSubgraphs::load(self.directory, supergraph)?;
        let executed = Executable::lower(supergraph, document.clone(), None, &query_plan)
            .and_then(|executable| execute(&executable, &self.variables, &subgraphs));
        if let Ok(response) = &executed {
            subgraphs.compare_with_monolith(supergraph, document, &self.variables, response)?;
        }
        for (name, subgraph) in &subgraphs.subgraphs {
            let refusals = subgraph.take_refusals();
            assert!(refusals.is_empty(), "{name} refuses:\n{}", refusals.join("\n"));
        }
        Ok((executed, subgraphs.requests.into_inner()?))
    }
}

fn executes(operation: &Path) -> datatest_stable::Result<()> {
    let operation = fs::canonicalize(operation)?;
    let directory = operation.parent().expect("an operation stands in a case");
    if operation.ends_with("supergraph.graphql") || !directory.join("data").exists() {
        return Ok(());
    }
    let supergraph = Supergraph::parse(&fs::read_to_string(directory.join("supergraph.graphql"))?)?;
    let text = fs::read_to_string(&operation)?;
    let document =
        ExecutableDocument::parse_and_validate(supergraph.api_schema(), &text, &operation)
            .map_err(|invalid| invalid.errors.to_string())?;
    let case = Case {
        directory,
        labels: labels(&supergraph, &operation)?,
        supergraph,
        document: Arc::new(document),
        variables: fs::read_to_string(operation.with_extension("variables.json"))
            .unwrap_or_default(),
    };
    let (hasty, _) = case.run(Budget { thorough_steps: 0, ..Budget::default() })?;
    let (executed, requests) = case.run(Budget::default())?;
    assert_eq!(hasty.is_ok(), executed.is_ok());
    let answer = match executed {
        Ok(response) => indented(&response.body),
        Err(error) => format!("{}: {error}\n", error.code()),
    };
    expect_file![operation.with_extension("json")].assert_eq(&answer);
    let expected = operation.with_extension("requests");
    if expected.exists() {
        expect_file![expected].assert_eq(&requests);
    }
    Ok(())
}

/// The labels of overrides that are on for an operation: a line each in the `.labels` beside it.
fn labels(supergraph: &Supergraph, operation: &Path) -> datatest_stable::Result<Labels> {
    let text = fs::read_to_string(operation.with_extension("labels")).unwrap_or_default();
    let id = |label| supergraph.label_id(label).ok_or_else(|| format!("no label `{label}`"));
    Ok(Labels::on(text.lines().map(id).collect::<Result<Vec<_>, _>>()?))
}

datatest_stable::harness! {
    { test = executes, root = "../cases", pattern = r"^[^/]+/[^/]+/[^/]+\.graphql$" },
}
