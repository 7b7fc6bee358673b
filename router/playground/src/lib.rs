//! GraphiQL, embedded.
