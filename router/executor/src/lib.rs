//! Executes a query plan against subgraphs: a plan and its operation in, the client's answer out, as bytes.
//!
//! 1. [`Executable::lower`] turns plan and operation into arrays and indices (`program`), once for each operation: which
//!    entries the objects of the response tree have, how answers are read into them, what is sent, what is shown.
//! 2. [`Executable::execute`] coerces the variables (`VariableTypes::coerce`) and answers introspection.
//! 3. `Run::fetch_all` starts each fetch as soon as the fetches that it depends on have ended: `Run::represent` turns rows
//!    into representations, each distinct one once, and `Run::body` puts them into the prepared request.
//! 4. `Run::take_in` reads an answer: `scan` walks its bytes once and fills rows, whose leaves stay slices of the
//!    answer; rows are merged into the response tree, and the subgraph's errors get the paths that the client knows.
//! 5. `emit` writes the response tree in the order of the client's selection set, propagates nulls, and copies leaves
//!    verbatim.
//!
//! It reaches subgraphs through [`SubgraphClient`] alone, and names no runtime and no HTTP.

mod client;
mod error;
mod executable;
mod introspection;
mod json;
mod limits;
mod lower;
mod program;
mod run;
mod variables;

pub use client::{SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse};
pub use error::{FetchFailure, FetchFailureReason, RequestError};
pub use executable::{Executable, Response};
pub use limits::{Limits, Options};
