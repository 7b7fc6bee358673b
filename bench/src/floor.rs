//! The floor: what the HTTP exchanges of a workload cost by themselves.
//!
//! It makes the exchanges that our executor makes, in the same order, with the same bodies, and answers with the same
//! answer; but it has recorded them beforehand, and parses, plans and writes nothing.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;
use apollo_compiler::ExecutableDocument;
use bytes::Bytes;
use executor::{
    Executable, Options, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse,
};
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use supergraph::Supergraph;
use tokio::net::TcpListener;

use crate::connection::Connection;
use crate::federation::Federation;
use crate::server::answer_all;
use crate::workload::Workload;

/// An executable operation and the subgraphs that it is for, in this process.
pub struct InProcess {
    federation: Federation,
    names: Vec<String>,
    executable: Executable,
    variables: String,
}

/// What was sent: the subgraph, and the body.
type Exchange = (String, Bytes);

/// The exchanges of one execution, wave by wave: each wave waits for the one before.
type Waves = Vec<Vec<Exchange>>;

impl InProcess {
    /// Composes and plans the workload.
    pub fn prepare(workload: &Workload) -> anyhow::Result<Self> {
        let federation = workload.federation()?;
        let supergraph = Supergraph::parse(&federation.supergraph_sdl("subgraphs.test", 0)?)?;
        let document = ExecutableDocument::parse_and_validate(
            supergraph.api_schema(),
            &workload.document,
            "operation.graphql",
        )
        .map_err(|invalid| anyhow!("{}", invalid.errors))?;
        let operation = document.operations.get(None).map_err(|error| anyhow!("{error:?}"))?;
        let query_plan = planner::plan(&supergraph, &document, operation)?;
        let executable = Executable::lower(&supergraph, Arc::new(document), None, &query_plan)?;
        let names = supergraph.subgraphs().iter().map(|it| it.name.to_string()).collect();
        let variables = serde_json::to_string(&workload.settings.variables)?;
        Ok(Self { federation, names, executable, variables })
    }

    /// Executes it: the answer, and what was exchanged.
    pub async fn execute(&self, options: &Options) -> anyhow::Result<(Bytes, Waves)> {
        let recorder = Mutex::default();
        let response = self.executable.execute(&self.variables, self, &recorder, options).await?;
        Ok((response.body, recorder.into_inner().unwrap_or_else(PoisonError::into_inner).waves))
    }
}

/// What has been sent so far, and how many waves have been answered.
#[derive(Default)]
pub struct Recorder {
    waves: Waves,
    answered: usize,
}

impl SubgraphClient for InProcess {
    type Context = Mutex<Recorder>;

    fn fetch<'a>(
        &'a self,
        request: SubgraphRequest,
        recorder: &'a Mutex<Recorder>,
    ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>> {
        let name = &self.names[request.subgraph.index()];
        async move {
            let record = || recorder.lock().unwrap_or_else(PoisonError::into_inner);
            let wave = {
                let mut record = record();
                let wave = record.answered;
                if record.waves.len() <= wave {
                    record.waves.push(Vec::new());
                }
                record.waves[wave].push((name.clone(), request.body.clone()));
                wave
            };
            // Whatever can be sent at the same time is sent before the first answer comes.
            tokio::task::yield_now().await;
            let body = self.federation.subgraphs[name].answer(&request.body);
            let mut record = record();
            record.answered = record.answered.max(wave + 1);
            Ok(SubgraphResponse { status: 200, body })
        }
        .boxed()
    }
}

/// Serves a workload's recorded answer, after making its recorded exchanges.
pub async fn serve(
    listener: TcpListener,
    workload: &Workload,
    subgraphs: SocketAddr,
    options: &Options,
) -> anyhow::Result<Infallible> {
    let (answer, waves) = InProcess::prepare(workload)?.execute(options).await?;
    let waves: Arc<Waves> = Arc::new(waves);
    let pool: Arc<Mutex<Vec<Connection>>> = Arc::default();
    answer_all(listener, move |asked| {
        let (answer, waves, pool) = (answer.clone(), Arc::clone(&waves), Arc::clone(&pool));
        async move {
            let authorization = &asked.authorization;
            for wave in waves.iter() {
                let exchanges = wave.iter().map(|(name, body)| {
                    let pool = &pool;
                    async move {
                        let pooled = lock(pool).pop();
                        let mut connection = match pooled {
                            Some(connection) => connection,
                            None => Connection::open(subgraphs).await?,
                        };
                        connection.post(&format!("/{name}"), authorization, body.clone()).await?;
                        lock(pool).push(connection);
                        anyhow::Ok(())
                    }
                });
                try_join_all(exchanges).await?;
            }
            Ok(Some(answer))
        }
    })
    .await
}

fn lock(pool: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}
