//! The differential test: random federations, each split from one schema at random, must answer as one server would.
//!
//! 1. `Split::random` makes a schema and splits it into subgraphs, `Split::decorate` adds the directives of federation, `truth`
//!    makes data; `Projection` says what each subgraph knows of it.
//! 2. `Federation::compose` composes the subgraphs with our own composition.
//! 3. `operation` writes random operations against the API schema.
//! 4. `Composed::check` plans and executes each over strict fake subgraphs, and compares with the reference executor over the
//!    whole truth: the same bytes of `data`, and errors at the same places.
//! 5. `mutate` takes something out: composition refuses, or what it makes of the rest is answered as before.
//! 6. `detour` minds that a plan takes no more requests than one for a harder question.
//! 7. What fails is made smaller by `shrink` as long as it fails, and becomes a case directory.
//!
//! `DIFFERENTIAL_CASES` and `DIFFERENTIAL_SEED` in the environment make a longer run, or another.

mod case;
mod case_directory;
mod context;
#[path = "../cases/context.rs"]
mod contextual;
#[path = "../cases/data.rs"]
mod data;
mod detour;
mod directives;
mod errors;
#[path = "../cases/fake_subgraph.rs"]
mod fake_subgraph;
mod hide;
mod input;
mod interface_object;
mod link;
mod mutate;
mod neat;
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

use std::collections::BTreeMap;
use std::path::Path;

use crate::case::{Composed, Failure, Federation, Kind};
use crate::mutate::mutate;
use crate::operation::{Operation, operation};
use crate::random::Random;
use crate::split::Split;

/// Operations tried on each federation.
const OPERATIONS: usize = 8;
/// How often something is taken out of each federation, and operations are tried on what still composes.
const MUTATIONS: usize = 4;
const OPERATIONS_IF_MUTATED: usize = 3;
/// One plan in so many may take a request more than it could: the search weighs each root field by itself, and does not see
/// that hops of several to one subgraph become one request.
const CASES_WITH_ONE_DETOUR: usize = 500;
/// Failing cases that are made small; there is no need to see more at once.
const SHOWN: usize = 10;

/// What a run has seen.
#[derive(Debug, Default)]
struct Tally {
    federations: usize,
    cases: usize,
    /// Operations that turned out not to be valid, since types conflict in fragments.
    invalid: usize,
    /// Federations that compose without something, and those that do not.
    mutated: usize,
    /// Those of which a way was blocked.
    harder: usize,
    refused: usize,
    mismatches: BTreeMap<Kind, usize>,
    shown: Vec<String>,
}

impl Tally {
    fn try_federation(&mut self, seed: u64) {
        let mut random = Random::new(seed);
        let mut split = Split::random(&mut random);
        split.decorate(&mut random);
        let truth = truth::truth(&split, &mut random);
        let name = |part: usize| Split::part_name(part).to_owned();
        let unknown = split.unknown.iter().map(|(id, part)| (id.clone(), name(*part))).collect();
        let subgraphs = split.print();
        let renaming = subgraphs.iter().map(|(name, _)| name.clone());
        let renaming = renaming.filter(|_| random.percent(15)).collect();
        let federation = Federation { subgraphs, truth, unknown, renaming };
        self.federations += 1;
        let composed = match federation.compose() {
            Ok(composed) => composed,
            Err(failure) => {
                let anything =
                    Operation { text: "{ __typename }".to_owned(), ..Operation::default() };
                return self.note(seed, &federation, &anything, &failure);
            }
        };
        let (operations, failures) = self.failures(&composed, OPERATIONS, &mut random);
        for (operation, failure) in failures {
            self.note(seed, &federation, &operation, &failure);
        }
        self.look_for_detours(seed, &federation, &composed, &operations, &mut random);
        for _ in 0..MUTATIONS {
            self.try_mutation(seed, &mutate(&federation, &mut random), &mut random);
        }
    }

    /// Blocks a way of the federation: no operation takes less then.
    fn look_for_detours(
        &mut self,
        seed: u64,
        federation: &Federation,
        composed: &Composed,
        operations: &[Operation],
        random: &mut Random,
    ) {
        let Ok(harder) = random.pick(&detour::harder(federation)).compose() else { return };
        self.harder += 1;
        for operation in operations {
            if let Err(failure) = detour::compare(composed, &harder, operation) {
                self.note(seed, federation, operation, &failure);
            }
        }
    }

    /// What is composed of the rest is answered; or it is refused, with reasons.
    fn try_mutation(&mut self, seed: u64, federation: &Federation, random: &mut Random) {
        match federation.compose() {
            Err(failure) if matches!(failure.kind, Kind::Composition | Kind::Satisfiability) => {
                self.refused += 1;
            }
            Err(failure) => self.note(seed, federation, &Operation::default(), &failure),
            Ok(composed) => {
                self.mutated += 1;
                let (_, failures) = self.failures(&composed, OPERATIONS_IF_MUTATED, random);
                for (operation, failure) in failures {
                    // The data was made for what is no longer in the schema.
                    if failure.kind != Kind::Misfit {
                        self.note(seed, federation, &operation, &failure);
                    }
                }
            }
        }
    }

    /// So many random operations, if they are valid, and those that fail.
    fn failures(
        &mut self,
        composed: &Composed,
        count: usize,
        random: &mut Random,
    ) -> (Vec<Operation>, Vec<(Operation, Failure)>) {
        let (mut operations, mut failures) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let operation = operation(composed.supergraph.api_schema(), random);
            let Some(document) = composed.validate(&operation) else {
                self.invalid += 1;
                continue;
            };
            self.cases += 1;
            operations.push(operation.clone());
            if let Err(failure) = composed.check(&document, &operation) {
                failures.push((operation, failure));
            }
        }
        (operations, failures)
    }

    /// Makes a failing case small and writes it down.
    fn note(
        &mut self,
        seed: u64,
        federation: &Federation,
        operation: &Operation,
        failure: &Failure,
    ) {
        *self.mismatches.entry(failure.kind).or_default() += 1;
        // Of detours there may be some.
        let is_detour = failure.kind == Kind::Detour;
        if self.shown.len() >= if is_detour { SHOWN / 2 } else { SHOWN } {
            return;
        }
        let (federation, operation) =
            shrink::shrink(federation.clone(), operation.clone(), failure);
        let failure =
            shrink::failure(&federation, &operation, failure).expect("a small case fails, too");
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential");
        let name = format!("seed_{seed}_{}", self.shown.len());
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
    let cases = from_environment("DIFFERENTIAL_CASES").unwrap_or(2_500);
    let first = from_environment("DIFFERENTIAL_SEED").unwrap_or(1);
    let mut tally = Tally::default();
    for seed in first.. {
        tally.try_federation(seed);
        if tally.cases as u64 >= cases {
            break;
        }
    }
    let Tally { federations, cases, invalid, mutated, harder, refused, mismatches, shown } = tally;
    println!(
        "{cases} cases from seed {first}: {federations} federations, {mutated} that compose without something \
         ({refused} do not) and {harder} with a way less, {invalid} operations that are not valid"
    );
    let detours = mismatches.get(&Kind::Detour).copied().unwrap_or_default();
    println!("mismatches: {mismatches:?}");
    let is_right = mismatches.keys().all(|kind| *kind == Kind::Detour);
    let is_short = detours <= cases / CASES_WITH_ONE_DETOUR;
    assert!(is_right && is_short, "{}", shown.join("\n\n"));
}
