//! Starts Ridegraph in one process.
fn main() {}
