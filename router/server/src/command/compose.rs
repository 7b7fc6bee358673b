//! `router compose`: prints the supergraph, a contract of it or the API schema, or everything that stands in the way.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use composition::{
    CompositionError, CompositionErrors, Contract, Hint, Severity, SubgraphLocation, SubgraphSource,
};
use serde_json::{Value, json};
use supergraph::Supergraph;

use super::{print, read_config};
use crate::config::environment;
use crate::error::StartError;
use crate::service_token::system_clock;
use crate::source::{Inputs, Reader, Source};
use crate::subgraphs::Connector;

/// `router compose`.
#[derive(Debug, Args)]
pub struct Compose {
    /// The subgraphs to compose.
    #[arg(value_name = "SUPERGRAPH.YAML")]
    source: PathBuf,
    /// Show clients only what has one of these tags; may be repeated.
    #[arg(long, value_name = "TAG")]
    include_tag: Vec<String>,
    /// Hide from clients what has one of these tags; may be repeated.
    #[arg(long, value_name = "TAG")]
    exclude_tag: Vec<String>,
    /// Print what clients may query, instead of the supergraph.
    #[arg(long)]
    api_schema: bool,
    /// Where to write the result, instead of printing it.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to print: the schema itself, or JSON with all errors and hints.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The least important hints to print.
    #[arg(long, value_enum, default_value = "info")]
    hints: Hints,
    /// The settings: how subgraphs are asked for their schema.
    #[arg(long, value_name = "ROUTER.YAML")]
    config: Option<PathBuf>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For readers.
    Text,
    /// For programs.
    Json,
}

/// Which hints are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Hints {
    None,
    Warn,
    Info,
    Debug,
}

/// What composing came to.
struct Outcome {
    schema: Result<String, CompositionErrors>,
    hints: Vec<Hint>,
    /// What the errors are about.
    refusal: fn(String) -> StartError,
}

impl Compose {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<(), StartError> {
        let subgraphs = match read_subgraphs(self.source.clone(), self.config.as_deref()).await {
            Ok(subgraphs) => subgraphs,
            Err(error) => {
                if self.format == Format::Json {
                    print(out, &to_json(None, &failures(&error), &[]))?;
                }
                return Err(error);
            }
        };
        let Outcome { schema, hints, refusal } = self.compose(&subgraphs)?;
        if self.format == Format::Json {
            let (printed, errors) = match &schema {
                Ok(schema) => (Some(schema.as_str()), Vec::new()),
                Err(errors) => (None, errors.0.iter().map(error_json).collect()),
            };
            let hints: Vec<Value> = hints.iter().map(hint_json).collect();
            self.write(out, &to_json(printed, &errors, &hints))?;
            return schema.map(|_| ()).map_err(|errors| refusal(errors.to_string()));
        }
        for hint in hints.iter().filter(|hint| self.shows(hint)) {
            eprintln!("{}: {}  {}", hint.severity().name(), hint.code, hint.message);
        }
        match schema {
            Ok(schema) => self.write(out, &schema),
            Err(errors) => {
                let drawn = errors.with_excerpts(&subgraphs).to_string();
                Err(refusal(drawn.trim_end().to_owned()))
            }
        }
    }

    fn compose(&self, subgraphs: &[SubgraphSource]) -> Result<Outcome, StartError> {
        let composition = match composition::compose(subgraphs) {
            Ok(composition) => composition,
            Err(errors) => {
                let refusal = StartError::Composition;
                return Ok(Outcome { schema: Err(errors), hints: Vec::new(), refusal });
            }
        };
        let contract =
            Contract { include: set(&self.include_tag), exclude: set(&self.exclude_tag) };
        let schema = if contract == Contract::default() {
            Ok(composition.supergraph_sdl)
        } else {
            contract.apply(&composition.supergraph_sdl)
        };
        let schema = match schema {
            Ok(supergraph_sdl) if self.api_schema => {
                let supergraph = Supergraph::parse(&supergraph_sdl)
                    .map_err(|error| StartError::Supergraph(error.to_string()))?;
                Ok(supergraph.api_schema().to_string())
            }
            other => other,
        };
        Ok(Outcome { schema, hints: composition.hints, refusal: StartError::Contract })
    }

    fn shows(&self, hint: &Hint) -> bool {
        match self.hints {
            Hints::None => false,
            Hints::Warn => hint.severity() >= Severity::Warn,
            Hints::Info => hint.severity() >= Severity::Info,
            Hints::Debug => true,
        }
    }

    fn write(&self, out: &mut dyn Write, text: &str) -> Result<(), StartError> {
        let Some(path) = &self.output else { return print(out, text) };
        std::fs::write(path, format!("{}\n", text.trim_end()))
            .map_err(|source| StartError::Write { path: path.clone(), source })
    }
}

/// The subgraphs that a `supergraph.yaml` names, with their schemas.
pub(super) async fn read_subgraphs(
    path: PathBuf,
    config: Option<&std::path::Path>,
) -> Result<Vec<SubgraphSource>, StartError> {
    let config = read_config(config)?;
    let connector = Connector::http(&config, &environment, system_clock)?;
    let source = Source::Compose(path);
    let inputs = Reader::new(source, connector, &environment, Duration::ZERO).read().await?;
    let Inputs::Subgraphs(subgraphs) = inputs else { return Err(StartError::NoSupergraph) };
    Ok(subgraphs)
}

fn set(tags: &[String]) -> BTreeSet<String> {
    tags.iter().cloned().collect()
}

/// The subgraphs that do not tell their schema, as errors of composition.
fn failures(error: &StartError) -> Vec<Value> {
    match error {
        StartError::Several(errors) => errors.iter().flat_map(failures).collect(),
        StartError::Schema { subgraph_name, .. } => vec![json!({
            "code": "DOWNSTREAM_SERVICE_ERROR",
            "message": error.to_string(),
            "locations": [{ "subgraph": subgraph_name }],
        })],
        _ => Vec::new(),
    }
}

fn to_json(schema: Option<&str>, errors: &[Value], hints: &[Value]) -> String {
    let document = json!({ "schema": schema, "errors": errors, "hints": hints });
    serde_json::to_string_pretty(&document).expect("a document of texts and numbers is JSON")
}

fn error_json(error: &CompositionError) -> Value {
    json!({
        "code": error.code,
        "message": error.message,
        "locations": error.locations.iter().map(location_json).collect::<Vec<_>>(),
    })
}

fn hint_json(hint: &Hint) -> Value {
    json!({
        "code": hint.code,
        "severity": hint.severity().name(),
        "message": hint.message,
        "locations": hint.locations.iter().map(location_json).collect::<Vec<_>>(),
    })
}

fn location_json(location: &SubgraphLocation) -> Value {
    match location.line_column {
        Some((line, column)) => {
            json!({ "subgraph": location.subgraph, "line": line, "column": column })
        }
        None => json!({ "subgraph": location.subgraph }),
    }
}
