//! The router as its clients, its subgraphs and its operators meet it: over sockets, and on the command line.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod broken_subgraph;
mod check;
mod command;
mod compose;
mod event_stream;
mod feed;
mod forwarding;
mod health;
mod http_client;
mod in_process;
mod limits;
mod one_of;
mod over_http;
mod reload;
mod rollout;
mod serving;
mod socket;
mod socket_client;
mod socket_protocol;
mod subgraph;
mod tls;
mod world;
