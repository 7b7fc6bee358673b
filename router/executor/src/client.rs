//! The seam to the subgraphs: one trait, by which the executor sends a request body and gets an answer's bytes.

use bytes::Bytes;
use futures::future::BoxFuture;
use supergraph::SubgraphId;

/// Reaches subgraphs: over HTTP, in the same process, or (in tests) from recorded data.
///
/// The client owns everything below GraphQL: URLs, headers, connections, and the deadline, which covers the body.
pub trait SubgraphClient: Send + Sync + 'static {
    /// What the server knows of the client's request and a subgraph request needs: its headers, say. The executor
    /// only hands it on.
    type Context: Send + Sync;

    /// Sends one GraphQL request and reads the whole answer.
    fn fetch<'a>(
        &'a self,
        request: SubgraphRequest,
        context: &'a Self::Context,
    ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>>;
}

/// A GraphQL request to a subgraph.
#[derive(Debug, Clone)]
pub struct SubgraphRequest {
    /// Who is asked.
    pub subgraph: SubgraphId,
    /// The JSON body: `{"query":…,"variables":…}`.
    pub body: Bytes,
    /// Whether it may be sent again, where it is not known whether it arrived: it is no mutation.
    pub repeatable: bool,
}

/// What a subgraph answered.
#[derive(Debug, Clone)]
pub struct SubgraphResponse {
    /// The HTTP status (200 for a client without HTTP).
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer. The texts are shown to clients: they name no address and no cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubgraphError {
    /// The deadline passed before the whole answer was there.
    #[error("the subgraph did not answer in time")]
    Timeout,
    /// The connection could not be made, or broke.
    #[error("the subgraph could not be reached")]
    Unreachable,
    /// The answer is larger than the limit.
    #[error("the subgraph's answer is too large")]
    TooLarge,
}
