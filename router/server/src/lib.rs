//! The router: composes, plans and serves.

mod config;
mod error;
mod graphql_request;
mod media_type;
mod service_token;
mod subgraphs;
mod transport;

pub use config::*;
pub use error::StartError;
pub use service_token::{Clock, ServiceKey, system_clock};
pub use subgraphs::Connector;
pub use transport::Transport;
