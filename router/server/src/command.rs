//! The command line: `router serve`, `router compose`, `router check`, `router plan`.

mod check;
mod compose;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apollo_compiler::ExecutableDocument;
use clap::{Args, Parser, ValueEnum};
use playground::Example;
use supergraph::{Labels, Supergraph};
use telemetry::{InstallError, LogFormat, Traces, install, install_metrics, tend};
use url::Url;

pub use self::check::Check;
pub use self::compose::Compose;
use crate::app::{AppParts, app};
use crate::config::{Config, environment};
use crate::error::StartError;
use crate::graph::CurrentGraph;
use crate::serve::{asked_to_end, bind, serve};
use crate::service_token::system_clock;
use crate::source::{Reader, Source, keep_loaded};
use crate::subgraphs::Connector;
use crate::workers::Workers;

/// A federation router: composes subgraphs, plans operations, serves the graph.
#[derive(Debug, Parser)]
#[command(name = "router", version)]
pub enum Command {
    /// Serve a graph.
    Serve(Serve),
    /// Compose subgraphs, and print the supergraph or everything that stands in the way.
    Compose(Compose),
    /// Say what changed between two graphs, and which operations it breaks; fails where something breaks.
    Check(Check),
    /// Print the query plan of an operation.
    Plan(Plan),
}

/// `router serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// A supergraph that was composed elsewhere.
    #[arg(long, value_name = "FILE", conflicts_with = "compose")]
    supergraph: Option<PathBuf>,
    /// The subgraphs to compose; composed again when they change.
    #[arg(long, value_name = "SUPERGRAPH.YAML")]
    compose: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:4000].
    #[arg(long, env = "LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The settings.
    #[arg(long, value_name = "ROUTER.YAML")]
    config: Option<PathBuf>,
    /// Which log lines to print.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    log: String,
    /// How log lines look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
}

/// `router plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The supergraph; `-` is what is piped in.
    #[arg(long, value_name = "FILE")]
    supergraph: PathBuf,
    /// The document; `-` is what is piped in.
    #[arg(value_name = "OPERATION.GRAPHQL")]
    document: PathBuf,
    /// Which of its operations, where it has several.
    #[arg(long, value_name = "NAME")]
    operation_name: Option<String>,
    /// How the plan is printed: to be read, or as the JSON that tools of the field read.
    #[arg(long, value_enum, default_value = "text")]
    format: PlanFormat,
    /// The label of an override that is on; repeatable.
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
}

/// How `router plan` prints.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PlanFormat {
    /// The notation of the field.
    Text,
    /// JSON.
    Json,
}

impl Command {
    /// Does what it says. `out` is where results are printed.
    pub async fn run(self, out: &mut dyn Write) -> Result<(), StartError> {
        match self {
            Self::Serve(serve) => serve.run().await,
            Self::Compose(compose) => compose.run(out).await,
            Self::Check(check) => check.run(out).await,
            Self::Plan(plan) => plan.run(out),
        }
    }
}

impl Serve {
    async fn run(self) -> Result<(), StartError> {
        let config = self.config()?;
        let collector = config.traces.endpoint.as_ref().map(Url::as_str);
        let traces = Traces::from_environment("router", collector, &environment)
            .map_err(InstallError::Traces)?;
        let telemetry = install(&self.log, self.log_format, traces)?;
        let served = Self::serve(&config).await;
        telemetry.flush().await;
        served
    }

    async fn serve(config: &Config) -> Result<(), StartError> {
        let source = Source::from_config(config)?;
        let connector = Connector::http(config, &environment, system_clock)?;
        let graph = CurrentGraph::default();
        let metrics = install_metrics()?;
        let parts = AppParts {
            graph: graph.clone(),
            metrics: metrics.clone(),
            examples: examples(config)?,
            clock: system_clock,
        };
        let app = app(config, parts).on(Workers::start()?);
        let listener = bind(config.listen).await?;
        tracing::info!(address = %config.listen, "listening");

        let poll = Duration::from_millis(config.supergraph.poll_ms.get());
        let reader = Reader::new(source, connector, &environment, poll);
        tokio::select! {
            served = serve(listener, app, asked_to_end()) => served,
            failed = keep_loaded(reader, config, &graph) => failed.map(|never| match never {}),
            never = tend(metrics) => match never {},
        }
    }

    /// Flags and the environment go before the file, the file before the defaults.
    fn config(&self) -> Result<Config, StartError> {
        let mut config = read_config(self.config.as_deref())?;
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        if self.supergraph.is_some() || self.compose.is_some() {
            config.supergraph.path.clone_from(&self.supergraph);
            config.supergraph.compose.clone_from(&self.compose);
        }
        Ok(config)
    }
}

impl Plan {
    fn run(self, out: &mut dyn Write) -> Result<(), StartError> {
        let unusable =
            |error: supergraph::SupergraphError| StartError::Supergraph(error.to_string());
        let supergraph = Supergraph::parse(&read(&self.supergraph)?).map_err(unusable)?;
        let document = ExecutableDocument::parse_and_validate(
            supergraph.api_schema(),
            read(&self.document)?,
            &self.document,
        )
        .map_err(|broken| StartError::Operation(broken.errors.to_string()))?;
        let operation = document
            .operations
            .get(self.operation_name.as_deref())
            .map_err(|error| StartError::Operation(error.message().to_string()))?;
        let on = self.labels.iter().map(|label| {
            let unknown = || format!("no `@override` of the supergraph has the label `{label}`");
            supergraph.label_id(label).ok_or_else(|| StartError::Operation(unknown()))
        });
        let labels = Labels::on(on.collect::<Result<Vec<_>, _>>()?);
        let query_plan = planner::plan_with(&supergraph, &document, operation, &labels)
            .map_err(|error| StartError::Operation(error.to_string()))?;
        match self.format {
            PlanFormat::Text => print(out, &query_plan.display(&supergraph).to_string()),
            PlanFormat::Json => print(out, &query_plan.json(&supergraph, &operation.variables)),
        }
    }
}

fn read_config(path: Option<&Path>) -> Result<Config, StartError> {
    path.map_or_else(|| Ok(Config::default()), Config::read)
}

fn examples(config: &Config) -> Result<Vec<Example>, StartError> {
    let Some(folder) = &config.graphiql.examples else { return Ok(Vec::new()) };
    Example::read_folder(folder).map_err(|source| StartError::Read { path: folder.clone(), source })
}

/// Reads a file; `-` is what is piped in.
fn read(path: &Path) -> Result<String, StartError> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|source| StartError::Read { path: path.to_owned(), source })
}

/// Prints a result, with one line end after it.
fn print(out: &mut dyn Write, text: &str) -> Result<(), StartError> {
    writeln!(out, "{}", text.trim_end()).map_err(StartError::Print)
}
