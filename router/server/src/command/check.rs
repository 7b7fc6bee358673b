//! `router check`: what changed between two graphs as clients see them, and which operations it breaks.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use clap::Args;
use composition::{Change, Impact, Usage, changes, compose};
use serde_json::json;
use supergraph::Supergraph;

use super::compose::{Format, read_subgraphs};
use super::{print, read};
use crate::error::StartError;

/// `router check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The graph that clients know: a schema, a supergraph, or a `supergraph.yaml` to compose.
    #[arg(long, value_name = "OLD")]
    against: PathBuf,
    /// The graph that shall replace it.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// A folder of the operations that clients send: then only what breaks one of them counts.
    #[arg(long, value_name = "DIR")]
    operations: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The settings: how subgraphs are asked for their schema.
    #[arg(long, value_name = "ROUTER.YAML")]
    config: Option<PathBuf>,
}

/// An operation that clients send.
struct ClientOperation {
    /// `orders.graphql`, or `orders.graphql#Latest` where the file has several.
    name: String,
    file: String,
    usage: Usage,
    /// Why the new schema refuses its file, if it does.
    refusal: Option<String>,
}

/// What clients send.
#[derive(Default)]
struct Operations {
    known: Vec<ClientOperation>,
    /// The files that the old schema refuses, with its reason: nothing can be said of them.
    unusable: Vec<(String, String)>,
}

/// A change, and the operations that use what it touches.
struct Finding<'a> {
    change: &'a Change,
    operations: Vec<&'a str>,
}

impl Check {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<(), StartError> {
        let old = self.schema(&self.against).await?;
        let new = self.schema(&self.new).await?;
        let operations =
            self.operations.as_deref().map(|folder| Operations::read(folder, &old, &new));
        let operations = operations.transpose()?;
        let changes = changes(&old, &new);
        let report = Report::new(&changes, operations.as_ref());
        match self.format {
            Format::Text => print(out, &report.text())?,
            Format::Json => print(out, &report.json())?,
        }
        report.verdict()
    }

    /// The schema of a graph as clients see it.
    async fn schema(&self, path: &Path) -> Result<Valid<Schema>, StartError> {
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        let sdl = if is_yaml {
            let subgraphs = read_subgraphs(path.to_owned(), self.config.as_deref()).await?;
            let composed = compose(&subgraphs);
            composed
                .map_err(|errors| {
                    StartError::Composition(errors.with_excerpts(&subgraphs).to_string())
                })?
                .supergraph_sdl
        } else {
            read(path)?
        };
        let unusable = |reason: String| StartError::Schemas { path: path.to_owned(), reason };
        // What a router reads has this enum, and what it says to clients has not.
        if sdl.contains("enum join__Graph") {
            let supergraph =
                Supergraph::parse(&sdl).map_err(|error| unusable(error.to_string()))?;
            return Ok(supergraph.api_schema().clone());
        }
        Schema::parse_and_validate(sdl, path).map_err(|broken| unusable(broken.errors.to_string()))
    }
}

impl Operations {
    /// Reads all operations below a folder.
    fn read(folder: &Path, old: &Valid<Schema>, new: &Valid<Schema>) -> Result<Self, StartError> {
        let mut operations = Self::default();
        for path in files(folder)? {
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            let text = read(&path)?;
            let document = match ExecutableDocument::parse_and_validate(old, &text, &name) {
                Ok(document) => document,
                Err(broken) => {
                    operations.unusable.push((name, first_line(&broken.errors.to_string())));
                    continue;
                }
            };
            let refusal = ExecutableDocument::parse_and_validate(new, &text, &name)
                .err()
                .map(|broken| first_line(&broken.errors.to_string()));
            let is_alone = document.operations.len() == 1;
            for operation in document.operations.iter() {
                let own = operation.name.as_ref().filter(|_| !is_alone);
                operations.known.push(ClientOperation {
                    name: own.map_or_else(|| name.clone(), |own| format!("{name}#{own}")),
                    file: name.clone(),
                    usage: Usage::of(old, &document, operation),
                    refusal: refusal.clone(),
                });
            }
        }
        Ok(operations)
    }
}

/// What is printed.
struct Report<'a> {
    findings: Vec<Finding<'a>>,
    operations: Option<&'a Operations>,
    /// The operations that break, with a reason where no change says it.
    broken: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Report<'a> {
    fn new(changes: &'a [Change], operations: Option<&'a Operations>) -> Self {
        let known = operations.map_or(&[][..], |operations| &operations.known);
        let findings: Vec<Finding<'a>> = changes
            .iter()
            .map(|change| {
                let users = known.iter().filter(|operation| {
                    change.impact != Impact::Safe && operation.usage.meets(change)
                });
                Finding { change, operations: users.map(|user| user.name.as_str()).collect() }
            })
            .collect();
        let is_touched = |operation: &ClientOperation| {
            findings.iter().any(|finding| {
                finding.change.impact == Impact::Breaking
                    && finding.operations.contains(&operation.name.as_str())
            })
        };
        // Where a change says why a file is refused, its other operations are not to blame.
        let is_unexplained = |operation: &ClientOperation| {
            !known.iter().any(|other| other.file == operation.file && is_touched(other))
        };
        let broken = known.iter().filter_map(|operation| {
            let refusal = operation.refusal.as_deref().filter(|_| is_unexplained(operation));
            (is_touched(operation) || refusal.is_some())
                .then_some((operation.name.as_str(), refusal))
        });
        let broken = broken.collect();
        Self { findings, operations, broken }
    }

    fn count(&self, impact: Impact) -> usize {
        self.findings.iter().filter(|finding| finding.change.impact == impact).count()
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        for Finding { change, operations } in &self.findings {
            lines.push(format!("{:<9}  {}  {}", change.impact, change.kind, change.message));
            let verb = if change.impact == Impact::Breaking { "breaks" } else { "concerns" };
            lines.extend(
                operations.iter().map(|operation| format!("             {verb} {operation}")),
            );
            if self.operations.is_some() && operations.is_empty() && change.impact != Impact::Safe {
                lines.push("             no operation uses it".to_owned());
            }
        }
        for (operation, refusal) in &self.broken {
            if let Some(refusal) = refusal {
                lines.push(format!("breaking   {operation}: {refusal}"));
            }
        }
        for (file, reason) in self.operations.iter().flat_map(|operations| &operations.unusable) {
            lines.push(format!("unchecked  {file} is not valid by the old schema: {reason}"));
        }
        let mut summary = format!(
            "{} breaking, {} dangerous, {} safe",
            self.count(Impact::Breaking),
            self.count(Impact::Dangerous),
            self.count(Impact::Safe)
        );
        if let Some(operations) = self.operations {
            let (broken, all) = (self.broken.len(), operations.known.len());
            let _ = write!(summary, "; {broken} of {all} operations break");
        }
        lines.push(summary);
        lines.join("\n")
    }

    fn json(&self) -> String {
        let changes: Vec<_> = self
            .findings
            .iter()
            .map(|Finding { change, operations }| {
                json!({
                    "impact": change.impact.to_string(),
                    "kind": change.kind,
                    "coordinate": change.coordinate,
                    "message": change.message,
                    "operations": self.operations.map(|_| operations),
                })
            })
            .collect();
        let operations = self.operations.map(|operations| {
            let unusable = operations.unusable.iter();
            json!({
                "checked": operations.known.len(),
                "broken": self.broken.iter().map(|(name, _)| name).collect::<Vec<_>>(),
                "unchecked": unusable.map(|(file, reason)| json!({ "file": file, "reason": reason })).collect::<Vec<_>>(),
            })
        });
        let document = json!({
            "breaking": self.count(Impact::Breaking),
            "dangerous": self.count(Impact::Dangerous),
            "safe": self.count(Impact::Safe),
            "changes": changes,
            "operations": operations,
        });
        serde_json::to_string_pretty(&document).expect("a document of texts and numbers is JSON")
    }

    /// An error where something breaks: an operation, or without operations anything.
    fn verdict(&self) -> Result<(), StartError> {
        let what = match (self.operations, self.broken.len(), self.count(Impact::Breaking)) {
            (Some(_), 0, _) | (None, _, 0) => return Ok(()),
            (Some(_), 1, _) => "an operation breaks".to_owned(),
            (Some(_), count, _) => format!("{count} operations break"),
            (None, _, 1) => "a change is breaking".to_owned(),
            (None, _, count) => format!("{count} changes are breaking"),
        };
        Err(StartError::Breaking(what))
    }
}

/// All GraphQL files below a folder, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>, StartError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| StartError::Read { path, source }
    };
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(unreadable(&folder))? {
            let path = entry.map_err(unreadable(&folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "graphql" || e == "gql") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The sentence of a diagnostic, without the drawing around it.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_start_matches("Error: ").to_owned()
}
