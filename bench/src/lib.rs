//! Workloads as data, the subgraphs for them, and what measures routers with them.
//!
//! 1. [`Workload`] is an operation; [`Federation`] the schemas and data that it asks.
//! 2. [`server`] serves the subgraphs; [`process`] starts a router over them; [`load`] asks it.
//! 3. [`run`] lets routers take turns and compares them; [`floor`] is what no router can be cheaper than.

mod connection;
mod federation;
pub mod floor;
mod http1;
pub mod load;
pub mod process;
pub mod run;
pub mod server;
mod subgraph;
mod workload;

pub use federation::Federation;
pub use subgraph::Subgraph;
pub use workload::{Settings, Workload};
