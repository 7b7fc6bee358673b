# `just --list`. Nothing here is needed: `cargo run` starts everything, `scripts/test` checks everything.

# What is checked without running a test.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    cargo test -p tidy

# All tests, on the embedded database; `scripts/test` runs them on Postgres and NATS too.
test *ARGUMENTS:
    cargo test --workspace {{ ARGUMENTS }}

# Random federations against one server, and random inputs for every parser: more than the tests try.
differential CASES="100000" SEED="1":
    DIFFERENTIAL_CASES={{ CASES }} DIFFERENTIAL_SEED={{ SEED }} cargo test --release -p executor --test differential -- --nocapture

fuzz CASES="100000" SEED="1":
    PROPTEST_CASES={{ CASES }} PROPTEST_RNG_SEED={{ SEED }} cargo test --release -p supergraph -p composition -p executor -p server --test fuzz

# Writes the expected outputs anew. Then read the diff.
bless *ARGUMENTS:
    UPDATE_EXPECT=1 cargo test --workspace {{ ARGUMENTS }}
    git diff --stat

# Prints the supergraph of running subgraphs.
compose:
    cargo run -p server -- compose --config router.yaml supergraph.yaml

# Prints the query plan of an operation.
plan OPERATION SUPERGRAPH="router/cases/ridegraph/home/supergraph.graphql":
    cargo run -p server -- plan --supergraph {{ SUPERGRAPH }} {{ OPERATION }}

# Starts the separate processes in containers; the first time with fresh secrets.
up:
    test -f .env || scripts/secrets > .env
    docker compose up --build --detach --wait

# Ends them. The data stays.
down:
    docker compose down

# Brings the tables of DATABASE_URL up to date; `just migrate status`, `just migrate down`.
migrate *ARGUMENTS="up":
    cargo run -p migrations -- {{ ARGUMENTS }}

# The story, in one process and in separate ones, and in a browser.
e2e:
    cargo test -p standalone
    scripts/test processes browser

# Measures the router: `just bench --workload public`, `just bench --router 'peer=COMMAND'`; see bench/README.md.
bench *ARGUMENTS:
    cargo build --release -p server -p bench
    target/release/bench run {{ ARGUMENTS }} --router 'ours=target/release/router serve --supergraph {supergraph} --listen 127.0.0.1:{port} --config bench/peers/router.yaml --log error'

# Times compose, plan and execute by themselves.
bench-stages *ARGUMENTS:
    cargo bench -p bench -- {{ ARGUMENTS }}

# Advisories, licences and bans, for whoever has cargo-deny.
deny:
    cargo deny check
