//! Measures routers in turns, and tells what was seen as a table.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::load;
use crate::process::{Router, RouterCommand};
use crate::workload::Workload;

/// How long a router is asked before it is measured.
const WARM_UP: Duration = Duration::from_secs(2);

/// What is measured, and how long.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Who takes turns; ratios are against the first.
    pub routers: Vec<RouterCommand>,
    /// How often each is measured.
    pub rounds: usize,
    /// How long each time.
    pub time: Duration,
    /// How long a subgraph holds an answer back.
    pub latency_ms: u64,
    /// Types in the supergraph that nobody asks for.
    pub filler_types: usize,
}

/// What was seen of a router in one turn.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    cpu_us: f64,
    throughput: f64,
    p50_ms: f64,
    p99_ms: f64,
    peak_mib: f64,
    wrong: usize,
}

/// What was seen of each router, turn by turn, in the plan's order.
pub struct Seen {
    turns: Vec<(String, Vec<Turn>)>,
    answers: BTreeMap<String, Value>,
}

/// Measures all routers with a workload.
pub async fn run(plan: &Plan, workload: &Workload) -> anyhow::Result<Seen> {
    let subgraphs_at = free_address().await?;
    let _subgraphs = start_subgraphs(&workload.settings.federation, subgraphs_at, plan.latency_ms)?;
    let sdl =
        workload.federation()?.supergraph_sdl(&subgraphs_at.to_string(), plan.filler_types)?;
    let file = std::env::temp_dir().join(format!("bench-{}.graphql", std::process::id()));
    std::fs::write(&file, sdl)?;
    let supergraph = file.to_str().context("a path in UTF-8")?;
    let turns = plan.routers.iter().map(|router| (router.name.clone(), Vec::new())).collect();
    let mut seen = Seen { turns, answers: BTreeMap::new() };
    for _ in 0..plan.rounds {
        for (at, command) in plan.routers.iter().enumerate() {
            let (turn, answer) = take_turn(plan, workload, command, (supergraph, subgraphs_at))
                .await
                .with_context(|| format!("`{}` on `{}`", command.name, workload.name))?;
            seen.turns[at].1.push(turn);
            seen.answers.insert(command.name.clone(), answer);
        }
    }
    std::fs::remove_file(&file)?;
    Ok(seen)
}

async fn take_turn(
    plan: &Plan,
    workload: &Workload,
    command: &RouterCommand,
    serves: (&str, SocketAddr),
) -> anyhow::Result<(Turn, Value)> {
    let address = free_address().await?;
    let body = workload.body();
    let clients = workload.settings.clients;
    let (router, answer) = Router::start(command, serves, address, &body).await?;
    load::run(address, &body, &answer, clients, WARM_UP).await?;
    let before = router.cpu_seconds()?;
    let load = load::run(address, &body, &answer, clients, plan.time).await?;
    let cpu_seconds = router.cpu_seconds()? - before;
    let turn = Turn {
        cpu_us: cpu_seconds * 1e6 / load.requests(),
        throughput: load.throughput(),
        p50_ms: load.percentile(50).as_secs_f64() * 1e3,
        p99_ms: load.percentile(99).as_secs_f64() * 1e3,
        peak_mib: router.peak_mib()?,
        wrong: load.wrong,
    };
    router.stop().await?;
    Ok((turn, serde_json::from_slice(&answer)?))
}

/// The subgraphs run in a process of their own, as they would.
fn start_subgraphs(federation: &str, at: SocketAddr, latency_ms: u64) -> anyhow::Result<Child> {
    let bench = std::env::current_exe()?;
    let arguments = ["--listen", &at.to_string(), "--latency-ms", &latency_ms.to_string()];
    let mut command = Command::new(bench);
    command.args(["subgraphs", federation]).args(arguments).kill_on_drop(true);
    command.spawn().context("the subgraphs do not start")
}

/// An address that nobody listens on.
async fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

impl Seen {
    /// One line for each router: medians, and ratios against the first.
    pub fn rows(&self) -> Vec<String> {
        let Some((first, first_turns)) = self.turns.first() else { return Vec::new() };
        let ratio = |turns: &[Turn], figure: fn(&Turn) -> f64| {
            median(turns, figure) / median(first_turns, figure)
        };
        let row = |(name, turns): &(String, Vec<Turn>)| {
            let wrong: usize = turns.iter().map(|turn| turn.wrong).sum();
            let same = self.answers[name] == self.answers[first];
            format!(
                "| {name} | {:.0} | {:.2} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} | {:.2} | {wrong} | {} |",
                median(turns, |turn| turn.cpu_us),
                ratio(turns, |turn| turn.cpu_us),
                median(turns, |turn| turn.throughput),
                median(turns, |turn| turn.p50_ms),
                median(turns, |turn| turn.p99_ms),
                ratio(turns, |turn| turn.p99_ms),
                median(turns, |turn| turn.peak_mib),
                ratio(turns, |turn| turn.peak_mib),
                if same { "same" } else { "DIFFERS" },
            )
        };
        self.turns.iter().map(row).collect()
    }
}

/// What the columns of [`Seen::rows`] are.
pub const HEADER: &str = "| router | CPU µs/request | × | requests/s | p50 ms | p99 ms | × | peak MiB | × | wrong | answer |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|";

fn median(turns: &[Turn], figure: fn(&Turn) -> f64) -> f64 {
    let mut figures: Vec<f64> = turns.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
