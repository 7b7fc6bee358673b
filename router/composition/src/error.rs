//! What stands in the way of a supergraph, and what is odd but legal.

use std::fmt;

/// A composition error: a published code, the subgraphs that disagree, and a sentence that names both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompositionError {
    /// The published code, e.g. `FIELD_TYPE_MISMATCH`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where it is wrong: the elements in the subgraphs' sources.
    pub locations: Vec<SubgraphLocation>,
}

/// A place in a subgraph's SDL; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubgraphLocation {
    /// The subgraph's name.
    pub subgraph: String,
    /// The line and column, where the element has a place of its own.
    pub line_column: Option<(usize, usize)>,
}

/// All the reasons why subgraphs do not compose, ordered by code and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompositionErrors(pub Vec<CompositionError>);

/// Something legal that its authors may not have meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hint {
    /// The published code, e.g. `INCONSISTENT_DESCRIPTION`.
    pub code: &'static str,
    /// What is odd.
    pub message: String,
}

impl fmt::Display for CompositionError {
    /// `FIELD_TYPE_MISMATCH  field … (catalog:3:5, billing:7:3)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.code, self.message)?;
        let places: Vec<String> = self.locations.iter().map(ToString::to_string).collect();
        if places.is_empty() { Ok(()) } else { write!(f, " ({})", places.join(", ")) }
    }
}

impl fmt::Display for SubgraphLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line_column {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.subgraph),
            None => self.subgraph.fmt(f),
        }
    }
}

impl fmt::Display for CompositionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for CompositionErrors {}
