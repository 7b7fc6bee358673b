//! The binary `bench`: measures routers, serves the subgraphs of a federation, or is the floor of a workload.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bench::process::RouterCommand;
use bench::{Federation, Workload, floor, run, server};
use clap::Parser;
use executor::Options;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures federation routers.
#[derive(Debug, Parser)]
enum Command {
    /// Let routers take turns at each workload.
    Run(Run),
    /// Serve the subgraphs of a federation.
    Subgraphs {
        /// Which.
        federation: String,
        /// Where.
        #[arg(long)]
        listen: SocketAddr,
        /// How long an answer is held back.
        #[arg(long, default_value_t = 0)]
        latency_ms: u64,
    },
    /// Serve a workload's answer after making its exchanges with the subgraphs, and do nothing else.
    Floor {
        /// Which.
        workload: String,
        /// Where.
        #[arg(long)]
        listen: SocketAddr,
        /// Where the subgraphs are.
        #[arg(long)]
        subgraphs: SocketAddr,
        /// Make the exchanges that our executor makes without the entity store.
        #[arg(long)]
        without_store: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// `NAME=COMMAND`; `{supergraph}`, `{port}` and `{subgraphs}` stand for what it serves, where, and the address of the
    /// subgraphs. Ratios are against the first.
    #[arg(long = "router", required = true)]
    routers: Vec<RouterCommand>,
    /// Which workload; all where none is named.
    #[arg(long = "workload")]
    workloads: Vec<String>,
    /// How often each router is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each time.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// A file with an operation, instead of that of the workload.
    #[arg(long)]
    operation: Option<PathBuf>,
    /// Clients, instead of as many as the workload says.
    #[arg(long)]
    clients: Option<usize>,
    /// Variables, instead of those of the workload.
    #[arg(long)]
    variables: Option<String>,
    /// How long a subgraph holds an answer back.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Types in the supergraph that nobody asks for.
    #[arg(long, default_value_t = 0)]
    filler_types: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Run(run) => run.run().await,
        Command::Subgraphs { federation, listen, latency_ms } => {
            let federation = Federation::read(&federation)?;
            let listener = TcpListener::bind(listen).await?;
            let latency = Duration::from_millis(latency_ms);
            server::serve(listener, federation, latency).await.map(|never| match never {})
        }
        Command::Floor { workload, listen, subgraphs, without_store } => {
            let workload = Workload::read(&workload)?;
            let listener = TcpListener::bind(listen).await?;
            let options = Options { entity_store: !without_store, ..Options::default() };
            floor::serve(listener, &workload, subgraphs, &options).await.map(|never| match never {})
        }
    }
}

impl Run {
    async fn run(self) -> anyhow::Result<()> {
        let plan = run::Plan {
            routers: self.routers,
            rounds: self.rounds,
            time: Duration::from_secs(self.seconds),
            latency_ms: self.latency_ms,
            filler_types: self.filler_types,
        };
        let names = if self.workloads.is_empty() { Workload::names()? } else { self.workloads };
        for name in names {
            let mut workload = Workload::read(&name)?;
            if let Some(operation) = &self.operation {
                workload.document = std::fs::read_to_string(operation)?;
            }
            if let Some(clients) = self.clients {
                workload.settings.clients = clients;
            }
            if let Some(variables) = &self.variables {
                workload.settings.variables = serde_json::from_str(variables)?;
            }
            let Workload { settings, .. } = &workload;
            println!(
                "\n**{name}**: {} {} clients.\n\n{}",
                settings.about,
                settings.clients,
                run::HEADER
            );
            for row in run::run(&plan, &workload).await?.rows() {
                println!("{row}");
            }
        }
        Ok(())
    }
}
