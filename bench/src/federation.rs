//! A federation of the bench: its schemas and its data, read from a folder.
//!
//! ```text
//! federations/NAME/subgraphs/SUBGRAPH.graphql
//! federations/NAME/data/SUBGRAPH.json   { "query": {…}, "mutation": {…}, "entities": { TYPE: { "key": …, "items": […] } } }
//! ```
//!
//! Where data is large it is described: `{ "$repeat": 1000, "item": … }` in a list stands for so many items, in whose
//! strings `{n}` is the number of the item, and `{ "$text": 500 }` for a string of so many letters.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use composition::SubgraphSource;
use serde_json::{Map, Value};

use crate::subgraph::{Data, Subgraph};

/// The schemas and the data.
pub struct Federation {
    /// By name.
    pub subgraphs: BTreeMap<String, Subgraph>,
    sdl: BTreeMap<String, String>,
}

/// Where federations and workloads are.
pub(crate) fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Federation {
    /// Reads the federation of this name.
    pub fn read(name: &str) -> anyhow::Result<Self> {
        let folder = folder().join("federations").join(name);
        let (mut subgraphs, mut sdls) = (BTreeMap::new(), BTreeMap::new());
        for path in files(&folder.join("subgraphs"))? {
            let name = path.file_stem().and_then(|stem| stem.to_str()).context("a file name")?;
            let sdl = read(&path)?;
            let data = folder.join("data").join(format!("{name}.json"));
            let data: Data = serde_json::from_value(expanded(serde_json::from_str(&read(&data)?)?))
                .with_context(|| data.display().to_string())?;
            subgraphs.insert(name.to_owned(), Subgraph::new(name, &sdl, data)?);
            sdls.insert(name.to_owned(), sdl);
        }
        Ok(Self { subgraphs, sdl: sdls })
    }

    /// The supergraph, for subgraphs that are served at `http://ADDRESS/NAME`, with so many types that nobody asks for.
    pub fn supergraph_sdl(&self, address: &str, filler_types: usize) -> anyhow::Result<String> {
        let filler = |n| {
            let next = (n + 1) % filler_types;
            format!("\ntype Filler{n} {{ id: ID! name: String size: Int next: Filler{next} }}")
        };
        let filler = (0..filler_types).map(filler).collect::<Vec<_>>().concat();
        let sources: Vec<SubgraphSource> = self
            .sdl
            .iter()
            .enumerate()
            .map(|(at, (name, sdl))| SubgraphSource {
                name: name.clone(),
                url: format!("http://{address}/{name}"),
                sdl: format!("{sdl}{}", if at == 0 { &*filler } else { "" }),
            })
            .collect();
        match composition::compose(&sources) {
            Ok(composition) => Ok(composition.supergraph_sdl),
            Err(errors) => bail!("the federation does not compose:\n{errors}"),
        }
    }
}

/// The files of a folder, in order.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|it| Ok(it?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// The data in full.
fn expanded(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().flat_map(items_of).collect()),
        Value::Object(object) => match count(&object, "$text") {
            Some(letters) => Value::String(text(letters)),
            None => Value::Object(object.into_iter().map(|(k, v)| (k, expanded(v))).collect()),
        },
        leaf => leaf,
    }
}

/// What an item of a list stands for.
fn items_of(item: Value) -> Vec<Value> {
    let repeated = item.as_object().and_then(|it| Some((count(it, "$repeat")?, it)));
    match repeated {
        Some((count, object)) => {
            (0..count).map(|n| expanded(numbered(&object["item"], n))).collect()
        }
        None => vec![expanded(item)],
    }
}

fn count(object: &Map<String, Value>, key: &str) -> Option<usize> {
    usize::try_from(object.get(key)?.as_u64()?).ok()
}

fn numbered(value: &Value, n: usize) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("{n}", &n.to_string())),
        Value::Array(items) => items.iter().map(|item| numbered(item, n)).collect(),
        Value::Object(object) => {
            let entries = object.iter().map(|(key, value)| (key.clone(), numbered(value, n)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        leaf => leaf.clone(),
    }
}

/// Words, for a string of some length.
fn text(letters: usize) -> String {
    "a ride across the city at night ".chars().cycle().take(letters).collect()
}
