//! Composes generated federations and prints what it takes: `cargo bench -p composition --bench compose`; or the cases in the
//! folders that are named: `cargo bench -p composition --bench compose -- router/cases/ridegraph/home`.
//!
//! Each subgraph owns entities that refer to its neighbours', adds fields to entities of others (some with
//! `@requires`), and shares value types, an interface and an input object with all.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use composition::{SubgraphSource, compose};

/// The router's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // `cargo test --benches` only wants to know that it works.
    let is_test = !std::env::args().any(|argument| argument == "--bench");
    let sizes: &[(usize, usize)] =
        if is_test { &[(5, 20)] } else { &[(3, 30), (10, 100), (30, 100), (100, 100)] };
    let mut federations: Vec<(String, Vec<SubgraphSource>)> = Vec::new();
    for folder in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        let sources = read(Path::new(&folder));
        federations.push((folder, sources));
    }
    if federations.is_empty() {
        let generated = |(subgraphs, types): &(usize, usize)| {
            (format!("{types} types in each"), federation(*subgraphs, *types))
        };
        federations.extend(sizes.iter().map(generated));
    }
    println!("{:>9} {:>9} {:>10} {:>10} {:>9}", "subgraphs", "SDL in", "CPU", "best", "at most");
    for (name, sources) in federations {
        let input: usize = sources.iter().map(|source| source.sdl.len()).sum();
        let rounds = if sources.len() < 100 { 5 } else { 3 };
        let mut best = (f64::INFINITY, f64::INFINITY);
        for _ in 0..rounds {
            let (cpu, elapsed) = millis(&sources);
            best = (best.0.min(cpu), best.1.min(elapsed));
        }
        println!(
            "{:>9} {:>5} KiB {:>7.1} ms {:>7.1} ms {:>5} MiB  {name}",
            sources.len(),
            input / 1024,
            best.0,
            best.1,
            peak_mib().map_or_else(|| "?".to_owned(), |mib| mib.to_string())
        );
    }
}

/// The subgraphs of a case.
fn read(folder: &Path) -> Vec<SubgraphSource> {
    let entries = folder.join("subgraphs").read_dir().expect("a case has subgraphs");
    let source = |path: PathBuf| SubgraphSource {
        name: path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        url: "http://subgraph.test/graphql".to_owned(),
        sdl: std::fs::read_to_string(&path).expect("a schema can be read"),
    };
    entries.flatten().map(|entry| source(entry.path())).collect()
}

/// The time that composing takes: on the processor, and on the clock.
fn millis(sources: &[SubgraphSource]) -> (f64, f64) {
    let (start, cpu) = (Instant::now(), cpu_ms());
    let composed = compose(black_box(sources));
    let (elapsed, cpu) = (start.elapsed(), cpu_ms() - cpu);
    black_box(composed.expect("the generated federation composes"));
    (cpu, elapsed.as_secs_f64() * 1000.0)
}

/// The time that the thread has had the processor for, where the system tells.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split_whitespace().next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.map_or(f64::NAN, |nanoseconds| nanoseconds / 1_000_000.0)
}

/// The most memory that the process ever held, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}

/// Subgraphs with so many types each.
fn federation(subgraphs: usize, types: usize) -> Vec<SubgraphSource> {
    (0..subgraphs)
        .map(|index| SubgraphSource {
            name: format!("subgraph{index}"),
            url: format!("http://subgraph{index}.test/graphql"),
            sdl: schema(index, subgraphs, types),
        })
        .collect()
}

fn schema(index: usize, subgraphs: usize, types: usize) -> String {
    let mut sdl = String::from(
        "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.5\", import: [\"@key\", \"@shareable\", \
         \"@external\", \"@requires\"])\n\n",
    );
    let shared = types / 10;
    let extended = types * 3 / 10;
    let own = types - shared - extended;
    let _ = writeln!(sdl, "interface Node {{ id: ID! }}\n");
    let _ = writeln!(sdl, "input Page {{ first: Int = 10 after: String }}\n");
    for number in 0..shared {
        let _ = writeln!(
            sdl,
            "type Value{number} @shareable {{ amount: Int! unit: String! next: Value{} }}\n",
            (number + 1) % shared
        );
    }
    for number in 0..own {
        let _ = writeln!(
            sdl,
            "\"The entity {number} of {index}.\"\ntype Entity{index}x{number} implements Node @key(fields: \"id\") \
             @key(fields: \"code\") {{\n  id: ID!\n  code: String!\n  name: String\n  size: Int\n  value: Value{}\n  \
             friends(page: Page, filter: String): [Entity{index}x{}!]\n}}\n",
            number % shared.max(1),
            (number * 7 + 1) % own
        );
    }
    for number in 0..extended {
        let neighbour = (index + 1 + number % (subgraphs - 1).min(5)) % subgraphs;
        let _ = writeln!(
            sdl,
            "type Entity{neighbour}x{number} @key(fields: \"id\") {{\n  id: ID!\n  size: Int @external\n  \
             from{index}: Int @requires(fields: \"size\")\n  also{index}: Entity{index}x{}\n}}\n",
            number % own
        );
    }
    let _ = writeln!(sdl, "type Query {{");
    for number in 0..own / 4 {
        let _ = writeln!(sdl, "  entity{index}x{number}(id: ID!): Entity{index}x{number}");
    }
    let _ = writeln!(sdl, "}}");
    sdl
}
