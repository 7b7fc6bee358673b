//! Plans operations and prints what it takes: `cargo bench -p planner`.
//!
//! The corpus, and the graphs that the tests hold hard; or the cases in the folders that are named:
//! `cargo bench -p planner -- router/cases/ridegraph/home`. A case is a `supergraph.graphql` with operations beside it.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use apollo_compiler::ExecutableDocument;
use planner::plan;
use supergraph::Supergraph;

#[path = "../src/tests/hard.rs"]
mod hard;

/// The router's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What planning one operation took.
struct Planned {
    name: String,
    milliseconds: f64,
    requests: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` only wants to know that it works.
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let least_ms = if is_bench { 50.0 } else { 0.0 };
    let named: Vec<PathBuf> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .map(PathBuf::from)
        .collect();
    let folders = if named.is_empty() { corpus() } else { named.clone() };
    let mut planned = Vec::new();
    for folder in &folders {
        plan_folder(folder, least_ms, &mut planned);
    }
    println!("{:>10} {:>9}  operation", "CPU ms", "requests");
    planned.sort_by(|a, b| b.milliseconds.total_cmp(&a.milliseconds));
    planned.iter().take(5).for_each(print);
    if let Some(median) = planned.get(planned.len() / 2) {
        let requests: usize = planned.iter().map(|one| one.requests).sum();
        let (count, milliseconds) = (planned.len(), median.milliseconds);
        println!("{milliseconds:>10.3} {requests:>9}  median, and all, of {count} operations");
    }
    if named.is_empty() {
        for hard in hard::all() {
            print(&planned_in(&hard.sdl, &hard.operation, hard.name.to_owned(), least_ms));
        }
    }
    if let Some(mib) = peak_mib() {
        println!("{mib} MiB at most, with all graphs");
    }
}

fn print(one: &Planned) {
    println!("{:>10.3} {:>9}  {}", one.milliseconds, one.requests, one.name);
}

/// The cases of the corpus that have a supergraph.
fn corpus() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases");
    let folders = |path: &Path| {
        let entries = path.read_dir().expect("the corpus is there");
        let paths = entries.map(|entry| entry.expect("the corpus can be read").path());
        paths.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let cases = folders(&root).into_iter().flat_map(|subject| folders(&subject));
    cases.filter(|case| case.join("supergraph.graphql").exists()).collect()
}

fn plan_folder(folder: &Path, least_ms: f64, planned: &mut Vec<Planned>) {
    let read = |path: &Path| std::fs::read_to_string(path).expect("a case can be read");
    let sdl = read(&folder.join("supergraph.graphql"));
    for entry in folder.read_dir().expect("a case is a folder").flatten() {
        let path = entry.path();
        let is_operation = path.extension().is_some_and(|it| it == "graphql")
            && path.file_name().is_some_and(|it| it != "supergraph.graphql");
        if is_operation {
            let name = [folder.file_name(), path.file_stem()].into_iter().flatten();
            let name: PathBuf = name.collect();
            planned.push(planned_in(&sdl, &read(&path), name.display().to_string(), least_ms));
        }
    }
}

/// Plans an operation over and over, for at least so long: what the system tells of a thread's time, it tells in steps.
fn planned_in(sdl: &str, operation: &str, name: String, least_ms: f64) -> Planned {
    let supergraph = Supergraph::parse(sdl).expect("the supergraph is one");
    let schema = supergraph.api_schema();
    let document = ExecutableDocument::parse_and_validate(schema, operation, "operation.graphql")
        .expect("the operation is valid");
    let operation = document.operations.iter().next().expect("there is an operation");
    let (mut rounds, mut requests, before) = (0, 0, cpu_ms());
    loop {
        let plan = plan(&supergraph, black_box(&document), operation).expect("it can be planned");
        rounds += 1;
        requests = requests.max(plan.fetches.len());
        let taken = cpu_ms() - before;
        // Where the system does not tell, once is enough.
        if taken.is_nan() || taken >= least_ms {
            return Planned { name, milliseconds: taken / f64::from(rounds), requests };
        }
    }
}

/// The time that the thread has had the processor for, where the system tells.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split_whitespace().next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.map_or(f64::NAN, |nanoseconds| nanoseconds / 1_000_000.0)
}

/// The most memory that the process ever held, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}
