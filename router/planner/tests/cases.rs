//! Plans the operations of every case against its `supergraph.graphql`, and compares with the `.plan` beside each.

use std::fs;
use std::path::Path;

use apollo_compiler::ExecutableDocument;
use expect_test::expect_file;
use supergraph::{Labels, Supergraph};

fn plans(operation: &Path) -> datatest_stable::Result<()> {
    let operation = fs::canonicalize(operation)?;
    let case = operation.parent().expect("an operation stands in a case");
    if operation.ends_with("supergraph.graphql") {
        return Ok(());
    }
    let supergraph = Supergraph::parse(&fs::read_to_string(case.join("supergraph.graphql"))?)?;
    let text = fs::read_to_string(&operation)?;
    let document =
        ExecutableDocument::parse_and_validate(supergraph.api_schema(), text, &operation)
            .map_err(|invalid| invalid.errors.to_string())?;
    let only = document.operations.get(None).map_err(|_| "a case has one operation")?;
    let labels = labels(&supergraph, &operation)?;
    let printed = match planner::plan_with(&supergraph, &document, only, &labels) {
        Ok(plan) => plan.display(&supergraph).to_string(),
        Err(error) => format!("{error}\n"),
    };
    expect_file![operation.with_extension("plan")].assert_eq(&printed);
    Ok(())
}

/// The labels of overrides that are on for an operation: a line each in the `.labels` beside it.
fn labels(supergraph: &Supergraph, operation: &Path) -> datatest_stable::Result<Labels> {
    let text = fs::read_to_string(operation.with_extension("labels")).unwrap_or_default();
    let id = |label| supergraph.label_id(label).ok_or_else(|| format!("no label `{label}`"));
    Ok(Labels::on(text.lines().map(id).collect::<Result<Vec<_>, _>>()?))
}

datatest_stable::harness! {
    { test = plans, root = "../cases", pattern = r"^[^/]+/[^/]+/[^/]+\.graphql$" },
}
