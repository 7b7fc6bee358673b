//! Whatever clients and subgraphs send, there is an answer or an error, and soon; and an answer is JSON.

mod answer_text;
#[path = "../cases/data.rs"]
mod data;
#[path = "../cases/fake_subgraph.rs"]
mod fake_subgraph;
#[path = "../../../supergraph/tests/fuzz/nearly.rs"]
mod nearly;
#[path = "../differential/random.rs"]
mod random;
#[path = "../cases/resolver.rs"]
mod resolver;
mod scanner;
mod world;

use std::sync::Arc;

use apollo_compiler::ExecutableDocument;
use executor::{Executable, Options};
use futures::FutureExt;
use proptest::prelude::*;
use proptest::sample::Index;
use serde::de::IgnoredAny;

use crate::nearly::{config, nearly, within_time};
use crate::world::{Mangled, Mangling, Operation, WORLDS, World};

/// Plans and executes a text, if it is an operation; says whether it was.
fn execute(world: &World, text: &str, variables: &str, mangling: Mangling) -> bool {
    let schema = world.supergraph.api_schema();
    let Ok(document) = ExecutableDocument::parse_and_validate(schema, text, "operation.graphql")
    else {
        return false;
    };
    let document = Arc::new(document);
    let Ok(operation) = document.operations.get(None) else { return false };
    let Ok(plan) = planner::plan(&world.supergraph, &document, operation) else { return false };
    assert!(!plan.display(&world.supergraph).to_string().is_empty());
    let Ok(executable) = Executable::lower(&world.supergraph, document.clone(), None, &plan) else {
        return false;
    };
    let client = Mangled { subgraphs: world.subgraphs.clone(), mangling };
    let options = Options::default();
    let response = executable.execute(variables, &client, &(), &options);
    if let Ok(response) = response.now_or_never().expect("the fake subgraphs answer at once") {
        let json = serde_json::from_slice::<IgnoredAny>(&response.body);
        assert!(json.is_ok(), "{}", String::from_utf8_lossy(&response.body));
    }
    true
}

fn worlds() -> impl Strategy<Value = &'static World> {
    any::<Index>().prop_map(|index| index.get(&WORLDS))
}

/// Changes of the subgraphs' answers, byte by byte.
fn manglings() -> impl Strategy<Value = Mangling> {
    prop::collection::vec((any::<Index>(), any::<u8>(), any::<u8>()), 0..6)
}

fn nearly_operations() -> impl Strategy<Value = (&'static World, String)> {
    worlds().prop_flat_map(|world| {
        let texts = world.operations.iter().map(|operation| operation.text.clone());
        (Just(world), nearly(texts.collect()))
    })
}

fn operations() -> impl Strategy<Value = (&'static World, Operation)> {
    worlds().prop_flat_map(|world| (Just(world), prop::sample::select(world.operations.clone())))
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn an_operation_is_executed_or_refused((world, text) in nearly_operations()) {
        within_time(&text, || execute(world, &text, "", Vec::new()));
    }

    #[test]
    fn variables_are_taken_or_refused(
        variables in nearly(world::variables()),
        types in nearly(vec!["Int Float String Boolean ID Filter [Int!] [[Filter]]! Kind ! Any".to_owned()]),
    ) {
        let types: Vec<&str> = types.split_whitespace().take(4).collect();
        let definitions: Vec<String> =
            ["a", "b", "filter", "ids"].iter().zip(types).map(|(name, ty)| format!("${name}: {ty}")).collect();
        let text = format!("query ({}) {{ anything }}", definitions.join(", "));
        within_time(&variables, || execute(&world::INPUTS, &text, &variables, Vec::new()));
    }
}

proptest! {
    #![proptest_config(config(1_500))]

    #[test]
    fn answers_of_subgraphs_are_read_or_refused(
        (world, operation) in operations(),
        mangling in manglings(),
    ) {
        let Operation { text, variables } = operation;
        within_time(&text, || execute(world, &text, &variables, mangling));
    }
}
