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
//!
//! ```
//! use std::sync::Arc;
//!
//! use apollo_compiler::ExecutableDocument;
//! use executor::{Executable, Options, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse};
//! use futures::future::{BoxFuture, FutureExt};
//! use supergraph::Supergraph;
//!
//! /// A subgraph in a constant.
//! struct Clock;
//!
//! impl SubgraphClient for Clock {
//!     type Context = ();
//!
//!     fn fetch<'a>(
//!         &'a self,
//!         request: SubgraphRequest,
//!         _: &'a (),
//!     ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>> {
//!         assert_eq!(&request.body[..], br#"{"query":"query{time}"}"#);
//!         let body = r#"{"data":{"time":12.50}}"#.into();
//!         async { Ok(SubgraphResponse { status: 200, body }) }.boxed()
//!     }
//! }
//!
//! let supergraph = Supergraph::parse(
//!     r#"
//!     schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
//!     enum join__Graph { CLOCK @join__graph(name: "clock", url: "") }
//!     type Query @join__type(graph: CLOCK) { time: Float }
//!     "#,
//! )?;
//! let document = ExecutableDocument::parse_and_validate(supergraph.api_schema(), "{ time }", "").unwrap();
//! let operation = document.operations.get(None).unwrap();
//! let query_plan = planner::plan(&supergraph, &document, operation)?;
//! let executable = Executable::lower(&supergraph, Arc::new(document), None, &query_plan)?;
//! let response = executable.execute("", &Clock, &(), &Options::default()).now_or_never().unwrap()?;
//! assert_eq!(response.body, r#"{"data":{"time":12.50}}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
mod verbatim;

pub use client::{SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse};
pub use error::{FetchFailure, FetchFailureReason, RequestError};
pub use executable::{Executable, Response};
pub use limits::{Limits, Options};
