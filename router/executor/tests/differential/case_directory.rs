//! Writes a failing case as a directory of the corpus, to be moved to `router/cases/` when it is understood.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::case::{Failure, Federation};
use crate::data::Data;
use crate::operation::Operation;

/// Writes it below `root`, under a name, and says where. Outputs are left out where there are none to trust.
pub(crate) fn write(
    root: &Path,
    name: &str,
    federation: &Federation,
    operation: &Operation,
    failure: &Failure,
) -> io::Result<PathBuf> {
    let directory = root.join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(directory.join("subgraphs"))?;
    fs::create_dir_all(directory.join("data"))?;
    for (name, sdl) in &federation.subgraphs {
        let sdl = federation.published(name, sdl);
        fs::write(directory.join(format!("subgraphs/{name}.graphql")), sdl)?;
    }
    if let Ok(composed) = federation.compose() {
        fs::write(directory.join("supergraph.graphql"), &composed.supergraph_sdl)?;
        let subgraphs = composed.supergraph.subgraphs().iter();
        for (composed_of, subgraph) in subgraphs.zip(&composed.subgraphs.subgraphs) {
            let name = &composed_of.name;
            let data = json(&subgraph.source.data);
            fs::write(directory.join(format!("data/{name}.json")), data)?;
        }
    }
    fs::write(directory.join("operation.graphql"), format!("# It fails.\n{}", operation.text))?;
    if !operation.variables.is_empty() {
        let variables = serde_json::to_string_pretty(&operation.variables).expect("it is JSON");
        fs::write(directory.join("operation.variables.json"), variables + "\n")?;
    }
    if !operation.labels.is_empty() {
        fs::write(directory.join("operation.labels"), operation.labels.join("\n") + "\n")?;
    }
    fs::write(directory.join("failure.txt"), format!("{:?}: {}\n", failure.kind, failure.reason))?;
    Ok(directory)
}

fn json(data: &Data) -> String {
    let mut all = Map::new();
    all.insert("query".to_owned(), data.query.clone().into());
    if !data.mutation.is_empty() {
        all.insert("mutation".to_owned(), data.mutation.clone().into());
    }
    if !data.subscription.is_empty() {
        all.insert("subscription".to_owned(), data.subscription.clone().into());
    }
    all.insert("entities".to_owned(), data.entities.iter().cloned().map(Value::from).collect());
    serde_json::to_string_pretty(&all).expect("it is JSON") + "\n"
}
