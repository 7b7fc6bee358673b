//! Executes a query plan against subgraphs.

mod client;

pub use client::*;
