//! What is too much for one request.

/// How a request is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What is too much.
    pub limits: Limits,
    /// Whether a query takes an entity from an earlier answer of the same subgraph, where that has all that is asked
    /// for and no errors, rather than fetch it again: true.
    pub entity_store: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { limits: Limits::default(), entity_store: true }
    }
}

/// What is too much; each has a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Entities that may be asked of subgraphs for one request of a client: 10,000.
    pub entities: usize,
    /// Entities in one request to a subgraph; more go in several requests: 1,000.
    pub entities_per_fetch: usize,
    /// Bytes of the answer, and of all subgraph answers together: 64 MiB.
    pub answer_bytes: usize,
    /// How deep JSON may nest, in answers and in variables: 128.
    pub nesting: usize,
    /// Errors in the answer; further ones are left out: 1,000.
    pub errors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entities: 10_000,
            entities_per_fetch: 1_000,
            answer_bytes: 64 << 20,
            nesting: 128,
            errors: 1_000,
        }
    }
}
