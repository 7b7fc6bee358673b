//! A workload: an operation, the federation it is for, and how many clients ask.
//!
//! ```text
//! workloads/NAME.graphql   the operation
//! workloads/NAME.json      { "about": …, "federation": …, "clients": 50, "variables": {…} }
//! ```

use anyhow::Context;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::federation::{Federation, files, folder, read};

/// What routers are measured with.
pub struct Workload {
    /// The name of its files.
    pub name: String,
    /// The operation's text.
    pub document: String,
    /// The rest.
    pub settings: Settings,
}

/// `workloads/NAME.json`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What it shows, in a sentence.
    pub about: String,
    /// Whose schema and data.
    pub federation: String,
    /// How many clients ask, each one request after the other.
    #[serde(default = "fifty")]
    pub clients: usize,
    /// The operation's variables.
    #[serde(default)]
    pub variables: Map<String, Value>,
    /// How large the answer is, where that is part of the claim.
    #[serde(default)]
    pub answer_bytes: Option<usize>,
}

fn fifty() -> usize {
    50
}

impl Workload {
    /// The names of all.
    pub fn names() -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for path in files(&folder().join("workloads"))? {
            if path.extension().is_some_and(|extension| extension == "json") {
                let name = path.file_stem().and_then(|stem| stem.to_str());
                names.push(name.context("a file name")?.to_owned());
            }
        }
        Ok(names)
    }

    /// Reads the workload of this name.
    pub fn read(name: &str) -> anyhow::Result<Self> {
        let file =
            |extension: &str| read(&folder().join("workloads").join(format!("{name}.{extension}")));
        let settings = serde_json::from_str(&file("json")?).with_context(|| name.to_owned())?;
        Ok(Self { name: name.to_owned(), document: file("graphql")?, settings })
    }

    /// Its schemas and data.
    pub fn federation(&self) -> anyhow::Result<Federation> {
        Federation::read(&self.settings.federation)
    }

    /// What a client posts.
    pub fn body(&self) -> Bytes {
        let mut body = json!({ "query": self.document });
        if !self.settings.variables.is_empty() {
            body["variables"] = Value::Object(self.settings.variables.clone());
        }
        body.to_string().into()
    }
}
