//! Holds the repository to its rules.

use std::path::Path;
use std::sync::LazyLock;

use tidy::crates::{Arrows, Package, follow_the_arrows, is_built_without, is_imported_by};
use tidy::tree::SourceFile;
use tidy::{corpus, crates, licence, npm, text, tree};

/// A crate imports only what is below it (ARCHITECTURE.md draws it).
const ARROWS: Arrows<'_> = &[
    ("telemetry", &[], &[]),
    ("supergraph", &[], &[]),
    ("composition", &["supergraph"], &[]),
    ("planner", &["supergraph"], &["composition"]),
    ("executor", &["planner", "supergraph"], &["composition"]),
    ("playground", &[], &[]),
    (
        "server",
        &["composition", "planner", "executor", "playground", "supergraph", "telemetry"],
        &[],
    ),
    ("service", &["telemetry"], &["migrations"]),
    ("auth", &["service"], &["migrations"]),
    ("logistics", &["service"], &["migrations"]),
    ("platform", &["service"], &["migrations"]),
    ("migrations", &[], &[]),
    (
        "standalone",
        &[
            "server",
            "composition",
            "playground",
            "auth",
            "logistics",
            "platform",
            "service",
            "migrations",
            "telemetry",
        ],
        &["supergraph"],
    ),
    ("bench", &["composition", "planner", "executor", "supergraph"], &[]),
    ("tidy", &[], &[]),
];

/// What a pure crate has no use for: runtimes, HTTP, databases, clocks, logs.
const IMPURE: [&str; 16] = [
    "tokio",
    "async-std",
    "smol",
    "mio",
    "hyper",
    "http",
    "axum",
    "tower",
    "reqwest",
    "rustls",
    "async-graphql",
    "sea-orm",
    "sqlx-core",
    "chrono",
    "rand",
    "tracing",
];

/// Who of us may import what: (library, in all of it, in tests beside).
const USERS: &[(&str, &[&str], &[&str])] = &[
    ("axum", &["server", "service", "auth", "logistics", "platform", "standalone"], &[]),
    ("hyper", &["server", "bench"], &[]),
    ("hyper-util", &["server", "bench"], &[]),
    ("reqwest", &["service", "telemetry"], &["standalone"]),
    ("async-graphql", &["service", "auth", "logistics", "platform"], &[]),
    ("sea-orm", &["service", "auth", "logistics", "platform", "migrations", "standalone"], &[]),
    ("sea-orm-migration", &["migrations"], &[]),
    ("sqlx", &[], &[]),
    ("async-nats", &["service"], &[]),
    ("apollo-federation", &[], &[]),
];

/// Names of modules that tell enough where they stand.
const NAMES: [&str; 1] = ["router/supergraph/src/types.rs"];

/// Licences of packages that only bring a file: what it says.
const STATED: [(&str, &str); 1] = [("jsonpath-rust", "MIT")];

static FILES: LazyLock<Vec<SourceFile>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tidy stands in the root");
    tree::read(root).expect("the repository is readable")
});

static PACKAGES: LazyLock<Vec<Package>> = LazyLock::new(|| {
    let manifest_path = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    crates::read(manifest_path).expect("cargo knows the workspace")
});

#[track_caller]
fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
}

#[track_caller]
fn holds(rule: impl Fn(&SourceFile) -> Vec<String>) {
    assert_none(&FILES.iter().flat_map(rule).collect::<Vec<_>>());
}

#[test]
fn every_module_opens_with_a_sentence() {
    holds(text::opens_with_a_sentence);
}

#[test]
fn every_name_tells_what_is_inside() {
    holds(|file| text::has_a_telling_name(file, &NAMES));
}

#[test]
fn no_loose_end_is_left() {
    holds(text::leaves_no_loose_end);
}

#[test]
fn no_machine_is_named() {
    holds(text::names_no_machine);
}

#[test]
fn crates_import_only_what_is_below_them() {
    assert_none(&follow_the_arrows(&PACKAGES, ARROWS));
}

#[test]
fn pure_crates_are_built_without_a_runtime_http_or_a_database() {
    for name in ["supergraph", "composition", "planner", "executor"] {
        assert_none(&is_built_without(&PACKAGES, name, &IMPURE));
    }
}

#[test]
fn libraries_have_their_users() {
    for (library, users, testers) in USERS {
        assert_none(&is_imported_by(&PACKAGES, library, users, testers));
    }
}

#[test]
fn every_licence_is_allowed() {
    assert_none(&licence::are_allowed(&PACKAGES, &licence::ALLOWED, &STATED));
}

#[test]
fn every_case_is_complete() {
    let paths = FILES.iter().filter_map(|file| file.path.strip_prefix("router/cases/"));
    assert_none(&corpus::is_complete(paths));
}

#[test]
fn npm_locks_name_no_host() {
    // Python's own, permissive too, on the option parser that markdown-it ports from it.
    let allowed = [&licence::ALLOWED[..], &["Python-2.0"]].concat();
    holds(|file| npm::locks_well(file, &allowed));
}
