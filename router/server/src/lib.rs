//! The router: composes, plans and serves.
//!
//! Life of a request:
//!
//! 0. [`serve()`] has an `Acceptor` take a connection and give it a thread, one of the `workers`.
//! 1. A `Front` takes its requests, and sends most straight to `respond::answer`, others there through the routes of [`app()`].
//! 2. `GraphqlRequest::read` finds document, operation name and variables in it.
//! 3. `Graph::prepare` looks the operation up by what the client wrote, or parses, validates, plans and lowers it.
//! 4. The executor runs it, and reaches subgraphs through `Subgraphs`: over HTTP, or in the same process.
//! 5. `error` turns what went wrong into a GraphQL error and a status.
//!
//! Life of a subscription: `client_socket` and `client_stream` speak with clients, `PreparedRequest::tell_all` takes events
//! from an `event_source`, one at a time, and tells a `listener` what becomes of each.
//!
//! Life of a graph: a [`Source`] names files and subgraphs; `source::keep_loaded` reads and composes them, and puts the
//! [`Graph`] where requests find it, [`CurrentGraph`], again whenever they change.
//!
//! The binary `router` is [`Command`]. Whoever brings a graph and subgraphs of its own needs no more than this:
//!
//! ```no_run
//! # async fn example(supergraph_sdl: &str, metrics: telemetry::PrometheusHandle) -> Result<(), server::StartError> {
//! use server::{AppParts, Config, Connector, CurrentGraph, Graph};
//!
//! let config = Config::default();
//! let connector = Connector::http(&config, &server::environment, server::system_clock)?;
//! let graph = CurrentGraph::holding(Graph::load(supergraph_sdl, &connector, &config)?);
//! let parts = AppParts { graph, metrics, examples: Vec::new(), clock: server::system_clock };
//! let listener = server::bind(config.listen).await?;
//! server::serve(listener, server::app(&config, parts), server::asked_to_end()).await
//! # }
//! ```

mod acceptor;
mod app;
mod client_socket;
mod client_stream;
mod command;
mod config;
mod connections;
mod error;
mod event_source;
mod front;
mod graph;
mod graphql_request;
mod graphql_transport_ws;
mod http1;
mod listener;
mod media_type;
mod one_of;
mod operation_size;
mod origin;
mod prepared_request;
mod request_context;
mod respond;
mod rollout;
mod serve;
mod service_token;
mod source;
mod span;
mod spare_buffers;
mod subgraphs;
mod supergraph_yaml;
mod transport;
mod workers;

pub use app::{AppParts, app};
pub use command::{Check, Command, Compose, Plan, Serve};
pub use composition::{Composition, SubgraphSource};
pub use config::*;
pub use error::StartError;
pub use graph::{CurrentGraph, Graph};
pub use playground::Example;
pub use serve::{Serving, asked_to_end, bind, serve};
pub use service_token::{Clock, ServiceKey, system_clock};
pub use source::{Source, compose};
pub use subgraphs::Connector;
