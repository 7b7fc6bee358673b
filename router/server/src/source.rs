//! Where the supergraph comes from, and what becomes of it when that changes.
//!
//! A [`Source`] is read into [`Inputs`], the texts; equal texts mean the same graph.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use composition::{Composition, SubgraphSource};
use http::{HeaderName, HeaderValue};

use crate::config::Config;
use crate::error::StartError;
use crate::graph::{CurrentGraph, Graph};
use crate::subgraphs::Connector;
use crate::supergraph_yaml::{SchemaSource, SubgraphEntry, SupergraphYaml};

/// How often files are looked at, and a subgraph that is not there yet is asked again.
const TICK: Duration = Duration::from_secs(1);

/// Where the supergraph comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file of supergraph SDL, composed elsewhere.
    Supergraph(PathBuf),
    /// A `supergraph.yaml`: the router composes the subgraphs that it names.
    Compose(PathBuf),
}

/// What a source says at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inputs {
    /// Supergraph SDL.
    Supergraph(String),
    /// Subgraphs to compose.
    Subgraphs(Vec<SubgraphSource>),
}

impl Source {
    /// The source that the settings name.
    pub(crate) fn from_config(config: &Config) -> Result<Self, StartError> {
        match (&config.supergraph.path, &config.supergraph.compose) {
            (Some(path), None) => Ok(Self::Supergraph(path.clone())),
            (None, Some(path)) => Ok(Self::Compose(path.clone())),
            _ => Err(StartError::NoSupergraph),
        }
    }
}

impl Inputs {
    /// The supergraph's SDL. Takes its time: not for threads that serve.
    fn supergraph_sdl(self) -> Result<String, StartError> {
        match self {
            Self::Supergraph(sdl) => Ok(sdl),
            Self::Subgraphs(subgraphs) => {
                let composition = compose(&subgraphs)?;
                for hint in &composition.hints {
                    tracing::debug!(code = hint.code, "{}", hint.message);
                }
                Ok(composition.supergraph_sdl)
            }
        }
    }
}

/// Composes subgraphs, or says all that stands in the way, an error a line.
pub fn compose(subgraphs: &[SubgraphSource]) -> Result<Composition, StartError> {
    composition::compose(subgraphs).map_err(|errors| StartError::Composition(errors.to_string()))
}

/// Reads a source again and again: files each time, subgraphs no oftener than their schema is polled.
pub(crate) struct Reader<'a> {
    source: Source,
    connector: Connector,
    environment: &'a (dyn Fn(&str) -> Option<String> + Sync),
    poll: Duration,
    fetched: HashMap<SubgraphEntry, Fetched>,
}

/// A schema as its subgraph told it.
struct Fetched {
    sdl: String,
    asked: Instant,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        source: Source,
        connector: Connector,
        environment: &'a (dyn Fn(&str) -> Option<String> + Sync),
        poll: Duration,
    ) -> Self {
        Self { source, connector, environment, poll, fetched: HashMap::new() }
    }

    /// What the source says now.
    pub(crate) async fn read(&mut self) -> Result<Inputs, StartError> {
        match self.source.clone() {
            Source::Supergraph(path) => read_file(&path).map(Inputs::Supergraph),
            Source::Compose(path) => {
                let file = SupergraphYaml::read(&path, self.environment)?;
                self.fetched.retain(|entry, _| file.subgraphs.contains(entry));
                let (mut subgraphs, mut errors) = (Vec::new(), Vec::new());
                for entry in file.subgraphs {
                    match self.sdl(&entry).await {
                        Ok(sdl) => subgraphs.push(SubgraphSource {
                            name: entry.name,
                            url: entry.routing_url,
                            sdl,
                        }),
                        Err(error) => errors.push(error),
                    }
                }
                match errors.len() {
                    0 => Ok(Inputs::Subgraphs(subgraphs)),
                    1 => Err(errors.remove(0)),
                    _ => Err(StartError::Several(errors)),
                }
            }
        }
    }

    async fn sdl(&mut self, entry: &SubgraphEntry) -> Result<String, StartError> {
        match &entry.schema {
            SchemaSource::File(path) => read_file(path),
            SchemaSource::Sdl(sdl) => Ok(sdl.clone()),
            SchemaSource::Subgraph { url, headers } => self.fetched_sdl(entry, url, headers).await,
        }
    }

    /// A subgraph that is away for a while keeps the schema that it had.
    async fn fetched_sdl(
        &mut self,
        entry: &SubgraphEntry,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<String, StartError> {
        let known = self.fetched.get_mut(entry);
        if let Some(known) = known.as_ref().filter(|known| known.asked.elapsed() < self.poll) {
            return Ok(known.sdl.clone());
        }
        let told = self.connector.connect(&entry.name, url)?.sdl(headers).await;
        match (told, known) {
            (Ok(sdl), _) => {
                let fetched = Fetched { sdl: sdl.clone(), asked: Instant::now() };
                self.fetched.insert(entry.clone(), fetched);
                Ok(sdl)
            }
            (Err(reason), Some(known)) => {
                tracing::warn!(subgraph.name = entry.name, reason, "its schema cannot be read now");
                known.asked = Instant::now();
                Ok(known.sdl.clone())
            }
            (Err(reason), None) => Err(StartError::Schema {
                subgraph_name: entry.name.clone(),
                url: url.to_owned(),
                reason,
            }),
        }
    }

    /// Reads until every subgraph has told its schema; says once which one is waited for.
    async fn read_patiently(&mut self) -> Result<Inputs, StartError> {
        let mut waited_for = String::new();
        loop {
            match self.read().await {
                Err(error) if error.is_passing() => {
                    let reason = error.to_string();
                    if reason != waited_for {
                        tracing::warn!("waiting: {reason}");
                        waited_for = reason;
                    }
                    tokio::time::sleep(TICK).await;
                }
                outcome => return outcome,
            }
        }
    }
}

/// Writes the file whole or not at all.
fn write_whole(path: &Path, text: &str) -> Result<(), StartError> {
    let unfinished = path.with_extension("new");
    std::fs::write(&unfinished, text)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .map_err(|source| StartError::Write { path: path.to_owned(), source })
}

fn read_file(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path)
        .map_err(|source| StartError::Read { path: path.to_owned(), source })
}

/// Loads the graph, waiting for subgraphs that are still starting, and loads it again whenever its source changes.
///
/// Ends only with the reason why the first graph cannot be loaded; later failures leave the graph as it is.
pub(crate) async fn keep_loaded(
    mut reader: Reader<'_>,
    config: &Config,
    current: &CurrentGraph,
) -> Result<Infallible, StartError> {
    let mut seen = first_load(&mut reader, config, current).await?;
    tracing::info!("the graph is loaded");
    if !config.supergraph.reload && seen.is_some() {
        return std::future::pending().await;
    }
    let mut complaint = String::new();
    loop {
        tokio::time::sleep(TICK).await;
        let outcome = match reader.read().await {
            Ok(inputs) if Some(&inputs) == seen.as_ref() => continue,
            Ok(inputs) => {
                seen = Some(inputs.clone());
                load(inputs, reader.connector.clone(), config.clone()).await
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(graph) => {
                current.replace(graph);
                complaint.clear();
                tracing::info!("the graph has changed");
            }
            Err(error) if error.to_string() == complaint => {}
            Err(error) => {
                complaint = error.to_string();
                tracing::error!("the graph stays as it is: {complaint}");
            }
        }
    }
}

/// Loads the first graph from what the source says; or, where it does not say it now, or what does not compose, the last
/// good one that was kept: then nothing of the source has been seen.
async fn first_load(
    reader: &mut Reader<'_>,
    config: &Config,
    current: &CurrentGraph,
) -> Result<Option<Inputs>, StartError> {
    let Some(path) = &config.supergraph.last_good else {
        let inputs = reader.read_patiently().await?;
        current.replace(load(inputs.clone(), reader.connector.clone(), config.clone()).await?);
        return Ok(Some(inputs));
    };
    let loaded = match reader.read().await {
        Ok(inputs) => load(inputs.clone(), reader.connector.clone(), config.clone())
            .await
            .map(|graph| (Some(inputs), graph)),
        Err(error) => Err(error),
    };
    let (inputs, graph) = match loaded {
        Ok(loaded) => loaded,
        Err(error) if path.exists() => {
            tracing::error!("the last good supergraph is served, `{}`: {error}", path.display());
            let kept = Inputs::Supergraph(read_file(path)?);
            (None, load(kept, reader.connector.clone(), config.clone()).await?)
        }
        Err(error) if error.is_passing() => {
            let inputs = reader.read_patiently().await?;
            let graph = load(inputs.clone(), reader.connector.clone(), config.clone()).await?;
            (Some(inputs), graph)
        }
        Err(error) => return Err(error),
    };
    current.replace(graph);
    Ok(inputs)
}

/// Composes and prepares a graph, off the threads that serve. What was composed here is kept as the last good one.
async fn load(inputs: Inputs, connector: Connector, config: Config) -> Result<Graph, StartError> {
    let load = move || {
        let was_composed = matches!(inputs, Inputs::Subgraphs(_));
        let supergraph_sdl = inputs.supergraph_sdl()?;
        let graph = Graph::load(&supergraph_sdl, &connector, &config)?;
        if let (true, Some(path)) = (was_composed, &config.supergraph.last_good)
            && let Err(error) = write_whole(path, &supergraph_sdl)
        {
            tracing::error!("the supergraph is not kept as the last good one: {error}");
        }
        Ok(graph)
    };
    tokio::task::spawn_blocking(load).await.unwrap_or_else(|panic| {
        Err(StartError::Supergraph(format!("loading it panicked: {panic}")))
    })
}
