//! The differential test: random federations, each split from one schema at random, must answer as one server would.
//!
//! 1. `Split::random` makes a schema and splits it into subgraphs, `Split::decorate` adds the directives of federation, `truth`
//!    makes data; `Projection` says what each subgraph knows of it.
//! 2. `Federation::compose` composes the subgraphs with our own composition.
//! 3. `operation` writes random operations against the API schema.
//! 4. `Composed::check` plans and executes each over strict fake subgraphs, and compares with the reference executor over the
//!    whole truth: the same bytes of `data`, and errors at the same places.
//! 5. What fails is made smaller by `shrink` as long as it fails, and becomes a case directory.
//!
//! `DIFFERENTIAL_CASES` and `DIFFERENTIAL_SEED` in the environment make a longer run, or another.

mod case;
mod case_directory;
#[path = "../cases/data.rs"]
mod data;
mod directives;
mod errors;
#[path = "../cases/fake_subgraph.rs"]
mod fake_subgraph;
mod operation;
mod print;
mod project;
mod random;
#[path = "../cases/reference.rs"]
mod reference;
#[path = "../cases/resolver.rs"]
mod resolver;
mod schema;
mod shrink;
mod split;
mod truth;

use std::path::Path;

use crate::case::{Failure, Federation, Kind};
use crate::operation::{Operation, operation};
use crate::random::Random;
use crate::split::Split;

/// Operations tried on each federation.
const OPERATIONS: usize = 8;
/// Failing cases that are made small; there is no need to see more at once.
const SHOWN: usize = 10;

/// What a run has seen.
#[derive(Debug, Default)]
struct Tally {
    federations: usize,
    cases: usize,
    /// Operations that turned out not to be valid, since types conflict in fragments.
    invalid: usize,
    mismatches: usize,
    shown: Vec<String>,
}

impl Tally {
    fn try_federation(&mut self, seed: u64) {
        let mut random = Random::new(seed);
        let mut split = Split::random(&mut random);
        split.decorate(&mut random);
        let truth = truth::truth(&split, &mut random);
        let federation = Federation { subgraphs: split.print(), truth };
        self.federations += 1;
        let composed = match federation.compose() {
            Ok(composed) => composed,
            Err(failure) => {
                let anything =
                    Operation { text: "{ __typename }".to_owned(), ..Operation::default() };
                return self.note(seed, &federation, &anything, &failure);
            }
        };
        for _ in 0..OPERATIONS {
            let operation = operation(composed.supergraph.api_schema(), &mut random);
            let Some(document) = composed.validate(&operation) else {
                self.invalid += 1;
                continue;
            };
            self.cases += 1;
            if let Err(failure) = composed.check(&document, &operation) {
                self.note(seed, &federation, &operation, &failure);
            }
        }
    }

    /// Makes a failing case small and writes it down.
    fn note(
        &mut self,
        seed: u64,
        federation: &Federation,
        operation: &Operation,
        failure: &Failure,
    ) {
        self.mismatches += 1;
        if self.shown.len() == SHOWN {
            return;
        }
        let (federation, operation) =
            shrink::shrink(federation.clone(), operation.clone(), failure);
        let failure = shrink::failure(&federation, &operation).expect("a small case fails, too");
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential");
        let name = format!("seed_{seed}_{}", self.mismatches);
        let written = case_directory::write(&root, &name, &federation, &operation, &failure);
        let at = written.expect("the target directory is writable");
        let kind: Kind = failure.kind;
        self.shown.push(format!("{kind:?}: {}\nsee {}", failure.reason, at.display()));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no config.rs")]
fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn federations_answer_as_one_server_would() {
    let cases = from_environment("DIFFERENTIAL_CASES").unwrap_or(3_000);
    let first = from_environment("DIFFERENTIAL_SEED").unwrap_or(1);
    let mut tally = Tally::default();
    for seed in first.. {
        tally.try_federation(seed);
        if tally.cases as u64 >= cases {
            break;
        }
    }
    let Tally { federations, cases, invalid, mismatches, shown } = tally;
    println!(
        "{cases} cases on {federations} federations from seed {first} ({invalid} operations were not valid)"
    );
    assert!(mismatches == 0, "{mismatches} mismatches of {cases} cases:\n{}", shown.join("\n\n"));
}
